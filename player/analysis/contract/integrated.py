"""I and LRA of a stream whose M and S are known already, in constant memory: gates of BS.1770 and EBU Tech 3342.

Runs on the thread that renders. Powers are sorted into bins of a tenth of a dB, each with its count and sum; a relative
gate is as exact as a bin. A library meter would filter the audio once more for each track and side; a test holds this
against it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.hearing import to_lufs
from player.core.units import SILENCE_DB

LOWEST_LUFS: Final = -100.0
"""Quieter counts as nothing. The gate of BS.1770 stands at -70 for sound at full volume; here the volume is in it."""
BINS_PER_DB: Final = 10
_BINS: Final = 120 * BINS_PER_DB
_I_GATE_LU: Final = 10.0
_RANGE_GATE_LU: Final = 20.0


class _Sorted:
    """Powers in bins."""

    def __init__(self) -> None:
        self.counts = np.zeros(_BINS)
        self.sums = np.zeros(_BINS)

    def add(self, power: float) -> None:
        place = int((to_lufs(power) - LOWEST_LUFS) * BINS_PER_DB) if power > 0.0 else -1
        if place >= 0:
            self.counts[min(place, _BINS - 1)] += 1
            self.sums[min(place, _BINS - 1)] += power

    def above(self, gate_lu: float) -> int:
        """The first bin that is above the gate so far below the mean."""
        level = to_lufs(float(self.sums.sum() / self.counts.sum())) - gate_lu
        return max(0, int(np.ceil((level - LOWEST_LUFS) * BINS_PER_DB - 0.5)))


class IntegratedMeter:
    """I and LRA of what was pushed so far."""

    def __init__(self) -> None:
        self._momentary = _Sorted()
        self._short_term = _Sorted()

    def push_momentary(self, power: float) -> None:
        """M, every 100 ms."""
        self._momentary.add(power)

    def push_short_term(self, power: float) -> None:
        """S, every second or more often."""
        self._short_term.add(power)

    @property
    def integrated_lufs(self) -> float:
        """I, -inf where there was no sound."""
        blocks = self._momentary
        if not blocks.counts.any():
            return SILENCE_DB
        first = blocks.above(_I_GATE_LU)
        return to_lufs(float(blocks.sums[first:].sum() / blocks.counts[first:].sum()))

    @property
    def range_lu(self) -> float:
        """LRA: from the 10th to the 95th percentile of S."""
        blocks = self._short_term
        if not blocks.counts.any():
            return 0.0
        counts = blocks.counts.copy()
        counts[: blocks.above(_RANGE_GATE_LU)] = 0.0
        below = np.cumsum(counts)
        low, high = np.searchsorted(below, np.array((0.10, 0.95)) * (below[-1] - 1.0) + 0.5)
        return float(high - low) / BINS_PER_DB
