"""The night in front of the guard and as it left, hop beside hop.

Runs on the thread that renders. Mostly the guard and the limiter do nothing but delay, and then both sides are the same
bits. Once they have been so for longer than anything remembers, only what leaves is measured; when they part, the other
side goes on from there with a meter that has heard the last second.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.analysis.contract.figures import Levels, Volume
from player.analysis.contract.loudness import LoudnessClauses
from player.audio.dsp.tap import LATE_FRAMES
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.units import CHANNELS, RATE_HZ

SAME_FRAMES: Final = 40 * RATE_HZ
"""The longest memory is that of what is familiar, 30 s."""
RECENT_FRAMES: Final = RATE_HZ
"""The K-weighting has forgotten what is longer ago: its slowest part, at 38 Hz, loses 60 dB in 30 ms."""


class BeforeAfter:
    """Two streams, of which the first is delayed until it lies beside the second.

    Attributes:
        before: what would have been heard without the guard.
        after: what is heard.
    """

    def __init__(self, make_power_meter: MakePowerMeter, target_lufs: float) -> None:
        self.before = LoudnessClauses(make_power_meter, target_lufs)
        self.after = LoudnessClauses(make_power_meter, target_lufs)
        self._late: Block = np.zeros((LATE_FRAMES, CHANNELS), np.float32)
        self._recent: list[Block] = []
        self._same_frames = 0

    def push(self, before: Block, out: Block, volume: Volume, at_s: float) -> tuple[Levels, Levels]:
        """A block as the guard was given it and as one left; what they were like, at the same time."""
        window = np.concatenate((self._late, before))
        before, self._late = window[: len(out)], window[len(out) :]
        if np.array_equal(before, out):
            self._same_frames += len(out)
        else:
            if self._same_frames >= SAME_FRAMES:
                self.before.follow(self.after, np.concatenate(self._recent))
            self._same_frames = 0
        self._remember(out)
        has = self.after.push(out, volume, at_s)
        if self._same_frames < SAME_FRAMES:
            return self.before.push(before, volume, at_s), has
        if has.has_startled:
            self.before.startles.add(at_s)
        return has, has

    def _remember(self, out: Block) -> None:
        self._recent.append(out)
        while sum(map(len, self._recent)) - len(self._recent[0]) >= RECENT_FRAMES:
            del self._recent[0]

    def finish(self) -> None:
        """The night is over."""
        self.after.finish()
        if self._same_frames < SAME_FRAMES:
            self.before.finish()
