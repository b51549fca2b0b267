"""The sanitiser: replaces broken samples of a decoder by a short silence with soft edges.

Runs on the engine thread, one for each deck, before its gain. A frame is bad when a sample of it is not finite or lies
beyond the fault level (legitimate overs stay far below that), or when it is the last one of a hole in the sound
(`player.audio.dsp.dropouts`: libVLC makes zeros of NaN). Zeros that were cut out of sound without being a hole are
content, of which the edges are softened. Each frame's gain is a product of three:

- before the next bad frame or cut, the second half of a raised cosine, which reaches zero in the look-ahead. The
  look-ahead is why this stage is late by 5 ms;
- after the last bad frame, zero for 50 ms, then a straight line in dB from -60 dB at 6 dB/s;
- after the last frame of a cut, the same cosine upward.

All depend only on the distance to a bad frame, so the result does not depend on how the sound is cut into blocks. Good
audio passes unchanged.

Limitation: garbage within the fault level, at most +12 dBFS, is not recognised; the limiter limits it.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.dropouts import Cuts, DropoutFinder
from player.audio.dsp.gain import DbLine, applied, rise_frames
from player.audio.dsp.native import Kernel
from player.audio.dsp.types import Block, Gains
from player.core.limits import FADE_DEPTH_DB, FAULT_LEVEL
from player.core.units import CHANNELS, to_frames

Distances: TypeAlias = npt.NDArray[np.int64]
"""Frames to or from a bad frame: shape (frames,)."""

LOOK_AHEAD_FRAMES: Final = to_frames(0.005)
HOLD_FRAMES: Final = to_frames(0.050)
RISE_FRAMES: Final = rise_frames(FADE_DEPTH_DB)
_WELL: Final = HOLD_FRAMES + RISE_FRAMES
"""Frames after a bad frame from which on the gain is 1 again."""

_FALL: Final[Gains] = (0.5 - 0.5 * np.cos(np.pi * np.arange(LOOK_AHEAD_FRAMES + 1) / LOOK_AHEAD_FRAMES)).astype(
    np.float32
)
_RISE: Final = DbLine(-FADE_DEPTH_DB, FADE_DEPTH_DB / RISE_FRAMES)


class Sanitiser:
    """Passes good frames on, 240 frames late, and turns bad ones into a soft silence.

    Args:
        native: the native kernel, which processes good frames; None to work in Python.

    Attributes:
        faults: how many stretches of bad frames there were; those within 50 ms of each other count as one.
        latency_frames: frames by which the output is later than the input; the first ones are zeros.
    """

    latency_frames: Final = LOOK_AHEAD_FRAMES

    def __init__(self, native: Kernel | None = None) -> None:
        self._kernel = native
        self.faults = 0
        self._late: Block = np.zeros((LOOK_AHEAD_FRAMES, CHANNELS), np.float32)
        self._late_is_bad = np.zeros(LOOK_AHEAD_FRAMES, np.bool_)
        self._late_is_cut = np.zeros(LOOK_AHEAD_FRAMES, np.bool_)
        self._since_bad = _WELL
        self._since_cut = LOOK_AHEAD_FRAMES
        self._is_clean = True
        self._dropouts = DropoutFinder()

    @property
    def is_recovering(self) -> bool:
        """Whether its gain rises after a fault, or will after one that is held back; no other gain may rise then."""
        return self._since_bad < _WELL or bool(self._late_is_bad.any())

    @property
    def is_muted(self) -> bool:
        """Whether its output is silent because of bad frames, present ones or ones that have just ended."""
        return self._since_bad <= HOLD_FRAMES

    def process_calm(self, block: Block, gain: float) -> tuple[Block, float] | None:
        """`process` and then a gain, in one call: that, and the sum of its squares; None where a frame may be bad."""
        if self._kernel is None or not (self._is_clean and self._dropouts.is_idle):
            return None
        if not self._late.flags.owndata:
            self._late = self._late.copy()
        calm = self._kernel.calm_deck(block, self._late, gain, FAULT_LEVEL)
        if calm is not None:
            self._dropouts.pass_over(len(block))
        return calm

    def process(self, block: Block) -> Block:
        """The block, shape (frames, 2), delayed; finite and within the fault level whatever comes in."""
        frames = len(block)
        is_good = frames == 0 or bool(block.max() <= FAULT_LEVEL and block.min() >= -FAULT_LEVEL)  # NaN compares False
        cuts = self._dropouts.find(self._late, block)
        if is_good and cuts is None and self._is_clean:
            window = np.concatenate((self._late, block))
            self._late = window[frames:]
            return window[:frames]
        return self._mended(block, cuts or Cuts(None, []), is_good=is_good)

    def _mended(self, block: Block, cuts: Cuts, *, is_good: bool) -> Block:
        """The block, delayed, under the gain of its frames; what was bad is zero."""
        frames = len(block)
        good = np.zeros(frames, np.bool_)
        bad = np.concatenate((self._late_is_bad, good if is_good else _is_bad(block)))
        bad[[LOOK_AHEAD_FRAMES + last for last in cuts.holes]] = True
        cut = np.concatenate((self._late_is_cut, good if cuts.soft is None else cuts.soft))
        window = np.concatenate((self._late, block))
        self._late, self._late_is_bad, self._late_is_cut = window[frames:], bad[frames:], cut[frames:]
        gains = self._recovery(bad[:frames]) * self._softened(cut[:frames])
        if bad.any() or cut.any():
            window[bad] = 0.0
            gains = gains * _FALL[self._ahead(bad | cut)[:frames]]
        self._is_clean = not (self.is_recovering or self._late_is_cut.any() or self._since_cut < LOOK_AHEAD_FRAMES)
        return applied(window[:frames], gains)

    def _softened(self, cut: npt.NDArray[np.bool_]) -> Gains:
        """For each frame the gain that follows from the last cut."""
        frame = np.arange(len(cut))
        last_cut = np.maximum.accumulate(np.where(cut, frame, -1 - self._since_cut))
        since = np.minimum(frame - last_cut, LOOK_AHEAD_FRAMES)
        self._since_cut = int(since[-1]) if len(since) else self._since_cut
        gains: Gains = _FALL[since]
        return gains

    @staticmethod
    def _ahead(bad: npt.NDArray[np.bool_]) -> Distances:
        """For each frame the distance to the next bad one, 0 for a bad one, at most the look-ahead."""
        frame = np.arange(len(bad))
        next_bad = np.where(bad, frame, len(bad) + LOOK_AHEAD_FRAMES)
        ahead: Distances = np.minimum.accumulate(next_bad[::-1])[::-1] - frame
        return np.minimum(ahead, LOOK_AHEAD_FRAMES)

    def _recovery(self, bad: npt.NDArray[np.bool_]) -> Gains:
        """For each frame the gain that follows from the last bad one, and the count of new stretches."""
        if not bad.any():
            first = self._since_bad + 1
            self._since_bad = min(self._since_bad + len(bad), _WELL)
            return _recovered(np.arange(first, first + len(bad)))
        frame = np.arange(len(bad))
        where = np.flatnonzero(bad)
        gaps = np.diff(where, prepend=-1 - self._since_bad)
        self.faults += int(np.count_nonzero(gaps > HOLD_FRAMES))
        last_bad = np.maximum.accumulate(np.where(bad, frame, -1 - self._since_bad))
        self._since_bad = min(int(len(bad) - 1 - last_bad[-1]), _WELL)
        return _recovered(frame - last_bad)


def _is_bad(block: Block) -> npt.NDArray[np.bool_]:
    """Which frames have a bad sample; NaN compares False."""
    good = np.abs(block) <= FAULT_LEVEL
    return ~(good[:, 0] & good[:, 1])


def _recovered(since: Distances) -> Gains:
    """The gain so many frames after a bad one: 0 over the hold, then the line, then 1."""
    k = np.clip(since - HOLD_FRAMES, 0, RISE_FRAMES)
    gains: Gains = _RISE.at(k)
    gains[k == 0] = 0.0
    return gains
