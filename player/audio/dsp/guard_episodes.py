"""Episodes: sounds that the guard lowered, for reports to the user. Runs on the engine thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from player.audio.dsp.hearing import HOP_S

TAMED: Final[float] = 10.0**-0.3
"""A reduction by more than 3 dB is reported."""
APART_HOPS: Final = round(1.0 / HOP_S)
"""Reductions less than a second apart are one episode."""
MOST: Final = 64
"""Number of ended episodes that are kept until `Episodes.take`, beside the newest one."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A sound that was lowered.

    Attributes:
        began_s: how long ago it began.
        duration_s: how long it lasted.
        reduction_db: largest reduction.
    """

    began_s: float
    duration_s: float
    reduction_db: float


class Episodes:
    """Finds episodes in the gain of the guard, hop by hop."""

    def __init__(self) -> None:
        self._ended: list[Episode] = []
        self.reset()

    def reset(self) -> None:
        """Forget the current episode."""
        self._held_hops = self._quiet_hops = 0
        self._deepest = 1.0

    @property
    def is_open(self) -> bool:
        """Whether there is a current episode."""
        return self._held_hops > 0

    def take(self) -> list[Episode]:
        """The episodes that ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def watch(self, gain: float, *, is_loud: bool) -> None:
        """Add the power gain of one hop; an episode begins only where the sound would have been loud (``is_loud``)."""
        if gain < TAMED and (is_loud or self._held_hops):
            self._held_hops += 1 + self._quiet_hops
            self._quiet_hops = 0
            self._deepest = min(self._deepest, gain)
        elif self._held_hops:
            self._quiet_hops += 1
            if self._quiet_hops == APART_HOPS:
                held_s, deepest_db = self._held_hops * HOP_S, -10.0 * math.log10(self._deepest)
                self._ended = [*self._ended[-MOST:], Episode(held_s + APART_HOPS * HOP_S, held_s, deepest_db)]
                self.reset()
