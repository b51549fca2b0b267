"""How far sound rises over its past: C1b and C1d of docs/never-startle.md.

Runs on the thread that owns the object. The input is powers every 10 ms, several streams at once (the whole, each ear,
each octave: `player.audio.dsp.octaves`), each of which is judged against its own past. L is the fast level of
ISO/PAS 1996-3, an exponential mean of 125 ms. The *rise* at a moment is the smaller of two heights:

- L over the lowest L of the last 250 ms;
- L over the mean power of the 10 s before those 250 ms.

More than 10 dB breaks the clause. What was loud before plays no part beyond its share of the mean. Levels of the whole
count as no less than what the room hides, 12 dB below calm; an ear and an octave are judged where L is at most 20 dB
below calm. Before 10 s were heard there is no mean, and no rise.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.hearing import to_power
from player.audio.dsp.octaves import BAND_S, STREAMS, BandPowers
from player.audio.dsp.startle import ROOM_BELOW_CALM_DB

RISE_DB: Final = 10.0
"""A higher rise breaks C1b, in an ear or an octave C1d."""
AUDIBLE_BELOW_CALM_DB: Final = 20.0
NO_RISE_DB: Final = -99.0
_KEEP: Final = float(np.exp(-BAND_S / 0.125))
_QUICK: Final = round(0.25 / BAND_S)
_MEAN: Final = round(10.0 / BAND_S)
MEMORY: Final = _MEAN + _QUICK
"""Number of hops that are heard before the first rise is judged."""
_PIECE: Final = 50
"""Hops over which the recursion of the fast level is unrolled; the largest factor, 0.9 ** -50, is harmless."""
_TINY: Final = 1e-14


def rises_db(now: BandPowers, past: BandPowers, calm_lufs: float) -> BandPowers:
    """What `RiseMeter.heights` found, judged against a calm level; powers of shape (hops, streams), first the whole."""
    least = np.full(now.shape[1], to_power(calm_lufs - AUDIBLE_BELOW_CALM_DB))
    floor = np.zeros(now.shape[1])
    least[0] = floor[0] = to_power(calm_lufs - ROOM_BELOW_CALM_DB)
    ratio = np.maximum(now, _TINY) / np.maximum(past, floor)
    rises: BandPowers = np.where((now >= least) & np.isfinite(past), 10.0 * np.log10(ratio + _TINY), NO_RISE_DB)
    return rises


def fast_levels(powers: BandPowers, before: BandPowers) -> BandPowers:
    """The fast level after each hop, as a power, shape (hops, streams), from the level ``before`` on, (streams,)."""
    levels = np.empty_like(powers)
    for at in range(0, len(powers), _PIECE):
        piece = powers[at : at + _PIECE]
        decay = _KEEP ** np.arange(1, len(piece) + 1)[:, np.newaxis]
        levels[at : at + _PIECE] = decay * (before + (1.0 - _KEEP) * np.cumsum(piece / decay, axis=0))
        before = levels[at + len(piece) - 1]
    return levels


class RiseMeter:
    """Measures rises in a stream.

    Args:
        calm_lufs: the calm level of what sounds, as it leaves; `move_calm` changes it.
        streams: of how many of `STREAMS`, from the first on, powers will come.
    """

    def __init__(self, calm_lufs: float, streams: int = len(STREAMS)) -> None:
        self._past = np.zeros((MEMORY, streams))
        self._heard = 0
        self.move_calm(calm_lufs)

    def move_calm(self, calm_lufs: float) -> None:
        """The calm level has changed."""
        self._calm_lufs = calm_lufs

    def push(self, powers: BandPowers) -> BandPowers:
        """The rise in dB at each hop and in each stream, shape (hops, streams); -99 where there is none to judge."""
        return rises_db(*self.heights(powers), self._calm_lufs)

    def heights(self, powers: BandPowers) -> tuple[BandPowers, BandPowers]:
        """The fast level, and what it is compared with: the larger of the lowest and the mean. As powers.

        Before 10 s were heard it is compared with infinity.
        """
        hops = len(powers)
        window = np.concatenate((self._past, fast_levels(powers, self._past[-1])))
        self._past = window[hops:]
        heard, self._heard = self._heard, self._heard + hops
        lowest = np.lib.stride_tricks.sliding_window_view(window[_MEAN - 1 :], _QUICK + 1, axis=0).min(axis=-1)[1:]
        sums = np.cumsum(np.concatenate((np.zeros((1, window.shape[1])), window)), axis=0)
        means = (sums[_MEAN + 1 : -_QUICK] - sums[1 : -_QUICK - _MEAN]) / _MEAN
        past = np.maximum(np.maximum(lowest, means), _TINY)
        past[np.arange(heard, heard + hops) < MEMORY] = np.inf
        return window[MEMORY:], past
