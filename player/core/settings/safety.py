"""Settings that hold the sound down, or end it: night cap, tapering, guard, hardware mixer, longest session. Frozen.

All of them tighten. None of them can loosen what is built in, and there is no way to switch the guard off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from player.core.units import VOLUME_MAX
from player.core.validation import check_length, check_range

LATEST_NIGHT_CAP_S: Final = 24 * 3600.0
LATEST_ASLEEP_S: Final = 2 * 3600.0
"""A later point would be a guard that never becomes strict."""
LOWEST_PIN_DB: Final = -100.0


@dataclass(frozen=True, slots=True)
class NightCap:
    """A lower cap of the volume, in force ``after_s`` from the start of a session on; people are asleep by then."""

    max: int
    after_s: float = 30 * 60.0

    def __post_init__(self) -> None:
        check_range("max", self.max, 1, VOLUME_MAX)
        check_length("after", self.after_s, 0, LATEST_NIGHT_CAP_S)


@dataclass(frozen=True, slots=True)
class Taper:
    """The volume sinks so fast while somebody sleeps, down to the floor (0-100) and no further."""

    db_per_h: float
    floor: int = 10

    def __post_init__(self) -> None:
        check_range("by", self.db_per_h, 0.1, 12)
        check_range("floor", self.floor, 1, VOLUME_MAX)


@dataclass(frozen=True, slots=True)
class RestNights:
    """So many nights of a week on which the schedule plays another playlist, or nothing."""

    per_week: int
    playlist: str | None = None

    def __post_init__(self) -> None:
        check_range("per_week", self.per_week, 1, 6)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What holds for every session.

    Attributes:
        max_s: none lasts longer, whatever its timer says.
        pause_holds_timer: the sleep timer stands still during a pause.
        rearm_s: play within so long after the timer has run out goes on as before, with the same timer.
        taper: how the volume sinks while somebody sleeps, None where it does not.
        resume_s: a session that a crash or a power cut broke off goes on within so long; 0: never.
        asleep_timer_s: after ``asleep`` it is silent within so long; None: the sleep timer stays as it is.
    """

    max_s: float = 10 * 3600.0
    pause_holds_timer: bool = False
    rearm_s: float = 5 * 60.0
    taper: Taper | None = None
    resume_s: float = 10 * 60.0
    asleep_timer_s: float | None = 20 * 60.0

    def __post_init__(self) -> None:
        if self.asleep_timer_s is not None:
            check_length("asleep_timer", self.asleep_timer_s, 60, 24 * 3600)
        check_length("max", self.max_s, 10 * 60, 24 * 3600)
        check_length("rearm_within", self.rearm_s, 0, 3600)
        check_length("resume_within", self.resume_s, 0, 3600)


class GuardMode(StrEnum):
    """How far something new may stand out: 8 dB while falling asleep and 6 dB later, or 6 dB from the start."""

    GENTLE = "gentle"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """The emergence guard; it can be tightened, and there is no way to switch it off.

    ``asleep_after_s`` from a session's start on, a gentle one is strict as well.
    """

    mode: GuardMode = GuardMode.GENTLE
    asleep_after_s: float = 20 * 60.0

    def __post_init__(self) -> None:
        check_length("asleep_after", self.asleep_after_s, 0, LATEST_ASLEEP_S)


@dataclass(frozen=True, slots=True)
class MixerLevel:
    """Where a hardware mixer's control is pinned: per cent of its range, or decibels as the card counts them."""

    value: float
    is_db: bool = False

    def __post_init__(self) -> None:
        if self.is_db:
            check_range("value in dB", self.value, LOWEST_PIN_DB, 0)
        else:
            check_range("value in per cent", self.value, 1, 100)

    def __str__(self) -> str:
        return f"{self.value:g} dB" if self.is_db else f"{self.value:g} %"


@dataclass(frozen=True, slots=True)
class MixerSettings:
    """A control of the card's own mixer and the level that it is pinned at; ``Name,1`` is the second of that name."""

    control: str
    level: MixerLevel

    def __post_init__(self) -> None:
        if not self.control or len(self.control) > 64:
            raise ValueError("control must be the name of a mixer control; `amixer scontrols` lists them")
