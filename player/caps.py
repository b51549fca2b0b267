"""Settings that hold the sound down: the cap of the night, the guard, the hardware mixer. Frozen, standard library.

All of them tighten. None of them can loosen what is built in, and there is no way to switch the guard off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from player.checks import check_range
from player.units import VOLUME_MAX

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
        check_range("after", self.after_s, 0, LATEST_NIGHT_CAP_S)


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
        check_range("asleep_after", self.asleep_after_s, 0, LATEST_ASLEEP_S)


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
            raise ValueError("control is the name of a mixer control, as `amixer scontrols` lists them")
