"""C1 on a stream: startle events, and those bursts that are not familiar.

Runs on whatever thread owns the object. Onsets are found by `player.audio.dsp.startle.Judge`. Its rule for bursts
knows only the last 5 s, so that to it one tick a second is new for ever; here a burst counts if its 50 ms are also more
than 3 dB over the loudest 50 ms of the last 30 s without the last half second, as the rule for onsets asks of the fast
level.
"""

from __future__ import annotations

from player.audio.dsp.hearing import CHUNK_HOPS, Familiar, to_lufs
from player.audio.dsp.startle import NOTICED_DB, Judge, Onset


class StartleEvents:
    """Takes K-weighted powers of 5 ms hops.

    Args:
        floor_lufs: what the room hides.
    """

    def __init__(self, floor_lufs: float) -> None:
        self._judge = Judge(floor_lufs)
        self._familiar = Familiar()
        self._largest = 0.0
        self._hops = 0

    def move_floor(self, floor_lufs: float) -> None:
        """The volume has changed, and with it what the room hides."""
        self._judge.move_floor(floor_lufs)

    def push(self, power: float) -> list[Onset]:
        """Hear one more hop; the startle events and bursts that were found with it."""
        found = self._judge.push(power)
        self._largest = max(self._largest, self._judge.hearing.box)
        self._hops += 1
        if self._hops % CHUNK_HOPS == 0:
            self._familiar.push(self._largest)
            self._largest = 0.0
        return [onset for onset in found if self._counts(onset)] if found else found

    def finish(self) -> list[Onset]:
        """What was still under way at the end."""
        return [onset for onset in self._judge.finish() if self._counts(onset)]

    def _counts(self, onset: Onset) -> bool:
        if onset.is_burst and onset.level_lufs <= to_lufs(self._familiar.value) + NOTICED_DB:
            return False
        return onset.is_startle
