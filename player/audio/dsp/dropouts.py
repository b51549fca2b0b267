"""Holes: digital silence that begins in the middle of sound, as where a decoder had nothing to give. One for each deck.

Runs on the engine thread. libVLC turns NaN and infinity in float files into zeros before anybody can see them, and
other faults leave zeros too. Sound that a person ended has faded to almost nothing before it is exactly zero; a hole is
cut out, so what stood just before it was loud. Its edges are what startles, the far one more than the near one.

Where it falls short: a recording that was cut off hard by its editor looks the same, and comes back slowly as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.limits import FAULT_LEVEL

SHORTEST: Final = 16
"""Frames: a low tone in 16 bit passes through a few exact zeros at each crossing."""
BEFORE: Final = 48
"""A hole is judged by the loudest sample of the millisecond before it."""
LOUD: Final = 2e-3
"""-54 dBFS; a cut from less than that is not heard as one."""


class DropoutFinder:
    """Says which frames lie in a hole, from its 16th frame on; the same for every block size."""

    def __init__(self) -> None:
        self._run = 0
        self._is_hole = False

    def find(self, before: Block, block: Block) -> npt.NDArray[np.bool_] | None:
        """For each frame of the block whether it lies in a hole; None when none does.

        Args:
            before: the frames that came before the block, at least `BEFORE` of them.
            block: shape (frames, 2).
        """
        frames = len(block)
        if frames == 0:
            return None
        if np.count_nonzero(block[:, 0]) == frames:
            self._run = 0
            return None
        is_zero: npt.NDArray[np.bool_] = (block[:, 0] == 0.0) & (block[:, 1] == 0.0)
        edges = np.flatnonzero(np.diff(is_zero, prepend=False, append=False))
        found: npt.NDArray[np.bool_] | None = None
        for start, end in edges.reshape(-1, 2).tolist():
            carried = self._run if start == 0 else 0
            if carried == 0:
                self._is_hole = self._is_cut(before, block, start)
            if self._is_hole and carried + end - start >= SHORTEST:
                found = np.zeros(frames, np.bool_) if found is None else found
                found[start + max(0, SHORTEST - 1 - carried) : end] = True
        self._run = 0
        if is_zero[-1]:
            start, end = edges[-2:].tolist()
            self._run = end - start + (carried if start == 0 else 0)
        return found

    @staticmethod
    def _is_cut(before: Block, block: Block, start: int) -> bool:
        """Whether the frames just before a run of zeros are loud."""
        near = block[max(0, start - BEFORE) : start]
        far = before[len(before) - max(0, BEFORE - start) :]
        levels = np.abs(np.concatenate((far, near))).max(axis=1, initial=0.0)
        # a broken frame is no sound; what follows it is the sanitiser's business anyway. NaN fails both comparisons.
        return bool(np.any((levels > LOUD) & (levels <= FAULT_LEVEL)))
