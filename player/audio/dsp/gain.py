"""Gains that are linear in dB, and applying gains to a block: shared by all moving gains.

Runs on the engine thread. Theory: a gain that is linear in dB is an exponential, and an exponential of a sum is a
product, so frame k = 256 i + j costs one multiplication of two small tables instead of one exponential per frame. The
tables depend only on k, which counts from the start of the line, so the same frame has the same bits however the audio
is cut into blocks. Nothing is accumulated from block to block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block, Gains
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.units import RATE_HZ, to_frames

Doubles: TypeAlias = npt.NDArray[np.float64]
"""Gains before they are rounded: float64, shape (frames,)."""

RISE_DB_PER_FRAME: Final = MAX_RISE_DB_PER_S / RATE_HZ
SHORTEST_FALL_FRAMES: Final = to_frames(0.005)
"""5 ms; a faster fall is heard as a click."""

_CELL_BITS: Final = 8
_CELL_FRAMES: Final = 1 << _CELL_BITS
_NEPERS_PER_DB: Final = math.log(10.0) / 20.0


@dataclass(frozen=True, slots=True)
class DbLine:
    """A gain that is linear in dB: its level at frame k is ``start_db + k * step_db``."""

    start_db: float
    step_db: float

    def level_db(self, k: int) -> float:
        """Level of frame k in dB."""
        return self.start_db + k * self.step_db

    def exact(self, first: int, frames: int) -> Doubles:
        """Gains of the frames ``first`` to ``first + frames - 1``, float64."""
        coarse, fine = self._tables(first >> _CELL_BITS, ((first + frames - 1) >> _CELL_BITS) + 1)
        skip = first & (_CELL_FRAMES - 1)
        gains: Doubles = np.multiply.outer(coarse, fine).reshape(-1)[skip : skip + frames]
        return gains

    def gains(self, first: int, frames: int) -> Gains:
        """The same as float32."""
        return self.exact(first, frames).astype(np.float32)

    def at(self, k: npt.NDArray[np.int64]) -> Gains:
        """Gains of any frames k >= 0 in any order, float32; the same bits as `gains`."""
        cells = k >> _CELL_BITS
        first = int(cells.min()) if k.size else 0
        coarse, fine = self._tables(first, int(cells.max()) + 1 if k.size else 1)
        exact: Doubles = coarse[cells - first] * fine[k & (_CELL_FRAMES - 1)]
        return exact.astype(np.float32)

    def _tables(self, first_cell: int, end_cell: int) -> tuple[Doubles, Doubles]:
        """Gains at the starts of these cells, and the gains within a cell relative to its start."""
        cells = np.arange(first_cell, end_cell)
        coarse = np.exp((self.start_db + cells * (_CELL_FRAMES * self.step_db)) * _NEPERS_PER_DB)
        return coarse, np.exp(np.arange(_CELL_FRAMES) * (self.step_db * _NEPERS_PER_DB))


def rise_frames(depth_db: float, over_s: float = 0.0) -> int:
    """Frames of a rise by ``depth_db`` in ``over_s`` seconds, more where 6 dB/s would be exceeded; at least 1."""
    return max(1, math.ceil(max(over_s * RATE_HZ, depth_db / RISE_DB_PER_FRAME)))


def fall_frames(over_s: float) -> int:
    """Frames of a fall in ``over_s`` seconds, at least 5 ms."""
    return max(SHORTEST_FALL_FRAMES, to_frames(over_s))


def let_down(frames: int) -> Gains:
    """Gains from 1 to 0 along half a cosine, which is not heard as a click even if it lasts a few milliseconds."""
    gains: Gains = (0.5 + 0.5 * np.cos(np.pi * np.arange(1, frames + 1) / frames)).astype(np.float32)
    return gains


def applied(block: Block, gains: Gains) -> Block:
    """A new block: each frame times its gain. Two strided products take a third of the time of a broadcast one."""
    out = np.empty_like(block)
    np.multiply(block[:, 0], gains, out=out[:, 0])
    np.multiply(block[:, 1], gains, out=out[:, 1])
    return out


def applied_between(hops: Block, borders: list[float]) -> Block:
    """Hops with gains that are linear in dB between the borders of hops; ``borders``: their power gains, n + 1."""
    if min(borders) == 1.0:
        return hops
    frames = len(hops) // (len(borders) - 1)
    levels = 0.5 * np.log(np.array(borders))
    slopes = np.diff(levels)[:, np.newaxis] * (np.arange(1, frames + 1) / frames)
    gains = np.exp(levels[:-1, np.newaxis] + slopes).astype(np.float32)
    return applied(hops, gains.reshape(-1))
