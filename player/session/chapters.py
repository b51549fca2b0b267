"""Where a track stands in its chapters. Pure, main thread, standard library."""

from __future__ import annotations

from typing import Final

from player.session.queue_item import PlayingItem

NEAR_S: Final = 0.5
"""A place so little before a chapter counts as its beginning."""
AGAIN_S: Final = 10.0
"""From so far into a chapter on `previous` goes to its own beginning."""


def chapter_number(playing: PlayingItem) -> int:
    """The number of the chapter that plays, counted from 1; 0 without chapters, and before the first one."""
    return sum(chapter.start_s <= playing.position_s + NEAR_S for chapter in playing.chapters)


def chapter_title(playing: PlayingItem) -> str | None:
    """The title of the chapter that plays; None where there is none."""
    number = chapter_number(playing)
    return _title(playing, number) if number else None


def chapter_line(playing: PlayingItem, number: int) -> str:
    """A chapter for people."""
    return f"chapter {number} of {len(playing.chapters)}: {_title(playing, number)}"


def next_chapter(playing: PlayingItem) -> int | None:
    """The number of the chapter after this one; None where there is none."""
    number = chapter_number(playing) + 1
    return number if number <= len(playing.chapters) else None


def previous_chapter(playing: PlayingItem) -> int | None:
    """The number of this chapter where it has played for a while, otherwise of the one before; None without one."""
    number = chapter_number(playing)
    if number and playing.position_s - playing.chapters[number - 1].start_s <= AGAIN_S:
        number -= 1
    return number or None


def _title(playing: PlayingItem, number: int) -> str:
    return playing.chapters[number - 1].title or f"Chapter {number}"
