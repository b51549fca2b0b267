"""The data of the audio path that a rehearsal gets for each block; the daemon has no tap and no cost.

Runs on the engine thread. The objects are frozen; a tap changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from player.audio.dsp.declick import Declick
from player.audio.dsp.guard import Guard
from player.audio.dsp.limiter import Limiter
from player.audio.dsp.sanitise import Sanitiser
from player.audio.dsp.types import Block, Gains
from player.core.engine_orders import Item
from player.core.units import CHANNELS

LATE_FRAMES: Final = Declick.latency_frames + Guard.latency_frames + Limiter.latency_frames
"""Frames by which the output of the chain is later than the input of the ramp."""
SOURCE_LATE_FRAMES: Final = Sanitiser.latency_frames + LATE_FRAMES
"""Frames by which the output of the chain is later than the decoded frames."""


@dataclass(frozen=True, slots=True)
class Sounding:
    """A deck at the end of a block.

    Attributes:
        item: what it plays.
        level_db: its own gain and its layer's, without the item's; -inf for silence.
        is_current: whether people would say that this is what plays.
        is_joined: a seam stands between it and another deck; together they keep the level.
        decoded: the frames that it played in the block, as they were decoded; fewer at its end.
        gains: what they were multiplied with, but for the item's gain: one number, or one a frame.
    """

    item: Item
    level_db: float
    is_current: bool = True
    is_joined: bool = False
    decoded: Block = field(default_factory=lambda: np.zeros((0, CHANNELS), np.float32))
    gains: float | Gains = 1.0


@dataclass(frozen=True, slots=True)
class Rendered:
    """A block that went through the chain.

    Attributes:
        volume_db: where the ramp stands at the end of the block, -inf for silence.
        target_db: where the ramp goes.
        decks: all tracks that sound, in the order in which they began.
        beds: what sounds under them; none of it is current.
    """

    volume_db: float
    target_db: float
    decks: tuple[Sounding, ...] = ()
    beds: tuple[Sounding, ...] = ()


Tap: TypeAlias = Callable[[Rendered], None]
