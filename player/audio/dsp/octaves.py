"""K-weighted power of each octave and of each ear, every 10 ms: the input for judging C1d.

Runs on the thread that owns the object. A Hann window of 1024 frames (21 ms) moves on by 480; each bin of its spectrum
is weighted as ITU-R BS.1770 weights its frequency and belongs to one octave. A level is therefore 11 ms late, and an
octave is as selective as that window: a tone 60 Hz outside it is 20 dB lower in it. The fast level of these powers is
an average of 125 ms, so neither matters.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ

BandPowers: TypeAlias = npt.NDArray[np.float64]
"""Shape (hops, 10): all, left, right, and the octaves in `OCTAVES_HZ`; a level in LUFS is -0.691 + 10 lg(power)."""

BAND_FRAMES: Final = RATE_HZ // 100
"""10 ms."""
BAND_S: Final = BAND_FRAMES / RATE_HZ
OCTAVES_HZ: Final = (125, 250, 500, 1000, 2000, 4000, 8000)
STREAMS: Final = ("all", "left", "right", *(f"{hz} Hz" for hz in OCTAVES_HZ))
"""The columns of `BandPowers`."""
_WINDOW: Final = 1024
_SHELF: Final = ((1.53512485958697, -2.69169618940638, 1.19839281085285), (1.0, -1.69065929318241, 0.73248077421585))
_HIGH_PASS: Final = ((1.0, -2.0, 1.0), (1.0, -1.99004745483398, 0.99007225036621))
"""The two stages of the K-weighting at 48 kHz, ITU-R BS.1770-4, tables 1 and 2."""


def _weights() -> tuple[npt.NDArray[np.float32], BandPowers]:
    """The window, and what each bin of a spectrum adds to the whole and to the octaves, shape (513, 8)."""
    window = np.hanning(_WINDOW + 1)[:-1]
    hz = np.fft.rfftfreq(_WINDOW, 1.0 / RATE_HZ)
    z = np.exp(-2j * np.pi * hz / RATE_HZ)
    weight = np.full(len(hz), 2.0 / (_WINDOW * np.square(window).sum()))
    weight[[0, -1]] /= 2.0
    for over, under in (_SHELF, _HIGH_PASS):
        weight *= np.abs(np.polyval(over[::-1], z) / np.polyval(under[::-1], z)) ** 2
    octaves = [np.where((hz >= middle / 2**0.5) & (hz < middle * 2**0.5), weight, 0.0) for middle in OCTAVES_HZ]
    return window.astype(np.float32), np.stack([weight, *octaves], axis=1)


_HANN, _BINS = _weights()


class OctaveMeter:
    """Measures a stream; what is measured goes on from call to call."""

    def __init__(self) -> None:
        self._tail: Block = np.zeros((_WINDOW - BAND_FRAMES, CHANNELS), np.float32)

    def powers(self, block: Block) -> BandPowers:
        """Powers of each 10 ms of the block, shape (n * 480, 2), finite."""
        assert len(block) % BAND_FRAMES == 0, len(block)
        frames = np.concatenate((self._tail, block))
        self._tail = frames[len(block) :].copy()
        ears = [self._ear(frames[:, ear], len(block) // BAND_FRAMES) for ear in range(CHANNELS)]
        both = ears[0] + ears[1]
        return np.concatenate((both[:, :1], ears[0][:, :1], ears[1][:, :1], both[:, 1:]), axis=1)

    @staticmethod
    def _ear(samples: npt.NDArray[np.float32], hops: int) -> BandPowers:
        found = np.empty((hops, 1 + len(OCTAVES_HZ)))
        windows = np.lib.stride_tricks.sliding_window_view(samples, _WINDOW)[::BAND_FRAMES]
        for at in range(0, hops, _AT_ONCE):
            spectra = np.fft.rfft(windows[at : min(at + _AT_ONCE, hops)] * _HANN)
            found[at : at + _AT_ONCE] = (np.square(spectra.real) + np.square(spectra.imag)) @ _BINS
        return found


_AT_ONCE: Final = 50
"""Spectra that are computed together, so that they stay in the cache."""
