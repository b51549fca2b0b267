"""Removes DC and rumble nobody hears: a one-pole high-pass at 4 Hz, whole hops at a time.

Runs on the engine thread. A constant in a recording costs headroom, and its steps are thumps; at 20 Hz, where hearing
begins, this takes 0.2 dB away. y = x - m, where m follows x with a time constant of 40 ms. Within a hop m has a closed
form, a running sum of x weighted by rising powers, so there is no loop over samples; hops are always cut at the same
frames, so the cutting into blocks cannot show. A frame is one complex number here, left + i right: half the steps.
The native kernel, where there is one, does the same step by step.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from player.audio.dsp.hearing import HOP_FRAMES
from player.audio.dsp.native import Kernel
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ

CORNER_HZ: Final = 4.0
_KEEP: Final = math.exp(-2.0 * math.pi * CORNER_HZ / RATE_HZ)
_FALLING: Final = (_KEEP ** np.arange(1.0, HOP_FRAMES + 1.0)).astype(np.complex64)
"""What is left of m after so many frames."""
_WEIGHTS: Final = ((1.0 - _KEEP) * _KEEP ** -np.arange(1.0, HOP_FRAMES + 1.0)).astype(np.complex64)
_CURVES: Final = (_WEIGHTS.real.copy(), _FALLING.real.copy())
HOP_KEEP: Final = _KEEP**HOP_FRAMES
STILL: Final = 1e-9
"""-180 dB: a mean below it is none, and must not linger as a subnormal number."""


class HighPass:
    """Starts with no DC.

    Args:
        native: does it in C.

    Attributes:
        means: what the kernel remembers, left and right.
        curves: for the kernel: what each frame of a hop adds to the mean of it, and what is left of the mean there.
    """

    def __init__(self, native: Kernel | None = None) -> None:
        self._kernel = native
        self._mean = 0j
        self.means = np.zeros(CHANNELS)
        self.curves = _CURVES

    def process(self, hops: Block) -> Block:
        """Whole hops, shape (n * 240, 2), without their DC; finite in, finite out."""
        if self._kernel is not None:
            return self._kernel.high_pass(self.means, hops, self.curves, HOP_KEEP, STILL)
        frames = np.ascontiguousarray(hops).view(np.complex64).reshape(-1, HOP_FRAMES)
        sums = np.cumsum(frames * _WEIGHTS, axis=1)
        sums += np.array(self._follow(sums[:, -1].tolist()), np.complex64)[:, np.newaxis]
        sums *= _FALLING
        out: Block = (frames - sums).view(np.float32).reshape(hops.shape)
        return out

    def _follow(self, sums: list[complex]) -> list[complex]:
        """The mean before each hop; moves it on."""
        before = []
        for hop in sums:
            before.append(self._mean)
            self._mean = HOP_KEEP * (self._mean + hop)
            if abs(self._mean) < STILL:
                self._mean = 0j
        return before

    def reset(self) -> None:
        """Forget the DC."""
        self._mean = 0j
        self.means[:] = 0.0
