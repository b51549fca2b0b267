"""One ordinary night, and what people do to it, on the fake clock."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from player.core.commands import (
    ExtendTimer,
    Next,
    Pause,
    Play,
    Resume,
    Seek,
    SetPlaylist,
    SetSchedule,
    SetTimer,
    SetVolume,
    Stop,
    Toggle,
)
from player.core.engine_orders import RampTo, Then
from player.core.events import EngineFaulted, ItemFailed, LibraryRead, Track
from player.core.settings.safety import FadeSettings
from player.core.settings.session import TIMER_END_OF_TRACK, TIMER_OFF, Entry, Order, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.messages import Shutdown
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(
    playlists=(Playlist("whispers", ("/w",)), Playlist("rain", ("/r",), Order.SHUFFLE, gain_db=-3.0)),
    schedule=(Entry("nightly", time(22, 30), volume=25, timer=TimerSetting.clock(2700.0), fade_in_s=60.0),),
)


@pytest.fixture
def nights() -> Nights:
    return Nights(SETTINGS, EVENING)


@pytest.fixture
def by_hand() -> Nights:
    """The same without a schedule."""
    return Nights(Settings(playlists=SETTINGS.playlists), EVENING)


def test_the_schedule_starts_the_night_fades_it_and_ends_it(nights: Nights) -> None:
    """At 22:30 it plays, at 23:05 the fade-out begins, at 23:15 it is silent."""
    nights.run_until(EVENING.replace(minute=30, second=1))
    assert nights.state is State.PLAYING
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.why, snapshot.playlist, snapshot.volume) == ("schedule:nightly", "whispers", 25)
    nights.run_until(EVENING.replace(hour=23, minute=4, second=59))
    assert nights.state is State.PLAYING
    assert nights.engine.level_db() == volume_to_db(25)
    nights.run_until(EVENING.replace(hour=23, minute=5, second=1))
    assert nights.state is State.FADING_OUT
    nights.run_until(EVENING.replace(hour=23, minute=15))
    assert nights.state is State.IDLE
    assert nights.engine.level_db() == SILENCE_DB
    ended = nights.events("session_ended")[-1]
    assert ended.now.wall.isoformat() >= "2026-01-15T23:14:59"
    assert ended.news.data["reason"] == "timer"
    assert ended.news.data["minutes"] == 45.0


def test_the_next_start_is_known_all_day(nights: Nights) -> None:
    """The snapshot names the next start, before the night and after it."""
    assert nights.session.snapshot(nights.now).next_start == EVENING.replace(minute=30)
    nights.run_until(EVENING.replace(hour=23, minute=30))
    assert nights.session.snapshot(nights.now).next_start == EVENING.replace(day=16, minute=30)


def test_a_boundary_of_the_schedule_leaves_alone_what_plays_by_hand(nights: Nights) -> None:
    """A session that somebody started goes on through 22:30, and the missed start is told."""
    nights.command(Play("rain", timer=TimerSetting.clock(3 * 3600.0)))
    nights.run_until(EVENING.replace(hour=23))
    assert nights.session.snapshot(nights.now).playlist == "rain"
    assert [told.news.data["reason"] for told in nights.events("start_missed")] == ["a session is running"]
    assert len(nights.events("session_started")) == 1


def test_an_entry_that_takes_over_does(nights: Nights) -> None:
    """With takes_over the entry blends into its own playlist and level, and the session before it is over."""
    entry = Entry("strict", time(22, 30), playlist="whispers", volume=20, takes_over=True)
    nights = Nights(Settings(playlists=SETTINGS.playlists, schedule=(entry,)), EVENING)
    nights.command(Play("rain"))
    nights.run_until(EVENING.replace(minute=31))
    assert nights.session.snapshot(nights.now).why == "schedule:strict"
    assert nights.engine.level_db() == volume_to_db(20)
    assert [told.news.data["reason"] for told in nights.events("session_ended")] == ["taken_over"]


def test_stop_fades_and_is_idle_soon(nights: Nights) -> None:
    """Stop is a fade of some seconds and then silence."""
    nights.command(Play())
    nights.run_for(60)
    assert nights.command(Stop()).is_done
    assert nights.state is State.STOPPING
    nights.run_for(5)
    assert nights.state is State.IDLE


def test_pause_keeps_the_place_and_resume_rises_from_silence(nights: Nights) -> None:
    """Paused, nothing is heard and the track stands still; resumed, it takes ten seconds to come back."""
    nights.command(Play())
    nights.run_for(60)
    nights.command(Pause())
    nights.run_for(300)
    assert nights.state is State.PAUSED
    assert nights.engine.level_db() == SILENCE_DB
    nights.command(Resume())
    nights.run_for(5)
    assert nights.engine.level_db() < volume_to_db(30)
    nights.run_for(6)
    assert nights.engine.level_db() == volume_to_db(30)


def test_the_timer_ends_a_paused_session(by_hand: Nights) -> None:
    """Somebody fell asleep on pause: at the deadline the session is over."""
    by_hand.command(Play(timer=TimerSetting.clock(1200.0)))
    by_hand.run_for(60)
    by_hand.command(Pause())
    by_hand.run_for(1141)
    assert by_hand.state is State.IDLE


def test_toggle_is_one_button(nights: Nights) -> None:
    """Play, pause, resume."""
    states = []
    for _ in range(3):
        nights.command(Toggle())
        nights.run_for(30)
        states.append(nights.state)
    assert states == [State.PLAYING, State.PAUSED, State.PLAYING]


def test_extend_moves_the_deadline(by_hand: Nights) -> None:
    """Fifteen more minutes are fifteen more minutes, also when asked for in the middle of the final fade."""
    by_hand.command(Play(timer=TimerSetting.clock(1800.0)))
    by_hand.run_for(1500)
    assert by_hand.state is State.FADING_OUT
    by_hand.command(ExtendTimer(900.0))
    assert by_hand.state is State.PLAYING
    by_hand.run_for(1190)
    assert by_hand.state is State.FADING_OUT
    by_hand.run_for(15)
    assert by_hand.state is State.IDLE


def test_the_timer_can_be_switched_off_and_on(by_hand: Nights) -> None:
    """Off, the session goes on for hours; set again, it ends when that says."""
    by_hand.command(Play())
    by_hand.command(SetTimer(TIMER_OFF))
    by_hand.run_for(4 * 3600)
    assert by_hand.state is State.PLAYING
    by_hand.command(SetTimer(TimerSetting.clock(60.0)))
    by_hand.run_for(60.5)
    assert by_hand.state is State.IDLE


def test_a_timer_shorter_than_the_fade_out_fades_in_first(by_hand: Nights) -> None:
    """Two minutes with a fade-out of ten: it comes up, is heard, and the rest is the fade."""
    by_hand.command(Play(timer=TimerSetting.clock(120.0)))
    by_hand.run_for(29)
    assert by_hand.state is State.PLAYING
    by_hand.run_for(3)
    assert by_hand.state is State.FADING_OUT
    assert by_hand.engine.level_db() > volume_to_db(30) - 5
    by_hand.run_for(88)
    assert by_hand.state is State.IDLE


def test_end_of_track_stops_at_the_end_of_the_track(by_hand: Nights) -> None:
    """Tracks are 240 s long: the session is over at 240 s, faded, and no other track was begun."""
    by_hand.command(Play(timer=TIMER_END_OF_TRACK))
    by_hand.run_for(238)
    assert by_hand.state is State.FADING_OUT
    by_hand.run_for(3)
    assert by_hand.state is State.IDLE
    assert len(by_hand.engine.heard) == 1
    assert by_hand.events("session_ended")[-1].news.data["reason"] == "end-of-track"


def test_a_volume_command_takes_the_final_fade_over_and_the_deadline_stands(by_hand: Nights) -> None:
    """The person's level is kept for half of what remains; silence comes when it was to come."""
    by_hand.command(Play(timer=TimerSetting.clock(1800.0)))
    by_hand.run_for(1500)
    assert by_hand.state is State.FADING_OUT
    by_hand.command(SetVolume(40))
    by_hand.run_for(140)
    assert by_hand.engine.level_db() == volume_to_db(40)
    by_hand.run_for(20)
    assert by_hand.state is State.FADING_OUT
    by_hand.run_for(140.0)
    assert by_hand.state is State.IDLE


def test_volume_is_held_at_the_maximum(nights: Nights) -> None:
    """Above the maximum is refused with the range; a step stops at it."""
    nights.command(Play())
    nights.run_for(60)
    refused = nights.command(SetVolume(61))
    assert not refused.is_done
    assert "0 to 60" in refused.text
    nights.command(SetVolume(50, is_relative=True))
    assert nights.session.snapshot(nights.now).volume == 60


def test_unknown_playlists_are_refused_with_the_choices(nights: Nights) -> None:
    """The answer names the playlist, the nearest one, and all of them; nothing has changed."""
    answer = nights.command(Play("wispers"))
    assert not answer.is_done
    assert "'wispers'" in answer.text
    assert "did you mean 'whispers'" in answer.text
    assert "whispers, rain" in answer.text
    assert nights.state is State.IDLE
    assert not nights.engine.orders


def test_next_and_seek_start_another_playing(nights: Nights) -> None:
    """Next takes another track; seek the same one from elsewhere; beyond the end is refused."""
    nights.command(Play())
    nights.run_for(30)
    nights.command(Next())
    nights.run_for(1)
    assert len({uri for _, uri in nights.engine.heard}) == 2
    assert nights.command(Seek(100.0)).is_done
    nights.run_for(1)
    position_s = nights.session.snapshot(nights.now).position_s
    assert position_s is not None
    assert 100.0 <= position_s <= 102.0
    assert "beyond the end" in nights.command(Seek(1000.0)).text


def test_a_playlist_of_broken_files_is_one_problem_and_is_tried_again_slowly() -> None:
    """Nothing playable: silence, a problem, few attempts; when the files come back the night goes on."""
    nights = Nights(SETTINGS, EVENING)
    nights.engine.broken = {"a", "b", "c", "d"}
    nights.command(Play())
    nights.run_for(600)
    assert [told.news.text for told in nights.events("problem")] == [
        "playlist 'whispers' has nothing that can be played"
    ]
    attempts = len(nights.engine.orders)
    assert attempts < 50
    nights.engine.broken = set()
    nights.run_for(300)
    assert nights.engine.heard
    assert nights.events("problem_cleared")


def test_a_broken_file_is_left_out_with_one_warning_that_names_it() -> None:
    """One of four is broken: it is named once a round, the others play on."""
    nights = Nights(SETTINGS, EVENING)
    nights.engine.broken = {"b"}
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(700)
    assert [told.news.data["uri"] for told in nights.events("track_skipped_over")] == ["b"]
    assert len(nights.engine.heard) >= 3


def test_a_lost_device_is_a_problem_and_the_way_back_starts_at_silence(nights: Nights) -> None:
    """Unplugged and plugged in again: a problem, then a rise of ten seconds to the level that was."""
    nights.command(Play())
    nights.run_for(60)
    nights.engine.lose_output()
    nights.run_for(30)
    assert any("no sound device" in problem for problem in nights.session.snapshot(nights.now).problems)
    nights.engine.find_output()
    nights.run_for(1)
    assert nights.engine.level_db() < volume_to_db(30) - 50
    nights.run_for(10)
    assert nights.engine.level_db() == volume_to_db(30)
    assert not nights.session.snapshot(nights.now).problems


def test_a_device_lost_in_the_final_fade_comes_back_no_louder_and_the_deadline_stands(by_hand: Nights) -> None:
    """Half way down the fade the device returns: at most half of the level, and silence in time."""
    by_hand.command(Play(timer=TimerSetting.clock(1800.0)))
    by_hand.run_for(1500)
    by_hand.engine.lose_output()
    by_hand.run_for(10)
    by_hand.engine.find_output()
    by_hand.run_for(15)
    assert by_hand.state is State.PLAYING, "the rest of the night is not lost with the device"
    assert SILENCE_DB < by_hand.engine.level_db() <= volume_to_db(30) - 25
    by_hand.run_for(275.0)
    assert by_hand.state is State.IDLE


def test_without_a_trusted_clock_the_schedule_waits_and_commands_work(nights: Nights) -> None:
    """Nothing starts at 22:30, which is said; play works; trusted soon enough, the start is caught up with."""
    nights.clock.is_trusted = False
    nights.run_until(EVENING.replace(minute=40))
    assert nights.state is State.IDLE
    assert any("clock" in problem for problem in nights.session.snapshot(nights.now).problems)
    assert nights.command(Play()).is_done
    nights.command(Stop())
    nights.run_for(10)
    nights.clock.is_trusted = True
    nights.run_for(10)
    assert nights.state is State.PLAYING
    nights.run_until(EVENING.replace(hour=23, minute=15))
    assert nights.state is State.IDLE, "the planned end is kept"


def test_a_schedule_that_is_off_starts_nothing(nights: Nights) -> None:
    """Switched off, 22:30 passes; switched on after it, nothing starts late."""
    nights.command(SetSchedule(is_enabled=False))
    assert nights.session.snapshot(nights.now).next_start is None
    nights.run_until(EVENING.replace(minute=35))
    nights.command(SetSchedule(is_enabled=True))
    nights.run_until(EVENING.replace(hour=23))
    assert nights.state is State.IDLE


def test_a_chosen_playlist_is_what_play_starts(nights: Nights) -> None:
    """Chosen while idle it waits; chosen while playing it is blended in."""
    nights.command(SetPlaylist("rain"))
    nights.command(Play())
    assert nights.session.snapshot(nights.now).playlist == "rain"
    nights.run_for(30)
    nights.command(SetPlaylist("whispers"))
    assert nights.session.snapshot(nights.now).playlist == "whispers"
    assert len(nights.events("session_started")) == 1


def test_play_while_playing_leaves_the_sound_alone(nights: Nights) -> None:
    """A second press of play on the running playlist starts nothing and moves nothing."""
    nights.command(Play())
    nights.run_for(100)
    before = len(nights.engine.orders)
    assert nights.command(Play()).is_done
    assert len(nights.engine.orders) == before


def test_stop_is_obeyed_in_every_state() -> None:
    """Whatever is going on, stop leads to silence within its fade."""
    for prepare in ([], [Play()], [Play(), Pause()], [Play(), Stop()], [Play(timer=TimerSetting.clock(30.0))]):
        nights = Nights(SETTINGS, EVENING)
        for command in prepare:
            nights.command(command)
            nights.run_for(12)
        assert nights.command(Stop(now=True)).is_done
        nights.run_for(1)
        assert nights.state is State.IDLE


def test_every_ramp_that_ends_a_session_goes_to_silence_and_stops(nights: Nights) -> None:
    """There is no order that drops the tracks at a level."""
    nights.run_until(EVENING.replace(hour=23, minute=30))
    stops = [order for order in nights.engine.orders if isinstance(order, RampTo) and order.then is not Then.NOTHING]
    assert stops
    assert all(order.target_db == SILENCE_DB for order in stops)


def test_an_end_of_track_fade_can_be_taken_back(by_hand: Nights) -> None:
    """A volume command keeps its level for half of what is left of the track; it still ends with the track."""
    by_hand.command(Play(timer=TIMER_END_OF_TRACK))
    by_hand.run_for(200)
    assert by_hand.state is State.FADING_OUT
    by_hand.command(SetVolume(35))
    by_hand.run_for(15)
    assert by_hand.state is State.PLAYING
    assert by_hand.engine.level_db() == volume_to_db(35)
    by_hand.run_for(27)
    assert by_hand.state is State.IDLE


def test_a_fade_that_falls_due_without_a_device_waits_for_it(by_hand: Nights) -> None:
    """Away when the fade should begin, back ten seconds later: it comes back lower and is silent in time."""
    by_hand.command(Play(timer=TimerSetting.clock(1200.0)))
    by_hand.run_for(595)
    by_hand.engine.lose_output()
    by_hand.run_for(15)
    assert by_hand.state is State.PLAYING
    by_hand.engine.find_output()
    by_hand.run_for(12)
    assert SILENCE_DB < by_hand.engine.level_db() <= volume_to_db(30)
    by_hand.run_for(578)
    assert by_hand.state is State.IDLE


def test_a_long_stop_just_before_the_deadline_does_not_overrun_it() -> None:
    """A stop of a minute, two seconds before the end: silent at the end."""
    slow = Settings(playlists=SETTINGS.playlists, fades=FadeSettings(stop_s=60.0))
    nights = Nights(slow, EVENING)
    nights.command(Play(timer=TimerSetting.clock(1200.0)))
    nights.run_for(590)
    nights.command(SetTimer(TimerSetting.clock(40.0)))
    nights.command(Stop())
    nights.run_for(41)
    assert nights.state is State.IDLE


def test_a_forgotten_pause_does_not_cost_the_night(nights: Nights) -> None:
    """Paused in the evening without a timer: the schedule starts all the same."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60)
    nights.command(Pause())
    nights.run_until(EVENING.replace(minute=31))
    assert nights.session.snapshot(nights.now).why == "schedule:nightly"
    assert nights.engine.level_db() > SILENCE_DB


def test_nothing_starts_while_the_speaker_is_being_switched_off(nights: Nights) -> None:
    """After the shutdown has begun, play is refused and stop is not."""
    nights.command(Play())
    nights.run_for(60)
    nights.tell(Shutdown(1.2))
    refused = nights.command(Play())
    assert not refused.is_done
    assert "shutting down" in refused.text
    assert nights.command(Stop()).is_done
    nights.run_for(2)
    assert nights.state is State.IDLE


def test_a_fault_of_the_engine_with_one_track_is_tried_again(nights: Nights) -> None:
    """The only track is set aside, which is a problem; after a pause it plays again."""
    alone = Nights(Settings(playlists=SETTINGS.playlists), EVENING, tracks=("a",))
    alone.command(Play(timer=TIMER_OFF))
    alone.run_for(60)
    alone.tell(EngineFaulted("a bug"))
    alone.run_for(30)
    assert len(alone.engine.heard) >= 2
    assert alone.engine.level_db() > SILENCE_DB


def test_a_stream_that_drops_is_tried_again_before_anything_else() -> None:
    """Nothing waits behind it; after its retries another track is taken."""
    nights = Nights(Settings(playlists=SETTINGS.playlists), EVENING)
    tracks = (Track("http://radio", "radio", is_stream=True), Track("a", "a"))
    nights.engine.durations["http://radio"] = 30.0
    nights.library["whispers"] = tracks
    nights.tell(LibraryRead("whispers", tracks))
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(200)
    assert [uri for _, uri in nights.engine.heard][:5] == ["http://radio"] * 4 + ["a"]


@pytest.mark.parametrize("reason", ["did not begin within 45 s", "delivered nothing for 30s"])
def test_a_stream_that_delivers_nothing_is_left_at_once(reason: str) -> None:
    """It has cost half a minute and more: another track is taken. A stream that has sounded is tried again."""
    for played_s, following in ((0.0, "a"), (90.0, "http://radio")):
        nights = Nights(Settings(playlists=SETTINGS.playlists), EVENING)
        tracks = (Track("http://radio", "radio", is_stream=True), Track("a", "a"))
        nights.engine.durations["http://radio"] = 7200.0
        nights.library["whispers"] = tracks
        nights.tell(LibraryRead("whispers", tracks))
        nights.command(Play(timer=TIMER_OFF))
        nights.run_for(5)
        nights.tell(ItemFailed(1, reason, played_s))
        nights.run_for(5)
        assert [uri for _, uri in nights.engine.heard] == ["http://radio", following]


def test_a_stream_that_breaks_off_every_minute_is_kept_with_growing_pauses_and_told() -> None:
    """70 s of sound at a time for three hours: it is never given up, tried less than once in two minutes, and a problem
    until ten minutes have gone well; its way back is no other track.
    """
    nights = Nights(Settings(playlists=SETTINGS.playlists), EVENING)
    tracks = (Track("http://radio", "radio", is_stream=True), Track("a", "a"))
    nights.engine.durations["http://radio"] = 70.0
    nights.library["whispers"] = tracks
    nights.tell(LibraryRead("whispers", tracks))
    nights.command(Play(timer=TIMER_OFF))
    for _ in range(3 * 360):
        nights.run_for(10)  # so that its progress is heard of
    heard = [uri for _, uri in nights.engine.heard]
    assert set(heard) == {"http://radio"}
    assert 60 < len(heard) < 3 * 3600 / 120
    assert len(nights.events("track_started")) == 1
    (told,) = nights.events("problem")
    assert "radio breaks off repeatedly" in told.news.text
    nights.engine.durations["http://radio"] = 7200.0
    for _ in range(90):
        nights.run_for(10)
    assert not nights.session.snapshot(nights.now).problems


def test_tracks_of_half_a_second_are_left_out_and_tried_slowly() -> None:
    """Nothing else is there: named, a problem, and silence with few attempts, no stutter all night."""
    nights = Nights(Settings(playlists=SETTINGS.playlists), EVENING, tracks=("a", "b"))
    nights.engine.duration_s = 0.5
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(3600)
    assert "too short" in nights.events("track_skipped_over")[0].news.text
    assert len(nights.engine.heard) < 60
    assert "nothing that can be played" in nights.session.snapshot(nights.now).problems[0]


def test_a_short_loop_is_no_news() -> None:
    """Ten seconds are played again and again, and nothing is said of their length."""
    nights = Nights(Settings(playlists=SETTINGS.playlists), EVENING, tracks=("a",))
    nights.engine.duration_s = 10.0
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(100)
    assert not nights.events("track_skipped_over")
    assert len(nights.events("track_started")) == 1
    assert len(nights.engine.heard) >= 9
