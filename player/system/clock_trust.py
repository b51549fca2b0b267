"""Whether the wall clock can be trusted, so that a schedule may start a night by it.

Main thread; at most a few system calls, none that waits. Most Raspberry Pis have no battery clock: until a time server
has answered, the date may be weeks behind. A night that starts at the wrong hour is a sound in a sleeping room, so
an uncertain clock is not trusted. Three sources are asked in turn, and one is enough:

1. ``/run/systemd/timesync/synchronized``: systemd-timesyncd has set the clock since boot (/run is empty at boot). On a
   machine with neither network nor battery clock, whoever set the clock by hand can confirm it with `touch`.
2. ``adjtimex`` without STA_UNSYNC: chrony, ntpd, or the host of a container (there is one clock for all) keeps it. A
   sandbox that forbids the call forbids it for reading too; systemd-timedated, which may, is asked over D-Bus then.
3. A battery clock (RTC) that agrees with the system's clock within five minutes, and is not older than things that
   exist. That covers a PC or a Pi 5 with a battery and no network, and a time set with ``timedatectl set-time``, which
   writes both. An RTC without a battery wakes up in 1970 or at its maker's date: that is older than our own files, and
   older than the stamp that timesyncd leaves on disk every minute or so. systemd moves the system's clock forward to
   such stamps at boot, so the two disagree as well.

Once trusted the clock stays trusted for as long as the daemon runs. The kernel raises STA_UNSYNC again after some nine
hours without news from a time server, but the clock is then off by a second, not by a day, and a router that is
switched off at night must not cost the next one. The kernel raises it too when somebody sets the clock: whoever does
that does it on purpose.

Where it falls short: an RTC that runs in local time (dual boot) does not agree and does not count; a container that may
neither call adjtimex nor reach timedated nor see an RTC is not trusted until somebody confirms the time.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from player.core.clock import Clock, SystemClock

STA_UNSYNC: Final = 0x0040
"""<sys/timex.h>: the clock is not synchronised."""
RTC_AGREES_S: Final = 300.0
"""Seconds; more than two crystals drift apart in a month (50 ppm are 130 s), less than would matter for a night."""

ASK_TIMEDATED: Final = (
    "busctl", "--system", "--timeout=10", "get-property", "org.freedesktop.timedate1", "/org/freedesktop/timedate1",
    "org.freedesktop.timedate1", "NTPSynchronized",
)  # fmt: skip
ASK_AGAIN_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Witnesses:
    """The files to look at.

    Attributes:
        marker: exists once timesyncd has set the clock.
        rtc_epoch: seconds since 1970 in the battery clock, as text.
        stamps: files whose modification times are surely in the past.
    """

    marker: Path = Path("/run/systemd/timesync/synchronized")
    rtc_epoch: Path = Path("/sys/class/rtc/rtc0/since_epoch")
    stamps: tuple[Path, ...] = (
        Path(__file__),
        Path("/usr/lib/clock-epoch"),
        Path("/var/lib/systemd/timesync/clock"),
    )


class Timex(ctypes.Structure):
    """``struct timex`` up to its status; the rest is room, larger than on any platform."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_char * 512),
    )


def kernel_status() -> int | None:
    """The STA_ bits of adjtimex(2), read and not changed; None where the call is forbidden or missing."""
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (OSError, AttributeError):
        return None
    timex = Timex(modes=0)
    return None if adjtimex(ctypes.byref(timex)) < 0 else timex.status


class Timedated:
    """Asks systemd-timedated whether the clock is synchronised, without ever waiting for its answer.

    Args:
        clock: when it may be asked again.
        command: prints ``b true`` when it is.
    """

    def __init__(self, clock: Clock, command: tuple[str, ...] = ASK_TIMEDATED) -> None:
        self._clock = clock
        self._command = command
        self._asked: subprocess.Popen[bytes] | None = None
        self._next_s = float("-inf")

    def is_synchronised(self) -> bool:
        """Its answer, once there is one; until then False, and the question is sent."""
        if self._asked is None:
            self._ask(self._clock.now().boot_s)
            return False
        if self._asked.poll() is None:
            return False
        said, _ = self._asked.communicate()
        self._asked = None
        return said.split() == [b"b", b"true"]

    def _ask(self, now_s: float) -> None:
        if now_s < self._next_s:
            return
        self._next_s = now_s + ASK_AGAIN_S
        try:
            self._asked = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        except OSError:  # no systemd here: then it cannot vouch
            self._next_s = float("inf")


class ClockTrust:
    """Asks the sources until one of them confirms the time, and then no more.

    Args:
        witnesses: the files to look at.
        read_status: the kernel's STA_ bits, None where it does not tell.
        clock: the wall clock in question.
        timedated: is asked where the kernel does not tell.
    """

    def __init__(
        self,
        witnesses: Witnesses | None = None,
        read_status: Callable[[], int | None] = kernel_status,
        clock: Clock | None = None,
        timedated: Timedated | None = None,
    ) -> None:
        self._witnesses = witnesses or Witnesses()
        self._read_status = read_status
        self._clock = clock or SystemClock()
        self._timedated = timedated or Timedated(self._clock)
        self._is_trusted = False

    def is_trusted(self) -> bool:
        """Whether the wall clock can be trusted; costs nothing once it is, some microseconds before."""
        self._is_trusted = self._is_trusted or self.witness() is not None
        return self._is_trusted

    def witness(self) -> str | None:
        """What confirms the time now, in words; None where nothing does."""
        if self._witnesses.marker.exists():
            return "systemd-timesyncd has set it"
        status = self._read_status()
        if status is not None and not status & STA_UNSYNC:
            return "the kernel says that it is synchronised"
        if status is None and self._timedated.is_synchronised():
            return "systemd-timedated says that it is synchronised"
        return "the battery clock agrees with it" if self._is_kept_by_battery() else None

    def _is_kept_by_battery(self) -> bool:
        try:
            rtc_s = int(self._witnesses.rtc_epoch.read_text(encoding="ascii"))
        except (OSError, ValueError):  # no RTC, or one that does not answer with a number
            return False
        newest_s = max(map(_modified_s, self._witnesses.stamps), default=0.0)
        apart_s = abs(self._clock.now().wall.timestamp() - rtc_s)
        return apart_s <= RTC_AGREES_S and rtc_s + RTC_AGREES_S >= newest_s


def _modified_s(path: Path) -> float:
    """When a file was last changed, in seconds since 1970; 0 where it cannot be asked."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
