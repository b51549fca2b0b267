"""The output ramp: the one way by which the volume of what is heard changes.

Runs on the engine thread. It is given targets and moves toward them along straight lines in dB, because only such a
line has a bounded rate: a rise takes at least a second for each 6 dB, and comes from 60 dB below its target when it
begins in silence; a fall may be fast, yet is never a cut; silence is reached through 66 dB below the present level and
is exactly zero from there on. A new target at any moment continues from the present level. There is no way to set a
gain at once other than to silence, and that one is for a moment at which the listener has lost the sound already.
"""

from __future__ import annotations

import numpy as np

from player.audio.dsp.gain import DbLine, applied, fall_frames, rise_frames
from player.audio.dsp.types import Block
from player.core.limits import FADE_DEPTH_DB, FALL_DEPTH_DB
from player.core.units import SILENCE_DB, db_to_gain


class Ramp:
    """Starts at silence and stays there until it is given a target.

    Args:
        settle_frames: zeros that are sent after a fall to silence before it counts as silence, so that what the stages
            behind hold back has left them by then.
    """

    def __init__(self, settle_frames: int = 0) -> None:
        self._settle_frames = settle_frames
        self._settled = settle_frames
        self._target_db = SILENCE_DB
        self._level_db = SILENCE_DB
        self._steady = np.float32(0.0)
        self._line = DbLine(0.0, 0.0)
        self._frames = 0
        self._at = 0

    @property
    def level_db(self) -> float:
        """Level of the last frame in dB, -inf for silence."""
        return self._level_db

    @property
    def target_db(self) -> float:
        """Where it goes or stands, -inf for silence."""
        return self._target_db

    @property
    def frames_left(self) -> int:
        """Frames until it has arrived; 0 when it stands."""
        settling = self._settle_frames - self._settled if self._target_db == SILENCE_DB else 0
        return self._frames - self._at + settling

    @property
    def is_moving(self) -> bool:
        """Whether it has not arrived at its target."""
        return self.frames_left > 0

    @property
    def is_silent(self) -> bool:
        """Whether it stands at silence, and no target says otherwise."""
        return self._target_db == SILENCE_DB and not self.is_moving

    def to(self, target_db: float, over_s: float) -> None:
        """Move to a level of at most 0 dB in ``over_s`` seconds; slower where a rise would exceed 6 dB/s.

        A fall takes at least 5 ms. A target of -inf falls by 66 dB from where it stands, then is exact silence.
        """
        assert target_db <= 0.0, target_db
        assert over_s >= 0.0, over_s
        now_db, self._target_db = self._level_db, target_db
        self._steady = np.float32(db_to_gain(target_db))
        self._at = 0
        if target_db == now_db:
            self._frames = 0
        elif target_db > now_db:
            self._go(target_db - FADE_DEPTH_DB if now_db == SILENCE_DB else now_db, target_db, over_s)
        elif target_db == SILENCE_DB:
            self._go(now_db, now_db - FALL_DEPTH_DB, over_s)
        else:
            self._go(now_db, target_db, over_s)

    def _go(self, start_db: float, end_db: float, over_s: float) -> None:
        """Lay the line; it begins with the next frame."""
        depth_db = end_db - start_db
        self._frames = rise_frames(depth_db, over_s) if depth_db > 0 else fall_frames(over_s)
        self._line = DbLine(start_db, depth_db / self._frames)
        self._settled = 0

    def hush(self) -> None:
        """Silence from the next frame on, without a fade, and stay there.

        Only after the device lost samples or a stage failed: the listener has heard a gap already, and what would
        follow it is a sudden return.
        """
        self._target_db = self._level_db = SILENCE_DB
        self._steady = np.float32(0.0)
        self._frames = self._at = 0
        self._settled = self._settle_frames

    @property
    def is_rising(self) -> bool:
        """Whether it is on its way up, or about to be."""
        return self.is_moving and self._target_db > self._level_db

    def level_ahead_db(self, frames: int) -> float:
        """Where it will stand so many frames from now, if no other target comes."""
        at = self._at + frames
        return self._target_db if at >= self._frames else self._line.level_db(at)

    def wait(self, block: Block) -> Block:
        """The block times the present gain, without moving: something else rises, and two rises would add up."""
        return block * np.float32(db_to_gain(self._level_db))

    def process(self, block: Block) -> Block:
        """The block, shape (frames, 2), times the gain; at full level it is the same block, at silence exact zeros."""
        moving = min(len(block), self._frames - self._at)
        if moving == 0:
            return self._stand(block)
        gains = self._line.gains(self._at + 1, moving)
        self._at += moving
        is_there = self._at == self._frames
        self._level_db = self._target_db if is_there else self._line.level_db(self._at)
        if moving == len(block):
            return applied(block, gains)
        return np.concatenate((applied(block[:moving], gains), self._stand(block[moving:])))

    def _stand(self, block: Block) -> Block:
        if self._steady == 0.0:
            self._settled = min(self._settle_frames, self._settled + len(block))
            return np.zeros_like(block)
        return block if self._steady == 1.0 else block * self._steady
