"""An independent true-peak meter for tests: 16 times oversampling through the Fourier transform of the whole signal.

It shares nothing with the limiter's short filter: an exact interpolation of the signal as one period. The signal
should begin and end near zero, so that the period has no seam.
"""

from __future__ import annotations

import numpy as np

from player.audio.dsp.types import Block


def true_peak_db(sound: Block, oversampling: int = 16) -> float:
    """Largest magnitude of the interpolated signal in dBTP."""
    frames = len(sound)
    padded = np.concatenate((np.zeros((512, 2)), sound.astype(np.float64), np.zeros((512 + frames % 2, 2))))
    spectrum = np.fft.rfft(padded, axis=0)
    long = np.fft.irfft(spectrum, len(padded) * oversampling, axis=0) * oversampling
    return float(20 * np.log10(np.abs(long).max()))
