"""The only module that reads a clock.

There are two kinds of time. ``boot_s`` counts seconds since boot, suspend included (CLOCK_BOOTTIME), and never jumps:
all durations and deadlines use it. ``wall`` is the local civil time with its zone: only the schedule and what people
read use it. Code never asks for the time itself; it is handed a `Now`.

Python compares and subtracts two times of one zone by their local time, so that an hour is lost or gained where the
clocks change. `elapsed_s` and `moved` count real seconds instead.
"""

from __future__ import annotations

import io
import os
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

ZONE_CHECK_S: Final = 5.0
"""Minimum seconds between two look-ups of the system's zone."""


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks.

    Attributes:
        boot_s: seconds on the boot clock; only differences are meaningful.
        wall: aware local time.
        trusted: whether the wall clock has been set since boot and may start a night.
    """

    boot_s: float
    wall: datetime
    trusted: bool = True

    def __post_init__(self) -> None:
        assert self.wall.tzinfo is not None, "the wall time must carry its zone"


class Clock(Protocol):
    """Tells the time and waits; the fake in the tests waits by advancing its time."""

    def now(self) -> Now:
        """The present instant."""
        ...

    def boot_s(self) -> float:
        """`Now.boot_s` alone, for whoever asks often: a tenth of the work."""
        ...

    def sleep(self, duration_s: float) -> None:
        """Let a duration pass."""
        ...


def elapsed_s(since: datetime, until: datetime) -> float:
    """Real seconds from one aware time to another, through changes of the clocks; negative when it is earlier."""
    return (until.astimezone(UTC) - since.astimezone(UTC)).total_seconds()


def moved(wall: datetime, by_s: float) -> datetime:
    """The aware time that many real seconds later, in the same zone and with the offset that holds then."""
    return (wall.astimezone(UTC) + timedelta(seconds=by_s)).astimezone(wall.tzinfo)


def system_zone(environ: Mapping[str, str] = os.environ, etc: Path = Path("/etc")) -> tzinfo:
    """The machine's time zone with its rules for summer time.

    Looked for as the C library does: ``TZ``, where it is set, then ``/etc/localtime``; ``/etc/timezone`` is asked where
    that file is missing. ``TZ`` may hold rules as POSIX writes them (``CET-1CEST,M3.5.0,M10.5.0/3``). What cannot be
    read (a broken link) gives the offset that holds at the moment, without rules.
    """
    wanted = environ.get("TZ")
    zone = _localtime(etc) if wanted is None else _named(wanted.removeprefix(":") or "UTC")
    return zone or _present_offset()


def _localtime(etc: Path) -> ZoneInfo | None:
    """The zone by the name that the link tells, otherwise by the file's content, otherwise by ``/etc/timezone``."""
    file = etc / "localtime"
    try:
        target = os.readlink(file)
    except OSError:
        target = ""  # a copy instead of a link, or nothing at all
    _, _, name = target.partition("zoneinfo/")
    return (_named(name) if name else None) or _read(file) or _named(_first_line(etc / "timezone"))


def _named(name: str) -> ZoneInfo | None:
    """A zone by its name in the database or by the absolute path of its file."""
    if name.startswith("/"):
        return _read(Path(name))
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found; not a name; a folder such as "Europe"
        return _of_rules(name)


def _of_rules(text: str) -> ZoneInfo | None:
    """A zone from rules as POSIX writes them, None for anything else.

    zoneinfo reads such rules at the end of a file of the database alone (RFC 8536), so one without transitions is made
    around them. Summer time without rules has those that the C library assumes.
    """
    if not any(character.isdigit() for character in text) or "\n" in text:
        return None
    for rules in (text, f"{text},M3.2.0,M11.1.0"):
        block = struct.pack(">4sc15x6I", b"TZif", b"2", 0, 0, 0, 0, 1, 4) + struct.pack(">iBB4s", 0, 0, 0, b"UTC\0")
        try:
            return ZoneInfo.from_file(io.BytesIO(block + block + b"\n" + rules.encode("ascii") + b"\n"), text)
        except (ValueError, KeyError, IndexError):
            continue
    return None


def _read(file: Path) -> ZoneInfo | None:
    try:
        with file.open("rb") as opened:
            return ZoneInfo.from_file(opened)
    except (ValueError, OSError):
        return None


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (ValueError, OSError):
        return ""


def _present_offset() -> tzinfo:
    """The offset that the C library applies at this moment."""
    offset = datetime.now(UTC).astimezone().tzinfo
    assert offset is not None
    return offset


class SystemClock:
    """The machine's clocks, for any thread; ``zone`` None follows the system's own zone, changes at run time included.

    The thread that made the clock looks the zone up again now and then; the others, the audio thread among them, only
    read what it found, and touch no file.
    """

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._is_following = zone is None
        self._zone = system_zone() if zone is None else zone
        self._zone_read_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        self._owner = threading.get_ident()

    def now(self) -> Now:
        """The present instant, in the configured zone or the system's."""
        boot_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        if self._is_following and boot_s - self._zone_read_s >= ZONE_CHECK_S and threading.get_ident() == self._owner:
            self._zone = system_zone()
            self._zone_read_s = boot_s
        return Now(boot_s=boot_s, wall=datetime.now(UTC).astimezone(self._zone))

    def boot_s(self) -> float:
        """Seconds on the boot clock."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread."""
        time.sleep(duration_s)


def monotonic_us() -> int:
    """Microseconds of CLOCK_MONOTONIC, which stands still in suspend: for the service manager and for timeouts."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
