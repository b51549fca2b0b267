"""Finds holes: digital silence inside sound, as where a decoder had no samples. One finder for each deck.

Runs on the engine thread. libVLC replaces NaN and infinity in float files by zeros before lull can see them, and a
damaged frame of an MP3 becomes 576 or 1152 zeros. Zeros alone are not a fault: editors silence pauses, files end in
silence, and 8-bit recordings contain many zeros. A hole is recognised by four conditions together: it is at most 0.1 s
long; the millisecond before it and the one after it are loud; both have many different values, so they are not a few
steps of a coarse recording; and there are few like it. So a hole can be recognised only when it is over. Until then it
is a *cut*, and only its edges are softened. A pause that an editor cut in remains a cut.

Limitation: if libVLC replaces broken samples by more than 0.1 s of zeros, these count as a pause.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.limits import FAULT_LEVEL
from player.core.units import CHANNELS, to_frames

SHORTEST: Final = 16
"""Frames; shorter runs are ignored, because a low tone in 16 bits has a few exact zeros at each zero crossing."""
LONGEST: Final = to_frames(0.1)
"""Frames; a pause that an editor cut in is longer."""
SIDE: Final = 48
"""Frames before and after a run of zeros by which it is judged: 1 ms."""
LOUD: Final = 2e-3
"""-54 dBFS; a cut in quieter sound is not audible."""
VALUES: Final = 8
"""With fewer different levels in a millisecond the sound is a coarse recording."""
HABIT: Final = 4
HABIT_FRAMES: Final = to_frames(10.0)
"""`HABIT` holes within this many frames are a property of the recording, not faults."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Cuts:
    """Cuts and holes in a block.

    Attributes:
        soft: for each frame whether it lies in a cut, from its 16th frame on; None where none does.
        holes: last frames of the holes that are over, relative to the start of the block; the earliest is -`SIDE`.
    """

    soft: Mask | None
    holes: list[int]


@dataclass(slots=True)
class _Run:
    """A run of zeros that is not over: its first frame since the start, and whether sound was cut there."""

    start: int
    is_cut: bool


class DropoutFinder:
    """Finds frames in cuts, and holes; the result does not depend on the block size."""

    def __init__(self) -> None:
        self._at = 0
        self._run: _Run | None = None
        self._over: list[int] = []  # first frames after cuts that are over, while the sound after them is not known yet
        self._holes: deque[int] = deque([-HABIT_FRAMES] * HABIT, HABIT)

    @property
    def is_idle(self) -> bool:
        """Whether there is no unfinished run of zeros and no cut that is still to be judged."""
        return self._run is None and not self._over

    def pass_over(self, frames: int) -> None:
        """Count frames that have no zero in the left channel, without examining them."""
        self._at += frames

    def find(self, before: Block, block: Block) -> Cuts | None:
        """The cuts and holes of a block; None when there are none.

        Args:
            before: the frames that came before the block, at least `SIDE` of them.
            block: shape (frames, 2).
        """
        if len(block) == 0:
            return None
        frames = np.concatenate((before[-SIDE:], block))
        soft = self._cuts(frames) if self._may_matter(frames) else None
        self._at += len(block)
        holes = self._judge(frames) if self._over else []
        return Cuts(soft, holes) if soft is not None or holes else None

    def _may_matter(self, frames: Block) -> bool:
        """Whether a cut may begin or continue here; if not, only the run of zeros is updated."""
        block = frames[SIDE:]
        if self._run is None and np.count_nonzero(block[:, 0]) == len(block):
            return False
        if self._run is not None and self._run.is_cut:
            return True
        if frames.max() > LOUD or frames.min() < -LOUD:
            return True
        if not block.any():
            self._run = self._run or _Run(self._at, is_cut=False)
        else:
            self._run = None if block[-1].any() else _Run(self._at + len(block) - 1, is_cut=False)
        return False

    def _cuts(self, frames: Block) -> Mask | None:
        """Update the runs of zeros; returns which frames are in cuts."""
        count = len(frames) - SIDE
        is_zero = (frames[SIDE:, 0] == 0.0) & (frames[SIDE:, 1] == 0.0)
        edges = np.flatnonzero(np.diff(is_zero, prepend=False, append=False))
        starts, ends = edges[::2], edges[1::2]
        run, self._run = self._run, None
        soft: Mask | None = None
        for start, end, is_cut in self._candidates(frames, starts, ends, run):
            first = run.start - self._at if run is not None and start == 0 else start
            if is_cut and end - first >= SHORTEST:
                soft = np.zeros(count, np.bool_) if soft is None else soft
                soft[max(0, first + SHORTEST - 1) : end] = True
            if end == count:
                self._run = _Run(self._at + first, is_cut)
            elif is_cut and SHORTEST <= end - first <= LONGEST:
                self._over.append(self._at + end)
        if run is not None and run.is_cut and not is_zero[0] and SHORTEST <= self._at - run.start <= LONGEST:
            self._over.insert(0, self._at)
        return soft

    def _candidates(
        self, frames: Block, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], run: _Run | None
    ) -> list[tuple[int, int, bool]]:
        """The runs that are long enough or not over yet, each with whether sound was cut there."""
        is_old = (starts == 0) if run is not None else np.zeros(len(starts), np.bool_)
        matters = (ends - starts >= SHORTEST) | (ends == len(frames) - SIDE) | is_old
        starts, ends, is_old = starts[matters], ends[matters], is_old[matters]
        is_cut = _are_loud(frames[starts[:, np.newaxis] + np.arange(SIDE)])
        if run is not None:
            is_cut[is_old] = run.is_cut
        return list(zip(starts.tolist(), ends.tolist(), is_cut.tolist(), strict=True))

    def _judge(self, frames: Block) -> list[int]:
        """The holes among the cuts whose following sound is known; the block must have been counted already."""
        first = self._at - len(frames)
        holes = []
        for end in [end for end in self._over if self._at - end >= SIDE]:
            self._over.remove(end)
            behind = frames[end - first : end - first + SIDE]
            if bool(_are_loud(behind[np.newaxis])[0]):
                is_habit = end - self._holes[0] < HABIT_FRAMES
                self._holes.append(end)
                if not is_habit:
                    holes.append(end - 1 - first - SIDE)
        return holes


def _are_loud(sides: Block) -> Mask:
    """Which of these pieces of sound, shape (n, frames, 2), are loud and have enough different levels.

    Broken samples count as silence; the sanitiser handles them. NaN fails the comparison.
    """
    levels = np.abs(sides.reshape(len(sides), SIDE * CHANNELS))
    levels = np.where(levels <= FAULT_LEVEL, levels, 0.0)
    values = np.count_nonzero(np.diff(np.sort(levels, axis=1), axis=1) > 0.0, axis=1) + 1
    loud: Mask = (levels.max(axis=1, initial=0.0) > LOUD) & (values >= VALUES)
    return loud
