"""What a session begins with: where it was broken off, what its playlist always opens with, then the rotation."""

from __future__ import annotations

import random
from datetime import datetime
from zoneinfo import ZoneInfo

from player.core.commands import Next, Play, SetPlaylist
from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.session import Playlist, Settings, TimerSetting
from player.session.memory.memory import Memory
from player.session.memory.rotation import Rotation
from player.session.track_selection import ResumePoint, TrackSelection
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
RAIN = Playlist("rain", ("/rain",), opening=("/opening",))
OPENING = (Track("hello", "hello"), Track("lie down", "lie down"))
SETTINGS = Settings(playlists=(RAIN, Playlist("sea", ("/sea",))), timer=TimerSetting.clock(25 * 60.0))
MEASURED = Measured(300.0, -20.0, -20.0, 5.0, -15.0, -16.0, -16.0, -3.0, -18.0)


def nights_with_an_opening() -> Remembering:
    nights = Remembering(SETTINGS, EVENING, "abcd")
    nights.engine.duration_s = 400.0
    nights.openings["rain"] = OPENING
    nights.look()
    return nights


def evening(nights: Remembering) -> list[str]:
    """What is heard in a session."""
    before = len(nights.engine.heard)
    nights.command(Play("rain"))
    nights.run_for(1800.0)
    return [uri for _, uri in nights.engine.heard[before:]]


def test_each_night_begins_the_same_way_and_then_goes_on_with_the_rotation() -> None:
    """Three nights, with a restart before the last."""
    nights = nights_with_an_opening()
    assert evening(nights) == ["hello", "lie down", "a", "b"]
    assert evening(nights) == ["hello", "lie down", "c", "d"]
    nights.switch_off()
    nights.die(off_s=3600.0, boot="next")
    nights.engine.duration_s = 400.0
    assert evening(nights) == ["hello", "lie down", "a", "b"]


def test_next_leaves_the_rest_of_the_opening_to_be_heard() -> None:
    """A part of the routine that is not wanted tonight is skipped like any track."""
    nights = nights_with_an_opening()
    nights.command(Play("rain"))
    nights.run_for(20.0)
    nights.command(Next())
    nights.run_for(20.0)
    assert [uri for _, uri in nights.engine.heard] == ["hello", "lie down"]


def test_changing_the_playlist_in_the_middle_is_no_new_night() -> None:
    """Back to the playlist with an opening: it goes on with its tracks."""
    nights = nights_with_an_opening()
    nights.command(Play("sea"))
    nights.run_for(60.0)
    nights.command(SetPlaylist("rain"))
    nights.run_for(60.0)
    assert [uri for _, uri in nights.engine.heard][-1] in set("abcd")


def test_a_session_that_goes_on_does_not_open_again() -> None:
    """Broken off behind the opening: what was heard of it is not heard twice."""
    nights = nights_with_an_opening()
    nights.command(Play("rain"))
    nights.run_for(1000.0)
    nights.die()
    nights.run_for(420.0)
    assert not {"hello", "lie down"} & {uri for _, uri in nights.engine.heard}


def choice_at(place: ResumePoint, measured: Measured | None = MEASURED) -> TrackSelection:
    choice = TrackSelection(RAIN, Rotation(Memory()), random.Random(1))
    track = Track("a", "a", measured=measured)
    choice.set_tracks(LibraryRead("rain", (track, Track("http://radio", "radio", is_stream=True))))
    choice.resume_point = place
    return choice


def test_the_place_is_where_the_track_would_be_by_now() -> None:
    """Where its length is known; otherwise where it was last written down."""
    place = ResumePoint("a", 100.0, 250.0)
    assert choice_at(place).pop_resume_point() == (Track("a", "a", measured=MEASURED), 250.0)
    assert choice_at(place, None).pop_resume_point() == (Track("a", "a"), 100.0)


def test_a_track_that_would_be_over_is_over() -> None:
    """Or nearly: its last seconds are not worth a rise."""
    assert choice_at(ResumePoint("a", 100.0, 280.0)).pop_resume_point() is None


def test_a_stream_is_taken_up_at_its_present() -> None:
    """It has no place."""
    found = choice_at(ResumePoint("http://radio", 900.0, 950.0)).pop_resume_point()
    assert found is not None
    assert found[1] == 0.0


def test_a_place_waits_for_a_library_that_is_away() -> None:
    """A stick or a share that comes after a power cut: nothing could be read at first."""
    choice = choice_at(ResumePoint("a", 100.0, 250.0))
    found = LibraryRead("rain", choice.tracks or ())
    choice.set_tracks(LibraryRead("rain", (), ("/media/stick does not exist",)))
    assert choice.pop_resume_point() is None
    choice.set_tracks(found)
    assert choice.pop_resume_point() == (Track("a", "a", measured=MEASURED), 250.0)


def test_a_place_is_taken_once_and_only_if_its_track_may_be_played() -> None:
    """What has vanished or was banned meanwhile is not gone on with."""
    choice = choice_at(ResumePoint("a", 1.0, 1.0))
    assert choice.pop_resume_point() is not None
    assert choice.pop_resume_point() is None
    assert choice_at(ResumePoint("gone", 1.0, 1.0)).pop_resume_point() is None
    banned = choice_at(ResumePoint("a", 1.0, 1.0))
    memory = Memory()
    memory.ban(Track("a", "a"), EVENING)
    banned.rotation = Rotation(memory)
    assert banned.pop_resume_point() is None
