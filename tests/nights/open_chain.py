"""The chain with nothing in it that protects: what would be heard without declicker, guard, limiter and meter.

The same latency, the same volume, the same high-pass, so that its output is sample by sample the same sound as the real
chain's before it was protected. For comparison in tests and benchmarks; the product has no such way.
"""

from __future__ import annotations

import math

import numpy as np

from player.audio.dsp.chain import Chain
from player.audio.dsp.declick import Declick
from player.audio.dsp.guard import Guard
from player.audio.dsp.limiter import Limiter
from player.audio.dsp.native import Kernel
from player.audio.dsp.output_meter import BrokenClause, OutputMeter
from player.audio.dsp.types import Block, MakePowerMeter


class OpenDeclick(Declick):
    """Delays."""

    def process(self, hops: Block) -> Block:
        """The hops, as late as from the declicker."""
        window = np.concatenate((self._late, hops))
        self._late = window[len(hops) :].copy()
        return window[: len(hops)]


class OpenGuard(Guard):
    """Delays, and neither measures nor lowers."""

    def process(self, hops: Block, *_volumes: object) -> Block:
        """The hops, one hop later."""
        window = np.concatenate((self._late, hops))
        self._late = window[len(hops) :]
        return window[: len(hops)]

    def rest(self, hops: int) -> None:
        """Nothing was kept."""


class OpenLimiter(Limiter):
    """Delays."""

    def reset(self) -> None:
        """Forget what is held back; nothing bounds what leaves."""
        super().reset()
        self.bound = math.inf

    def process(self, block: Block) -> Block:
        """The block, as late as from the limiter."""
        window = np.concatenate((self._late, block))
        self._late = window[len(block) :]
        self.bound = math.inf
        return window[: len(block)]


class DeafMeter(OutputMeter):
    """Has nothing to say."""

    def measure(self, block: Block, *_volumes: object) -> BrokenClause | None:
        """Nothing."""
        return None

    def rest(self, hops: int) -> None:
        """Nothing was kept."""


class UnguardedChain(Chain):
    """Without guard and output meter, with the limiter: what they cost is the difference."""

    def __init__(
        self, ceiling_dbtp: float, target_lufs: float, make_power_meter: MakePowerMeter, native: Kernel | None = None
    ) -> None:
        super().__init__(ceiling_dbtp, target_lufs, make_power_meter, native)
        self.guard = OpenGuard(make_power_meter, target_lufs)
        self._output_meter = DeafMeter(make_power_meter, target_lufs)
        self._calm = None


class OpenChain(UnguardedChain):
    """Everything passes."""

    def __init__(
        self, ceiling_dbtp: float, target_lufs: float, make_power_meter: MakePowerMeter, native: Kernel | None = None
    ) -> None:
        super().__init__(ceiling_dbtp, target_lufs, make_power_meter, native)
        self.declick = OpenDeclick()
        self.limiter = OpenLimiter(ceiling_dbtp)
