"""How a track becomes an item for the engine: its gain, and what its level habitually reaches after that. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from player.core.engine_orders import Item
from player.core.events import Track
from player.core.limits import MAX_GAIN_DB
from player.core.measurement import programme_gain_db
from player.core.settings.session import LimitSettings, Playlist


def gain_db(track: Track, playlist: Playlist, limits: LimitSettings) -> float:
    """Programme gain and the playlist's own; a track that nobody measured counts as loud (C6)."""
    own_db = programme_gain_db(track.measured, limits.target_lufs, limits.ceiling_dbtp)
    return min(own_db + playlist.gain_db, MAX_GAIN_DB)


@dataclass(slots=True)
class PlayingItem:
    """An item that was handed to the engine, and what is known of it."""

    item: Item
    track: Track
    duration_s: float | None = None
    position_s: float = 0.0
    is_sounding: bool = False
    was_announced: bool = False
    """It is the same track as before a seek: not a new one in the history."""

    @property
    def can_seek(self) -> bool:
        """Whether it sounds, or would if it were not being sought in: its length is known from before then."""
        return self.is_sounding or self.duration_s is not None

    @property
    def left_s(self) -> float | None:
        """What is left of it, None while it does not sound, or where nobody knows."""
        return None if self.duration_s is None or not self.is_sounding else self.duration_s - self.position_s


def item_of(track: Track, item_id: int, start_s: float, playlist: Playlist, limits: LimitSettings) -> Item:
    """One playing of a track from a place on."""
    db = gain_db(track, playlist, limits)
    habitual_lufs = None if track.measured is None else track.measured.habitual_lufs + db
    return Item(
        id=item_id,
        uri=track.uri,
        title=track.title,
        gain_db=db,
        start_s=start_s,
        is_stream=track.is_stream,
        plan="" if track.measured is None else track.measured.plan,
        habitual_lufs=habitual_lufs if habitual_lufs is not None and math.isfinite(habitual_lufs) else None,
    )
