"""Distribution of the sound to the two channels: `audio.channels` and `audio.balance`. Runs on the engine thread.

A 2 x 2 matrix is applied to the mixture of the decks, before all stages that judge levels, so that these judge what is
heard. The gain of a deck is the same in both channels, so the matrix gives the same result for the mixture as for each
deck.

It cannot raise peaks or loudness: each row of the matrix sums to at most 1, and the sum of the squares of the output is
at most that of the input, because ((L + R) / 2)² is at most (L² + R²) / 2. So what a plan allows remains valid. Stereo
without balance is bit-exact.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.types import Block
from player.core.settings.audio import Channels

_SHARES: Final = {
    Channels.STEREO: ((1.0, 0.0), (0.0, 1.0)),
    Channels.MONO: ((0.5, 0.5), (0.5, 0.5)),
    Channels.LEFT: ((0.5, 0.5), (0.0, 0.0)),
    Channels.RIGHT: ((0.0, 0.0), (0.5, 0.5)),
    Channels.SWAP: ((0.0, 1.0), (1.0, 0.0)),
}
"""For the left and the right speaker: the factors of the left and the right channel of the recording."""


class Ears:
    """One distribution of the channels.

    Args:
        channels: which channel goes where.
        balance: -100 (only the left speaker) to 100 (only the right one); the other one is attenuated, as an amplitude.
    """

    def __init__(self, channels: Channels = Channels.STEREO, balance: int = 0) -> None:
        sides = np.array([min(1.0, 1.0 - balance / 100), min(1.0, 1.0 + balance / 100)])
        self._to_speakers = (np.array(_SHARES[channels]) * sides[:, np.newaxis]).T.astype(np.float32)
        self._is_plain = channels is Channels.STEREO and balance == 0

    def share_out(self, block: Block) -> Block:
        """The block for the two speakers; shape (frames, 2)."""
        if self._is_plain:
            return block
        left, right = block[:, :1], block[:, 1:]
        shared: Block = left * self._to_speakers[0] + right * self._to_speakers[1]
        return shared


STEREO: Final = Ears()
"""Each speaker gets its own channel, unchanged."""
