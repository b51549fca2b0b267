"""Commands about what plays under the tracks; a part of `player.core.commands`, which is where others find them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from player.core.arguments import MAX_BED_STEP_DB
from player.core.obeyed import Obeyed
from player.core.settings.bed import Bed, check_beds
from player.core.validation import check_range


@dataclass(frozen=True, slots=True)
class SetBed:
    """Play this under the tracks, or nothing."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "bed"
    beds: tuple[Bed, ...]

    def __post_init__(self) -> None:
        check_beds(self.beds)


@dataclass(frozen=True, slots=True)
class MoveBed:
    """Make what plays under the tracks louder or softer, by so many decibels."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "bed"
    by_db: float

    def __post_init__(self) -> None:
        check_range("bed", self.by_db, -MAX_BED_STEP_DB, MAX_BED_STEP_DB)
