"""Volumes in dB(A) in the config: ``35 dBA`` becomes the volume at which noise has this level at the pillow.

Runs on the main thread. The result of `lull calibrate` is in the memory of the state directory; it is read when the
first such volume comes, and never changed here. Without it, or after another output was chosen, a level is converted
for a loud speaker, so that it comes out softer than asked for, with a note about it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from player.core.pillow import ASSUMED_OFFSET_DB, Calibration, for_output, volume_for
from player.core.settings.safety import TARGET_LUFS

GUESSED: Final = "volumes in dB(A) are guesses, softer than asked for, until `lull calibrate` has measured this output"


CalibrationIn: TypeAlias = Callable[[Path], Calibration | None]
"""Reads the calibration in the memory of a state directory; None without one."""


@dataclass(slots=True)
class PillowLevels:
    """Turns levels into volumes.

    Attributes:
        calibration_in: reads the memory of a state directory; None: levels are estimated.
        state_dir: the folder of the calibration.
        output: the output that the calibration must be for.
        target_lufs: the target of every track.
        fault: the fault of the levels that were read; None without one.
    """

    calibration_in: CalibrationIn | None = None
    state_dir: Path = Path()
    output: str = ""
    target_lufs: float = TARGET_LUFS
    fault: str | None = None
    _offset_db: float | None = None

    def volume(self, level_dba: float) -> int:
        """The volume of a level."""
        if self._offset_db is None:
            found = None if self.calibration_in is None else self.calibration_in(self.state_dir)
            known = for_output(found, self.output)
            self._offset_db = ASSUMED_OFFSET_DB if known is None else known.offset_db
            self.fault = GUESSED if known is None else None
        return volume_for(level_dba, self._offset_db, self.target_lufs)
