"""Chapters as places for `next` and `previous`: where each press leads, what the state says, and what is no chapter."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from player.core.commands import Command, Next, Play, Previous, Seek, Stop
from player.core.engine_orders import Crossfade, PlayItem
from player.core.events import LibraryRead, Track
from player.core.measurement import Chapter, Measured
from player.core.settings.session import TIMER_OFF, Order, Playlist, Settings
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("books", ("/b",), Order.IN_ORDER),), timer=TIMER_OFF)
LENGTH_S = 240.0
CHAPTERS = (Chapter(0.0, "Opening"), Chapter(60.0, ""), Chapter(200.0, "The End"))


@pytest.fixture
def nights() -> Nights:
    """Two books that last as long as the fake engine plays a track, and a track without chapters."""
    nights = Nights(SETTINGS, EVENING)
    book = Measured(LENGTH_S, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0, chapters=CHAPTERS)
    late = replace(book, chapters=(Chapter(30.0, "Late"), Chapter(90.0, "Later")))
    nights.library["books"] = (Track("a", "a", measured=book), Track("b", "b", measured=late), Track("c", "c"))
    nights.tell(LibraryRead("books", nights.library["books"]))
    nights.command(Play("books"))
    nights.run_for(5.0)
    return nights


def at(nights: Nights) -> tuple[str | None, str | None, int]:
    """Track, chapter and position."""
    state = nights.session.snapshot(nights.now)
    return state.track, state.chapter, round(state.position_s or 0.0)


def press(nights: Nights, command: Command) -> str:
    """The answer to a command, once the engine has obeyed."""
    text = nights.command(command).text
    nights.run_for(3.0)
    return text


def test_next_goes_through_the_chapters_and_then_to_the_next_track(nights: Nights) -> None:
    """Through silence, and as the same track: nothing is skipped in the history."""
    assert at(nights)[:2] == ("a", "Opening")
    assert press(nights, Next()) == "chapter 2 of 3: Chapter 2"
    assert at(nights)[:2] == ("a", "Chapter 2")
    assert 60 <= at(nights)[2] < 65
    (last,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)][-1:]
    assert (last.crossing, last.item.start_s) == (Crossfade.SKIP, 60.0)
    assert press(nights, Next()) == "chapter 3 of 3: The End"
    assert at(nights)[:2] == ("a", "The End")
    assert len(nights.events("track_started")) == 1
    assert press(nights, Next()) == "next track"
    assert at(nights)[:2] == ("b", None)
    assert press(nights, Next()) == "chapter 1 of 2: Late"
    assert at(nights)[:2] == ("b", "Late")


def test_previous_goes_to_the_beginning_of_the_chapter_and_then_further_back(nights: Nights) -> None:
    """Within ten seconds of its beginning to the chapter before; before the first one is the track before."""
    press(nights, Seek(100.0))
    assert press(nights, Previous()) == "chapter 2 of 3: Chapter 2"
    assert 60 <= at(nights)[2] < 65
    assert press(nights, Previous()) == "chapter 1 of 3: Opening"
    assert at(nights)[:2] == ("a", "Opening")
    assert press(nights, Previous()) == "there is no track before this one; playing a from the beginning"
    press(nights, Seek(210.0))
    press(nights, Next())
    assert at(nights)[0] == "b"
    assert press(nights, Previous()) == "previous track"
    assert at(nights)[0] == "a"


def test_quick_presses_go_a_chapter_each(nights: Nights) -> None:
    """Before the engine has reached the first of them."""
    assert [nights.command(Next()).text for _ in range(3)] == [
        "chapter 2 of 3: Chapter 2", "chapter 3 of 3: The End", "next track",
    ]  # fmt: skip


def test_the_chapter_is_shown_as_it_plays_and_not_in_a_track_without_any(nights: Nights) -> None:
    """It changes by itself; while nothing plays there is none."""
    nights.run_for(60.0)
    assert at(nights)[:2] == ("a", "Chapter 2")
    for _ in range(5):
        press(nights, Next())
    assert at(nights)[:2] == ("c", None)
    press(nights, Stop(now=True))
    nights.run_for(10.0)
    assert nights.session.snapshot(nights.now).chapter is None
