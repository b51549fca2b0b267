"""The limiter: keeps samples, and the wave between samples, at or below the ceiling.

Runs on the engine thread, as the last stage that changes the sound. Normally no peak reaches the ceiling, and the
limiter only delays the sound by 5 ms, without changing a bit.

Theory. For each frame n let p[n] be the peak of its samples and of the wave interpolated between frames n-8 and n-7,
both channels, from the 16 frames up to n. The need is ceiling / p[n] where that is below 1. Then, in dB,

    release:  r[n] = min(need[n], r[n-1] + 6 dB/s)      a gain of lull never rises faster
    hold:     m[n] = min of r over the last 241 frames
    attack:   g[n] = mean of m over the last 226 frames

and the output is the input of 240 frames ago times g[n]. Every term of that mean covers all p to which this input frame
contributes, so each term is at most what the frame needs, and so is their mean: the bound is exact. For the
interpolated wave it is exact where g is constant and close where g changes, as 16 frames are short compared with 226.

Levels are integers in units of 1/48000 of 6 dB, the release of one frame: sums and minima are exact, so the same frame
gets the same bits however the audio is cut into blocks. Needs are rounded down by at least one such unit, 1.4e-5, which
is two hundred times the rounding of float32.

The wave is oversampled 8 times with 16 taps per phase, a sinc in a Kaiser window: between the interpolated points it
is at most 0.2 dB louder than at them, for noise up to 22 kHz; with 4 times and 12 taps this would be 0.7 dB. Phases f
and 1-f mirror each other, so with the sums and the differences of mirrored samples their larger magnitude is
|even| + |odd|, which halves the work. While the sample peak is below the ceiling divided by the largest sum of
magnitudes of a phase's taps, the wave cannot reach the ceiling, and the interpolation is skipped.

Limitations: the wave of noise up to 24 kHz, which no converter passes completely, may be 1.2 dB above the ceiling;
sines near 20 kHz are kept 0.3 dB below it.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain import RISE_DB_PER_FRAME, applied
from player.audio.dsp.types import Block
from player.core.limits import CEILING_DBTP
from player.core.units import CHANNELS, db_to_gain

Units: TypeAlias = npt.NDArray[np.int64]
"""Levels in units of `RISE_DB_PER_FRAME`: shape (frames,)."""
Floats: TypeAlias = npt.NDArray[np.float32]

OVERSAMPLING: Final = 8
TAPS: Final = 16
ATTACK_FRAMES: Final = 226
LATENCY_FRAMES: Final = ATTACK_FRAMES + TAPS - 2
HOLD_FRAMES: Final = LATENCY_FRAMES + 1
_MEMORY_FRAMES: Final = ATTACK_FRAMES + HOLD_FRAMES - 2
_KAISER_BETA: Final = 3.0
_NEPERS_PER_SUM: Final = RISE_DB_PER_FRAME * math.log(10.0) / 20.0 / ATTACK_FRAMES
_WAVE_LIMIT: Final = 1e30
"""Larger samples count as this in the interpolation, which would overflow otherwise."""
_CLEAR: Final = 1.0 - 1e-4
"""A peak below the ceiling times this needs no reduction, whatever the rounding."""


def _phase(fraction: float) -> npt.NDArray[np.float64]:
    """Taps, oldest first, that interpolate ``fraction`` of a frame after the eighth of 16; their sum is 1."""
    t = np.arange(TAPS) - (TAPS // 2 - 1) - fraction
    window = np.i0(_KAISER_BETA * np.sqrt(np.maximum(0.0, 1.0 - (2.0 * t / TAPS) ** 2)))
    taps = np.sinc(t) * window
    scaled: npt.NDArray[np.float64] = taps / taps.sum()
    return scaled


_PHASES: Final = tuple(_phase(step / OVERSAMPLING) for step in range(1, OVERSAMPLING // 2 + 1))
_EVEN: Final = tuple(((taps + taps[::-1]) / 2)[: TAPS // 2].astype(np.float32) for taps in _PHASES)
_ODD: Final = tuple(((taps - taps[::-1]) / 2)[: TAPS // 2].astype(np.float32) for taps in _PHASES)
LARGEST_NORM: Final = max(float(np.abs(taps).sum()) for taps in _PHASES)
"""No interpolated value exceeds the largest sample among its taps by more than this factor."""


class Limiter:
    """Keeps the output at or below a ceiling in dBTP, at most -1; both channels get the same gain.

    Finite in, finite out. A sample that is not finite stays so; the check after the limiter finds it.

    Attributes:
        latency_frames: frames by which the output is later than the input; the first ones are zeros.
        reduction_db: the most by which a frame of the last block was lowered, 0 or more.
        bound: no sample of the last block may exceed this magnitude.
        late_peak: the largest sample of the audio that is held back, or a larger value.
    """

    latency_frames: Final = LATENCY_FRAMES

    def __init__(self, ceiling_dbtp: float) -> None:
        self._ceiling = self._target = _in_units(ceiling_dbtp)
        self._former = self._ceiling
        self._former_frames = 0
        self.bound = _amplitude(self._ceiling)
        self.reset()

    def reset(self) -> None:
        """Drop the audio that is held back, and any reduction; the ceiling is kept."""
        self.reduction_db = 0.0
        self._late: Block = np.zeros((LATENCY_FRAMES, CHANNELS), np.float32)
        self.late_peak = 0.0
        self._levels: Units = np.zeros(_MEMORY_FRAMES, np.int64)
        self._is_limiting = False

    @property
    def terms(self) -> tuple[int, int]:
        """The present ceiling and the one that it approaches, in units."""
        return self._ceiling, self._target

    @property
    def clear_up_to(self) -> float:
        """Sample peak up to which the wave cannot reach the ceiling."""
        return _amplitude(self._ceiling) * _CLEAR / LARGEST_NORM

    @property
    def is_clear(self) -> bool:
        """Whether nothing that is held back needs a reduction, and the ceiling is constant."""
        is_standing = self._ceiling == self._target and self._former_frames == 0
        return is_standing and not self._is_limiting and self.late_peak <= self.clear_up_to

    def lend(self) -> Block:
        """The audio that is held back, for calm.c, which replaces `process` for peaks up to `clear_up_to`."""
        self._late = self._late.copy()
        self.reduction_db = 0.0
        return self._late

    def take_back(self, late_peak: float) -> None:
        """Take the audio back, with its largest sample."""
        self.late_peak = late_peak

    def set_ceiling(self, ceiling_dbtp: float) -> None:
        """Set the ceiling: a lower one applies to all input from now on, a higher one is approached at 6 dB/s."""
        self._target = _in_units(ceiling_dbtp)
        if self._target < self._ceiling:
            self._former = max(self._ceiling, self._former if self._former_frames else self._ceiling)
            self._former_frames = LATENCY_FRAMES
            self._ceiling = self._target

    def process(self, block: Block) -> Block:
        """The block, shape (frames, 2), delayed, and lowered where it must be."""
        if len(block) == 0:
            return block
        lowest = self._ceiling
        self._ceiling = min(self._target, lowest + len(block))
        self._set_bound(len(block))
        window = np.concatenate((self._late, block))
        peak = max(float(block.max()), -float(block.min()))
        still = _amplitude(lowest) * _CLEAR / LARGEST_NORM
        if peak <= still and self.late_peak <= still and not self._is_limiting:
            out = window[: len(block)]
            self.reduction_db = 0.0
        else:
            ceilings = np.minimum(lowest + np.arange(1, len(block) + 1), self._ceiling)
            out = self._limit(window, ceilings, still)
        self._late = window[len(block) :]
        self.late_peak = peak if len(block) >= TAPS else float(np.abs(window[-TAPS:]).max())
        return out

    def _set_bound(self, frames: int) -> None:
        """Set `bound`: audio held back when the ceiling was lowered may still leave under the former ceiling."""
        self.bound = _amplitude(max(self._ceiling, self._former) if self._former_frames else self._ceiling)
        self._former_frames = max(0, self._former_frames - frames)

    def _limit(self, window: Block, ceilings: Units, still: float) -> Block:
        """The earlier part of the window, times the gain that the whole window needs."""
        frames = len(ceilings)
        levels = np.concatenate((self._levels, self._released(_needs(window, ceilings, still))))
        self._levels = levels[frames:]
        self._is_limiting = bool(self._levels.any())
        sums = _sliding_sum(_sliding_min(levels, HOLD_FRAMES), ATTACK_FRAMES)
        self.reduction_db = -int(sums.min()) * RISE_DB_PER_FRAME / ATTACK_FRAMES
        return applied(window[:frames], np.exp(sums * _NEPERS_PER_SUM).astype(np.float32))

    def _released(self, needs: Units) -> Units:
        """The needs, each no more than one unit above the one before."""
        frame = np.arange(len(needs))
        slanted = needs - frame
        slanted[0] = min(slanted[0], self._levels[-1] + 1)
        return np.minimum.accumulate(slanted) + frame


def _in_units(ceiling_dbtp: float) -> int:
    assert ceiling_dbtp <= CEILING_DBTP, ceiling_dbtp
    return math.floor(ceiling_dbtp / RISE_DB_PER_FRAME)


def _amplitude(units: int) -> float:
    return db_to_gain(units * RISE_DB_PER_FRAME)


def _needs(window: Block, ceilings: Units, still: float) -> Units:
    """Level in units, 0 or less, that each of the last ``len(ceilings)`` frames of the window needs."""
    frames = len(ceilings)
    needs = np.zeros(frames, np.int64)
    recent = np.abs(window[-(frames + TAPS - 1) :])
    hot = np.flatnonzero(~(np.maximum(recent[:, 0], recent[:, 1]) <= still))
    if hot.size == 0:
        return needs
    first, end = max(0, int(hot[0]) - TAPS + 1), min(frames, int(hot[-1]) + 1)
    peaks = _peaks(window[len(window) - frames + first - TAPS + 1 : len(window) - frames + end])
    over = np.flatnonzero(peaks > _amplitude(int(ceilings[0])) * _CLEAR)
    level = np.ceil(np.log10(peaks[over].astype(np.float64)) * (20.0 / RISE_DB_PER_FRAME)).astype(np.int64)
    needs[first + over] = np.minimum(ceilings[first + over] - level - 1, 0)
    return needs


def _peaks(frames: Block) -> Floats:
    """Peak of each frame but the first 15, and of the wave through it and those 15: shape (n - 15,)."""
    if not np.abs(frames).max() <= _WAVE_LIMIT:
        most = float(np.finfo(np.float32).max)
        frames = np.nan_to_num(frames, nan=0.0, posinf=most, neginf=-most)
    samples = np.abs(frames[TAPS - 1 :]).reshape(-1)
    peaks = np.maximum(samples, _wave_peaks(np.clip(frames, -_WAVE_LIMIT, _WAVE_LIMIT).reshape(-1)))
    return np.maximum(peaks[0::2], peaks[1::2])


def _wave_peaks(samples: Floats) -> Floats:
    """Largest magnitude of the seven interpolated points of each stretch of 16 frames; channels interleaved.

    Sums are taken tap by tap over the whole array, not with a matrix product, whose order of summation may depend on
    the length.
    """
    size = len(samples) - (TAPS - 1) * CHANNELS
    older = [samples[i * CHANNELS : i * CHANNELS + size] for i in range(TAPS // 2)]
    newer = [samples[(TAPS - 1 - i) * CHANNELS :][:size] for i in range(TAPS // 2)]
    sums = [a + b for a, b in zip(older, newer, strict=True)]
    differences = [a - b for a, b in zip(older, newer, strict=True)]
    peaks = np.abs(_weighted(sums, _EVEN[-1]))  # the middle phase is its own mirror: its odd part is 0
    for even, odd in zip(_EVEN[:-1], _ODD[:-1], strict=True):
        larger = np.abs(_weighted(sums, even))
        larger += np.abs(_weighted(differences, odd))
        np.maximum(peaks, larger, out=peaks)
    return peaks


def _weighted(parts: list[Floats], weights: Floats) -> Floats:
    total: Floats = parts[0] * weights[0]
    term = np.empty_like(total)
    for part, weight in zip(parts[1:], weights[1:], strict=True):
        np.multiply(part, weight, out=term)
        total += term
    return total


def _sliding_min(levels: Units, width: int) -> Units:
    """Minimum of each ``width`` neighbours: shape (len(levels) - width + 1,)."""
    reach = 1
    while 2 * reach <= width:
        levels = np.minimum(levels[:-reach], levels[reach:])
        reach *= 2
    rest = width - reach
    return np.minimum(levels[: len(levels) - rest], levels[rest:])


def _sliding_sum(levels: Units, width: int) -> Units:
    """Sum of each ``width`` neighbours: shape (len(levels) - width + 1,)."""
    sums = np.concatenate(([0], np.cumsum(levels)))
    return sums[width:] - sums[:-width]
