"""A block at another rate than ours, for devices that have only theirs: 44.1 kHz cards, 96 kHz converters.

Runs on the engine thread. Theory: 48 000 to 44 100 is 160 frames to 147. A stretch of 1600 frames, with 160 more on
both sides, is taken to its spectrum, low-passed there, and taken back with as many frames as the other rate has in that
time; the middle is what is said. The low-pass is a sinc of 201 frames under a Kaiser window, so all that it could
smear around the ends of a stretch stays in those 160 frames. It passes 20 kHz and stops 22.05 kHz by 120 dB: what would
fold back is gone before it could, and so are the images. The stretches lie on a fixed grid, hence the sizes of the
blocks make no difference. The true peaks of what lies below 20 kHz stay as they are. Noise that reaches beyond loses
what kept its peaks low: at the limiter's ceiling it came out 0.8 dB above, so the encoder bounds it once more.

A product with a matrix of weights is the other way to do it. It costs the same with a fast BLAS on one thread, but was
seen to take seventy times as long where the threads of BLAS wait for each other on a busy machine. Output comes 3.3 ms
late. Where it falls short: rates whose ratio to 48 kHz has no small numbers.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ

RATES_HZ: Final = (44_100, 48_000, 88_200, 96_000, 176_400, 192_000)
"""The rates at which a device can be fed."""
MIDDLE: Final = 1_600
ASIDE: Final = 160
LAG_FRAMES: Final = MIDDLE + 2 * ASIDE
"""At most so many frames are waiting."""
CUTOFF_HZ: Final = 21_025
HALF: Final = 100
_KAISER_BETA: Final = 12.3
"""120 dB; Kaiser's own formula, 0.1102 (A - 8.7)."""


def _response() -> npt.NDArray[np.float32]:
    """What the low-pass does to each bin of a stretch; its delay is zero, so it is real."""
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
        """What can be said at the other rate by now; what is left over waits for the next block."""
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
        """There was a gap: what was heard last is silence."""
        self._waiting = np.zeros((2 * ASIDE, CHANNELS), np.float32)
