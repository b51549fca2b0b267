"""Removes DC and inaudible rumble: a one-pole high-pass at 4 Hz, in whole hops.

Runs on the engine thread. A constant in a recording costs headroom, and its steps are heard as thumps; at 20 Hz, where
hearing begins, the filter attenuates by 0.2 dB. y = x - m, where m follows x with a time constant of 40 ms. Within a
hop m has a closed form, a running sum of x weighted by rising powers, so there is no loop over samples; hops always
begin at the same frames, so the result does not depend on how the sound is cut into blocks. Here a frame is one complex
number, left + i right, which halves the number of operations. The native kernel does the same sample by sample.
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
"""The share of m that is left after each frame of a hop."""
_WEIGHTS: Final = ((1.0 - _KEEP) * _KEEP ** -np.arange(1.0, HOP_FRAMES + 1.0)).astype(np.complex64)
_CURVES: Final = (_WEIGHTS.real.copy(), _FALLING.real.copy())
HOP_KEEP: Final = _KEEP**HOP_FRAMES
STILL: Final = 1e-9
"""-180 dB: a smaller mean is set to 0, so that it does not become a subnormal number."""


class HighPass:
    """The filter; its mean is 0 at first.

    Args:
        native: the native kernel; None to filter in Python.

    Attributes:
        means: the state of the kernel: the means of left and right.
        curves: for the kernel: the weight of each frame of a hop in the mean, and the share of the mean left there.
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
        """The mean before each hop; updates the mean."""
        before = []
        for hop in sums:
            before.append(self._mean)
            self._mean = HOP_KEEP * (self._mean + hop)
            if abs(self._mean) < STILL:
                self._mean = 0j
        return before

    def reset(self) -> None:
        """Set the mean to 0."""
        self._mean = 0j
        self.means[:] = 0.0
