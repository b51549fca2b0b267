"""Back after a crash or a power cut: what goes on, what does not, and why; on the fake clock and a store in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import (
    AllowAgain,
    NeverAgain,
    Pause,
    Play,
    SetPlaylist,
    SetSchedule,
    SetStartTime,
    SetTimer,
    SetVolume,
    Stop,
)
from player.core.engine_orders import PlayItem, RampTo
from player.core.events import LibraryRead, Progressed, Track
from player.core.limits import FADE_DEPTH_DB, MAX_RISE_DB_PER_S
from player.core.settings.safety import NightCap, SessionSettings
from player.core.settings.session import (
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Entry,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.messages import Shutdown
from tests.nights.remembered_nights import Remembering

BERLIN = ZoneInfo("Europe/Berlin")
EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=BERLIN)
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/rain",)), Playlist("sea", ("/sea",))),
    volume=VolumeSettings(30, 60),
    timer=TimerSetting.clock(3600.0),
)


def playing(settings: Settings = SETTINGS, after_s: float = 900.0, play: Play | None = None) -> Remembering:
    """A session that has been running for a while."""
    nights = Remembering(settings, EVENING)
    assert nights.command(play or Play("rain", volume=40)).is_done
    nights.run_for(after_s)
    return nights


def reason(nights: Remembering) -> str:
    """Why a session was not brought back."""
    (told,) = nights.events("session_lost")
    return str(told.news.data["reason"])


def test_a_killed_daemon_goes_on_with_what_was_left() -> None:
    """The same playlist and level, its end where it would have been, and the state says why it plays."""
    nights = playing()
    end = nights.ends
    nights.die(off_s=10.0)
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.state, snapshot.why, snapshot.playlist, snapshot.volume) == ("playing", "resume", "rain", 40)
    assert end is not None
    assert nights.ends is not None
    assert abs((nights.ends - end).total_seconds()) < 1.0
    nights.run_until(end)
    assert nights.state is State.IDLE or nights.engine.level_db() < volume_to_db(40) - 50
    nights.run_for(5.0)
    assert nights.state is State.IDLE


def test_it_comes_back_by_a_rise_from_silence() -> None:
    """The first ramp goes to the level that it had, and no faster than 6 dB/s."""
    nights = playing()
    nights.die()
    (ramp,) = [order for order in nights.engine.orders if isinstance(order, RampTo)]
    assert ramp.target_db == volume_to_db(40)
    assert nights.engine.level_db() < volume_to_db(40) - 50
    nights.run_for(ramp.over_s + 1)
    assert ramp.over_s >= 60 / MAX_RISE_DB_PER_S
    assert nights.engine.level_db() == volume_to_db(40)


def test_the_same_track_at_about_its_place() -> None:
    """The record is minutes old; the place is where the track would be by now, where its length is known."""
    nights = playing(after_s=860.0)
    before = nights.session.snapshot(nights.now)
    nights.die(off_s=5.0)
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert before.position_s is not None
    assert order.item.uri == before.track
    assert order.item.start_s <= before.position_s + 6.0


@pytest.mark.parametrize("has_crashed", [False, True])
def test_a_second_death_before_the_library_is_there_keeps_the_place(*, has_crashed: bool) -> None:
    """The stick is mounted late, and the power fails again meanwhile, or lull crashes, but not because of the track."""
    nights = Remembering(SETTINGS, EVENING)
    nights.engine.durations = dict.fromkeys("abcd", 3000.0)
    nights.command(Play("rain", volume=40))
    nights.run_for(900.0)
    before = nights.session.snapshot(nights.now)
    music, nights.library["rain"] = nights.library["rain"], ()
    nights.die(off_s=5.0)
    nights.run_for(40.0)
    nights.die(off_s=5.0, has_crashed=has_crashed)
    nights.run_for(40.0)
    assert not nights.engine.heard
    nights.find("rain", (track.uri for track in music))
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert before.position_s is not None
    assert order.item.uri == before.track
    assert before.position_s - 400.0 <= order.item.start_s <= before.position_s


def test_in_the_final_fade_it_comes_back_where_the_fade_would_be() -> None:
    """Half-way down a fade of ten minutes: the first rise ends 15 dB below the level, where a fade of 30 dB is."""
    nights = playing(after_s=3300.0)
    assert nights.state is State.FADING_OUT
    nights.die(off_s=2.0)
    first = next(order for order in nights.engine.orders if isinstance(order, RampTo))
    assert first.target_db == pytest.approx(volume_to_db(40) - 15.4, abs=0.5)
    nights.run_for(305.0)
    assert nights.state is State.IDLE


def test_after_a_stop_by_hand_nothing_comes_back() -> None:
    """Killed one second into the fade of the stop, and the store holds nothing that could be brought back."""
    nights = playing()
    nights.command(Stop())
    nights.run_for(1.0)
    nights.die()
    assert nights.state is State.IDLE
    nights.run_for(600.0)
    assert not nights.engine.heard


def test_a_pause_by_hand_is_a_wish_for_silence() -> None:
    """Killed while paused: it stays silent."""
    nights = playing()
    nights.command(Pause())
    nights.run_for(5.0)
    nights.die()
    nights.run_for(60.0)
    assert nights.state is State.IDLE


def test_after_a_clean_end_nothing_comes_back() -> None:
    """The service was stopped while it played."""
    nights = playing()
    nights.switch_off()
    nights.die()
    assert nights.state is State.IDLE


@pytest.mark.parametrize("at_s", [20.0, 900.0, 3300.0])
def test_a_restart_goes_on_where_it_was(at_s: float) -> None:
    """In the rise, in the middle, in the final fade: silent before it, then the same track, place and end."""
    nights = playing(after_s=at_s)
    before = nights.session.snapshot(nights.now)
    nights.tell(Shutdown(1.2, is_restart=True))
    nights.run_for(1.3)
    assert nights.engine.level_db() == SILENCE_DB
    assert not nights.events("session_ended")
    assert not nights.session.problems(nights.now)
    nights.restart(off_s=3.0)
    after = nights.session.snapshot(nights.now)
    assert (after.why, after.playlist, after.volume, after.problems) == ("resume", "rain", 40, ())
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    assert (order.item.uri, order.item.start_s) == (before.track, pytest.approx(before.position_s, abs=8.0))
    assert before.timer_ends is not None
    assert abs((after.timer_ends - before.timer_ends).total_seconds()) <= 2.0
    nights.run_until(before.timer_ends)
    nights.run_for(5.0)
    assert nights.state is State.IDLE
    assert [one.reason for one in nights.store.ended] == ["interrupted", "timer"]


def test_restarts_do_not_count_as_crashes() -> None:
    """Five in a minute: each time it goes on at once."""
    nights = playing()
    for _ in range(5):
        nights.restart()
        assert nights.state is State.PLAYING
        nights.run_for(8.0)
    assert not nights.session.problems(nights.now)


def test_a_crash_after_a_restart_is_the_first_one() -> None:
    """An upgrade, and soon after it two kills: the first is resumed at once, the second after half a minute."""
    nights = playing()
    nights.restart()
    nights.run_for(8.0)
    nights.die(off_s=2.0)
    assert nights.state is State.PLAYING
    nights.run_for(8.0)
    nights.die(off_s=2.0)
    nights.run_for(29.0)
    assert nights.state is State.IDLE
    nights.run_for(15.0)
    assert nights.state is State.PLAYING


def test_a_restart_keeps_what_was_not_stopped_or_paused() -> None:
    """A stop while it ends holds, as do a stop before it and a pause by hand; a session that waits goes on waiting."""
    for command in (Stop(), Pause()):
        nights = playing()
        nights.command(command)
        nights.run_for(0.5)
        nights.restart()
        nights.run_for(60.0)
        assert nights.state is State.IDLE, command
    nights = playing()
    nights.tell(Shutdown(1.2, is_restart=True))
    nights.run_for(0.5)
    assert nights.command(Stop()).is_done
    nights.run_for(1.2)
    nights.write(nights.session.close(nights.now).writes)
    nights.die()
    nights.run_for(60.0)
    assert nights.state is State.IDLE
    nights = playing()
    nights.die(off_s=120.0, boot="another boot", is_trusted=False)
    nights.restart()
    assert nights.state is State.IDLE
    nights.clock.is_trusted = True
    nights.run_for(130.0)
    assert nights.state is State.PLAYING


@pytest.mark.parametrize(("off_s", "is_back"), [(190.0, True), (599.0, True), (1001.0, False)])
def test_only_within_the_configured_time(off_s: float, is_back: bool) -> None:
    """Ten minutes count from the death, which may be 400 s later than the last sign of life.

    The session plays the same track all the time, so nothing else is written.
    """
    nights = Remembering(SETTINGS, EVENING)
    nights.engine.durations["a"] = 5000.0
    nights.command(Play("rain", volume=40))
    nights.run_for(399.0)
    nights.die(off_s=off_s)
    assert (nights.state is State.PLAYING) == is_back
    assert is_back or "resume_within" in reason(nights)


def test_it_can_be_switched_off() -> None:
    """``resume_within: 0``."""
    nights = playing(replace(SETTINGS, session=SessionSettings(resume_s=0.0)))
    nights.die()
    assert nights.state is State.IDLE
    assert reason(nights) == "resume_within is 0"


def test_what_is_nearly_over_stays_over() -> None:
    """Fifteen seconds were left: not worth a rise."""
    nights = playing(after_s=3585.0)
    nights.die()
    assert nights.state is State.IDLE
    assert reason(nights) == "its planned end has come"


def test_after_a_power_cut_with_a_clock_the_wall_clock_counts() -> None:
    """Another boot, five minutes in the dark, the clock is set: it goes on with what is left."""
    nights = playing()
    end = nights.ends
    nights.die(off_s=100.0, boot="next")
    assert nights.state is State.PLAYING
    assert end is not None
    assert nights.ends is not None
    assert abs((nights.ends - end).total_seconds()) < 2.0


def test_after_a_power_cut_it_waits_silently_until_the_clock_is_set() -> None:
    """Without a clock nobody knows how long the power was away; once the time is there, it goes on."""
    nights = playing()
    nights.die(off_s=60.0, boot="next", is_trusted=False)
    assert nights.state is State.IDLE
    assert any("until the clock is set" in problem for problem in nights.session.problems(nights.now))
    nights.run_for(120.0)
    assert nights.state is State.IDLE
    nights.clock.is_trusted = True
    nights.run_for(10.0)
    assert nights.state is State.PLAYING
    assert not nights.session.problems(nights.now)


def test_a_clock_that_comes_late_finds_a_session_that_is_over() -> None:
    """It turns out that the power was away for an hour: nothing sounds."""
    nights = playing()
    nights.die(off_s=30.0, boot="next", is_trusted=False)
    nights.clock.jump_wall(3600.0)
    nights.clock.is_trusted = True
    nights.run_for(10.0)
    assert nights.state is State.IDLE
    assert "resume_within" in reason(nights)


def test_a_clock_that_never_comes_is_not_waited_for_longer_than_the_configured_time() -> None:
    """After ten minutes without a clock it is surely too late."""
    nights = playing()
    nights.die(off_s=30.0, boot="next", is_trusted=False)
    nights.run_for(620.0)
    assert "the clock is not set" in reason(nights)
    nights.clock.is_trusted = True
    nights.run_for(60.0)
    assert nights.state is State.IDLE


def test_a_crash_while_it_waits_for_the_clock_does_not_make_the_record_younger() -> None:
    """The boot clock of this boot says nothing about a record of the one before, however often it is written again."""
    nights = playing()
    nights.die(off_s=30.0, boot="next", is_trusted=False)
    nights.run_for(20.0)
    nights.die(off_s=1.0)
    nights.run_for(200.0)
    assert nights.state is State.IDLE
    assert any("until the clock is set" in problem for problem in nights.session.problems(nights.now))
    nights.clock.jump_wall(7200.0)
    nights.clock.is_trusted = True
    nights.run_for(10.0)
    assert nights.state is State.IDLE
    assert "resume_within" in reason(nights)


def test_whoever_stops_what_is_waiting_has_stopped_it() -> None:
    """Stop while it waits for the clock: the clock comes, and nothing starts, not even after another death."""
    nights = playing()
    nights.die(off_s=30.0, boot="next", is_trusted=False)
    assert "is not resumed" in nights.command(Stop()).text
    nights.clock.is_trusted = True
    nights.run_for(30.0)
    assert nights.state is State.IDLE
    nights.die()
    assert nights.state is State.IDLE


def test_whoever_starts_something_else_meanwhile_has_chosen() -> None:
    """Play while it waits: that session goes on, and the old one is forgotten."""
    nights = playing()
    nights.die(off_s=30.0, boot="next", is_trusted=False)
    nights.command(Play("sea", volume=20))
    nights.clock.is_trusted = True
    nights.run_for(30.0)
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.playlist, snapshot.volume, snapshot.why) == ("sea", 20, "test")


def test_a_lower_volume_that_was_asked_for_meanwhile_holds() -> None:
    """Volume 10 while it waits: it comes back at 10; a higher one would be louder than it was, and does not."""
    for asked, expected in ((10, 10), (55, 40)):
        nights = playing()
        nights.die(off_s=30.0, boot="next", is_trusted=False)
        nights.command(SetVolume(asked))
        nights.clock.is_trusted = True
        nights.run_for(10.0)
        assert nights.session.snapshot(nights.now).volume == expected


def test_the_night_cap_counts_from_the_first_start() -> None:
    """Forty minutes into the night the cap of 20 is in force, after a restart as well."""
    cap = NightCap(20, 30 * 60.0)
    settings = replace(SETTINGS, volume=VolumeSettings(30, 60, cap))
    nights = playing(settings, after_s=2400.0)
    nights.die()
    assert nights.session.snapshot(nights.now).volume == 20
    assert all(order.target_db <= volume_to_db(20) for order in nights.engine.orders if isinstance(order, RampTo))


@pytest.mark.parametrize("timer", [TIMER_OFF, TIMER_END_OF_TRACK])
def test_a_session_without_a_deadline_goes_on_without_one(timer: TimerSetting) -> None:
    """Timer off, or end of track: the mode is kept."""
    nights = playing(play=Play("rain", timer=timer), after_s=100.0)
    nights.die()
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.state, snapshot.timer_mode) == ("playing", timer.mode.value)
    if timer is TIMER_END_OF_TRACK:
        nights.run_for(300.0)
        assert nights.state is State.IDLE


@pytest.mark.parametrize(
    ("off_s", "then", "expected"),
    [
        (80.0, (), (1, "a", None)),  # 200 s into a track of four minutes at the end of the phase
        (120.0, (), None),  # 240 s: less than half a minute was left, and another track would last four minutes
        (300.0, (), None),
        (120.0, (Phase("sea", timer=TimerSetting.clock(600.0)),), (2, "b", 600.0)),
        (300.0, (Phase("sea", timer=TimerSetting.clock(600.0)),), (2, "b", 420.0)),
    ],
)
def test_a_session_to_the_end_of_a_track_is_over_when_the_track_would_be(
    off_s: float, then: tuple[Phase, ...], expected: tuple[int, str, float | None] | None
) -> None:
    """It does not come back with another track; the phase that follows began when the track would have ended."""
    nights = Remembering(replace(SETTINGS, playlists=(Playlist("rain", ("/rain",), then=then),)), EVENING)
    nights.command(Play("rain", timer=TIMER_END_OF_TRACK))
    nights.run_for(120.0)
    nights.die(off_s)
    snapshot = nights.session.snapshot(nights.now)
    if expected is None:
        assert reason(nights) == "its planned end has come"
    else:
        assert (snapshot.phase, snapshot.track, snapshot.timer_remaining_s) == expected


def test_an_extended_timer_is_remembered_as_extended() -> None:
    """Set anew a minute before the death."""
    nights = playing()
    nights.command(SetTimer(TimerSetting.clock(7200.0)))
    nights.run_for(60.0)
    nights.die()
    assert nights.left_s == pytest.approx(7200.0 - 62.0, abs=1.0)


def test_a_start_that_was_stopped_by_hand_is_not_caught_up_with_after_a_crash() -> None:
    """The schedule starts at 22:30, is stopped at 22:35, and the daemon dies at 22:40: silence."""
    settings = replace(SETTINGS, schedule=(Entry("night", time(22, 30)),))
    nights = Remembering(settings, EVENING)
    nights.run_for(35 * 60.0)
    nights.command(Stop())
    nights.run_for(300.0)
    nights.die(off_s=5.0)
    nights.run_for(1800.0)
    assert len(nights.events("session_started")) == 1
    assert not nights.engine.heard


@pytest.mark.slow
@pytest.mark.parametrize("change", ["moved", "switched on"])
def test_what_was_passed_over_when_the_schedule_was_changed_is_not_caught_up_with(change: str) -> None:
    """At 22:40 an entry is moved to 22:35, or the schedule is switched on again: silence, after a restart as well."""
    settings = replace(SETTINGS, schedule=(Entry("night", time(22, 30 if change == "switched on" else 50)),))
    nights = Remembering(settings, EVENING, longest_idle_s=300.0)
    nights.command(SetSchedule(is_enabled=False))
    nights.run_for(40 * 60.0)
    if change == "moved":
        nights.command(SetStartTime("night", time(22, 35)))
    nights.command(SetSchedule(is_enabled=True))
    nights.run_for(60.0)
    nights.die(off_s=5.0)
    nights.run_for(1800.0)
    assert not nights.events("session_started")
    nights.run_for(86_400.0)
    assert len(nights.events("session_started")) == 1


def test_a_loop_of_restarts_is_no_loop_of_sounds() -> None:
    """It dies ten seconds after each restart: three attempts, further and further apart, then silence and a problem."""
    nights = playing()
    heard = []
    for _ in range(12):
        nights.die(off_s=2.0)
        nights.run_for(10.0)
        heard.append(nights.engine.level_db() > SILENCE_DB)
    assert heard == [True] + [False] * 11
    assert reason(nights) == "it was interrupted 4 times in a row"


def test_it_waits_longer_before_each_further_attempt_and_then_gives_up() -> None:
    """At once, after 30 s, after 2 min; the fourth death ends it, and the state says so until something is played."""
    nights = playing()
    waited = []
    for _ in range(3):
        nights.die(off_s=1.0)
        began_s = nights.now.boot_s
        while nights.state is State.IDLE:
            nights.run_for(1.0)
            assert nights.now.boot_s - began_s < 300
        waited.append(round(nights.now.boot_s - began_s))
        nights.run_for(20.0)
    assert waited == [0, 30, 120]
    nights.die(off_s=1.0)
    nights.run_for(600.0)
    assert nights.state is State.IDLE
    assert any("was interrupted 4 times" in problem for problem in nights.session.problems(nights.now))
    nights.command(Play("rain"))
    nights.run_for(1.0)
    assert not [problem for problem in nights.session.problems(nights.now) if "broke off" in problem]


def test_a_session_that_went_on_well_has_made_up_for_the_deaths_before() -> None:
    """Ten minutes after it came back it may die again and comes back at once."""
    nights = playing(play=Play("rain", timer=TimerSetting.clock(8 * 3600.0)))
    for _ in range(6):
        nights.die(off_s=1.0)
        assert nights.state is State.PLAYING
        nights.run_for(700.0)


def test_what_was_chosen_holds_after_a_restart_as_far_as_the_config_allows_it() -> None:
    """A playlist and a volume for the next start; then the playlist is gone from the config and the cap is lower."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(SetPlaylist("sea"))
    nights.command(SetVolume(55))
    nights.run_for(20.0)
    nights.die(boot="next")
    shot = nights.session.snapshot(nights.now)
    assert (shot.playlist, shot.volume) == ("sea", 55)
    nights.settings = replace(SETTINGS, playlists=SETTINGS.playlists[:1], volume=VolumeSettings(30, 40))
    nights.die(boot="third")
    shot = nights.session.snapshot(nights.now)
    assert (shot.playlist, shot.volume) == ("rain", 40)
    assert nights.command(Play()).is_done


@pytest.mark.slow
def test_bans_and_switches_survive() -> None:
    """What a person said once need not be said again."""
    nights = playing(after_s=60.0)
    title = nights.session.snapshot(nights.now).track
    nights.command(NeverAgain())
    nights.run_for(20.0)
    nights.switch_off()
    nights.die(off_s=86_400.0, boot="next")
    nights.command(Play("rain", timer=TimerSetting.clock(4 * 3600.0)))
    nights.run_for(3 * 3600.0)
    assert title not in {uri for _, uri in nights.engine.heard}
    assert nights.command(AllowAgain()).is_done
    nights.run_for(3000.0)
    assert title in {uri for _, uri in nights.engine.heard}


@pytest.mark.slow
def test_a_banned_file_is_known_again_by_its_content() -> None:
    """Renamed while nobody looked: the same content under another name is not played."""
    nights = playing(after_s=60.0)
    title = nights.session.snapshot(nights.now).track
    assert title is not None
    nights.command(NeverAgain())
    keyed = tuple(replace(track, key="7-cc") if track.uri == title else track for track in nights.library["rain"])
    nights.tell(LibraryRead("rain", keyed))
    nights.run_for(20.0)
    nights.switch_off()
    nights.library["rain"] = tuple(
        Track("/new/name", "new", key="7-cc") if track.uri == title else track for track in keyed
    )
    nights.die(off_s=3600.0, boot="next")
    nights.command(Play("rain", timer=TimerSetting.clock(4 * 3600.0)))
    nights.run_for(3 * 3600.0)
    assert "/new/name" not in {uri for _, uri in nights.engine.heard}
    assert len({uri for _, uri in nights.engine.heard}) == 3


@pytest.mark.parametrize("is_restart", [False, True])
def test_a_long_fade_in_goes_on_where_it_was(*, is_restart: bool) -> None:
    """Two minutes into 20 it is 77 dB down: the resumed session is never louder than it would have been by then, and
    reaches its level when it would have.
    """
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play("rain", volume=50, timer=TIMER_OFF, fade_in_s=1200.0))
    nights.run_for(120.0)
    before_db = nights.engine.level_db()
    if is_restart:
        nights.restart()
    else:
        nights.die(2.0)
    nights.run_for(60.0)
    assert nights.state is State.PLAYING
    assert nights.engine.level_db() <= before_db + 60.0 / 1000.0 * FADE_DEPTH_DB
    nights.run_for(1100.0)
    assert nights.engine.level_db() == pytest.approx(volume_to_db(50))


def test_a_track_that_is_longer_than_its_file_states_is_resumed_too() -> None:
    """A header says four minutes, and it sounds for five: what is left of it is unknown, and the record is whole."""
    nights = playing(after_s=30.0)
    (order,) = [order for order in nights.engine.orders if isinstance(order, PlayItem)]
    nights.tell(Progressed(order.item.id, 300.0, -30.0, -30.0))
    assert nights.session.snapshot(nights.now).position_s == 300.0
    nights.command(SetVolume(25))
    nights.die()
    nights.run_for(5.0)
    assert nights.state is State.PLAYING
    assert nights.session.snapshot(nights.now).why == "resume"
