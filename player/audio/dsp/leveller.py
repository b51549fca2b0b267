"""Applies the plan of a track to its samples: what the scan found to be strange is lowered, before anything else.

Runs on the engine thread, one for each deck that has a plan. The plan (`player.audio.dsp.leveller_plan`) has a step of
a quarter decibel for each 10 ms of the track, from its beginning on; between them the gain is straight. It hangs on the
place in the track alone, so a seek and any size of blocks give the same bits. Where nothing is lowered the block
passes as it is. It adds no latency: the plan was made with the whole of the track known.
"""

from __future__ import annotations

import base64
import logging
import zlib
from typing import Final

import numpy as np

from player.audio.dsp.gain import applied
from player.audio.dsp.types import Block, Gains
from player.core.units import RATE_HZ

STEP_DB: Final = 0.25
PLAN_FRAMES: Final = RATE_HZ // 100
_GAINS: Final = (10.0 ** (-STEP_DB * np.arange(256) / 20.0)).astype(np.float32)
_FRACTIONS: Final = (np.arange(PLAN_FRAMES) / PLAN_FRAMES).astype(np.float32)
log = logging.getLogger("lull")


class Leveller:
    """One track's plan.

    Args:
        plan: what `player.audio.dsp.leveller_plan.make_plan` made; empty for none.
    """

    def __init__(self, plan: str) -> None:
        try:
            steps = zlib.decompress(base64.b64decode(plan)) if plan else b""
        except (ValueError, zlib.error) as fault:
            log.warning("a plan in the store is damaged, so nothing of this track is lowered ahead: %s", fault)
            steps = b""
        self._steps = np.frombuffer(steps, np.uint8)

    def process(self, block: Block, first: int) -> Block:
        """The block, whose first frame is the frame ``first`` of the track; it may be negative."""
        if len(self._steps) == 0 or len(block) == 0:
            return block
        cell, end = first // PLAN_FRAMES, (first + len(block) - 1) // PLAN_FRAMES + 2
        steps = self._steps[np.clip(np.arange(cell, end), 0, len(self._steps) - 1)]
        if not steps.any():
            return block
        points = _GAINS[steps]
        lines: Gains = points[:-1, np.newaxis] + np.diff(points)[:, np.newaxis] * _FRACTIONS
        return applied(block, lines.reshape(-1)[first - cell * PLAN_FRAMES :][: len(block)])
