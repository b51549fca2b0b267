"""C2, C6 and C8 on a night: what lull itself did with levels.

Runs on the thread that renders. lull's own gain on a track is its ramp plus the deck's gain. It is examined at the end
of each block, and levels more than 60 dB below the ramp's target do not count: a rise begins there, and lower levels
are silence. A *silence of lull's own* is a block of zeros while the ramp stands at silence or no deck sounds; a
recording may end as abruptly as it likes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from player.analysis.contract.figures import Figure, Levels, TrackHeard, Volume, Worst
from player.audio.dsp.crossfade import HIDDEN_DB
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S, to_lufs
from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.core.limits import FADE_DEPTH_DB, MAX_GAIN_DB, MAX_RISE_DB_PER_S
from player.core.units import SILENCE_DB, VOLUME_MAX, VOLUME_SPAN_DB, to_seconds

LAST_LEVEL_DB: Final = -60.0
RATE_TOLERANCE_DB_PER_S: Final = 0.01
"""Of float32 gains over a tenth of a second."""
NOTHING_DB: Final = -120.0
RECENT_S: Final = 0.3
"""Sound that ended longer ago was not ended by lull."""


def to_volume(level_db: float) -> float:
    """The volume 0-100 that has this level."""
    return max(0.0, VOLUME_MAX + level_db * (VOLUME_MAX - 1) / VOLUME_SPAN_DB) if level_db > SILENCE_DB else 0.0


class GainMoves:
    """Follows ramp and decks.

    Args:
        volume_cap_db: the highest volume that is allowed.
    """

    def __init__(self, volume_cap_db: float) -> None:
        self._rise = Worst(MAX_RISE_DB_PER_S, RATE_TOLERANCE_DB_PER_S)
        self._last = Worst(LAST_LEVEL_DB)
        self._cap = Worst(to_volume(volume_cap_db), 1e-6)
        self._volume_db = SILENCE_DB
        self._target_db = SILENCE_DB
        self._room_db: float | None = None
        self._last_room_db = 0.0
        self._own_db: dict[int, float] = {}
        self._loudest = 0.0
        self._ending = 0.0
        self._ending_at_s = -1e9
        self._is_own_silence = True

    def push(self, rendered: Rendered | None, frames: int, at_s: float) -> Volume:
        """What was done in a block; None for silence that did not go through the chain."""
        level_db = SILENCE_DB if rendered is None else rendered.volume_db
        aim_db = SILENCE_DB if rendered is None else rendered.target_db
        if aim_db > SILENCE_DB:
            self._target_db = aim_db
        decks = () if rendered is None else (*rendered.decks, *rendered.beds)
        own_db = {d.item.id: level_db + d.level_db for d in decks}
        joined = {d.item.id for d in decks if d.is_joined}
        self._see_rises(own_db, joined, frames, at_s)
        self._is_own_silence = not any(db > SILENCE_DB for db in own_db.values())
        self._cap.see(to_volume(level_db), at_s)
        volume = Volume(level_db, max(self._volume_db, level_db, aim_db), self._room(level_db, aim_db))
        self._own_db, self._volume_db = own_db, level_db
        return volume

    def _see_rises(self, own_db: dict[int, float], joined: set[int], frames: int, at_s: float) -> None:
        """Find rises; a track 24 dB below another is hidden, and the two sides of a seam keep the level together."""
        floor_db = self._target_db - FADE_DEPTH_DB
        for item_id, now_db in own_db.items():
            others_db = max((db for other_id, db in own_db.items() if other_id != item_id), default=SILENCE_DB)
            before_db = max(self._own_db.get(item_id, SILENCE_DB), floor_db, others_db + HIDDEN_DB)
            if now_db > before_db > SILENCE_DB and item_id not in joined:
                self._rise.see((now_db - before_db) / to_seconds(frames), at_s)

    def _room(self, level_db: float, aim_db: float) -> float:
        if level_db == SILENCE_DB:
            self._room_db = None
        elif aim_db > SILENCE_DB:
            self._room_db = aim_db if self._room_db is None else min(self._room_db, aim_db)
        if self._room_db is not None:
            self._last_room_db = self._room_db
        return self._last_room_db

    def look_at_the_end(self, out: Block, heard: Levels, at_s: float) -> None:
        """Remember how the sound ended, and judge it once lull is silent."""
        sounding = np.flatnonzero((out[:, 0] != 0.0) | (out[:, 1] != 0.0))
        if sounding.size:
            self._loudest = max(self._loudest, float(heard.momentary.max()))
            hop = int(sounding[-1]) // HOP_FRAMES
            self._ending = float(heard.hops[max(0, hop - 1) : hop + 1].max())
            self._ending_at_s = at_s + (hop + 1) * HOP_S
        has_ended = int(sounding[-1]) < len(out) - HOP_FRAMES if sounding.size else True
        if self._is_own_silence and has_ended and self._loudest > 0.0:
            if at_s - self._ending_at_s < RECENT_S and self._ending > 0.0:
                below_db = to_lufs(self._ending) - to_lufs(self._loudest)
                self._last.see(max(below_db, NOTHING_DB), self._ending_at_s)
            self._loudest = 0.0

    def figures(self, tracks: Sequence[TrackHeard]) -> list[Figure]:
        """C2, C6 and C8."""
        gain = Worst(MAX_GAIN_DB)
        for track in tracks:
            gain.see(track.gain_db, track.began_s)
        return [
            self._rise.figure("C2", "fastest rise of lull's own gain on a track", "dB/s"),
            self._last.figure("C2", "last level before a silence, below the loudest before it", "dB"),
            gain.figure("C6", "largest gain of a track", "dB"),
            self._cap.figure("C8", "highest volume", "of 100"),
        ]
