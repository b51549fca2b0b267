"""The clauses of docs/never-startle.md, measured on a recording of what left the speaker, by no stage of the player.

A recording is float32, shape (frames, 2), 48 kHz. Powers come from the meter and onsets from the judge, both of which
are proven on known signals (tests/analysis/test_ebur128.py, tests/audio/dsp/test_startle.py). Clicks have a detector of
their own, proven in tests/test_contract_check.py:

a *click* is an impulse of at most 2 ms that stands alone. What is left of the sound above 4 kHz has a peak that is 16
times (24 dB) the RMS of the 20 ms before and of the 20 ms after it, 2 ms to each side left out. Noise, rain and taps
reach 6 times, the hardest plosive of a whisper 14; they go on sounding, so that they have no quiet on both sides.
Impulses that do not reach ``smallest`` do not count: in `figures` the RMS of calm sound, 15 to 20 dB below the peaks of
its own taps and plosives.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from player.analysis.ebur128 import HopMeter, ProgrammeMeter
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S, to_lufs, to_power
from player.audio.dsp.startle import NOTICED_DB, ROOM_BELOW_CALM_DB, Judge, Onset
from tests.signals import RATE_HZ, Sound, frames_of, in_blocks

Floats = npt.NDArray[np.float64]

CLICK_RATIO: Final = 16.0
REDUCED_DB: Final = 0.5
"""C9: a reduction up to this does not count."""
_CELL: Final = 24
"""Half a millisecond."""
_AROUND: Final = 40
_APART: Final = 4
_HIGH_TAPS: Final = 31


@dataclass(frozen=True, slots=True)
class Click:
    """Where, how large above 4 kHz, and how many times what is around it."""

    at_s: float
    size: float
    ratio: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the clauses ask for.

    Attributes:
        startles: C1, bursts left out.
        bursts: C1, those of the 50 ms box.
        new_onsets: onsets of more than 10 dB that lead to a level that is not familiar.
        clicks: C10.
        max_momentary_lufs: C3.
        max_short_lufs: C3.
        true_peak_dbtp: C4, 4x oversampled.
        peak: C4, the largest sample.
        rise_db_per_s: the steepest 100 ms of the 50 ms level, what lies below the floor counting as the floor.
        is_finite: C5.
        onsets: all of them.
    """

    onsets: tuple[Onset, ...]
    startles: tuple[Onset, ...]
    bursts: tuple[Onset, ...]
    new_onsets: tuple[Onset, ...]
    clicks: tuple[Click, ...]
    max_momentary_lufs: float
    max_short_lufs: float
    true_peak_dbtp: float
    peak: float
    rise_db_per_s: float
    is_finite: bool

    def __str__(self) -> str:
        """One line."""
        return (
            f"startle events {len(self.startles)}, bursts {len(self.bursts)}, new onsets {len(self.new_onsets)}, "
            f"clicks {len(self.clicks)}, max M {self.max_momentary_lufs:.2f} and S {self.max_short_lufs:.2f} LUFS, "
            f"true peak {self.true_peak_dbtp:+.2f} dBTP, sample peak {20 * math.log10(max(self.peak, 1e-9)):+.3f} "
            f"dBFS, steepest {self.rise_db_per_s:.0f} dB/s"
        )


@dataclass(frozen=True, slots=True)
class Touch:
    """C9: what was done to a stretch of calm sound.

    Attributes:
        reduced_share: share of the time in which it was lowered by more than 0.5 dB.
        most_db: the largest reduction.
        range_change_lu: how much the LRA changed.
        loudness_change_lu: how much the integrated loudness changed.
        spread_change_db: how much the spread of the 50 ms level changed, 95th less 10th percentile.
    """

    reduced_share: float
    most_db: float
    range_change_lu: float
    loudness_change_lu: float
    spread_change_db: float

    @property
    def is_calm(self) -> bool:
        """Whether C9 holds."""
        return self.reduced_share <= 0.01 and abs(self.range_change_lu) <= 0.5 and abs(self.loudness_change_lu) <= 0.5

    def __str__(self) -> str:
        """One line."""
        return (
            f"reduced {self.reduced_share:6.2%} of the time, at most {self.most_db:4.1f} dB, LRA "
            f"{self.range_change_lu:+.2f} LU, I {self.loudness_change_lu:+.2f} LU, "
            f"spread {self.spread_change_db:+.2f} dB"
        )


def floor_of(calm_lufs: float) -> float:
    """What the room hides where calm sound has this level."""
    return calm_lufs - ROOM_BELOW_CALM_DB


def powers_of(sound: Sound) -> list[float]:
    """K-weighted power of each 5 ms; what is not finite counts as silence, for no meter survives it."""
    sound = np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    return HopMeter(HOP_FRAMES).powers(sound[: len(sound) // HOP_FRAMES * HOP_FRAMES])


def onsets_of(powers: list[float], floor_lufs: float) -> list[Onset]:
    """All onsets and bursts over a floor."""
    judge = Judge(floor_lufs)
    return [onset for power in powers for onset in judge.push(power)] + judge.finish()


def figures(sound: Sound, calm_lufs: float) -> Figures:
    """All of it, for a recording whose calm parts are at this level."""
    floor = floor_of(calm_lufs)
    finite = bool(np.isfinite(sound).all())
    clean = sound if finite else np.nan_to_num(sound, nan=0.0, posinf=0.0, neginf=0.0)
    powers = powers_of(clean)
    onsets = onsets_of(powers, floor)
    meter = ProgrammeMeter(true_peak=True)
    for block in in_blocks(clean, 48_000):
        meter.add(block)
    return Figures(
        onsets=tuple(onsets),
        startles=tuple(onset for onset in onsets if onset.is_startle and not onset.is_burst),
        bursts=tuple(onset for onset in onsets if onset.is_burst and onset.over_familiar_db > NOTICED_DB),
        new_onsets=tuple(onset for onset in onsets if onset.is_new and not onset.is_burst),
        clicks=clicks(clean, smallest=10 ** (calm_lufs / 20)),
        max_momentary_lufs=loudest(powers, 0.4),
        max_short_lufs=loudest(powers, 3.0),
        true_peak_dbtp=meter.true_peak_dbtp,
        peak=float(np.abs(clean).max(initial=0.0)),
        rise_db_per_s=steepest(powers, floor),
        is_finite=finite,
    )


def loudest(powers: list[float], window_s: float) -> float:
    """The loudest window, looked at every 5 ms."""
    return to_lufs(float(sliding(powers, window_s).max(initial=0.0)))


def steepest(powers: list[float], floor_lufs: float) -> float:
    """The largest rise of the 50 ms level within 100 ms, in dB/s."""
    levels = 10 * np.log10(np.maximum(sliding(powers, 0.05), to_power(floor_lufs)))
    return float((levels[20:] - levels[:-20]).max(initial=0.0)) / 0.1


def sliding(powers: list[float], window_s: float) -> Floats:
    """Mean power of each window, every 5 ms; a sound that is shorter counts with silence around it."""
    hops = round(window_s / HOP_S)
    sums = np.concatenate(([0.0], np.cumsum(np.concatenate((np.zeros(hops), powers)))))
    return np.asarray(np.maximum(sums[hops:] - sums[:-hops], 0.0) / hops)


def spread_db(sound: Sound) -> float:
    """How far the 50 ms level goes up and down: its 95th less its 10th percentile."""
    levels = 10 * np.log10(sliding(powers_of(sound), 0.05)[20:] + 1e-12)
    low, high = np.percentile(levels, (10, 95))
    return float(high - low)


def clicks(sound: Sound, smallest: float = 1e-3, ratio: float = CLICK_RATIO) -> tuple[Click, ...]:
    """Impulses that stand alone, one in 5 ms at most."""
    found: list[Click] = []
    for channel in range(sound.shape[1]):
        for click in _clicks_in(sound[:, channel], smallest, ratio):
            if not any(abs(click.at_s - other.at_s) < 0.005 for other in found):
                found.append(click)
    return tuple(sorted(found, key=lambda click: click.at_s))


def _clicks_in(channel: npt.NDArray[np.float32], smallest: float, ratio: float) -> list[Click]:
    """In one channel: by cells of half a millisecond, a minute at a time with 30 ms of the neighbours."""
    found: list[Click] = []
    piece, edge = frames_of(60.0), (_AROUND + _APART) * _CELL
    for at in range(0, len(channel), piece):
        first = max(0, at - edge)
        high = _high(channel[first : at + piece + edge].astype(np.float64))
        cells = np.abs(high[: len(high) // _CELL * _CELL]).reshape(-1, _CELL)
        peaks, energy = cells.max(axis=1), np.concatenate(([0.0], np.cumsum(np.square(cells).mean(axis=1))))
        number = np.arange(len(peaks))
        before = _mean(energy, number - _AROUND - _APART, number - _APART)
        after = _mean(energy, number + _APART + 1, number + _APART + 1 + _AROUND)
        around = np.sqrt(np.maximum(before, after)) + 1e-9
        for index in np.flatnonzero((peaks > ratio * around) & (peaks > smallest)):
            frame = first + int(index) * _CELL
            if at <= frame < at + piece:
                found.append(Click(frame / RATE_HZ, float(peaks[index]), float(peaks[index] / around[index])))
    return found


def _high(channel: Floats) -> Floats:
    """What lies above 4 kHz: the sound less its low-pass, a short windowed sinc."""
    t = np.arange(_HIGH_TAPS) - _HIGH_TAPS // 2
    low = np.sinc(t * 2 * 4000.0 / RATE_HZ) * np.hanning(_HIGH_TAPS + 2)[1:-1]
    taps = -low / low.sum()
    taps[_HIGH_TAPS // 2] += 1.0
    return np.convolve(channel, taps, "same")


def _mean(sums: Floats, first: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Floats:
    """Mean over the cells from ``first`` to ``end``; beyond the sound lies silence."""
    last = len(sums) - 1
    return np.maximum(sums[np.clip(end, 0, last)] - sums[np.clip(first, 0, last)], 0.0) / _AROUND


def touch(before: Sound, after: Sound) -> Touch:
    """What became of a stretch, the same frames before and after."""
    frames = min(len(before), len(after)) // HOP_FRAMES * HOP_FRAMES
    before, after = before[:frames], after[:frames]
    plain = [np.square(sound.astype(np.float64)).reshape(-1, HOP_FRAMES * 2).mean(axis=1) for sound in (before, after)]
    heard = plain[0] > 1e-10  # -100 dBFS
    reduction_db = np.where(heard, 10 * np.log10((plain[0] + 1e-20) / (plain[1] + 1e-20)), 0.0)
    meters = [_programme(sound) for sound in (before, after)]
    return Touch(
        reduced_share=float(np.count_nonzero(reduction_db > REDUCED_DB) / max(1, np.count_nonzero(heard))),
        most_db=float(reduction_db.max(initial=0.0)),
        range_change_lu=meters[1].range_lu - meters[0].range_lu,
        loudness_change_lu=meters[1].integrated_lufs - meters[0].integrated_lufs,
        spread_change_db=spread_db(after) - spread_db(before),
    )


def _programme(sound: Sound) -> ProgrammeMeter:
    meter = ProgrammeMeter()
    for block in in_blocks(sound, 4800):
        meter.add(block)
    return meter


def raised_ki(before: Iterable[Onset], after: Iterable[Onset], apart_s: float = 0.05) -> list[tuple[Onset, float]]:
    """Onsets that score more than any so near did before, by more than 0.1 dB, each with what was scored before.

    What is loud hides the onsets of what is quiet right behind it: once it is held down they are heard, and score. Give
    ``apart_s`` accordingly where a recording has such places.
    """
    scored = [onset for onset in before if onset.ki_db > 0.0 and not onset.is_burst]
    starts = [onset.at_s for onset in scored]
    longest_s = max((onset.end_s - onset.at_s for onset in scored), default=0.0)
    raised = []
    for onset in after:
        if onset.is_burst or onset.ki_db == 0.0:
            continue
        first = bisect_left(starts, onset.at_s - apart_s - longest_s)
        last = bisect_right(starts, onset.end_s + apart_s)
        near = [other.ki_db for other in scored[first:last] if onset.at_s <= other.end_s + apart_s]
        most = max(near, default=0.0)
        if onset.ki_db > most + 0.1:
            raised.append((onset, most))
    return raised
