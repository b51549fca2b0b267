"""C4 on a stream: sample peak and true peak against the ceiling.

Runs on the thread that renders. A wave between samples is at most 6 dB above them in anything but a test signal made
for it, so the oversampling meter is asked only about blocks that come so near to the ceiling; nearly none do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from player.analysis.contract.figures import Figure, Worst
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, db_to_gain, gain_to_db, to_seconds

NEAR_DB: Final = 6.0
LEAD_FRAMES: Final = 64
"""Frames of the block before that are measured as well, because a wave neither begins nor ends with a block."""
METER_TOLERANCE_DB: Final = 0.2
"""Of a true-peak meter that oversamples by 4; the sample peak has none."""
_ROUNDING_DB: Final = 1e-6


class Peaks:
    """Largest peaks.

    Args:
        ceiling_dbtp: none may be above.
        true_peak_dbtp: measures a stretch of audio.
    """

    def __init__(self, ceiling_dbtp: float, true_peak_dbtp: Callable[[Block], float]) -> None:
        self._measure = true_peak_dbtp
        self._sample = Worst(ceiling_dbtp, _ROUNDING_DB)
        self._true = Worst(ceiling_dbtp, METER_TOLERANCE_DB)
        self._near = db_to_gain(ceiling_dbtp - NEAR_DB)
        self._lead: Block = np.zeros((LEAD_FRAMES, CHANNELS), np.float32)
        self._lead_peak = 0.0

    def push(self, block: Block, at_s: float) -> None:
        """One more block, finite, shape (frames, 2)."""
        if len(block) == 0:
            return
        peak = max(float(block.max()), -float(block.min()))
        if max(peak, self._lead_peak) >= self._near or gain_to_db(peak) > self._sample.value:
            self._look(block, peak, at_s)
        self._lead = block[-LEAD_FRAMES:]
        self._lead_peak = float(np.abs(self._lead).max())

    def _look(self, block: Block, peak: float, at_s: float) -> None:
        """A block that is near the ceiling or follows such frames, or is nearer than all before."""
        when_s = at_s + to_seconds(int(np.argmax(np.maximum(np.abs(block[:, 0]), np.abs(block[:, 1])))))
        peak_db = gain_to_db(peak)
        self._sample.see(peak_db, when_s)
        is_near = max(peak, self._lead_peak) >= self._near
        self._true.see(max(peak_db, self._measure(np.concatenate((self._lead, block)))) if is_near else peak_db, when_s)

    def figures(self) -> tuple[Figure, Figure]:
        """C4."""
        return (
            self._true.figure("C4", "true peak", "dBTP"),
            self._sample.figure("C4", "largest sample", "dBFS"),
        )
