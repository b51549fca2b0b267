"""How a track becomes an item for the engine: its gain, and what its level habitually reaches after that. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from player.core.engine_orders import Item
from player.core.events import Track
from player.core.measurement import Chapter, programme_gain_db
from player.core.settings.safety import LimitSettings
from player.core.settings.session import Playlist


def gain_db(track: Track, playlist: Playlist, limits: LimitSettings) -> float:
    """Programme gain and the playlist's own; a track that nobody measured counts as loud (C6)."""
    return programme_gain_db(track.measured, limits.target_lufs, limits.ceiling_dbtp, playlist.gain_db)


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
    def chapters(self) -> tuple[Chapter, ...]:
        """Its chapters, where it has been measured and has any."""
        return () if self.track.measured is None else self.track.measured.chapters

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
    item = Item(item_id, track.uri, track.title, db, start_s, track.is_stream)
    measured = track.measured
    if measured is None:
        return item
    return replace(
        item,
        plan=measured.plan,
        length_s=measured.duration_s if math.isfinite(measured.duration_s) else None,
        reached_lufs=measured.reached_lufs + db if measured.is_planned else None,
        habitual_lufs=measured.habitual_lufs + db if math.isfinite(measured.habitual_lufs) else None,
    )
