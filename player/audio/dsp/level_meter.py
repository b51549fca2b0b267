"""The level of what leaves the chain over the last second, for the status line.

Runs on the engine thread; the engine reads it there and reports it. The meter only measures; it does not change the
sound. The second is kept in ten parts of 0.1 s; if 0.1 s is not a multiple of the block size, parts are longer, by the
next multiple.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from player.audio.dsp.a_weighting import AWeightedMeter
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ, SILENCE_DB, gain_to_db

TENTHS: Final = 10
_TENTH_FRAMES: Final = RATE_HZ // TENTHS


class LevelMeter:
    """Mean square and sample peak over the last second, both channels together."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all earlier sound."""
        self._a_weighted = AWeightedMeter()
        self._tenths: deque[tuple[int, float, float]] = deque(maxlen=TENTHS)
        self._frames = 0
        self._energy = 0.0
        self._peak = 0.0

    @property
    def level_db(self) -> float:
        """Mean square in dBFS, -inf for silence; a full-scale sine in both channels reads -3.0, a square 0."""
        frames = self._frames + sum(frames for frames, _, _ in self._tenths)
        energy = self._energy + sum(energy for _, energy, _ in self._tenths)
        return gain_to_db(energy / (frames * CHANNELS)) / 2.0 if frames else SILENCE_DB

    @property
    def level_a_db(self) -> float:
        """A-weighted mean square of ten seconds in dBFS, -inf for silence."""
        return self._a_weighted.level_db

    @property
    def peak_db(self) -> float:
        """Largest sample in dBFS, -inf for silence."""
        return gain_to_db(max(self._peak, max((peak for _, _, peak in self._tenths), default=0.0)))

    def measure(self, block: Block) -> None:
        """Measure a block: finite, shape (frames, 2)."""
        if len(block) == 0:
            return
        samples = block.reshape(-1)
        self.add(block, float(np.dot(samples, samples)), max(float(samples.max()), -float(samples.min())))

    def add(self, block: Block, energy: float, peak: float) -> None:
        """Like `measure`, for a block whose sum of squares and largest sample are known."""
        self._a_weighted.measure(block)
        self._energy += energy
        self._peak = max(self._peak, peak)
        self.rest(len(block))

    def rest(self, frames: int) -> None:
        """Count frames; apart from the energy that `add` has added they are silent."""
        self._frames += frames
        if self._frames >= _TENTH_FRAMES:
            self._tenths.append((self._frames, self._energy, self._peak))
            self._frames, self._energy, self._peak = 0, 0.0, 0.0
