"""What the state and the answers say is true: ends, tracks, skips, empty playlists, and a session that waits."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from player.core.clock import Now
from player.core.commands import Next, Pause, Play, Resume, Seek, SetPlaylist, SetTimer, SetVolume, Stop
from player.core.events import GuardReported, LibraryRead
from player.core.settings.session import (
    TIMER_END_OF_PLAYLIST,
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.session.memory.records import HeardHow
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Europe/Berlin"))
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/rain",)), Playlist("sea", ("/sea",))),
    volume=VolumeSettings(30, 60),
    timer=TimerSetting.clock(3600.0),
)


@pytest.mark.parametrize("timer", [TIMER_OFF, TIMER_END_OF_TRACK, TIMER_END_OF_PLAYLIST])
def test_only_a_sleep_timer_by_the_clock_shows_an_end(timer: TimerSetting) -> None:
    """The longest time that a session may last is no sleep timer."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play())
    nights.run_for(60.0)
    assert nights.session.snapshot(nights.now).timer_ends == EVENING + timedelta(hours=1)
    nights.command(SetTimer(timer))
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.timer_ends, snapshot.timer_remaining_s) == (None, None)


def test_the_end_of_the_sleep_timer_keeps_its_second() -> None:
    """Two clocks that differ by half a second move nothing; an extension does, and so does a clock that is set."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play())
    nights.run_for(60.0)
    now, ends = nights.now, EVENING + timedelta(hours=1)
    for off_s, shown in ((0.4, 0), (-0.4, 0), (0.9, 0), (-0.9, 0), (7.2, 7), (6.9, 7)):
        wall = now.wall + timedelta(seconds=off_s)
        snapshot = nights.session.snapshot(Now(now.boot_s, wall))
        assert snapshot.timer_ends == ends + timedelta(seconds=shown)


def heard(nights: Nights) -> list[HeardHow]:
    """How each track of the log came to be heard."""
    nights.write(nights.session.close(nights.now).writes)
    return [entry.how for batch in nights.written for entry in batch.heard]


def test_a_seek_is_not_another_track() -> None:
    """One track began, and one is in the log."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play())
    nights.run_for(60.0)
    nights.command(Seek(100.0))
    nights.run_for(30.0)
    assert len(nights.events("track_started")) == 1
    assert heard(nights) == [HeardHow.OPENED]


def test_next_with_one_track_is_not_a_skip() -> None:
    """It begins again, and the answer says so."""
    nights = Nights(SETTINGS, EVENING, tracks="a")
    nights.command(Play())
    nights.run_for(60.0)
    assert nights.command(Next()).text == "there is no other track; playing a from the beginning"
    nights.command(Next())
    nights.run_for(30.0)
    assert HeardHow.OPENED in heard(nights)
    assert HeardHow.SKIPPED not in heard(nights)


def test_a_playlist_with_nothing_in_it_is_refused() -> None:
    """By play, and by playlist while something plays, which plays on; a look at it again lets it play."""
    nights = Nights(SETTINGS, EVENING)
    found = nights.library["rain"]
    nights.library["rain"] = ()
    nights.tell(LibraryRead("rain", (), ("/rain: no such folder",)))
    answer = nights.command(Play("rain"))
    assert (answer.is_done, answer.text) == (False, "playlist 'rain' has nothing to play: /rain: no such folder")
    assert nights.state is State.IDLE
    assert nights.command(Play("sea")).is_done
    assert not nights.command(SetPlaylist("rain")).is_done
    assert nights.session.snapshot(nights.now).playlist == "sea"
    nights.library["rain"] = found
    assert not nights.command(Play("rain")).is_done  # this one looks again
    assert nights.command(Play("rain")).is_done


def waiting() -> Remembering:
    """Two deaths: the session waits for half a minute."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play())
    for _ in range(2):
        nights.run_for(120.0)
        nights.die(off_s=5.0)
    nights.run_for(1.0)
    assert nights.state is State.IDLE
    return nights


def test_a_session_that_waits_after_a_crash_can_be_paused_and_resumed() -> None:
    """Paused it makes no sound by itself, not even after another restart; resume plays it."""
    nights = waiting()
    assert nights.command(Pause()).text == "the interrupted session is paused"
    nights.run_for(200.0)
    assert nights.state is State.IDLE
    assert nights.session.problems(nights.now) == (
        "an interrupted session is paused; resume plays it, stop gives it up",
    )
    assert nights.command(Resume()).text == "the interrupted session is resumed"
    assert nights.state is State.PLAYING
    assert not nights.session.problems(nights.now)


def test_a_waiting_session_that_was_paused_or_stopped_stays_away_after_a_restart() -> None:
    """Whoever wanted silence is not surprised by the next start."""
    for command in (Pause(), Stop()):
        nights = waiting()
        assert nights.command(command).is_done
        nights.run_for(10.0)
        nights.die(off_s=1.0)
        nights.run_for(400.0)
        assert nights.state is State.IDLE


def test_what_the_guard_holds_down_of_our_own_rise_is_no_surprise() -> None:
    """At a volume command; a minute later the same report is one."""
    nights = Nights(replace(SETTINGS, volume=VolumeSettings(20, 60)), EVENING)
    nights.engine.duration_s = 36_000.0
    nights.command(Play())
    nights.run_for(120.0)
    nights.command(SetVolume(60))
    nights.run_for(2.0)
    report = GuardReported(1, 100.0, 8.0, 0.5)
    nights.tell(report)
    assert not nights.events("surprise_tamed")
    nights.run_for(60.0)
    nights.tell(report)
    assert len(nights.events("surprise_tamed")) == 1


@pytest.mark.parametrize("timer", [TIMER_OFF, TIMER_END_OF_TRACK])
def test_a_seek_behind_the_end_of_a_track_of_unknown_length_blames_nobody(timer: TimerSetting) -> None:
    """The track is over: the next one plays, or the session ends with it; nothing is set aside."""
    nights = Nights(SETTINGS, EVENING, tracks="ab")
    nights.command(Play())
    nights.run_for(60.0)
    nights.command(SetTimer(timer))
    opened = nights.session.snapshot(nights.now).track
    assert opened is not None
    nights.engine.broken.add(opened)  # the decoder finds nothing there
    nights.command(Seek(100.0))
    nights.run_for(30.0)
    assert not nights.events("track_skipped_over")
    if timer is TIMER_END_OF_TRACK:
        nights.run_for(300.0)
        assert nights.state is State.IDLE
    else:
        assert nights.session.snapshot(nights.now).track != opened
