"""Finds holes: digital silence inside sound, as where a decoder had no samples. One finder for each deck.

Runs on the engine thread. libVLC replaces NaN and infinity in float files by zeros before lull can see them, and a
damaged frame of an MP3 becomes 576 or 1152 zeros. Zeros alone are not a fault: editors silence pauses, files end in
silence, 8-bit recordings contain many zeros, and a noise gate makes zeros of all that is soft. A hole is recognised by
six conditions together: it is at most 0.1 s long; the millisecond before it and the one after it are loud; both have
many different values, so they are not a few steps of a coarse recording; their peaks differ by at most 10 dB, so it is
not the gap between the end of one tap and the beginning of the next; neither has faded to the last bits beside the
zeros, as no decoder fades; and sound was rarely cut lately, for however long.
So a hole can be recognised only when it is over. Until then it is a *cut*, and only its edges are softened. A pause
that an editor or a gate cut in remains a cut.

Limitations: if libVLC replaces broken samples by more than 0.1 s of zeros, these count as a pause; the first short gap
that a noise gate makes may count as a hole.
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
ALIKE: Final = 10.0**0.5
"""Largest ratio of the peaks on both sides of a hole."""
EDGE: Final = 8
FADED: Final = 1 / 40
"""Where the `EDGE` frames beside the zeros have at most this share of the peak of that side, the sound ends by itself.
A tone of 50 Hz that is cut where it crosses zero, or a frame of an MP3 that overlaps a lost one, has a sixth."""
HABIT: Final = 2
HABIT_FRAMES: Final = to_frames(30.0)
"""`HABIT` cuts within this many frames are a property of the recording, not faults."""

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
    """A run of zeros.

    Attributes:
        start: its first frame since the start.
        peak: of the sound cut there; 0 if none.
        is_faded: whether that sound fades before the zeros.
        end: the frame after the zeros.
    """

    start: int
    peak: float
    is_faded: bool = False
    end: int = 0


class DropoutFinder:
    """Finds frames in cuts, and holes; the result does not depend on the block size."""

    def __init__(self) -> None:
        self._at = 0
        self._run: _Run | None = None
        self._over: list[_Run] = []  # cuts that are over, while the sound after them is not known yet
        self._ends: deque[int] = deque([-HABIT_FRAMES] * HABIT, HABIT)  # of the last cuts

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
        if self._run is not None and self._run.peak:
            return True
        if frames.max() > LOUD or frames.min() < -LOUD:
            return True
        if not block.any():
            self._run = self._run or _Run(self._at, 0.0)
        else:
            self._run = None if block[-1].any() else _Run(self._at + len(block) - 1, 0.0)
        return False

    def _cuts(self, frames: Block) -> Mask | None:
        """Update the runs of zeros; returns which frames are in cuts."""
        count = len(frames) - SIDE
        is_zero = (frames[SIDE:, 0] == 0.0) & (frames[SIDE:, 1] == 0.0)
        edges = np.flatnonzero(np.diff(is_zero, prepend=False, append=False))
        starts, ends = edges[::2], edges[1::2]
        run, self._run = self._run, None
        soft: Mask | None = None
        for start, end, peak, is_faded in self._candidates(frames, starts, ends, run):
            first = run.start - self._at if run is not None and start == 0 else start
            is_cut = peak > 0.0 and end - first >= SHORTEST
            if is_cut:
                soft = np.zeros(count, np.bool_) if soft is None else soft
                soft[max(0, first + SHORTEST - 1) : end] = True
            if end == count:
                self._run = _Run(self._at + first, peak, is_faded)
            elif is_cut:
                self._over.append(_Run(self._at + first, peak, is_faded, self._at + end))
        if run is not None and run.peak and not is_zero[0] and self._at - run.start >= SHORTEST:
            self._over.insert(0, _Run(run.start, run.peak, run.is_faded, self._at))
        return soft

    def _candidates(
        self, frames: Block, starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], run: _Run | None
    ) -> list[tuple[int, int, float, bool]]:
        """The runs that are long or not over, each with the peak of the sound that was cut, and whether it fades."""
        is_old = (starts == 0) if run is not None else np.zeros(len(starts), np.bool_)
        matters = (ends - starts >= SHORTEST) | (ends == len(frames) - SIDE) | is_old
        starts, ends, is_old = starts[matters], ends[matters], is_old[matters]
        sides = frames[starts[:, np.newaxis] + np.arange(SIDE)]
        peaks, faded = _peaks(sides), _are_faded(sides[:, ::-1])
        if run is not None:
            peaks[is_old], faded[is_old] = run.peak, run.is_faded
        return list(zip(starts.tolist(), ends.tolist(), peaks.tolist(), faded.tolist(), strict=True))

    def _judge(self, frames: Block) -> list[int]:
        """The holes among the cuts whose following sound is known; the block must have been counted already."""
        first = self._at - len(frames)
        holes = []
        for cut in [cut for cut in self._over if self._at - cut.end >= SIDE]:
            self._over.remove(cut)
            is_habit = cut.end - self._ends[0] < HABIT_FRAMES
            self._ends.append(cut.end)
            after = frames[cut.end - first : cut.end - first + SIDE][np.newaxis]
            peak, is_faded = float(_peaks(after)[0]), cut.is_faded or bool(_are_faded(after)[0])
            is_alike = cut.peak <= peak * ALIKE and peak <= cut.peak * ALIKE and not is_faded
            if is_alike and not is_habit and cut.end - cut.start <= LONGEST:
                holes.append(cut.end - 1 - first - SIDE)
        return holes


def _peaks(sides: Block) -> npt.NDArray[np.float32]:
    """The peaks of these pieces of sound, shape (n, frames, 2); 0 where one is soft or has too few different levels.

    Broken samples count as silence; the sanitiser handles them. NaN fails the comparison.
    """
    levels = np.abs(sides.reshape(len(sides), SIDE * CHANNELS))
    levels = np.where(levels <= FAULT_LEVEL, levels, np.float32(0.0))
    values = np.count_nonzero(np.diff(np.sort(levels, axis=1), axis=1) > 0.0, axis=1) + 1
    peaks = levels.max(axis=1, initial=0.0)
    return np.where((peaks > LOUD) & (values >= VALUES), peaks, np.float32(0.0))


def _are_faded(sides: Block) -> Mask:
    """Whether the first frames of these pieces of sound, shape (n, `SIDE`, 2), are nearly silent beside the rest."""
    edges, peaks = (np.abs(part).max(axis=(1, 2), initial=0.0) for part in (sides[:, :EDGE], sides))
    return np.asarray(edges <= peaks * FADED)
