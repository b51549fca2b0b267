"""An independent true-peak meter for tests: 16 times oversampling through the Fourier transform of the whole signal.

It shares nothing with the limiter's short filter: an exact interpolation of the signal as one period. The signal
should begin and end near zero, so that the period has no seam.
"""

from __future__ import annotations

import numpy as np

from player.audio.dsp.types import Block


def true_peak_db(sound: Block, oversampling: int = 16) -> float:
    """Largest magnitude of the interpolated signal in dBTP."""
    frames = len(sound) + len(sound) % 2 + 1_024
    highest = 0.0
    for side in sound.T:
        padded = np.zeros(frames)
        padded[512 : 512 + len(side)] = side
        spectrum = np.fft.rfft(padded)
        turn = np.exp(2j * np.pi / oversampling * np.fft.rfftfreq(frames))
        for _ in range(oversampling):  # one fraction of a frame after the other: all at once would take gigabytes
            highest = max(highest, float(np.abs(np.fft.irfft(spectrum, frames)).max()))
            spectrum *= turn
    return float(20 * np.log10(highest))
