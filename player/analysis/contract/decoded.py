"""The recordings under lull's own gains: what would have been heard without the other stages.

Runs on the thread that renders. Each deck's frames, as they were decoded, times the programme gain, the deck's own
gains and the volume ramp; then late by as much as the chain is. What left lies beside it, and every difference was made
by sanitising, declick, leveller, guard or limiter. What the chain removes below 4 Hz is removed here too: it is not
heard, but it changes the power of single hops of low noise by more than half a decibel.

Where it falls short: the ramp is known at the ends of blocks, 10 times a second, and is a straight line in decibels
between them; and a deck's gains lie 5 ms early.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from player.audio.dsp.highpass import HighPass
from player.audio.dsp.tap import SOURCE_LATE_FRAMES, Rendered
from player.audio.dsp.types import Block
from player.core.limits import FAULT_LEVEL
from player.core.units import CHANNELS, SILENCE_DB, db_to_gain

_LOWEST_DB: Final = -150.0
_MOST_RISE_DB: Final = 1.0
"""A rise from silence is assumed to begin this far below the level at the end of its first block."""


class DecodedMix:
    """Takes what was rendered, block by block, in whole hops."""

    def __init__(self) -> None:
        self._late: Block = np.zeros((SOURCE_LATE_FRAMES, CHANNELS), np.float32)
        self._volume_db = SILENCE_DB
        self._high_pass = HighPass()

    def push(self, rendered: Rendered | None, frames: int) -> tuple[dict[int, Block], Block]:
        """The block of each track under its gains, by the item's id, and the mix that belongs beside what leaves."""
        tracks: dict[int, Block] = {}
        mix: Block = np.zeros((frames, CHANNELS), np.float32)
        if rendered is not None:
            for deck in (*rendered.decks, *rendered.beds):
                part = _fit(deck.decoded[:frames])
                gains = np.float32(db_to_gain(deck.item.gain_db)) * np.broadcast_to(deck.gains, (frames,))
                track = tracks.setdefault(deck.item.id, np.zeros((frames, CHANNELS), np.float32))
                track[: len(part)] += part * gains[: len(part), np.newaxis]
            for track in tracks.values():
                mix += track
            mix = self._high_pass.process(mix)
            mix *= self._ramp(rendered.volume_db, frames)
        self._volume_db = SILENCE_DB if rendered is None else rendered.volume_db
        window = np.concatenate((self._late, mix))
        self._late = window[frames:]
        return tracks, window[:frames]

    def _ramp(self, end_db: float, frames: int) -> Block:
        """The volume's factor for each frame, shape (frames, 1)."""
        end_db = max(end_db, _LOWEST_DB)
        begin_db = max(self._volume_db, end_db - _MOST_RISE_DB)
        gains = np.power(10.0, np.linspace(begin_db, end_db, frames + 1)[1:] / 20.0)
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
