"""Whom the wall clock is believed on: three witnesses, each alone, and the ways in which they lie."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from player.system.clock_trust import ASK_AGAIN_S, ClockTrust, Timedated, Timex, Witnesses, kernel_status
from tests.fakes.clock import FakeClock

TODAY = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
INSTALLED = datetime(2025, 12, 1, tzinfo=UTC)
STA_PLL = 0x0001
STA_UNSYNC = 0x0040  # both as in <linux/timex.h>


def unsynced() -> int:
    """A kernel that nobody has told the time."""
    return STA_UNSYNC


class Machine:
    """A directory that stands for /run, /sys and /var, with nothing that vouches for the time yet."""

    def __init__(self, root: Path) -> None:
        self.clock = FakeClock(TODAY)
        self.witnesses = Witnesses(root / "synchronized", root / "since_epoch", (root / "installed", root / "absent"))
        self.stamp(INSTALLED)

    def stamp(self, when: datetime) -> None:
        """A file of this date exists."""
        path = self.witnesses.stamps[0]
        path.touch()
        os.utime(path, (when.timestamp(), when.timestamp()))

    def rtc(self, when: datetime) -> None:
        """There is a battery clock, and it shows this time."""
        self.witnesses.rtc_epoch.write_text(f"{int(when.timestamp())}\n", encoding="ascii")

    def time_sync(self, status: Callable[[], int | None] = unsynced) -> ClockTrust:
        """What is under test, looking at this machine."""
        return ClockTrust(self.witnesses, status, self.clock, Timedated(self.clock, ("/no/such/program",)))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine that has just been installed and booted."""
    return Machine(tmp_path)


def test_without_a_witness_the_clock_is_not_trusted(machine: Machine) -> None:
    """A Pi that has just booted: no marker, the kernel unsynchronised, no battery clock."""
    assert not machine.time_sync().is_trusted()


def test_the_marker_of_timesyncd_is_enough(machine: Machine) -> None:
    """The clock counts from the moment that timesyncd has set it."""
    sync = machine.time_sync()
    assert not sync.is_trusted()
    machine.witnesses.marker.touch()
    assert sync.is_trusted()


def test_a_synchronised_kernel_is_enough(machine: Machine) -> None:
    """Daemons such as chrony and ntpd leave no marker but clear STA_UNSYNC; other bits say nothing against it."""
    bits = STA_UNSYNC | STA_PLL
    sync = machine.time_sync(lambda: bits)
    assert not sync.is_trusted()
    bits = STA_PLL
    assert sync.is_trusted()


def test_a_kernel_that_does_not_tell_vouches_for_nothing(machine: Machine) -> None:
    """Where adjtimex is forbidden, as in some containers, doubt means no."""
    assert not machine.time_sync(lambda: None).is_trusted()


def test_a_battery_clock_that_agrees_is_enough(machine: Machine) -> None:
    """A PC without a network, its clock set from the RTC, four minutes of drift apart."""
    machine.rtc(TODAY - timedelta(minutes=4))
    assert machine.time_sync().is_trusted()


@pytest.mark.parametrize("apart", [timedelta(minutes=6), timedelta(minutes=-6), timedelta(hours=1), timedelta(days=40)])
def test_a_battery_clock_that_disagrees_vouches_for_nothing(machine: Machine, apart: timedelta) -> None:
    """Minutes of drift are normal, more is not; one of the two is wrong, and nobody knows which."""
    machine.rtc(TODAY + apart)
    assert not machine.time_sync().is_trusted()


@pytest.mark.parametrize("woke", [datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC), datetime(2018, 1, 1, tzinfo=UTC)])
def test_a_dead_battery_clock_vouches_for_nothing(machine: Machine, woke: datetime) -> None:
    """It woke up in the past and the kernel set the clock from it: they agree, but our own files are newer."""
    machine.rtc(woke)
    machine.clock.set_wall(woke)
    assert not machine.time_sync().is_trusted()


def test_the_newest_stamp_counts(machine: Machine) -> None:
    """The stamp of timesyncd is an hour old at boot: an RTC that stood still for a day before it is not believed."""
    stood = TODAY - timedelta(days=1)
    machine.rtc(stood)
    machine.clock.set_wall(stood)
    assert machine.time_sync().is_trusted()
    machine.stamp(TODAY - timedelta(hours=1))
    assert not machine.time_sync().is_trusted()


@pytest.mark.parametrize("text", ["", "soon", "12.5.2026"])
def test_a_battery_clock_that_speaks_nonsense_vouches_for_nothing(machine: Machine, text: str) -> None:
    """A bus error or an odd driver is no fault of ours."""
    machine.witnesses.rtc_epoch.write_text(text, encoding="ascii")
    assert not machine.time_sync().is_trusted()


def test_trust_is_kept(machine: Machine) -> None:
    """The router is off at night and the kernel gives up after nine hours; the clock is still good to a second."""
    bits = STA_PLL
    sync = machine.time_sync(lambda: bits)
    assert sync.is_trusted()
    bits = STA_UNSYNC
    assert sync.is_trusted()


def test_a_trusted_clock_is_asked_no_more(machine: Machine) -> None:
    """Once trusted an answer costs no system call."""
    asked: list[int] = []

    def status() -> int:
        asked.append(1)
        return STA_PLL

    sync = machine.time_sync(status)
    assert all(sync.is_trusted() for _ in range(5))
    assert len(asked) == 1


def test_the_real_kernel_answers_with_bits() -> None:
    """adjtimex(2) works unprivileged: the status is a set of the sixteen documented bits, or the call is forbidden."""
    status = kernel_status()
    assert status is None or 0 <= status <= 0xFFFF


def test_the_real_kernel_is_read_at_the_right_place() -> None:
    """The status field is where /usr/include/linux/timex.h puts it: behind one int and four longs."""
    assert Timex.status.offset == 5 * ctypes.sizeof(ctypes.c_long)
    assert ctypes.sizeof(Timex) >= 208


def test_asking_this_machine_raises_nothing() -> None:
    """Whatever this machine has or lacks, the answer is yes or no."""
    assert ClockTrust().is_trusted() in {True, False}


def mute() -> None:
    """A kernel that a sandbox keeps from telling."""


def said(timedated: Timedated, within_s: float = 20.0) -> bool:
    """Its answer, once there is one."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s and not (is_synchronised := timedated.is_synchronised()):
        time.sleep(0.01)
    return is_synchronised


@pytest.mark.slow
def test_where_the_kernel_may_not_be_asked_timedated_is(machine: Machine) -> None:
    """A yes is enough; the question is never waited for."""
    timedated = Timedated(machine.clock, ("sh", "-c", "sleep 3; echo b true"))
    time_sync = ClockTrust(machine.witnesses, mute, machine.clock, timedated)
    began_s = time.monotonic()
    assert not time_sync.is_trusted()
    assert time.monotonic() - began_s < 3.0
    assert said(timedated)


@pytest.mark.slow
@pytest.mark.parametrize("command", [("echo", "b false"), ("false",), ("/no/such/program",)])
def test_a_timedated_that_says_no_or_nothing_is_asked_again_a_minute_later(
    machine: Machine, command: tuple[str, ...]
) -> None:
    """And no process is left behind."""
    timedated = Timedated(machine.clock, command)
    assert not said(timedated, 0.3)
    machine.clock.advance(ASK_AGAIN_S)
    assert not said(timedated, 0.3)
