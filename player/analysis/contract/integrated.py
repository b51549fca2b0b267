"""I and LRA of a stream whose M and S are known already, in constant memory: gates of BS.1770 and EBU Tech 3342.

Runs on the thread that renders. Powers are sorted into bins of a tenth of a dB, each with its count and sum; a relative
gate is as exact as a bin. A library meter would filter the audio once more for each track and side; a test holds this
against it.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.analysis.contract.figures import Powers
from player.audio.dsp.habit import HABITUAL_SHARE
from player.audio.dsp.hearing import CHUNK_HOPS, HOP_S, to_lufs
from player.core.units import SILENCE_DB

LOWEST_LUFS: Final = -100.0
"""Quieter counts as nothing. The gate of BS.1770 stands at -70 for sound at full volume; here the volume is in it."""
BINS_PER_DB: Final = 10
_BINS: Final = 120 * BINS_PER_DB
_I_GATE_LU: Final = 10.0
_SOUNDING_DB: Final = 25.0
"""Half-seconds that are further below what is habitually reached are pauses."""
_STRETCH_HALVES: Final = 10
"""Habit is asked of stretches of 5 s."""
_CALM_BELOW_DB: Final = 12.0
_CALM_OVER_DB: Final = 3.0
_RANGE_GATE_LU: Final = 20.0


class _Sorted:
    """Powers in bins."""

    def __init__(self) -> None:
        self.counts = np.zeros(_BINS)
        self.sums = np.zeros(_BINS)

    def add(self, powers: Powers) -> None:
        places = ((10.0 * np.log10(np.maximum(powers, 1e-30)) - 0.691 - LOWEST_LUFS) * BINS_PER_DB).astype(np.int64)
        is_heard = places >= 0
        places = np.minimum(places[is_heard], _BINS - 1)
        np.add.at(self.counts, places, 1)
        np.add.at(self.sums, places, powers[is_heard])

    def percentile(self, percent: float, least_lufs: float) -> float:
        """Of those of at least this level; -inf where there is none."""
        first = int((max(least_lufs, LOWEST_LUFS) - LOWEST_LUFS) * BINS_PER_DB)
        below = np.cumsum(self.counts[first:])
        if not len(below) or below[-1] == 0:
            return SILENCE_DB
        place = first + int(np.searchsorted(below, percent / 100.0 * (below[-1] - 1.0) + 0.5))
        return LOWEST_LUFS + (place + 0.5) / BINS_PER_DB

    def above(self, gate_lu: float) -> int:
        """The first bin that is above the gate so far below the mean."""
        level = to_lufs(float(self.sums.sum() / self.counts.sum())) - gate_lu
        return max(0, int(np.ceil((level - LOWEST_LUFS) * BINS_PER_DB - 0.5)))


class IntegratedMeter:
    """I and LRA of what was pushed so far."""

    def __init__(self) -> None:
        self._momentary = _Sorted()
        self._short_term = _Sorted()
        self._halves = _Sorted()
        self._stretches = _Sorted()
        self._half = np.zeros(0)

    def push_momentary(self, powers: Powers) -> None:
        """M, every 100 ms."""
        self._momentary.add(powers)

    def push_short_term(self, powers: Powers) -> None:
        """S, every second or more often."""
        self._short_term.add(powers)

    @property
    def integrated_lufs(self) -> float:
        """I, -inf where there was no sound."""
        blocks = self._momentary
        if not blocks.counts.any():
            return SILENCE_DB
        first = blocks.above(_I_GATE_LU)
        return to_lufs(float(blocks.sums[first:].sum() / blocks.counts[first:].sum()))

    def push_half_second(self, powers: Powers) -> None:
        """The loudest 50 ms of each half-second."""
        self._halves.add(powers)
        waiting = np.concatenate((self._half, powers))
        whole = len(waiting) // _STRETCH_HALVES * _STRETCH_HALVES
        self._stretches.add(waiting[:whole].reshape(-1, _STRETCH_HALVES).max(axis=1))
        self._half = waiting[whole:]

    @property
    def calm_lufs(self) -> float:
        """The calm level: what M usually is while it sounds, whatever the pauses and rare events; -inf without sound.

        What is reached in 55 % of the stretches of 5 s is what it does habitually, as the leveller has it. What sounds
        are the half-seconds whose loudest 50 ms are within 25 dB of that, so a bed of -63 LUFS between the croaks of
        frogs is a pause; calm is the mean of M from 12 dB below to 3 dB over the 75th percentile of those. I would be
        moved by a scream, and I' takes the words of a whisper with long pauses for events.
        """
        top = self._stretches.percentile(100.0 * (1.0 - HABITUAL_SHARE), LOWEST_LUFS)
        if top == SILENCE_DB:  # of less than 5 s, and of what is seldom anything but silence
            top = self._halves.percentile(75.0, LOWEST_LUFS)
        usual = self._halves.percentile(75.0, top - _SOUNDING_DB)
        if usual == SILENCE_DB:
            return SILENCE_DB
        first, end = (
            max(0, round((usual + db - LOWEST_LUFS) * BINS_PER_DB)) for db in (-_CALM_BELOW_DB, _CALM_OVER_DB)
        )
        blocks = self._momentary
        count = blocks.counts[first:end].sum()
        return to_lufs(float(blocks.sums[first:end].sum() / count)) if count else usual

    def short_term_lufs(self, percent: float) -> float:
        """The percentile of S over what is within 20 LU of its mean; -inf where there was no sound."""
        blocks = self._short_term
        if not blocks.counts.any():
            return SILENCE_DB
        return blocks.percentile(percent, LOWEST_LUFS + blocks.above(_RANGE_GATE_LU) / BINS_PER_DB)

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


def calm_level(powers: Powers) -> float:
    """The calm level of K-weighted 5 ms hops, LUFS: see `IntegratedMeter.calm_lufs`."""
    meter = IntegratedMeter()
    halves = len(powers) // _HALF_HOPS
    boxes = powers[: halves * _HALF_HOPS].reshape(-1, CHUNK_HOPS).mean(axis=1)
    meter.push_half_second(boxes.reshape(halves, _HALF_HOPS // CHUNK_HOPS).max(axis=1))
    sums = np.concatenate(([0.0], np.cumsum(powers)))
    meter.push_momentary(((sums[_M_HOPS:] - sums[:-_M_HOPS]) / _M_HOPS)[::_TENTH_HOPS])
    return meter.calm_lufs


_HALF_HOPS: Final = round(0.5 / HOP_S)
_TENTH_HOPS: Final = round(0.1 / HOP_S)
_M_HOPS: Final = round(0.4 / HOP_S)
