"""Makes an item for the engine from a track: its gain, its habitual level, its chapters. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from player.core.engine_orders import Item
from player.core.events import Track
from player.core.measurement import Chapter, programme_gain_db
from player.core.settings.safety import LimitSettings
from player.core.settings.session import Playlist


def gain_db(track: Track, playlist: Playlist, limits: LimitSettings) -> float:
    """Programme gain plus the playlist's; an unmeasured track counts as loud (C6)."""
    return programme_gain_db(track.measured, limits.target_lufs, limits.ceiling_dbtp, playlist.gain_db)


SAME_S: Final = 2.0
SAME_SHARE: Final = 0.02
"""A stated length may differ from the measured one by the larger of the two: containers are inexact."""


@dataclass(slots=True)
class PlayingItem:
    """An item that the engine plays, and what is known about it."""

    item: Item
    track: Track
    duration_s: float | None = None
    position_s: float = 0.0
    is_sounding: bool = False
    was_announced: bool = False
    """Whether it is the same track as before, as after a seek, and not a new one in the history."""

    @property
    def chapters(self) -> tuple[Chapter, ...]:
        """Its chapters, if it was measured and has any."""
        return () if self.track.measured is None else self.track.measured.chapters

    @property
    def can_seek(self) -> bool:
        """Whether it can be moved within: its length is known, also while a seek is under way."""
        return self.is_sounding or self.duration_s is not None

    def level(self, track: Track, playlist: Playlist, limits: LimitSettings) -> Item | None:
        """Take the measurement of the track that sounds; the new item, or None where it changes nothing.

        A file that was replaced meanwhile has mostly another length: what was measured in it says nothing about what
        sounds.
        """
        if self._is_other(track) or not self.is_sounding or self.item.plan is not None:
            return None
        self.track = track
        self.item = item_of(track, self.item.id, self.item.start_s, playlist, limits)
        return self.item

    def _is_other(self, track: Track) -> bool:
        """Whether the measured length is not that of what sounds."""
        measured_s = math.inf if track.measured is None else track.measured.duration_s
        if self.duration_s is None or math.isinf(measured_s):
            return False
        return abs(measured_s - self.duration_s) > max(SAME_S, SAME_SHARE * self.duration_s)

    @property
    def left_s(self) -> float | None:
        """Seconds left of it; None while it does not sound, or where that is unknown: also behind a wrong length."""
        if self.duration_s is None or not self.is_sounding:
            return None
        left_s = self.duration_s - self.position_s
        return None if left_s < -SAME_S else max(0.0, left_s)


def item_of(track: Track, item_id: int, start_s: float, playlist: Playlist, limits: LimitSettings) -> Item:
    """An item that plays a track from a place on."""
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


NEAR_S: Final = 0.5
"""A place up to this many seconds before a chapter counts as its beginning."""
AGAIN_S: Final = 10.0
"""Seconds into a chapter after which `previous` goes to the beginning of the same chapter."""


def chapter_number(playing: PlayingItem) -> int:
    """The number of the chapter that plays, counted from 1; 0 without chapters, and before the first one."""
    return sum(chapter.start_s <= playing.position_s + NEAR_S for chapter in playing.chapters)


def chapter_title(playing: PlayingItem) -> str | None:
    """The title of the chapter that plays; None where there is none."""
    number = chapter_number(playing)
    return _title(playing, number) if number else None


def chapter_line(playing: PlayingItem, number: int) -> str:
    """A chapter as text for people."""
    return f"chapter {number} of {len(playing.chapters)}: {_title(playing, number)}"


def next_chapter(playing: PlayingItem) -> int | None:
    """The number of the chapter after this one; None where there is none."""
    number = chapter_number(playing) + 1
    return number if number <= len(playing.chapters) else None


def previous_chapter(playing: PlayingItem) -> int | None:
    """The number of this chapter if it has played for a while, otherwise of the one before; None without one."""
    number = chapter_number(playing)
    if number and playing.position_s - playing.chapters[number - 1].start_s <= AGAIN_S:
        number -= 1
    return number or None


def _title(playing: PlayingItem, number: int) -> str:
    return playing.chapters[number - 1].title or f"Chapter {number}"
