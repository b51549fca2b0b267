"""A plan of `player.audio.dsp.leveller` as bytes, and what it does to a track as it is read.

Runs on the engine thread, on a deck, before mix, ramp and guard, without any delay: the gains are known, and single
octaves that have gains of their own (`player.audio.dsp.octave_gain`) need the next 43 ms of the track from its ring.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import numpy as np

from player.audio.dsp.gain import applied
from player.audio.dsp.loudness_windows import Levels
from player.audio.dsp.octave_gain import GAINS, HOP_MIDDLE, NO_OCTAVE_GAINS, STEP_DB, OctaveGain, OctaveGains, steps_of
from player.audio.dsp.octaves import BAND_FRAMES
from player.audio.dsp.types import Block


def encode(gain_db: Levels, octaves: OctaveGains = NO_OCTAVE_GAINS) -> bytes:
    """A plan as compact bytes; empty if no gain rounds to a step of 0.25 dB or more.

    The gains of the octaves stand behind those of the whole, compressed for themselves.
    """
    steps = steps_of(gain_db)
    by_octave = octaves.encode()
    whole = np.diff(steps, prepend=np.uint8(0)).tobytes() if steps.any() else b""
    return zlib.compress(whole, 9) + by_octave if whole or by_octave else b""


class PlannedGain:
    """Applies a plan to a track as it is read.

    Args:
        encoded: the result of `encode`; a damaged one lowers nothing, so that only the guard protects.
    """

    def __init__(self, encoded: bytes) -> None:
        found = zlib.decompressobj()
        try:
            steps = np.frombuffer(found.decompress(encoded), np.uint8) if encoded else np.zeros(0, np.uint8)
        except zlib.error:
            steps = np.zeros(0, np.uint8)
        self._steps = np.cumsum(steps if found.eof else steps[:0], dtype=np.uint8)
        self._octaves = OctaveGains.decode(found.unused_data)
        self._octave_gain = OctaveGain(self._octaves)

    def gains_db(self, first: int, count: int) -> Levels:
        """The gains of so many hops from ``first`` on, shape (count, 8): of the whole, then of the octaves."""
        gains = np.zeros((count, GAINS))
        known = self._steps[max(0, first) : max(0, first + count)]
        gains[max(0, -first) :][: len(known), 0] = known * -STEP_DB
        octaves = self._octaves.within(first, first + count)
        gains[octaves.hops - first, 1:] = octaves.gain_db
        return gains

    @property
    def lowered_db(self) -> Levels:
        """The reduction of each 10 ms of the track, or of the octave that is lowered most; empty without a plan."""
        lowered = self._steps.astype(np.float64) * STEP_DB
        if len(self._octaves.hops):
            lowered = np.pad(lowered, (0, max(0, int(self._octaves.hops[-1]) + 1 - len(lowered))))
            lowered[self._octaves.hops] -= self._octaves.gain_db.min(axis=1)
        return lowered

    def has_octaves_near(self, at_frame: int) -> bool:
        """Whether an octave has a gain of its own near this frame of the track."""
        return self._octave_gain.is_active(at_frame)

    def apply(self, block: Block, at_frame: int, peek: Callable[[int], Block]) -> Block:
        """The levelled block, shape (frames, 2), whose first frame is ``at_frame``; the same object if nothing changes.

        The gain of a hop applies to its middle; between the middles the gain is linear in dB. ``peek`` hands over the
        next frames after the block.
        """
        if len(self._octaves.hops):
            block = self._octave_gain.apply(block, at_frame, peek)
        if not len(self._steps):
            return block
        first, last = _hops_of(block, at_frame)
        steps = self._steps[max(first, 0) : max(last + 1, 0)]
        if not steps.any():
            return block
        return interpolated(block, at_frame, steps.astype(np.float64) * -STEP_DB, max(first, 0))


def interpolated(block: Block, at_frame: int, gains_db: Levels, first_hop: int) -> Block:
    """A block that begins at frame ``at_frame`` of its track, with one gain per hop from ``first_hop`` on.

    The gains of other hops are 0 dB; if all are 0 dB, the result is the same object.
    """
    first, last = _hops_of(block, at_frame)
    hops = np.arange(first, last + 1)
    inside = np.clip(hops - first_hop, 0, max(0, len(gains_db) - 1))
    found = np.where(inside == hops - first_hop, gains_db[inside], 0.0) if len(gains_db) else np.zeros(0)
    if not len(block) or not found.any():
        return block
    frames = np.arange(at_frame, at_frame + len(block))
    db = np.interp(frames, hops * BAND_FRAMES + HOP_MIDDLE, found)
    return applied(block, (10.0 ** (db / 20.0)).astype(np.float32))


def _hops_of(block: Block, at_frame: int) -> tuple[int, int]:
    """The first and the last hop whose gains a block needs."""
    return (at_frame - HOP_MIDDLE) // BAND_FRAMES, (at_frame + len(block) - HOP_MIDDLE) // BAND_FRAMES + 1
