"""Cuts a stream of blocks of any size into whole hops of 5 ms, and puts the hops together again, one hop late.

Runs on the engine thread. The stages between work hop by hop, always cut at the same frames, so that they give the same
bits however the audio came in.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.dsp.hearing import HOP_FRAMES
from player.dsp.types import Block
from player.units import CHANNELS


class Hops:
    """For each block `take` once, then `give` as many frames as the block had."""

    latency_frames: Final = HOP_FRAMES

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the frames that wait on either side."""
        self._waiting: Block = np.zeros((0, CHANNELS), np.float32)
        self._ready: Block = np.zeros((HOP_FRAMES, CHANNELS), np.float32)

    def take(self, block: Block) -> Block:
        """The hops that are complete with this block, shape (n * 240, 2)."""
        frames = np.concatenate((self._waiting, block)) if len(self._waiting) else block
        whole = len(frames) // HOP_FRAMES * HOP_FRAMES
        self._waiting = frames[whole:].copy()
        return frames[:whole]

    def give(self, hops: Block, frames: int) -> Block:
        """The next ``frames`` frames of what was made of the hops."""
        ready = np.concatenate((self._ready, hops))
        self._ready = ready[frames:].copy()
        return ready[:frames]
