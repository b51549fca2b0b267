"""How sessions end, and what is left of them: the longest one, pauses that hold, a button after the end, tapering."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from player.core.commands import ExtendTimer, NeverAgain, Pause, Play, Resume, SetTimer, SetVolume, Stop, Toggle
from player.core.engine_orders import RampTo, Then
from player.core.settings.bed import Bed
from player.core.settings.safety import FadeSettings, NightCap, SessionSettings, Taper
from player.core.settings.session import (
    TIMER_END_OF_PLAYLIST,
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Order,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.messages import NewSettings
from tests import effort
from tests.nights.night_rig import Nights
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
HOUR_S = 3600.0
SETTINGS = Settings(playlists=(Playlist("whispers", ("/w",)), Playlist("rain", ("/r",))))


def nights(session: SessionSettings | None = None) -> Nights:
    return Nights(replace(SETTINGS, session=session or SessionSettings()), EVENING)


@pytest.mark.parametrize(
    "timer", effort.first(1, [TIMER_OFF, TIMER_END_OF_TRACK, TimerSetting.clock(24 * HOUR_S)]), ids=str
)
def test_no_session_lasts_longer_than_the_longest(timer: TimerSetting) -> None:
    """Whatever the timer says: ten minutes before ten hours it begins to fade, and at ten hours it is silent."""
    room = nights()
    room.engine.duration_s = 12 * HOUR_S
    room.command(Play(timer=timer))
    room.run_for(10 * HOUR_S - 601.0)
    assert room.state is State.PLAYING
    room.run_for(2.0)
    assert room.state is State.FADING_OUT
    room.run_for(599.0)
    assert room.state is State.IDLE
    assert room.engine.level_db() == SILENCE_DB
    assert room.events("session_ended")[-1].news.data["reason"] == "max_session"
    assert not room.events("timer_expired")


@pytest.mark.parametrize("bed", [(), (Bed("rain", outlasts_s=60.0),)], ids=["alone", "over a bed"])
def test_a_phase_follows_tracks_that_end_before_a_timer_beyond_the_longest_session(bed: tuple[Bed, ...]) -> None:
    """A story of 16 minutes until three hours, and rain after it: rain follows, and two hours end the night."""
    story = Playlist("story", ("/s",), Order.ONCE)
    settings = replace(SETTINGS, playlists=(story, *SETTINGS.playlists), session=SessionSettings(max_s=2 * HOUR_S))
    room = Nights(settings, EVENING)
    rain = Phase("rain", timer=TimerSetting.clock(3 * HOUR_S))
    room.command(Play("story", timer=TimerSetting.clock(3 * HOUR_S), then=(rain,), bed=bed))
    room.run_for(0.5 * HOUR_S)
    shown = room.session.snapshot(room.now)
    assert (shown.state, shown.playlist, shown.phase) == ("playing", "rain", 2)
    room.run_for(1.5 * HOUR_S)
    assert room.state is State.IDLE
    assert room.events("session_ended")[-1].news.data["reason"] == "max_session"


def test_a_stop_at_the_end_is_ordered_once() -> None:
    """Without a fade the timer ends by the shortest stop, which is not begun anew while it runs."""
    room = Nights(replace(SETTINGS, fades=FadeSettings(fade_out_s=0.0)), EVENING)
    room.command(Play(timer=TimerSetting.clock(60.0)))
    room.run_for(62.0)
    assert room.state is State.IDLE
    assert [order.then for order in room.engine.orders if isinstance(order, RampTo)].count(Then.STOP) == 1


def test_nothing_moves_the_longest_end() -> None:
    """Extending, a new timer, a pause and a volume in the fade: silent after an hour all the same."""
    room = nights(SessionSettings(max_s=HOUR_S, pause_holds_timer=True))
    room.command(Play())
    room.run_for(0.4 * HOUR_S)
    room.command(Pause())
    room.run_for(0.2 * HOUR_S)
    room.command(Resume())
    room.command(ExtendTimer(5 * HOUR_S))
    room.run_for(0.35 * HOUR_S)
    room.command(SetTimer(TimerSetting.clock(2 * HOUR_S)))
    room.command(SetVolume(25))
    room.run_for(0.05 * HOUR_S + 0.5)
    assert room.state is State.IDLE


def test_a_pause_that_is_forgotten_ends_too() -> None:
    """Held for ever it would be a session that never ends."""
    room = nights(SessionSettings(max_s=HOUR_S, pause_holds_timer=True))
    room.command(Play())
    room.run_for(60.0)
    room.command(Pause())
    room.run_for(HOUR_S)
    assert room.state is State.IDLE


@pytest.mark.parametrize(("holds", "left_s"), [(True, 2640.0), (False, 2040.0)])
def test_a_pause_holds_the_timer_or_not(holds: bool, left_s: float) -> None:
    """One minute played, ten paused, of forty-five: 44 left where it holds, 34 where it does not."""
    room = nights(SessionSettings(pause_holds_timer=holds))
    room.command(Play(timer=TimerSetting.clock(2700.0)))
    room.run_for(60.0)
    room.command(Pause())
    room.run_for(600.0)
    assert room.session.snapshot(room.now).timer_remaining_s == pytest.approx(left_s, abs=0.2)
    room.command(Resume())
    assert room.session.snapshot(room.now).timer_remaining_s == pytest.approx(left_s, abs=0.2)
    room.run_for(left_s - 1.0)
    assert room.state is State.FADING_OUT
    room.run_for(1.5)
    assert room.state is State.IDLE


def test_a_timer_set_in_a_pause_that_holds_begins_with_the_music() -> None:
    """Twenty minutes asked for in the pause are twenty minutes of sound."""
    room = nights(SessionSettings(pause_holds_timer=True))
    room.command(Play())
    room.run_for(60.0)
    room.command(Pause())
    room.command(SetTimer(TimerSetting.clock(1200.0)))
    room.run_for(900.0)
    room.command(ExtendTimer(60.0))
    room.run_for(900.0)
    room.command(Resume())
    assert room.session.snapshot(room.now).timer_remaining_s == pytest.approx(1260.0, abs=0.2)


def expired(session: SessionSettings | None = None) -> Nights:
    """A session of rain at volume 12 for 20 minutes, which has just run out."""
    room = nights(session)
    room.command(Play("rain", timer=TimerSetting.clock(1200.0), fade_out_s=120.0))
    room.command(SetVolume(12))
    room.run_for(1201.0)
    assert room.state is State.IDLE
    return room


def test_play_soon_after_the_end_goes_on_as_before() -> None:
    """A button in the dark: the same playlist, level, timer and fade."""
    room = expired()
    room.run_for(200.0)
    assert room.command(Toggle()).is_done
    snapshot = room.session.snapshot(room.now)
    assert (snapshot.playlist, snapshot.volume, snapshot.timer_set_s, snapshot.fade_out_s) == (
        "rain",
        12,
        1200.0,
        120.0,
    )


def test_what_is_named_comes_first() -> None:
    """Another playlist and another timer, at the level that was kept."""
    room = expired()
    room.command(Play("whispers", timer=TimerSetting.clock(60.0)))
    snapshot = room.session.snapshot(room.now)
    assert (snapshot.playlist, snapshot.volume, snapshot.timer_set_s) == ("whispers", 12, 60.0)


def test_a_timer_of_seconds_was_an_end_and_is_not_begun_again() -> None:
    """`timer 30s` in a session of 45 minutes, and `play` in its fade or after it: 45 minutes again."""
    for after_s in (20.0, 60.0):
        room = nights()
        room.command(Play("rain"))
        room.run_for(600.0)
        room.command(SetTimer(TimerSetting.clock(30.0)))
        room.run_for(after_s)
        room.command(Play())
        snapshot = room.session.snapshot(room.now)
        assert (snapshot.playlist, snapshot.timer_set_s) == ("rain", 2700.0)


def test_a_maximum_that_was_lowered_meanwhile_holds() -> None:
    """The level of before is held under the cap of now, and is not refused."""
    room = expired()
    room.tell(NewSettings(replace(SETTINGS, volume=VolumeSettings(default=5, max=8))))
    assert room.command(Play()).is_done
    assert room.session.snapshot(room.now).volume == 8


def test_later_and_after_a_stop_by_hand_it_is_an_ordinary_start() -> None:
    """Six minutes later, with the time set to nothing, or after stop: the defaults."""
    late, never, stopped = expired(), expired(SessionSettings(rearm_s=0.0)), nights()
    late.run_for(360.0)
    never.run_for(1.0)
    stopped.command(Play("rain", timer=TimerSetting.clock(1200.0)))
    stopped.run_for(60.0)
    stopped.command(Stop())
    stopped.run_for(10.0)
    for room in (late, never, stopped):
        room.command(Play())
        snapshot = room.session.snapshot(room.now)
        assert (snapshot.playlist, snapshot.volume, snapshot.timer_set_s) == ("whispers", 30, 2700.0)


def test_the_level_tapers_once_asleep_down_to_the_floor() -> None:
    """Three decibels an hour from the twentieth minute on, half a decibel at a time; at the floor it stays."""
    room = nights(SessionSettings(taper=Taper(3.0, floor=18)))
    room.command(Play(timer=TIMER_OFF))
    room.run_for(20 * 60.0 + 60.0)
    assert room.session.snapshot(room.now).volume == 30
    room.run_for(HOUR_S)
    hour_later = room.engine.level_db()
    assert hour_later == pytest.approx(volume_to_db(30) - 3.0, abs=0.6)
    room.run_for(4 * HOUR_S)
    assert room.session.snapshot(room.now).volume == 18
    assert room.engine.level_db() == volume_to_db(18)


def test_a_level_set_by_hand_tapers_from_there() -> None:
    """Whoever turns it up in the night is not turned down at once, but sinks from there at the same rate."""
    room = nights(SessionSettings(taper=Taper(3.0, floor=10)))
    room.command(Play(timer=TIMER_OFF))
    room.run_for(3 * HOUR_S)
    assert room.session.snapshot(room.now).volume < 20
    room.command(SetVolume(30))
    room.run_for(60.0)
    assert room.session.snapshot(room.now).volume == 30
    room.run_for(HOUR_S)
    assert room.engine.level_db() == pytest.approx(volume_to_db(30) - 3.0, abs=0.6)


def test_a_timer_to_the_end_of_the_playlist_plays_each_track_once() -> None:
    """Four tracks of four minutes: all are heard, none twice, and the last one ends in a fade of half of it."""
    room = nights()
    room.command(Play(timer=TIMER_END_OF_PLAYLIST))
    room.run_for(4 * 240.0 - 121.0)
    assert room.state is State.PLAYING
    room.run_for(2.0)
    assert room.state is State.FADING_OUT
    room.run_for(120.0)
    assert room.state is State.IDLE
    assert sorted(uri for _, uri in room.engine.heard) == ["a", "b", "c", "d"]
    assert room.events("session_ended")[-1].news.data["reason"] == "end-of-playlist"


def test_the_end_of_the_playlist_can_be_set_and_taken_back_on_the_way() -> None:
    """Set in the second track it ends with the fourth; taken back in the last one, something follows it again."""
    room = nights()
    room.command(Play(timer=TIMER_OFF))
    room.run_for(300.0)
    assert room.command(SetTimer(TIMER_END_OF_PLAYLIST)).text == "stops at the end of the playlist"
    room.run_for(500.0)
    assert room.session.snapshot(room.now).next_track is None
    room.command(SetTimer(TIMER_OFF))
    assert room.session.snapshot(room.now).next_track is not None
    room.run_for(600.0)
    assert room.state is State.PLAYING


def test_a_ban_in_the_last_track_of_the_playlist_ends_it() -> None:
    """What was to be heard has been heard; nothing is played twice to fill the gap."""
    room = nights()
    room.command(Play(timer=TIMER_END_OF_PLAYLIST))
    room.run_for(3 * 240.0 + 30.0)
    room.command(NeverAgain())
    room.run_for(10.0)
    assert room.state is State.IDLE


def rises(room: Nights, duration_s: float) -> list[float]:
    """By how much the level rises from second to second."""
    found = []
    for _ in range(int(duration_s)):
        before_db = room.engine.level_db()
        room.run_for(1.0)
        if before_db != SILENCE_DB:
            found.append(room.engine.level_db() - before_db)
    return [rise for rise in found if rise > 1e-6]


@pytest.mark.parametrize("what", effort.first(1, ["tapering", "night cap", "a lower maximum"]))
def test_nothing_but_a_person_brings_the_final_fade_up_again(what: str) -> None:
    """An hour's fade with a step of the taper, the night cap or a reload in the middle of it only ever falls."""
    settings = replace(SETTINGS, fades=FadeSettings(fade_out_s=HOUR_S), volume=VolumeSettings(30, 60))
    if what == "tapering":
        settings = replace(settings, session=SessionSettings(taper=Taper(3.0)))
    if what == "night cap":
        settings = replace(settings, volume=VolumeSettings(30, 60, NightCap(25, 1.5 * HOUR_S)))
    room = Nights(settings, EVENING)
    room.command(Play(volume=50, timer=TimerSetting.clock(2 * HOUR_S)))
    room.run_for(HOUR_S + 60.0)
    assert room.state is State.FADING_OUT
    risen = rises(room, 1500.0)
    if what == "a lower maximum":
        room.tell(NewSettings(replace(settings, volume=VolumeSettings(5, 20))))
    risen += rises(room, 1900.0)
    assert not risen
    assert room.state is State.FADING_OUT
    room.run_for(200.0)
    assert room.state is State.IDLE


def test_what_has_tapered_before_a_crash_is_not_tapered_again() -> None:
    """Four hours in, the level is where it was and goes on sinking at its rate."""
    settings = replace(SETTINGS, timer=TIMER_OFF, session=SessionSettings(taper=Taper(3.0)))
    room = Remembering(settings, EVENING)
    room.command(Play(volume=50))
    room.run_for(4 * HOUR_S)
    before = room.session.snapshot(room.now).volume
    room.die(off_s=10.0)
    room.run_for(200.0)
    assert room.session.snapshot(room.now).why == "resume"
    assert before - 1 <= room.session.snapshot(room.now).volume <= before


def test_whoever_dies_between_two_records_is_back_no_louder() -> None:
    """The record is older than the sound: what sank since then stays down."""
    settings = replace(SETTINGS, timer=TIMER_OFF, session=SessionSettings(taper=Taper(6.0, floor=1)))
    room = Remembering(settings, EVENING)
    room.command(Play(volume=60))
    room.run_for(3600.0)
    for _ in range(5):
        before = last = room.session.snapshot(room.now).volume
        for _ in range(60):
            room.run_for(10.0)
            last = room.session.snapshot(room.now).volume
            if last != before:
                break
        assert last == before - 1
        room.die()
        room.run_for(30.0)
        assert room.session.snapshot(room.now).why == "resume"
        assert last - 3 <= room.session.snapshot(room.now).volume <= last
        room.run_for(900.0)


def left_until_the_last_moment_s(room: Nights) -> float | None:
    """How long the session may still last; that is no sleep timer, and the state does not show it as one."""
    assert room.session.snapshot(room.now).timer_remaining_s is None
    session = room.session._playback.session
    assert session is not None
    return session.end_plan.left_s(room.now.boot_s)


def test_a_longest_session_that_was_shortened_ends_with_its_whole_fade() -> None:
    """Two hours in, one hour becomes the most: it fades from there over the whole fade-out, and says why it ended."""
    room = Nights(replace(SETTINGS, timer=TIMER_OFF), EVENING)
    room.command(Play(volume=40))
    room.run_for(2 * HOUR_S)
    room.tell(NewSettings(replace(SETTINGS, timer=TIMER_OFF, session=SessionSettings(max_s=HOUR_S))))
    fade_s = SETTINGS.fades.fade_out_s
    left_s = left_until_the_last_moment_s(room)
    assert left_s == pytest.approx(fade_s, abs=5.0)
    levels = []
    for _ in range(int(fade_s // 10) + 2):
        levels.append(room.engine.level_db())
        room.run_for(10.0)
    assert levels == sorted(levels, reverse=True)
    assert room.state is State.IDLE
    assert room.events("session_ended")[-1].news.data["reason"] == "max_session"


def test_a_longest_session_that_was_lengthened_holds_for_the_one_that_runs() -> None:
    """And one that comes nearer, but not past, is simply the end."""
    room = nights(SessionSettings(max_s=HOUR_S))
    room.command(Play(volume=40))
    room.command(SetTimer(TIMER_OFF))
    room.run_for(0.5 * HOUR_S)
    for hours in (3.0, 2.0):
        room.tell(NewSettings(replace(SETTINGS, session=SessionSettings(max_s=hours * HOUR_S))))
        left_s = left_until_the_last_moment_s(room)
        assert left_s == pytest.approx((hours - 0.5) * HOUR_S, abs=1.0)
