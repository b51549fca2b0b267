"""The power that a loudness limit over a window still allows: M over 400 ms, S over 3 s.

Runs on the engine thread. What was heard is kept in chunks of 50 ms. Before each chunk the allowance is the largest
power that could last for any time up to a horizon without breaking the limit: the minimum, over j chunks up to the
horizon, of what the window has left without the j - 1 oldest chunks, divided by j. One chunk alone (j = 1) is the exact
limit; the longer times spread what is left, so that a level that stays at the limit is kept there without being cut
off. The horizon is short while the window is not yet 70 % full, so that the peaks of calm sound pass.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from player.audio.dsp.hearing import CHUNK_HOPS, CHUNK_S, added

_HEAD: Final = 7
_FREE: Final = 0.7
"""Share of the window up to which the short horizon applies."""
_TRANSIENT: Final = 0.5
"""While the fast level is 3 dB below the limit, a single hop may take a quarter of what is left for a chunk."""
_LEAST: Final = 0.05
"""13 dB below the limit is always allowed: it exceeds the limit by 0.2 dB at most, and no sound is cut off."""


class LoudnessBudget:
    """Powers are relative to the level for which ``room_lu`` is meant.

    Args:
        window_s: over which the limit holds.
        horizons_s: for how long the allowance must last, while there is much left and when there is little.
        room_lu: the limit.

    Attributes:
        left: power that is left for this chunk, as a sum over hops.
        is_planned: the sound was planned to stay within the limit, so only the limit itself applies (j = 1).
        state: float64, for kernel.c, which may take whole chunks in the place of `take_many`: scalars (valid between
            `save` and `load`) and the chunks.
    """

    def __init__(self, window_s: float, horizons_s: tuple[float, float], room_lu: float) -> None:
        self._level = math.pow(10.0, room_lu / 10.0)
        self._transient, self._least = _TRANSIENT * self._level, _LEAST * self._level
        self._short, self._long = (round(horizon_s / CHUNK_S) for horizon_s in horizons_s)
        self.state = np.zeros(_HEAD + round(window_s / CHUNK_S) - 1)
        self._chunks = self.state[_HEAD:]  # the oldest first
        self._limit = self._level * round(window_s / CHUNK_S) * CHUNK_HOPS
        self._taken = 0.0
        self._hops = CHUNK_HOPS
        self.is_planned = False
        self.left = self._next_chunk()

    def _next_chunk(self) -> float:
        """The power that the next chunk may take, as a sum over hops."""
        chunks: list[float] = self._chunks.tolist()
        total = added(chunks)
        least = self._limit - total
        horizon = self._short if total < _FREE * self._limit else self._long
        horizon = 1 if self.is_planned else horizon
        for spread, oldest in enumerate(chunks[: horizon - 1], start=2):
            total -= oldest
            least = min(least, (self._limit - total) / spread)
        return max(least, 0.0)

    @property
    def is_at_a_border(self) -> bool:
        """Whether a chunk has just ended."""
        return self._hops == CHUNK_HOPS

    def save(self) -> None:
        """Copy the other attributes into `state`; only at a border."""
        self.state[:_HEAD] = self.left, self._limit, self.is_planned, self._short, self._long, _FREE, len(self._chunks)

    def load(self) -> None:
        """Copy `left` back from `state`."""
        self.left = self.state.item(0)

    def bound(self, fast: float, late: float) -> float:
        """The most that a hop may take when ``late`` is yet to be taken, while the fast level stands at ``fast``."""
        left = self.left - late
        if self.is_planned:
            return max(left, self._least)
        even = 2.0 * left / (self._hops + 1)
        return max(even, 0.25 * left, self._least) if fast < self._transient else max(even, self._least)

    def take(self, power: float) -> None:
        """A hop of this power was heard."""
        self.take_many((power,), 1.0)

    def take_many(self, powers: Sequence[float], share: float) -> None:
        """Hops of these powers times ``share`` were heard, at most as many as this chunk has left."""
        taken, left = self._taken, self.left
        for power in powers:
            taken += power * share
            left -= power * share
        self._taken, self.left = taken, max(left, 0.0)
        self._hops -= len(powers)
        if self._hops == 0:
            self._end_chunk()

    def _end_chunk(self) -> None:
        self._chunks[:-1] = self._chunks[1:]
        self._chunks[-1] = self._taken
        self._taken, self._hops = 0.0, CHUNK_HOPS
        self.left = self._next_chunk()
