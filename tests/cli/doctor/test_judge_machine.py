"""Clock, service, power, versions and last night: what the doctor thinks of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from player.cli.doctor import judge_machine as machine
from player.cli.doctor.facts import Installed, JournalEvent, LastNight, Machine, Service
from player.cli.doctor.findings import Finding, Level, as_json, is_all_right, right, warning, wrong

RUNS = Service(is_loaded=True, is_enabled=True, active="active", pid=70, user="lull", watchdog_s=30.0)
EVENING = datetime(2026, 3, 29, 22, 30, tzinfo=UTC)


def levels(found: list[Finding]) -> list[Level]:
    return [one.level for one in found]


def test_the_clock_is_trusted_by_a_witness_who_is_named() -> None:
    """Who vouches for it is said."""
    found = machine.judge_clock("systemd-timesyncd has set it", is_trusted_by_config=False, needs_clock=True)
    assert (found.level, found.what) == (Level.RIGHT, "trusted: systemd-timesyncd has set it")


def test_a_clock_without_a_witness_is_wrong_where_a_schedule_needs_it() -> None:
    """Without a schedule, or where the config vouches, it is right."""
    for by_config, needed, expected in [
        (False, True, Level.WRONG),
        (True, True, Level.RIGHT),
        (False, False, Level.RIGHT),
    ]:
        found = machine.judge_clock(None, is_trusted_by_config=by_config, needs_clock=needed)
        assert found.level is expected
    assert "only tonight, skip_tonight and timers until a time need it" in found.what


def test_a_service_that_runs_and_is_watched_is_right() -> None:
    """Its process and the watchdog's period are said."""
    found = list(machine.judge_service(RUNS, Installed.PACKAGE, is_running=True))
    assert levels(found) == [Level.RIGHT, Level.RIGHT]
    assert "process 70" in found[0].what
    assert "30 s" in found[1].what


@pytest.mark.parametrize(
    ("service", "check", "expected"),
    [
        (replace(RUNS, active="failed", result="core-dump"), "service", Level.WRONG),
        (replace(RUNS, active="activating"), "service", Level.WRONG),
        (replace(RUNS, is_enabled=False), "service", Level.WARNING),
        (replace(RUNS, restarts=3), "service", Level.WARNING),
        (replace(RUNS, watchdog_s=0.0), "watchdog", Level.WARNING),
        (None, "service", Level.WARNING),
        (Service(is_loaded=False), "service", Level.WARNING),
    ],
)
def test_a_service_in_trouble_is_told(service: Service | None, check: str, expected: Level) -> None:
    """Down is wrong; not enabled, restarted often, unwatched or absent can wait."""
    found = list(machine.judge_service(service, Installed.PACKAGE, is_running=False))
    assert expected in [one.level for one in found if one.check == check]


@pytest.mark.parametrize(
    ("throttled", "expected"),
    [(None, []), (0, [Level.RIGHT]), (0x50000, [Level.WARNING]), (0x50005, [Level.WRONG]), (0x8, [Level.WRONG])],
)
def test_power_is_judged_by_its_bits(throttled: int | None, expected: list[Level]) -> None:
    """Now is wrong, earlier a warning, and nothing is said where nobody measures it."""
    assert levels(list(machine.judge_power(throttled, "Raspberry Pi 4 Model B"))) == expected


def test_power_says_what_it_was() -> None:
    """0x50005 is under-voltage and throttling, now and earlier."""
    (found,) = machine.judge_power(0x50005, "Raspberry Pi 4 Model B")
    assert found.what == "now: too little voltage, throttled"


@pytest.mark.parametrize(
    ("throttled", "supply", "air"),
    [(0x1, True, False), (0x8, False, True), (0x10008, False, True), (0x50000, True, False), (0x4, True, True)],
)
def test_heat_is_not_mended_by_a_power_supply(throttled: int, *, supply: bool, air: bool) -> None:
    """What is told now, or else earlier, decides; both where the cause is not told."""
    (found,) = machine.judge_power(throttled, "Raspberry Pi 4 Model B")
    assert ("power supply" in str(found.mend), "heat sink" in str(found.mend)) == (supply, air)


def test_a_zero_is_not_said_to_have_enough_voltage() -> None:
    """Its boards have no detector, so nought says nothing about it."""
    (found,) = machine.judge_power(0, "Raspberry Pi Zero 2 W Rev 1.0")
    assert (found.level, "does not measure its voltage" in found.what) == (Level.RIGHT, True)
    (other,) = machine.judge_power(0, "Raspberry Pi 4 Model B Rev 1.4")
    assert "enough voltage" in other.what


def test_last_night_is_told() -> None:
    """Broken-off sessions and problems are warnings; a quiet night is right, and says what could not be read."""
    broken = LastNight(
        1, (JournalEvent(EVENING, "rain, after 20 min"),), problems=(JournalEvent(EVENING, "no sound device"),)
    )
    found = list(machine.judge_last_night(broken, "lull"))
    assert levels(found) == [Level.WARNING, Level.WARNING]
    assert "Sun 22:30" in found[0].what
    assert "22:30 no sound device" in found[1].what
    counted = LastNight(1, troubled=(JournalEvent(EVENING, "2 problems"),), is_journal_read=False)
    (found,) = machine.judge_last_night(counted, "lull")
    assert (found.level, found.what) == (Level.WARNING, "the session of Sun 22:30 had 2 problems")
    (quiet,) = machine.judge_last_night(LastNight(1, is_journal_read=False), "lull")
    assert (quiet.level, quiet.what) == (Level.RIGHT, "1 session, no problem; the journal may not be read by this user")
    for fault, mend in (("Permission denied; try it with sudo", "sudo"), ("file is not a database", "sets it aside")):
        (found,) = machine.judge_last_night(LastNight(fault=f"memory.db cannot be read: {fault}"), "lull")
        assert (found.level, mend in str(found.mend)) == (Level.WARNING, True)


def test_without_a_service_nobody_is_sent_to_the_journal() -> None:
    """What lull tells stands in the terminal that it was started in."""
    night = LastNight(
        1, (JournalEvent(EVENING, "rain"),), (JournalEvent(EVENING, "2 problems"),), is_journal_read=False
    )
    mends = [one.mend or "" for one in machine.judge_last_night(night, None)]
    assert mends == ["a power cut, or see what lull printed in its terminal", "what lull printed in its terminal"]
    (quiet,) = machine.judge_last_night(LastNight(1, is_journal_read=False), None)
    assert quiet.what == "1 session, no problem"


def test_a_missing_library_is_wrong() -> None:
    """The rest of the versions is listed all the same."""
    found = list(machine.judge_versions(Machine("Debian", "Pi 4", (("lull", "1"), ("libVLC", None)))))
    assert levels(found) == [Level.RIGHT, Level.WRONG, Level.RIGHT]
    assert found[0].what == "lull 1; Debian; Pi 4"
    assert (found[1].what, found[1].mend) == (
        "libVLC is missing",
        "sudo apt install libvlc5 libvlc-bin vlc-plugin-base",
    )


@pytest.mark.parametrize(
    ("installed", "service", "module", "kernel"),
    [
        (Installed.PACKAGE, "apt install --reinstall lull", "apt --fix-broken", "apt install --reinstall lull"),
        (Installed.CHECKOUT, "scripts/install", "scripts/run", "scripts/run"),
        (Installed.PIP, "pip brings no service", "pip install", "pip install"),
    ],
)
def test_the_way_out_is_that_of_the_installation(installed: Installed, service: str, module: str, kernel: str) -> None:
    """Whoever has lull from pip has no checkout whose scripts could be run, and apt knows nothing of it."""
    (found,) = machine.judge_service(Service(is_loaded=False), installed, is_running=False)
    assert service in str(found.mend)
    versions = Machine("Debian", "Pi 4", (("lull", "1"), ("paho", None)), has_kernel=False, installed=installed)
    _, missing, without = machine.judge_versions(versions)
    assert module in str(missing.mend)
    assert kernel in str(without.mend)


@pytest.mark.parametrize("is_running", [True, False])
def test_where_no_systemd_answers_no_installation_is_advised(*, is_running: bool) -> None:
    """In a container the package is installed, and installing it again would change nothing."""
    (found,) = machine.judge_service(None, Installed.PACKAGE, is_running=is_running)
    assert found.level is Level.WARNING
    assert "systemd does not answer" in found.what
    assert "install" not in str(found.mend)


def test_without_the_native_kernel_it_says_so() -> None:
    """Everything works, so it is a warning."""
    found = list(machine.judge_versions(Machine("Debian", "Pi 4", (("lull", "1"),), has_kernel=False)))
    assert levels(found) == [Level.RIGHT, Level.WARNING]
    assert "no native kernel" in found[1].what


def test_warnings_do_not_count() -> None:
    """All is right without a wrong finding."""
    assert is_all_right([right("a", "x"), warning("b", "x")])
    assert not is_all_right([right("a", "x"), wrong("b", "x", "do")])
    assert as_json([warning("b", "x")], "1") == {
        "v": 1, "lull": "1", "right": True, "findings": [{"check": "b", "level": "warning", "what": "x", "mend": None}],
    }  # fmt: skip


def test_what_is_wrong_says_how_to_mend_it() -> None:
    """A finding without advice is a bug of ours."""
    with pytest.raises(AssertionError):
        Finding("a", Level.WRONG, "x")
