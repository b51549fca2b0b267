"""The only module that reads a clock.

Two times are kept apart. ``boot_s`` counts seconds since boot, suspend included (CLOCK_BOOTTIME), and never jumps: all
durations and deadlines use it. ``wall`` is the local civil time with its zone: only the schedule and what people read
use it. Code never asks for the time itself; it is handed a `Now`.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks.

    Attributes:
        boot_s: seconds on the boot clock; only differences mean something.
        wall: aware local time.
        trusted: whether the wall clock has been set since boot and may start a night.
    """

    boot_s: float
    wall: datetime
    trusted: bool = True

    def __post_init__(self) -> None:
        assert self.wall.tzinfo is not None, "the wall time must carry its zone"


class Clock(Protocol):
    """What can tell the time and wait; the fake one waits by moving its hands."""

    def now(self) -> Now:
        """The present instant."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Let a duration pass."""
        ...


LOCALTIME: Final = Path("/etc/localtime")


def system_zone() -> tzinfo:
    """The machine's own zone with its rules for the future, not just today's offset.

    From ``TZ``, else from where /etc/localtime points, else from /etc/timezone, else today's offset.
    """
    names = [os.environ.get("TZ", "").lstrip(":")]
    with contextlib.suppress(OSError):
        names.append(str(LOCALTIME.resolve()).partition("/zoneinfo/")[2])
    with contextlib.suppress(OSError):
        names.append(Path("/etc/timezone").read_text(encoding="utf-8").strip())
    for name in filter(None, names):
        with contextlib.suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(name.removeprefix("posix/").removeprefix("right/"))
    return datetime.now().astimezone().tzinfo or UTC


class SystemClock:
    """The machine's clocks; ``zone`` None follows the system's own zone, changes at run time included."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone
        self._system: tuple[object, tzinfo] | None = None

    def now(self) -> Now:
        """The present instant, in the given zone or the system's."""
        wall = datetime.now(UTC).astimezone(self._zone or self._follow_system())
        return Now(boot_s=time.clock_gettime(time.CLOCK_BOOTTIME), wall=wall)

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread."""
        time.sleep(duration_s)

    def _follow_system(self) -> tzinfo:
        """The system's zone, read again when /etc/localtime has been replaced."""
        try:
            stat = LOCALTIME.lstat()
            mark: object = (stat.st_ino, stat.st_mtime_ns)
        except OSError:
            mark = None
        if self._system is None or self._system[0] != mark:
            self._system = (mark, system_zone())
        return self._system[1]


def monotonic_us() -> int:
    """Microseconds of CLOCK_MONOTONIC, which stands still in suspend: the service manager's own time, for it alone."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
