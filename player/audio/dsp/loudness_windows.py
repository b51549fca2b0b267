"""Levels over windows of powers every 10 ms, and the calm level of a sound.

Pure, on any thread. Powers have shape (hops,) or (hops, streams); levels are dB, those of the whole sound LUFS.
"""

from __future__ import annotations

import math
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.habit import HABITUAL_SHARE, HALF, HALVES
from player.audio.dsp.hearing import to_lufs
from player.audio.dsp.octaves import BAND_S, BandPowers

Levels: TypeAlias = npt.NDArray[np.float64]
Marks: TypeAlias = npt.NDArray[np.bool_]

BOX: Final = round(0.05 / BAND_S)
MOMENTARY, SHORT_TERM = round(0.4 / BAND_S), round(3.0 / BAND_S)
TINY: Final = 1e-12
_LOWEST_LUFS: Final = -75.0
_GATE_POWER: Final = 10.0 ** ((-70.0 + 0.691) / 10.0)
_SOUNDING_DB: Final = 25.0


def calm_level(powers: Levels, strangers: Marks) -> float:
    """The calm level without ``strangers``: what M usually is while something sounds, in LUFS; -inf for silence.

    What is reached in 55 % of the stretches of 5 s is habitual; what sounds are the half-seconds whose loudest 50 ms
    are within 25 dB of that. Calm is the mean of M from 12 dB below to 3 dB over the 75th percentile of those. So
    pauses do not count, however long: the calm level of pages that are turned is that of the pages, not of the hum.
    """
    count = len(powers) // HALF
    if count == 0:
        return -math.inf
    boxes = decibels(mean(powers[:, np.newaxis], BOX))[: count * HALF, 0].reshape(count, HALF).max(axis=1)
    is_known = ~strangers[: count * HALF].reshape(count, HALF).any(axis=1) & (boxes > _LOWEST_LUFS)
    known = np.where(is_known if is_known.any() else boxes > _LOWEST_LUFS, boxes, -np.inf)
    if known.max() == -np.inf:
        return -math.inf
    stretches = known[: count // HALVES * HALVES].reshape(-1, HALVES).max(axis=1)
    stretches = stretches[np.isfinite(stretches)]
    if len(stretches):
        habitual = np.quantile(stretches, 1.0 - HABITUAL_SHARE, method="lower")
        known = known[known > habitual - _SOUNDING_DB]
    top = np.percentile(known[np.isfinite(known)], 75.0)
    momentary = decibels(mean(powers[:, np.newaxis], MOMENTARY))[:, 0]
    usual = momentary[~strangers & (momentary > top - 12.0) & (momentary < top + 3.0)]
    return float(10.0 * np.log10(np.mean(10.0 ** (usual / 10.0)))) if len(usual) else float(top)


def calm_with_pauses(calm_lufs: float, powers: Levels) -> float:
    """The calm level in LUFS with pauses as in EBU R 128: the lower of it and of I of the whole, with a block a hop.

    Where nothing is above the first gate of I, -70 LUFS, it is the calm level.
    """
    momentary = trailing(powers, MOMENTARY)[MOMENTARY - 1 :]
    heard = momentary[momentary > _GATE_POWER]
    heard = heard[heard > heard.mean() / 10.0] if len(heard) else heard
    return min(calm_lufs, to_lufs(float(heard.mean()))) if len(heard) else calm_lufs


def box_levels(powers: BandPowers) -> Levels:
    """The level over 50 ms around each hop, dB."""
    return decibels(mean(powers, BOX))


def decibels(powers: Levels) -> Levels:
    """The levels of powers."""
    levels: Levels = 10.0 * np.log10(np.maximum(powers, TINY)) - 0.691
    return levels


def loudest(powers: Levels, width: int) -> float:
    """The largest level over ``width`` whole hops, in LUFS; -inf for silence or fewer hops."""
    return largest(trailing(powers, width)[width - 1 :])


def largest(powers: Levels) -> float:
    """The largest level in LUFS; -inf for silence or nothing."""
    power = float(powers.max(initial=0.0))
    return to_lufs(power) if power > 2.0 * TINY else -math.inf


def mean(powers: Levels, width: int) -> Levels:
    """Mean of ``width`` hops around each; of fewer at the ends."""
    at = np.arange(len(powers))
    return _between(powers, np.maximum(at - (width - 1) // 2, 0), np.minimum(at + width // 2 + 1, len(powers)))


def trailing(powers: Levels, width: int) -> Levels:
    """Mean of the last ``width`` hops up to each."""
    end = np.arange(1, len(powers) + 1)
    return _between(powers, np.maximum(end - width, 0), end)


def _between(powers: Levels, first: npt.NDArray[np.int64], end: npt.NDArray[np.int64]) -> Levels:
    sums = np.concatenate((np.zeros((1, *powers.shape[1:])), np.cumsum(powers, axis=0)))
    means: Levels = np.maximum(sums[end] - sums[first], 0.0) / (end - first).reshape(-1, *[1] * (powers.ndim - 1))
    return means


def numbered(marks: Marks) -> npt.NDArray[np.int64]:
    """The number of the run of marks to which each hop belongs, from 1 on; behind a run still its number."""
    return np.cumsum(np.diff(marks, prepend=False) & marks)


def stretches_with(marks: Marks, stretches: Marks) -> Marks:
    """The hops of those stretches in which a hop is marked."""
    number = numbered(stretches)
    has_mark = np.zeros(number[-1] + 1, np.bool_)
    has_mark[number[stretches & marks]] = True
    found: Marks = stretches & has_mark[number]
    return found
