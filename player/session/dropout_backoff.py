"""What to do when the sound breaks off again and again. Main thread, standard library, pure.

Each setback is a mute in the middle of a sound, and each way back a rise: a few of them are a nuisance, and a whole
night of them keeps anybody awake. So the first way back begins at once, and further ones after a silence that doubles
each time, up to five minutes, until ten minutes have gone well. After three of them the track is to blame.
"""

from __future__ import annotations

import math
from typing import Final

WELL_S: Final = 600.0
FIRST_SILENCE_S: Final = 15.0
LAST_SILENCE_S: Final = 300.0
TOO_MANY: Final = 3


class DropoutBackoff:
    """Counts those that follow each other."""

    def __init__(self) -> None:
        self._count = 0
        self._back_s = -math.inf

    def next_silence_s(self, now_s: float) -> float:
        """Another one; how long to stay silent before the way back."""
        self._count = self._count + 1 if now_s - self._back_s < WELL_S else 1
        silence_s = 0.0 if self._count == 1 else min(FIRST_SILENCE_S * 2.0 ** (self._count - 2), LAST_SILENCE_S)
        self._back_s = now_s + silence_s
        return silence_s

    @property
    def is_the_tracks_fault(self) -> bool:
        """Whether the last one was one too many; the next track may have as many, and the silences go on."""
        return self._count > 0 and self._count % TOO_MANY == 0
