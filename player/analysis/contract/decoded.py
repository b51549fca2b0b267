"""What would have been heard if decoders and gains were all there is: the recordings under lull's own gains.

Runs on the thread that renders. Each deck's frames, as they were decoded, times the programme gain, the deck's fade and
the volume ramp, each of them a straight line in decibels through a block; then late by as much as the chain is. What
left lies beside it, and every difference was made by sanitising, declick, leveller, guard or limiter.

Where it falls short: fades are known at the ends of blocks, 10 times a second, so that a blend is off by up to 0.2 dB.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.tap import SOURCE_LATE_FRAMES, Rendered
from player.audio.dsp.types import Block
from player.core.limits import FAULT_LEVEL
from player.core.units import CHANNELS, SILENCE_DB, db_to_gain

_LOWEST_DB: Final = -150.0
_MOST_RISE_DB: Final = 1.0
"""A rise from silence begins so little below where its first block ends."""


class DecodedMix:
    """Takes what was rendered, block by block."""

    def __init__(self) -> None:
        self._late: Block = np.zeros((SOURCE_LATE_FRAMES, CHANNELS), np.float32)
        self._levels: dict[int, float] = {}

    def push(self, rendered: Rendered | None, frames: int) -> tuple[Block, Block]:
        """The block's mix as it goes into the chain, and the mix that belongs beside what leaves."""
        mix: Block = np.zeros((frames, CHANNELS), np.float32)
        levels: dict[int, float] = {}
        for deck in () if rendered is None else rendered.decks:
            assert rendered is not None
            own_db = max(_LOWEST_DB, deck.level_db + rendered.volume_db)
            levels[deck.item.id] = own_db
            part = _fit(deck.decoded[:frames])
            before_db = self._levels.get(deck.item.id, own_db)
            mix[: len(part)] += part * self._gains(before_db, own_db, deck.item.gain_db, frames)[: len(part)]
        self._levels = levels
        window = np.concatenate((self._late, mix))
        self._late = window[frames:]
        return mix, window[:frames]

    @staticmethod
    def _gains(before_db: float, own_db: float, item_db: float, frames: int) -> Block:
        """A factor a frame, shape (frames, 1)."""
        before_db = max(before_db, own_db - _MOST_RISE_DB)
        steps = np.linspace(before_db, own_db, frames + 1, dtype=np.float32)[1:] if before_db != own_db else own_db
        gains = db_to_gain(item_db) * np.power(10.0, np.broadcast_to(steps, (frames,)) / 20.0)
        return gains.astype(np.float32)[:, np.newaxis]


def _fit(block: Block) -> Block:
    """The block without what no recording has; C5 silences it."""
    if len(block) == 0 or (block.max() <= FAULT_LEVEL and block.min() >= -FAULT_LEVEL):  # NaN compares False
        return block
    return np.where(np.abs(block) <= FAULT_LEVEL, block, np.float32(0.0))


def own_gain_db(rendered: Rendered, item_id: int) -> float:
    """What lull itself does to a track, against the volume that was asked for; 0 when all fades are over."""
    deck_db = max(deck.level_db for deck in rendered.decks if deck.item.id == item_id)
    return deck_db + rendered.volume_db - rendered.target_db if rendered.target_db > SILENCE_DB else SILENCE_DB
