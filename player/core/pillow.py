"""The level at the pillow: the result of `calibrate`, and the conversion between volume and dB(A). Pure.

The output meter measures the A-weighted level of the output; a meter at the pillow reads a fixed number of dB more,
whatever is played and however loud, as long as output, mixer and loudspeaker stay the same. This difference is the
calibration. A volume in dB(A) means the level of pink noise; rain, voices and music at the same volume differ from it
by some dB, and the state shows what it is.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from player.core.settings.safety import TARGET_LUFS
from player.core.units import VOLUME_MAX, VOLUME_SPAN_DB, volume_to_db
from player.core.validation import check_range

PINK_DB: Final = -6.5
"""The A-weighted mean square of pink noise in one channel, compared with its loudness in LUFS."""
QUIETEST_DBA: Final = 15.0
LOUDEST_DBA: Final = 100.0
"""A reading beyond these is not that of a bedroom."""
ASSUMED_DBA: Final = 80.0
"""The level of volume 100 without a calibration; it is an over-estimate, so the result is softer than asked for."""
NIGHT_MAX_DBA: Final = 45.0
"""WHO, Guidelines for community noise (1999), bedrooms: 30 dB LAeq in the night, 45 dB LAmax for single events."""
_LEVEL = re.compile(r"(\d{1,3}(?:\.\d{1,2})?)\s*dB\s*\(?A\)?", re.IGNORECASE | re.ASCII)
ASSUMED_OFFSET_DB: Final = ASSUMED_DBA - TARGET_LUFS - PINK_DB


@dataclass(frozen=True, slots=True)
class Calibration:
    """What somebody read at the pillow.

    Attributes:
        offset_db: level at the pillow in dB(A) minus the A-weighted level of the output in dBFS.
        output: the output that it is valid for, as `player.core.settings.audio.AudioSettings.identity` names it.
        at: when.
    """

    offset_db: float
    output: str
    at: datetime

    def __post_init__(self) -> None:
        check_range("offset", self.offset_db, QUIETEST_DBA - 100.0, LOUDEST_DBA + 200.0)

    def level_dba(self, volume: int, target_lufs: float) -> float:
        """The level of pink noise at the pillow at a volume."""
        return level_of(volume, self.offset_db, target_lufs)

    def told(self, volume: int, target_lufs: float) -> str:
        """The same for people: ``volume 30 is about 35 dB(A)``."""
        return f"volume {volume} is about {self.level_dba(volume, target_lufs):.0f} dB(A)"


def for_output(calibration: Calibration | None, output: str) -> Calibration | None:
    """The calibration where it is one of this output."""
    return calibration if calibration is not None and calibration.output == output else None


class AskedLevel(int):
    """A volume that was asked for as a level, such as ``35 dBA``.

    As a number it is the volume on a loudspeaker that is assumed to be loud, so that it is softer than asked for;
    whoever knows a calibration puts the right volume in its place.
    """

    dba: float

    def __new__(cls, dba: float) -> AskedLevel:
        """Raises ValueError for a level that no loudspeaker has in a bedroom."""
        check_range("volume in dB(A)", dba, 0, LOUDEST_DBA)
        found = super().__new__(cls, volume_for(dba, ASSUMED_OFFSET_DB, TARGET_LUFS))
        found.dba = dba
        return found


def parse_level(text: str) -> float | None:
    """The level in ``35 dBA``, ``35 dB(A)``; None for anything else."""
    found = _LEVEL.fullmatch(text.strip())
    return None if found is None else float(found[1])


def level_of(volume: int, offset_db: float, target_lufs: float) -> float:
    """The level of pink noise at the pillow at a volume, in dB(A)."""
    return offset_db + target_lufs + PINK_DB + volume_to_db(volume)


def volume_for(level_dba: float, offset_db: float, target_lufs: float) -> int:
    """The highest volume, 1 to 100, at which pink noise is no louder at the pillow; 1 where each is louder."""
    below_db = offset_db + target_lufs + PINK_DB - level_dba
    volume = math.floor(VOLUME_MAX - below_db * (VOLUME_MAX - 1) / VOLUME_SPAN_DB + 1e-6)
    return max(1, min(volume, VOLUME_MAX))
