"""Commands about how loud it is: dB(A) at the pillow (`player.core.pillow`) and the bed. Frozen, valid once built.

A part of `player.core.commands`, which is where others find them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from player.core.arguments import MAX_BED_STEP_DB, READING
from player.core.obeyed import Bare, Obeyed
from player.core.pillow import LOUDEST_DBA
from player.core.settings.bed import MAX_BED_DB, MIN_BED_DB, Bed, check_beds
from player.core.validation import check_range


@dataclass(frozen=True, slots=True)
class SetLevel:
    """Set the volume to the one at which noise has so many dB(A) at the pillow."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "volume"
    level_dba: float

    def __post_init__(self) -> None:
        check_range("volume in dB(A)", self.level_dba, 0, LOUDEST_DBA)


class Calibrate(Bare):
    """Play noise, so that somebody can measure it at the pillow."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "calibrate"


@dataclass(frozen=True, slots=True)
class NoteReading:
    """What a meter at the pillow reads of it, in dB(A)."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "calibrate"
    reading_dba: float

    def __post_init__(self) -> None:
        READING.check("calibrate", self.reading_dba)


@dataclass(frozen=True, slots=True)
class SetBed:
    """Play this under the tracks, or nothing."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "bed"
    beds: tuple[Bed, ...]

    def __post_init__(self) -> None:
        check_beds(self.beds)


@dataclass(frozen=True, slots=True)
class SetBedGain:
    """Bring what plays under the tracks to a level against theirs; a second layer moves by as much as the first."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "bed"
    gain_db: float

    def __post_init__(self) -> None:
        check_range("gain", self.gain_db, MIN_BED_DB, MAX_BED_DB)


@dataclass(frozen=True, slots=True)
class MoveBed:
    """Make what plays under the tracks louder or softer, by so many decibels."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "bed"
    by_db: float

    def __post_init__(self) -> None:
        check_range("bed", self.by_db, -MAX_BED_STEP_DB, MAX_BED_STEP_DB)
