"""Cuts a stream of blocks of any size into chunks of ten hops, 50 ms, and puts them together again, one chunk late.

Runs on the engine thread. The stages between work hop by hop and chunk by chunk, always cut at the same frames, so that
they give the same bits however the audio came in.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.hearing import CHUNK_HOPS, HOP_FRAMES
from player.audio.dsp.types import Block
from player.core.units import CHANNELS

CHUNK_FRAMES: Final = CHUNK_HOPS * HOP_FRAMES


class Hops:
    """For each block `take` once, then `give` as many frames as the block had."""

    latency_frames: Final = CHUNK_FRAMES

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames that wait on either side."""
        self._waiting: Block = np.zeros((0, CHANNELS), np.float32)
        self._ready: Block = np.zeros((CHUNK_FRAMES, CHANNELS), np.float32)

    def take(self, block: Block) -> Block:
        """The chunks that are complete with this block, shape (n * 2400, 2)."""
        frames = np.concatenate((self._waiting, block)) if len(self._waiting) else block
        whole = len(frames) // CHUNK_FRAMES * CHUNK_FRAMES
        self._waiting = frames[whole:].copy()
        return frames[:whole]

    def give(self, hops: Block, frames: int) -> Block:
        """The next ``frames`` frames of what was made of the hops."""
        ready = np.concatenate((self._ready, hops))
        self._ready = ready[frames:].copy()
        return ready[:frames]
