"""A night as at most 2048 columns, whatever its length: when they are full, each two become one.

Runs on the thread that renders. A column keeps the least and the most, so nothing short is lost when it gets wider.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.analysis.contract.figures import Levels, Powers
from player.audio.dsp.hearing import HOP_S
from player.core.units import SILENCE_DB

Values: TypeAlias = npt.NDArray[np.float64]

MOST_COLUMNS: Final = 2048
_SILENT_DB: Final = -200.0
_LOUDEST = ("before_most", "after_most", "lowered_db", "volume_db")
_QUIETEST = ("before_least", "after_least")
_MEANS = ("before_mean", "after_mean")


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns; levels are M in LUFS, volume included, -200 for silence.

    Attributes:
        starts_s: where each begins.
        before_least, before_mean, before_most: as decoded, under lull's own gains.
        after_least, after_mean, after_most: as it left.
        lowered_db: by how much a hop was lowered at most.
        volume_db: where the ramp stood at the highest.
    """

    starts_s: Values
    before_least: Values
    before_mean: Values
    before_most: Values
    after_least: Values
    after_mean: Values
    after_most: Values
    lowered_db: Values
    volume_db: Values


class Timeline:
    """Takes blocks of one length."""

    def __init__(self) -> None:
        self._wide = 1
        self._columns = 0
        self._block_s = 0.1
        self._clear()

    def _clear(self) -> None:
        self._most = np.full((len(_LOUDEST), MOST_COLUMNS), -np.inf)
        self._least = np.full((len(_QUIETEST), MOST_COLUMNS), np.inf)
        self._sums = np.zeros((len(_MEANS), MOST_COLUMNS))
        self._blocks = np.zeros(MOST_COLUMNS)

    def push(self, before: Levels, after: Levels, lowered_db: Powers, volume_db: float) -> None:
        """What was measured of a block."""
        at = self._columns - 1
        if at < 0 or self._blocks[at] == self._wide:
            if self._columns == MOST_COLUMNS:
                self._fold()
            at, self._columns = self._columns, self._columns + 1
        self._block_s = len(after.hops) * HOP_S
        had, has = before.momentary, after.momentary
        most = (had.max(), has.max(), lowered_db.max(), max(volume_db, _SILENT_DB))
        self._most[:, at] = np.maximum(self._most[:, at], most)
        self._least[:, at] = np.minimum(self._least[:, at], (had.min(), has.min()))
        self._sums[:, at] += (had.mean(), has.mean())
        self._blocks[at] += 1

    def _fold(self) -> None:
        """Each two columns become one."""
        half = MOST_COLUMNS // 2
        most, least = self._most.reshape(-1, half, 2).max(axis=2), self._least.reshape(-1, half, 2).min(axis=2)
        sums, blocks = self._sums.reshape(-1, half, 2).sum(axis=2), self._blocks.reshape(half, 2).sum(axis=1)
        self._clear()
        self._most[:, :half], self._least[:, :half] = most, least
        self._sums[:, :half], self._blocks[:half] = sums, blocks
        self._columns = half
        self._wide *= 2

    def columns(self) -> Columns:
        """All so far."""
        end = self._columns
        blocks = np.maximum(self._blocks[:end], 1.0)
        had, has, lowered_db, volume_db = self._most[:, :end]
        return Columns(
            starts_s=np.arange(end, dtype=np.float64) * (self._wide * self._block_s),
            before_least=_levels(self._least[0, :end]),
            before_mean=_levels(self._sums[0, :end] / blocks),
            before_most=_levels(had),
            after_least=_levels(self._least[1, :end]),
            after_mean=_levels(self._sums[1, :end] / blocks),
            after_most=_levels(has),
            lowered_db=np.maximum(lowered_db, 0.0),
            volume_db=np.where(volume_db <= _SILENT_DB, SILENCE_DB, volume_db),
        )


def _levels(powers: Values) -> Values:
    levels: Values = 10.0 * np.log10(np.maximum(powers, 1e-20)) - 0.691
    return levels
