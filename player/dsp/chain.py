"""The stages behind the mixer, in their order, written once.

Runs on the engine thread. The ramp stands before the limiter so that nothing behind the limiter can raise a level, and
the check stands behind everything, knows nothing of the stages but the bound, and trusts none of them.
"""

from __future__ import annotations

import numpy as np

from player.dsp.guard import Guard
from player.dsp.limiter import Limiter
from player.dsp.meter import LevelMeter
from player.dsp.ramp import Ramp
from player.dsp.types import Block


class Chain:
    """Guard, ramp, limiter, check, meter; at silence until the ramp is given a target.

    Args:
        ceiling_dbtp: no true peak above this leaves; at most -1.

    Attributes:
        latency_frames: frames by which the output is later than the input.
        faults: how often the check found a block unfit; more than 0 is a bug in a stage or its input.
    """

    def __init__(self, ceiling_dbtp: float) -> None:
        self.guard = Guard()
        self.limiter = Limiter(ceiling_dbtp)
        self.ramp = Ramp(settle_frames=self.limiter.latency_frames)
        self.meter = LevelMeter()
        self.latency_frames = self.guard.latency_frames + self.limiter.latency_frames
        self.faults = 0

    def process(self, mixed: Block, *, may_rise: bool = True) -> Block:
        """The block as it goes to the device: shape (frames, 2), finite, nowhere above the ceiling.

        Without ``may_rise`` a ramp on its way up stands still for this block, because a deck rises in it.
        """
        ramp = self.ramp.process if may_rise or not self.ramp.is_rising else self.ramp.wait
        out = self._checked(self.limiter.process(ramp(self.guard.process(mixed))))
        self.meter.measure(out)
        return out

    def hush(self) -> None:
        """Silence from the next frame on, and nothing held back that could come out later.

        Only after the device lost samples or a stage failed. The way back is a ramp.
        """
        self.guard.reset()
        self.ramp.hush()
        self.limiter.reset()

    def _checked(self, block: Block) -> Block:
        """The block, or silence in its place where it is unfit (C5); NaN fails both comparisons."""
        bound = self.limiter.bound
        if len(block) == 0 or (block.max() <= bound and block.min() >= -bound):
            return block
        self.faults += 1
        self.hush()
        return np.zeros_like(block)
