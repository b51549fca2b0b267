"""Episodes: what the guard held down, for people to be told. Runs on the engine thread."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from player.audio.dsp.hearing import HOP_S

TAMED: Final[float] = 10.0**-0.3
"""A reduction by more than 3 dB is worth telling."""
APART_HOPS: Final = round(1.0 / HOP_S)
"""Reductions less than a second apart are one."""
MOST: Final = 64
"""More are not kept for whoever does not ask."""


@dataclass(frozen=True, slots=True)
class Episode:
    """Something that was held down.

    Attributes:
        began_s: how long ago it began.
        duration_s: how long it lasted.
        reduction_db: the most by which it was lowered.
    """

    began_s: float
    duration_s: float
    reduction_db: float


class Episodes:
    """Follows the gain hop by hop."""

    def __init__(self) -> None:
        self._ended: list[Episode] = []
        self.reset()

    def reset(self) -> None:
        """Forget what is under way."""
        self._held_hops = self._quiet_hops = 0
        self._deepest = 1.0

    @property
    def is_open(self) -> bool:
        """Whether one is under way."""
        return self._held_hops > 0

    def take(self) -> list[Episode]:
        """What has ended since the last call."""
        ended, self._ended = self._ended, []
        return ended

    def watch(self, gain: float, *, is_loud: bool) -> None:
        """One hop's power gain. What would not even have been as loud as calm sound is no surprise."""
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
