"""The A-weighted level of what leaves the chain (IEC 61672-1), for the estimate of the level at the pillow.

Runs on the engine thread; numpy only. Once a second one window of 85 ms is weighted in the frequency domain, where the
weighting is exact by construction: it is the formula of the standard. The level is the mean of the latest ten windows.
The meter only measures; it does not change the sound.

Limitation: it measures one twelfth of the sound. For noise that is accurate to 0.3 dB; for speech the result is the
mean of a few syllables.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ, SILENCE_DB

Curve: TypeAlias = npt.NDArray[np.float64]

WINDOW_FRAMES: Final = 1 << 12
WINDOWS: Final = 10
_LOW_HZ, _LOW2_HZ, _HIGH2_HZ, _HIGH_HZ = 20.598997, 107.65265, 737.86223, 12194.217
"""The poles of the standard, annex E."""
_AT_1_KHZ_DB: Final = 2.0


def a_weighting_db(hz: Curve) -> Curve:
    """The gain of the weighting at each frequency (above 0 Hz), in dB; 0 at 1 kHz."""
    squared = np.square(hz)
    ratio = (_HIGH_HZ**2 * squared**2) / (
        (squared + _LOW_HZ**2) * np.sqrt((squared + _LOW2_HZ**2) * (squared + _HIGH2_HZ**2)) * (squared + _HIGH_HZ**2)
    )
    weighting: Curve = 20.0 * np.log10(ratio) + _AT_1_KHZ_DB
    return weighting


_HANN: Final = np.hanning(WINDOW_FRAMES + 1)[:-1, np.newaxis].astype(np.float32)
_HZ: Final[Curve] = np.fft.rfftfreq(WINDOW_FRAMES, 1 / RATE_HZ)[1:].astype(np.float64)
_GAINS: Final[Curve] = (
    10 ** (a_weighting_db(_HZ) / 10) * 2.0 / (WINDOW_FRAMES * float(np.sum(np.square(_HANN))) * CHANNELS)
)
"""Factors from the squared magnitudes of both channels to the mean square of one channel."""


class AWeightedMeter:
    """The A-weighted mean square of the last ten seconds, both channels together."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget all earlier sound."""
        self._powers: deque[float] = deque(maxlen=WINDOWS)
        self._parts: list[Block] = []
        self._held = 0
        self._skip = 0

    @property
    def level_db(self) -> float:
        """Mean square in dB, -inf for silence; a full-scale 1 kHz sine in both channels reads -3.0."""
        power = sum(self._powers) / len(self._powers) if self._powers else 0.0
        return 10.0 * float(np.log10(power)) if power > 0.0 else SILENCE_DB

    def measure(self, block: Block) -> None:
        """Measure a block: finite, shape (frames, 2)."""
        if self._skip >= len(block):
            self._skip -= len(block)
            return
        part = block[self._skip : self._skip + WINDOW_FRAMES - self._held]
        self._skip = 0
        self._parts.append(part.copy())
        self._held += len(part)
        if self._held == WINDOW_FRAMES:
            spectrum = np.fft.rfft(np.concatenate(self._parts) * _HANN, axis=0)[1:]
            squared = np.sum(np.square(spectrum.real) + np.square(spectrum.imag), axis=1)
            self._powers.append(float(np.dot(squared, _GAINS)))
            self._parts, self._held, self._skip = [], 0, RATE_HZ - WINDOW_FRAMES
