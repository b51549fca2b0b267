"""The place of the emergence guard, between the mixer and the output ramp.

Runs on the engine thread. The guard of docs/never-startle.md, which holds down whatever newly stands out of the sound
before it, belongs to a later version; this stage lets everything pass unchanged, adds no latency and reduces nothing.
It is here so that the order of the stages, their reset and the status line are already what they will be.
"""

from __future__ import annotations

from player.dsp.types import Block


class Guard:
    """Passes each block through.

    Attributes:
        latency_frames: frames by which the output is later than the input.
        reduction_db: how far it holds the sound down at present, in dB, 0 or more.
    """

    latency_frames = 0
    reduction_db = 0.0

    def process(self, block: Block) -> Block:
        """The same block, shape (frames, 2)."""
        return block

    def reset(self) -> None:
        """Forget what was heard; there is nothing to forget."""
