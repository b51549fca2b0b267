"""Converts blocks to another rate, for devices that do not support 48 kHz: 44.1 kHz cards, 96 kHz converters.

Runs on the engine thread. Theory: 48 000 to 44 100 is 160 frames to 147. A stretch of 1600 frames, with 160 more on
both sides, is transformed to its spectrum, low-passed there, and transformed back with as many frames as the other rate
has in that time; the middle part is the output. The low-pass is a sinc of 201 frames with a Kaiser window, so its
effects at the ends of a stretch stay within those 160 frames. It passes 20 kHz and attenuates 22.05 kHz by 120 dB,
which removes aliases and images. The stretches lie on a fixed grid, so the sizes of the
blocks make no difference. The true peaks of sound below 20 kHz do not change. The peaks of noise above that may rise:
noise at the limiter's ceiling came out 0.8 dB above it, so the encoder bounds it once more.

The alternative is a product with a matrix of weights. It costs the same with a fast BLAS on one thread, but was
seen to take seventy times as long when the threads of BLAS wait for each other on a busy machine. The output is delayed
by 3.3 ms. Limitation: rates whose ratio to 48 kHz does not consist of small numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ

RATES_HZ: Final = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
"""The supported rates of a device."""
MIDDLE: Final = 1_600
ASIDE: Final = 160
LAG_FRAMES: Final = MIDDLE + 2 * ASIDE
"""Maximum number of waiting frames."""
CUTOFF_HZ: Final = 21_025
HALF: Final = 100
_KAISER_BETA: Final = 12.3
"""120 dB; Kaiser's own formula, 0.1102 (A - 8.7)."""


def _response() -> npt.NDArray[np.float32]:
    """The gain of the low-pass at each bin of a stretch; its delay is zero, so it is real."""
    away = np.arange(-HALF, HALF + 1)
    taps = np.sinc(2 * CUTOFF_HZ / RATE_HZ * away) * np.kaiser(2 * HALF + 1, _KAISER_BETA)
    whole = np.zeros(LAG_FRAMES)
    whole[away] = taps / taps.sum()
    return np.asarray(np.fft.rfft(whole).real, np.float32)


class Resampler:
    """Blocks at 48 kHz in, blocks at ``rate_hz`` out; 100 ms in are 100 ms out.

    Args:
        rate_hz: one of `RATES_HZ`.
    """

    def __init__(self, rate_hz: int) -> None:
        assert rate_hz in RATES_HZ, rate_hz
        self._given = MIDDLE * rate_hz // RATE_HZ
        self._aside = ASIDE * rate_hz // RATE_HZ
        stretch = self._given + 2 * self._aside
        gain = stretch / LAG_FRAMES
        response = _response()[: stretch // 2 + 1] * np.float32(gain)
        self._response = response[:, None].astype(np.float32)
        self._waiting: Block = np.zeros((2 * ASIDE, CHANNELS), np.float32)

    def process(self, block: Block) -> Block:
        """The frames that are complete at the other rate; the rest waits for the next block."""
        whole = np.concatenate([self._waiting, block])
        count = (len(whole) - 2 * ASIDE) // MIDDLE
        self._waiting = whole[count * MIDDLE :]
        if count == 0 or not whole.any():
            return np.zeros((count * self._given, CHANNELS), np.float32)
        stretches = np.stack([whole[at * MIDDLE : at * MIDDLE + LAG_FRAMES] for at in range(count)])
        bins = np.fft.rfft(stretches, axis=1)[:, : len(self._response)] * self._response
        there = np.fft.irfft(bins, self._given + 2 * self._aside, axis=1)
        middles = there[:, self._aside : self._aside + self._given]
        return middles.reshape(-1, CHANNELS).astype(np.float32)

    def forget(self) -> None:
        """After a gap: drop the earlier sound, since silence was heard last."""
        self._waiting = np.zeros((2 * ASIDE, CHANNELS), np.float32)
