"""C9 and C12 of one track: how it changed between two places of the path, hop by hop.

Pure, on any thread. Levels go into histograms, so that memory does not grow with the night and what is *audible*,
within 20 dB of the gated level, can be decided when the track is over. Hops are 5 ms, K-weighted; the two sides must
already lie beside each other, with every known gain divided out.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from player.analysis.contract.figures import Powers
from player.analysis.contract.integrated import IntegratedMeter
from player.audio.dsp.hearing import CHUNK_HOPS, HOP_S
from player.core.units import SILENCE_DB

AUDIBLE_DB: Final = 20.0
"""Sound further below the gated level is not heard beside the rest."""
NOTICEABLE_DB: Final = 0.5
MOST_DB: Final = 99.0
_LOWEST_DB: Final = -120.0
_COARSE: Final = 2
"""Bins of a decibel that decide what is audible."""
_FINE: Final = 10
"""Bins of a decibel for percentiles."""
_SPAN_DB: Final = 150
_HALF_BOXES: Final = round(0.5 / HOP_S) // CHUNK_HOPS
_TENTH_HOPS: Final = round(0.1 / HOP_S)
_MOMENTARY_HOPS: Final = round(0.4 / HOP_S)
_SHORT_HOPS: Final = round(3.0 / HOP_S)


class Alteration:
    """Takes a track's hops before and after, in order."""

    def __init__(self) -> None:
        bins = _SPAN_DB * _COARSE
        self._hops = np.zeros(bins, np.int64)
        self._lowered = np.zeros(bins, np.int64)
        self._most_db = np.zeros(bins)
        self._boxes = np.zeros((2, bins, _SPAN_DB * _FINE), np.int32)
        self._past = np.zeros((2, _SHORT_HOPS))
        self._heard = 0
        self._waiting = np.zeros((2, 0))
        self.programmes = (IntegratedMeter(), IntegratedMeter())

    def push(self, before: Powers, after: Powers) -> Powers:
        """Hops of both sides, whole tenths of a second; by how many dB each was lowered."""
        assert len(before) == len(after), (len(before), len(after))
        ratio = np.maximum(before, 1e-30) / np.maximum(after, 1e-30)
        lowered: Powers = np.clip(10.0 * np.log10(ratio), 0.0, MOST_DB)
        level = _bins(before, _COARSE)
        np.add.at(self._hops, level, 1)
        np.add.at(self._lowered, level[lowered > NOTICEABLE_DB], 1)
        np.maximum.at(self._most_db, level, lowered)
        self._push_means(np.stack((before, after)))
        return lowered

    def _push_means(self, sides: npt.NDArray[np.float64]) -> None:
        """The 50 ms boxes, and M and S every 100 ms."""
        count = sides.shape[1]
        past = np.concatenate((self._past, sides), axis=1)
        self._past = past[:, -_SHORT_HOPS:]
        sums = np.concatenate((np.zeros((2, 1)), np.cumsum(past, axis=1)), axis=1)
        heard, self._heard = self._heard, self._heard + count
        boxes = _means(sums, _SHORT_HOPS + np.arange(CHUNK_HOPS, count + 1, CHUNK_HOPS), CHUNK_HOPS)
        coarse = _bins(boxes[0], _COARSE)
        for side, powers in enumerate(boxes):
            np.add.at(self._boxes[side], (coarse, _bins(powers, _FINE)), 1)
        self._push_halves(boxes)
        ends = np.arange(_TENTH_HOPS, count + 1, _TENTH_HOPS)
        for window, name in ((_MOMENTARY_HOPS, "push_momentary"), (_SHORT_HOPS, "push_short_term")):
            means = _means(sums, _SHORT_HOPS + ends[heard + ends >= window], window)
            for programme, powers in zip(self.programmes, means, strict=True):
                getattr(programme, name)(powers)

    def _push_halves(self, boxes: npt.NDArray[np.float64]) -> None:
        """The loudest box of each half-second."""
        waiting = np.concatenate((self._waiting, boxes), axis=1)
        whole = waiting.shape[1] // _HALF_BOXES
        self._waiting = waiting[:, whole * _HALF_BOXES :]
        maxima = waiting[:, : whole * _HALF_BOXES].reshape(2, whole, _HALF_BOXES).max(axis=2)
        for programme, powers in zip(self.programmes, maxima, strict=True):
            programme.push_half_second(powers)

    @property
    def heard_s(self) -> float:
        """Duration of what was pushed."""
        return self._heard * HOP_S

    @property
    def audible_s(self) -> float:
        """Duration for which it was audible."""
        return float(self._hops[self._audible()].sum()) * HOP_S

    @property
    def lowered_percent(self) -> float:
        """Share of the audible time that was lowered by more than half a decibel."""
        audible = self._audible()
        return 100.0 * float(self._lowered[audible].sum()) / max(1.0, float(self._hops[audible].sum()))

    @property
    def most_lowered_db(self) -> float:
        """The largest reduction of an audible hop."""
        return float(self._most_db[self._audible()].max(initial=0.0))

    @property
    def loudness_change_lu(self) -> float:
        """Change of I."""
        before, after = (programme.integrated_lufs for programme in self.programmes)
        return after - before if before > SILENCE_DB and after > SILENCE_DB else 0.0

    @property
    def range_change_lu(self) -> float:
        """Change of LRA."""
        before, after = self.programmes
        return after.range_lu - before.range_lu

    @property
    def spread_change_db(self) -> float:
        """Change of the spread of the 50 ms level: 95th minus 10th percentile, where it was audible before."""
        before, after = (_spread_db(boxes[self._audible()].sum(axis=0)) for boxes in self._boxes)
        return after - before

    def _audible(self) -> slice:
        """The coarse bins that are audible."""
        gated = self.programmes[0].integrated_lufs
        if gated == SILENCE_DB:
            return slice(0, 0)
        return slice(max(0, int((gated - AUDIBLE_DB - _LOWEST_DB) * _COARSE)), None)


def _bins(powers: npt.NDArray[np.float64], per_db: int) -> npt.NDArray[np.int64]:
    levels = 10.0 * np.log10(np.maximum(powers, 1e-30)) - 0.691
    places: npt.NDArray[np.int64] = np.clip((levels - _LOWEST_DB) * per_db, 0, _SPAN_DB * per_db - 1).astype(np.int64)
    return places


def _means(sums: npt.NDArray[np.float64], ends: npt.NDArray[np.int64], window: int) -> npt.NDArray[np.float64]:
    """The mean over the window before each end, for both sides."""
    means: npt.NDArray[np.float64] = np.maximum(sums[:, ends] - sums[:, ends - window], 0.0) / window
    return means


def _spread_db(counts: npt.NDArray[np.int64]) -> float:
    below = np.cumsum(counts)
    if below[-1] == 0:
        return 0.0
    low, high = np.searchsorted(below, np.array((0.10, 0.95)) * (below[-1] - 1.0) + 0.5)
    return float(high - low) / _FINE
