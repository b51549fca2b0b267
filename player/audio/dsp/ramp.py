"""The ramp: the only way in which the volume of the output, or of one layer, changes.

Runs on the engine thread. It gets targets and moves towards them linearly in dB, because only such a line has a bounded
rate: a rise takes at least one second per 6 dB, and starts 60 dB below its target when it begins in silence; a fall may
be fast, but takes at least 5 ms; a fall to silence goes 66 dB below the present level and is exactly zero after that. A
long fade from or to silence consists of two lines, so that it is audible for most of its time (`player.core.limits`). A
new target continues from the present level. A gain can be set at once only to silence or lower, after the listener has
already lost the sound, and to open a layer while the output is silent.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from player.audio.dsp.gain import RISE_DB_PER_FRAME, DbLine, applied, fall_frames, rise_frames
from player.audio.dsp.types import Block
from player.core.limits import (
    FADE_DEPTH_DB,
    FALL_DEPTH_DB,
    FIRST_PART_S,
    HEARD_DB,
    LAST_PART_S,
    SHORTEST_RISE_S,
    is_long_fall,
)
from player.core.units import RATE_HZ, SILENCE_DB, db_to_gain, to_seconds


@dataclass(frozen=True, slots=True)
class Leg:
    """A line of ``frames`` frames; ``step_db`` is the step per frame that was ordered, before `held_back`."""

    line: DbLine
    frames: int
    end_db: float
    step_db: float

    @classmethod
    def between(cls, start_db: float, end_db: float, over_s: float) -> Leg:
        """From one level to another in ``over_s`` seconds, or slower where a rise would exceed 6 dB/s."""
        depth_db = end_db - start_db
        frames = rise_frames(depth_db, over_s) if depth_db > 0 else fall_frames(over_s)
        return cls(DbLine(start_db, depth_db / frames), frames, end_db, depth_db / frames)

    def held_back(self, level_db: float, step_db: float) -> Leg:
        """The rest of the line, from this level on, with another step."""
        depth_db = self.end_db - level_db
        frames = max(1, math.ceil(depth_db / step_db))
        return Leg(DbLine(level_db, depth_db / frames), frames, self.end_db, self.step_db)


class Ramp:
    """Starts silent and stays silent until it gets a target.

    Args:
        settle_frames: zeros that are sent after a fall to silence before it counts as silence, so that the audio that
            later stages hold back has left them by then.
    """

    def __init__(self, settle_frames: int = 0) -> None:
        self._settle_frames = settle_frames
        self._settled = settle_frames
        self._target_db = SILENCE_DB
        self._level_db = SILENCE_DB
        self._steady = np.float32(0.0)
        self._legs: list[Leg] = []
        self._at = 0

    @property
    def level_db(self) -> float:
        """Level of the last frame in dB, -inf for silence."""
        return self._level_db

    @property
    def target_gain(self) -> float:
        """The factor of each sample at the target, a float32."""
        return float(self._steady)

    @property
    def target_db(self) -> float:
        """The target level, -inf for silence."""
        return self._target_db

    @property
    def frames_left(self) -> int:
        """Frames until the target is reached; 0 at the target."""
        settling = self._settle_frames - self._settled if self._target_db == SILENCE_DB else 0
        return sum(leg.frames for leg in self._legs) - self._at + settling

    @property
    def is_moving(self) -> bool:
        """Whether the target is not reached yet."""
        return self.frames_left > 0

    @property
    def is_silent(self) -> bool:
        """Whether it is silent and its target is silence."""
        return self._target_db == SILENCE_DB and not self.is_moving

    def to(self, target_db: float, over_s: float) -> None:
        """Move to a level of at most 0 dB in ``over_s`` seconds; slower where a rise would exceed 6 dB/s.

        A fall takes at least 5 ms. A target of -inf falls by 66 dB from where it stands, then is exact silence.
        """
        assert target_db <= 0.0, target_db
        assert over_s >= 0.0, over_s
        now_db, self._target_db = self._level_db, target_db
        self._steady = np.float32(db_to_gain(target_db))
        self._at, self._legs = 0, []
        if target_db != now_db:
            self._settled = 0
            self._legs = _legs(now_db, target_db, over_s)

    def hold_back(self, db_per_s: float) -> None:
        """Limit the present rise to ``db_per_s`` (above 0), and to the rate that was ordered."""
        if not (self.is_rising and self._legs and self._level_db > SILENCE_DB):
            return
        leg = self._legs[0]
        step_db = min(leg.step_db, db_per_s / RATE_HZ)
        if abs(step_db - leg.line.step_db) > 1e-9 * RISE_DB_PER_FRAME and leg.end_db > self._level_db:
            self._legs[0], self._at = leg.held_back(self._level_db, step_db), 0

    def open(self) -> None:
        """Be at the target from the next frame on; only while a later stage is silent."""
        self._level_db = self._target_db
        self._legs, self._at = [], 0

    def hush(self) -> None:
        """Be silent from the next frame on, without a fade.

        Only after the device lost samples or a stage failed: the listener has heard a gap already, and sound after it
        would return suddenly.
        """
        self._target_db = self._level_db = SILENCE_DB
        self._steady = np.float32(0.0)
        self._legs, self._at = [], 0
        self._settled = self._settle_frames

    def fall_back(self, by_db: float) -> None:
        """Be lower by ``by_db`` from the next frame on, and continue to the same target in the time that was left.

        Only after a gap in the sound: the level that is heard has fallen already.
        """
        left_s = to_seconds(sum(leg.frames for leg in self._legs) - self._at)
        self._level_db -= by_db
        self.to(self._target_db, left_s)

    @property
    def is_rising(self) -> bool:
        """Whether it is rising, or will rise from the next frame on."""
        return self.is_moving and self._target_db > self._level_db

    @property
    def rise_db_per_s(self) -> float:
        """How fast it rises from the next frame on; 0 while it is constant or falling."""
        return max(0.0, self._legs[0].line.step_db * RATE_HZ) if self._legs else 0.0

    def level_ahead_db(self, frames: int) -> float:
        """The level in ``frames`` frames, if the target does not change."""
        at = self._at + frames
        for leg in self._legs:
            if at < leg.frames:
                return leg.line.level_db(at)
            at -= leg.frames
        return self._target_db

    def wait(self, block: Block) -> Block:
        """The block times the present gain, which stays constant: another gain rises, and two rises would add up."""
        return block * np.float32(db_to_gain(self._level_db))

    def process(self, block: Block) -> Block:
        """The block, shape (frames, 2), times the gain; at full level it is the same block, at silence exact zeros."""
        if not self._legs or not len(block):
            return self._stand(block)
        parts = []
        while self._legs and len(block):
            parts.append(self._moved(block))
            block = block[len(parts[-1]) :]
        if len(block):
            parts.append(self._stand(block))
        return np.concatenate(parts) if len(parts) != 1 else parts[0]

    def _moved(self, block: Block) -> Block:
        """As much of the block as belongs to the present leg."""
        leg = self._legs[0]
        moving = min(len(block), leg.frames - self._at)
        gains = leg.line.gains(self._at + 1, moving)
        self._at += moving
        self._level_db = leg.line.level_db(self._at)
        if self._at == leg.frames:
            self._legs, self._at = self._legs[1:], 0
            self._level_db = leg.end_db if self._legs else self._target_db
        return applied(block[:moving], gains)

    def _stand(self, block: Block) -> Block:
        if self._steady == 0.0:
            self._settled = min(self._settle_frames, self._settled + len(block))
            return np.zeros_like(block)
        return block if self._steady == 1.0 else block * self._steady


def _legs(now_db: float, target_db: float, over_s: float) -> list[Leg]:
    """The lines from one level to another."""
    if now_db == SILENCE_DB:
        heard_db = target_db - HEARD_DB
        if over_s <= SHORTEST_RISE_S:
            return [Leg.between(target_db - FADE_DEPTH_DB, target_db, over_s)]
        unheard = Leg.between(target_db - FADE_DEPTH_DB, heard_db, FIRST_PART_S)
        return [unheard, Leg.between(heard_db, target_db, over_s - to_seconds(unheard.frames))]
    if target_db > SILENCE_DB:
        return [Leg.between(now_db, target_db, over_s)]
    end_db, heard_db = now_db - FALL_DEPTH_DB, now_db - HEARD_DB
    if not is_long_fall(over_s):
        return [Leg.between(now_db, end_db, over_s)]
    return [Leg.between(now_db, heard_db, over_s - LAST_PART_S), Leg.between(heard_db, end_db, LAST_PART_S)]
