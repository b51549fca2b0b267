"""The only module that reads a clock.

Two times are kept apart. ``boot_s`` counts seconds since boot, suspend included (CLOCK_BOOTTIME), and never jumps: all
durations and deadlines use it. ``wall`` is the local civil time with its zone: only the schedule and what people read
use it. Code never asks for the time itself; it is handed a `Now`.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Protocol


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


class SystemClock:
    """The machine's clocks; ``zone`` None follows the system's own zone, changes at run time included."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def now(self) -> Now:
        """The present instant, in the configured zone or the system's."""
        wall = datetime.now(UTC).astimezone(self._zone)
        return Now(boot_s=time.clock_gettime(time.CLOCK_BOOTTIME), wall=wall)

    def sleep(self, duration_s: float) -> None:
        """Block the calling thread."""
        time.sleep(duration_s)
