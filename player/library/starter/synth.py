"""A score and the sound of it: layers of shaped noise and single grains on a circular time axis.

Makes the material of `player.library.starter.recipes`, on whichever thread calls it. Noise is made in the frequency
domain: magnitudes given, phases random, one inverse FFT for each piece, so a piece costs no filter state, depends on
nothing before it, and memory does not grow with the length but for the movements (1.6 kB for each layer and second).
Each piece fades into the next, the last into the first, so there is no loop seam to hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.types import Block
from player.core.units import RATE_HZ

TICK_FRAMES: Final = 240
"""Movements are known every 5 ms and linear between; the length of a bed is a multiple of this."""
MIN_FRAMES: Final = 10 * RATE_HZ
"""Shorter than its longest wave a bed would overlap itself."""
PIECE_FRAMES: Final = 1 << 15
FADE_FRAMES: Final = 4096
CHUNK_FRAMES: Final = RATE_HZ // 2
TICKS_PER_S: Final = RATE_HZ // TICK_FRAMES

Curve: TypeAlias = npt.NDArray[np.float64]
Floats: TypeAlias = npt.NDArray[np.float32]

_FADE = (np.pi / 2) * (np.arange(FADE_FRAMES) + 0.5) / FADE_FRAMES
_RISE: Final[Floats] = np.sin(_FADE).astype(np.float32)  # powers add to 1: neighbouring pieces are independent
_FALL: Final[Floats] = np.cos(_FADE).astype(np.float32)
_RAMP: Final[Floats] = (np.arange(TICK_FRAMES) / TICK_FRAMES).astype(np.float32)
_PHASES: Final = np.exp(2j * np.pi * np.arange(4096) / 4096).astype(np.complex64)  # 32 KB: stays in the L1 cache


@dataclass(frozen=True, slots=True)
class Layer:
    """Unit-power noise of a spectrum (magnitude of the lowest FFT bins) times a gain, shape (2, ticks + 1)."""

    spectrum: Floats
    gain: Floats


@dataclass(frozen=True, slots=True)
class Grains:
    """Short sounds: where each starts (sorted frames), which of the bank it is, and its gain, shape (grains, 2)."""

    bank: tuple[Floats, ...]
    starts: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.int64]
    gain: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """All that a bed is made of, for one seed and one length."""

    layers: tuple[Layer, ...]
    grains: Grains | None = None


def cut(pieces: Iterator[Block], chunk_frames: int) -> Iterator[Block]:
    """The same audio in chunks of another size."""
    held: list[Block] = []
    ready = 0
    for piece in pieces:
        held.append(piece)
        ready += len(piece)
        if ready >= chunk_frames:
            whole = np.concatenate(held)
            used = ready - ready % chunk_frames
            yield from (whole[at : at + chunk_frames].copy() for at in range(0, used, chunk_frames))
            held, ready = [whole[used:]], ready - used
    if ready:
        yield np.concatenate(held)


def sound(score: Score, key: tuple[int, ...], ticks: int) -> Iterator[Block]:
    """The score's ``ticks`` times 240 frames, one piece of noise (about 0.6 s) at a time; ``key`` seeds the noise."""
    pieces = -(-ticks // ((PIECE_FRAMES - FADE_FRAMES) // TICK_FRAMES))
    edges = [ticks * piece // pieces for piece in range(pieces + 1)]
    last_hop = (edges[-1] - edges[-2]) * TICK_FRAMES
    tails = [_noise(layer, (*key, i, pieces - 1))[:, last_hop:] for i, layer in enumerate(score.layers)]
    for piece, (first, end) in enumerate(pairwise(edges)):
        hop = (end - first) * TICK_FRAMES
        mix = np.zeros((2, hop), np.float32)
        for i, layer in enumerate(score.layers):
            noise = _noise(layer, (*key, i, piece))
            noise[:, :FADE_FRAMES] *= _RISE
            noise[:, :FADE_FRAMES] += tails[i][:, :FADE_FRAMES] * _FALL
            tails[i] = noise[:, hop:]
            noise = noise[:, :hop]
            noise *= _between_ticks(layer.gain[:, first : end + 1])
            mix += noise
        if score.grains is not None:
            _add_grains(score.grains, mix, first * TICK_FRAMES)
        yield np.ascontiguousarray(mix.T)


def _noise(layer: Layer, key: tuple[int, ...]) -> Floats:
    """One piece of the layer's noise before its gain, left and right independent, shape (2, PIECE_FRAMES)."""
    bins = layer.spectrum.size
    raw = np.random.SFC64(np.random.SeedSequence(key)).random_raw(-(-bins // 2))
    spectrum = np.zeros((2, PIECE_FRAMES // 2 + 1), np.complex64)
    spectrum[:, :bins] = _PHASES[raw.view(np.uint16)[: 2 * bins].reshape(2, bins) >> 4] * layer.spectrum
    return np.fft.irfft(spectrum, PIECE_FRAMES).astype(np.float32, copy=False)


def _between_ticks(gain: Floats) -> Floats:
    """Gain at every frame from the gain at each tick: (2, n + 1) to (2, 240 n), straight lines."""
    lines = gain[:, :-1, None] + np.diff(gain)[:, :, None] * _RAMP
    return lines.reshape(2, -1)


def _add_grains(grains: Grains, mix: Floats, first: int) -> None:
    """Add those parts of the grains that lie in the frames from ``first`` on; mix has shape (2, n)."""
    size = mix.shape[1]
    longest = max(grain.size for grain in grains.bank)
    low, high = np.searchsorted(grains.starts, (first - longest, first + size))
    for i in range(int(low), int(high)):
        grain = grains.bank[int(grains.kinds[i])]
        at = int(grains.starts[i]) - first
        begin, end = max(at, 0), min(at + grain.size, size)
        if begin < end:
            mix[:, begin:end] += grains.gain[i][:, None] * grain[begin - at : end - at]
