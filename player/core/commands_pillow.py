"""Commands in dB(A) at the pillow, see `player.core.pillow`: frozen, valid once built, standard library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from player.core.arguments import READING
from player.core.obeyed import Obeyed
from player.core.pillow import LOUDEST_DBA
from player.core.validation import check_range


@dataclass(frozen=True, slots=True)
class SetLevel:
    """Set the volume to the one at which noise has so many dB(A) at the pillow."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "volume"
    level_dba: float

    def __post_init__(self) -> None:
        check_range("volume in dB(A)", self.level_dba, 0, LOUDEST_DBA)


@dataclass(frozen=True, slots=True)
class Calibrate:
    """Play noise, so that somebody can measure it at the pillow."""

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
