"""A gain for each octave of a track: for a stranger that stands out in octaves and not in the whole.

`OctaveGain` runs on the engine thread and applies to a deck what `player.audio.dsp.leveller` planned. Frames of 2048
samples (43 ms) at fixed places of the track, each half a frame after the last, are weighted with a sine window, their
spectra multiplied by the gains of the octaves, and the result is weighted again and added. The squares of the windows
add up to 1, so a gain of 0 dB changes nothing; only what a gain below 0 dB changes is computed, and added to the block.
So all other samples stay as they are bit for bit, and the result does not depend on how the track is cut into blocks.

A frame with a sample that is not finite is left as it is. Between octaves a gain ends over three bins of 23 Hz.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.loudness_windows import Levels
from player.audio.dsp.octaves import BAND_FRAMES, OCTAVES_HZ
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ

STEP_DB: Final = 0.25
"""Gains are kept in steps of this size, the largest reduction is 63.75 dB."""
LOWEST_STEP: Final = 255
HOP_MIDDLE: Final = BAND_FRAMES - 512
"""The frame, counted from the first of a hop, in the middle of the 1024 frames whose powers count for that hop."""
_SIZE: Final = 2048
_HALF: Final = _SIZE // 2
_WINDOW: Final = np.sin(np.pi * (np.arange(_SIZE) + 0.5) / _SIZE)
_EDGE_BINS: Final = 3
GAINS: Final = 1 + len(OCTAVES_HZ)
"""Gains of a hop: that of the whole, then those of the octaves."""
_ENTRY: Final = 4 + len(OCTAVES_HZ)
"""Bytes of a hop: its number and a step for each octave."""


def _shares() -> Levels:
    """By which share of an octave's gain in dB each bin is lowered, shape (7, 1025)."""
    bins = np.arange(_HALF + 1)
    edges = [middle / 2**0.5 * _SIZE / RATE_HZ for middle in OCTAVES_HZ]
    outside = [np.maximum(np.maximum(low - bins, bins - 2.0 * low), 0.0) for low in edges]
    shares: Levels = np.clip(1.0 - np.stack(outside) / _EDGE_BINS, 0.0, 1.0)
    return shares


_SHARES: Final = _shares()


def steps_of(gain_db: Levels) -> npt.NDArray[np.uint8]:
    """Gains, any shape, as the steps in which they are kept."""
    steps: npt.NDArray[np.uint8] = np.minimum(np.ceil(-gain_db / STEP_DB - 0.5), LOWEST_STEP).clip(0).astype(np.uint8)
    return steps


@dataclass(frozen=True, slots=True)
class OctaveGains:
    """The gains of the octaves in those hops of a track in which one of them is below 0 dB.

    Attributes:
        hops: numbers of the hops of 10 ms, ascending, shape (n,).
        gain_db: shape (n, 7), at most 0.
    """

    hops: npt.NDArray[np.int64]
    gain_db: Levels

    @classmethod
    def of(cls, gain_db: Levels) -> OctaveGains:
        """From the gains of all hops, shape (hops, 7)."""
        hops = np.flatnonzero((gain_db <= -STEP_DB / 2.0).any(axis=1))
        return cls(hops, gain_db[hops])

    @classmethod
    def decode(cls, encoded: bytes) -> OctaveGains:
        """What `encode` made; a damaged one has no gains."""
        try:
            plain = zlib.decompress(encoded) if encoded else b""
        except zlib.error:
            plain = b""
        count = len(plain) // _ENTRY
        hops = np.frombuffer(plain, "<u4", count).astype(np.int64)
        if count * _ENTRY != len(plain) or (np.diff(hops) <= 0).any():
            return NO_OCTAVE_GAINS
        steps = np.frombuffer(plain, np.uint8, offset=4 * count).reshape(count, len(OCTAVES_HZ))
        return cls(hops, steps.astype(np.float64) * -STEP_DB)

    def encode(self) -> bytes:
        """As compact bytes; empty without gains."""
        plain = self.hops.astype("<u4").tobytes() + steps_of(self.gain_db).tobytes()
        return zlib.compress(plain, 9) if plain else b""

    def later(self, hops: int) -> OctaveGains:
        """The same, so many hops later."""
        return OctaveGains(self.hops + hops, self.gain_db)

    def within(self, first: int, end: int) -> OctaveGains:
        """Those from hop ``first`` to before ``end``."""
        part = slice(*np.searchsorted(self.hops, (first, end)).tolist())
        return OctaveGains(self.hops[part], self.gain_db[part])

    def at(self, places: Levels) -> Levels:
        """The gains at places in hops, linear in dB between two hops, shape (places, 7)."""
        gains = np.zeros((len(places), len(OCTAVES_HZ)))
        first = np.floor(places).astype(np.int64)
        share = (places - first)[:, np.newaxis]
        for hops, part in ((first, 1.0 - share), (first + 1, share)):
            found = np.searchsorted(self.hops, hops).clip(max=max(0, len(self.hops) - 1))
            is_known = self.hops[found] == hops
            gains[is_known] += (part * self.gain_db[found])[is_known]
        return gains


NO_OCTAVE_GAINS: Final = OctaveGains(np.zeros(0, np.int64), np.zeros((0, len(OCTAVES_HZ))))


class OctaveGain:
    """Applies the gains of octaves to a track as it is read.

    Attributes:
        gains: what it applies. Later ones may differ from 4 hops after the last frame that was read.
    """

    def __init__(self, gains: OctaveGains = NO_OCTAVE_GAINS) -> None:
        self.gains = gains
        self._past: Block = np.zeros((0, CHANNELS), np.float32)
        self._past_end = 0

    def apply(self, block: Block, at_frame: int, peek: Callable[[int], Block]) -> Block:
        """The block, shape (frames, 2), whose first frame is ``at_frame``; the same object if nothing changes.

        ``peek``: hands over the next frames of the track after the block without taking them.
        """
        end_frame = at_frame + len(block)
        past = self._past if self._past_end == at_frame else self._past[:0]
        self._past, self._past_end = np.concatenate((past[-_SIZE:], block[-_SIZE:])), end_frame
        first, end = (at_frame - _SIZE) // _HALF + 1, -(-end_frame // _HALF)
        places = (np.arange(first, end) * _HALF + _HALF - HOP_MIDDLE) / BAND_FRAMES
        if not len(block) or not len(self.gains.within(int(places[0]) - 1, int(places[-1]) + 2).hops):
            return block
        db = self.gains.at(places)
        ahead = peek(_SIZE)
        before, after = at_frame - first * _HALF, (end - 1) * _HALF + _SIZE - end_frame
        parts = (_padded(past[::-1], before)[::-1], block, _padded(ahead, after))
        sound = np.concatenate(parts).astype(np.float64)
        changes = np.zeros_like(sound)
        for number in np.flatnonzero((db < 0.0).any(axis=1)).tolist():
            part = slice(number * _HALF, number * _HALF + _SIZE)
            changes[part] += _change(sound[part], db[number])
        changed: Block = (sound + changes)[before : before + len(block)].astype(np.float32)
        return changed

    def is_active(self, at_frame: int) -> bool:
        """Whether a gain below 0 dB is near this frame."""
        hop = at_frame // BAND_FRAMES
        reach = 2 * _SIZE // BAND_FRAMES
        return len(self.gains.within(hop - reach, hop + reach).hops) > 0


def _change(frame: Levels, gain_db: Levels) -> Levels:
    """What gains of the octaves change of a frame, shape (2048, 2), weighted twice."""
    if not np.isfinite(frame).all():
        return np.zeros_like(frame)
    lowered = 10.0 ** ((gain_db[:, np.newaxis] * _SHARES).min(axis=0) / 20.0) - 1.0
    spectrum = np.fft.rfft(frame * _WINDOW[:, np.newaxis], axis=0) * lowered[:, np.newaxis]
    change: Levels = np.fft.irfft(spectrum, _SIZE, axis=0) * _WINDOW[:, np.newaxis]
    return change


def _padded(block: Block, frames: int) -> Block:
    """The first ``frames`` frames, zeros after its end."""
    return np.concatenate((block[:frames], np.zeros((max(0, frames - len(block)), CHANNELS), np.float32)))
