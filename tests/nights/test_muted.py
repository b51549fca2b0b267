"""A mute by the output meter or by a fault, once and again and again: how the sound comes back, and what is told."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from player.core.commands import Pause, Play, Resume, SetVolume, Stop
from player.core.events import ClauseBroken, EngineFaulted
from player.core.settings.session import TIMER_END_OF_TRACK, TIMER_OFF, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB, volume_to_db
from player.session.dropouts import DropoutBackoff
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("whispers", ("/w",)),))
BROKEN = ClauseBroken("C1", "a burst 21.0 dB up to -20.0 LUFS")
LEVEL_DB = volume_to_db(30)


@pytest.fixture
def nights() -> Nights:
    """A session that sounds at its level."""
    nights = Nights(SETTINGS, EVENING)
    nights.engine.duration_s = 3600.0
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60.0)
    return nights


def mute(nights: Nights, report: ClauseBroken | EngineFaulted = BROKEN) -> None:
    nights.engine.mute(report)
    nights.run_for(0.2)


def test_a_broken_clause_is_a_problem_that_names_it_and_the_track_goes_on_from_silence(nights: Nights) -> None:
    """No other track, and ten seconds up."""
    mute(nights)
    assert nights.engine.level_db() < LEVEL_DB - 50
    nights.run_for(11.0)
    assert nights.engine.level_db() == LEVEL_DB
    assert len(nights.engine.heard) == 1
    (told,) = nights.events("problem")
    assert told.news.data["clause"] == "C1"
    assert "C1" in told.news.text
    assert BROKEN.reason in told.news.text
    assert not nights.session.snapshot(nights.now).problems


def test_the_second_time_it_stays_silent_for_a_while_and_keeps_the_place(nights: Nights) -> None:
    """15 s; a standing problem says why, and goes with it."""
    mute(nights)
    nights.run_for(20.0)
    mute(nights)
    assert nights.session.snapshot(nights.now).problems == ("silent for a while: the sound was interrupted too often",)
    nights.run_for(14.0)
    assert nights.engine.level_db() == SILENCE_DB
    nights.run_for(12.0)
    assert nights.engine.level_db() == LEVEL_DB
    assert not nights.session.snapshot(nights.now).problems
    assert len(nights.engine.heard) == 1


def test_the_third_time_within_ten_minutes_another_track_is_taken(nights: Nights) -> None:
    """The one at fault is left out and named; the other comes after the silence."""
    for _ in range(3):
        mute(nights)
        nights.run_for(30.0)
    nights.run_for(20.0)
    (left_out,) = nights.events("track_skipped_over")
    assert left_out.news.data["uri"] == nights.engine.heard[0][1]
    assert "C1" in left_out.news.data["reason"]
    assert len(nights.engine.heard) == 2
    assert nights.engine.level_db() == LEVEL_DB


def test_mutes_that_are_far_apart_are_each_a_first_one(nights: Nights) -> None:
    """After ten quiet minutes nothing is held against the track."""
    for _ in range(4):
        mute(nights)
        nights.run_for(11.0)
        assert nights.engine.level_db() == LEVEL_DB
        nights.run_for(600.0)
    assert len(nights.engine.heard) == 1


@pytest.mark.slow
def test_a_night_of_mutes_is_mostly_silence(nights: Nights) -> None:
    """Whatever sounds is muted at once, for two hours: about thirty attempts, and all of them from silence."""
    for _ in range(7200):
        if nights.engine.level_db() > LEVEL_DB - 20:
            mute(nights)
        nights.run_for(1.0)
    assert len([told for told in nights.events("problem") if "clause" in told.news.data]) <= 30
    assert nights.state is State.PLAYING


def test_a_fault_that_repeats_comes_back_later_and_later_too(nights: Nights) -> None:
    """Each takes another track, because the engine has lost them; the second comes 15 s later."""
    mute(nights, EngineFaulted("a bug"))
    nights.run_for(11.0)
    assert nights.engine.level_db() == LEVEL_DB
    mute(nights, EngineFaulted("a bug"))
    nights.run_for(14.0)
    assert nights.engine.level_db() == SILENCE_DB
    nights.run_for(12.0)
    assert nights.engine.level_db() == LEVEL_DB
    assert len({uri for _, uri in nights.engine.heard}) == 3


def test_a_person_need_not_wait(nights: Nights) -> None:
    """A volume command, or pause and resume, bring the sound back; from silence like everything."""
    mute(nights)
    nights.run_for(11.0)
    mute(nights)
    nights.command(SetVolume(25))
    nights.run_for(11.0)
    assert nights.engine.level_db() == volume_to_db(25)
    mute(nights)
    nights.command(Pause())
    nights.run_for(100.0)
    assert nights.engine.level_db() == SILENCE_DB
    nights.command(Resume())
    nights.run_for(11.0)
    assert nights.engine.level_db() == volume_to_db(25)


def test_stop_ends_the_silence_for_good(nights: Nights) -> None:
    """Idle at once, and nothing comes after it."""
    mute(nights)
    mute(nights)
    nights.command(Stop())
    nights.run_for(60.0)
    assert nights.state is State.IDLE
    assert nights.engine.level_db() == SILENCE_DB


def test_a_device_lost_in_the_silence_does_not_shorten_it(nights: Nights) -> None:
    """Lost and found within the 15 s: it is still silent, and then it comes."""
    mute(nights)
    nights.run_for(11.0)
    mute(nights)
    nights.engine.lose_output()
    nights.run_for(2.0)
    nights.engine.find_output()
    nights.run_for(5.0)
    assert nights.engine.level_db() == SILENCE_DB
    nights.run_for(20.0)
    assert nights.engine.level_db() == LEVEL_DB


@pytest.mark.parametrize("times", [1, 2, 3])
def test_the_deadline_stands(times: int) -> None:
    """Muted before and in the final fade: never louder than the fade would be, and silent in time."""
    nights = Nights(SETTINGS, EVENING)
    nights.engine.duration_s = 3600.0
    nights.command(Play(timer=TimerSetting.clock(1200.0)))
    nights.run_for(598.0)
    for _ in range(times):
        mute(nights)
        nights.run_for(3.0)
    nights.run_for(100.0)
    assert SILENCE_DB < nights.engine.level_db() < LEVEL_DB
    nights.run_for(503.0)
    assert nights.state is State.IDLE
    assert nights.events("session_ended")[-1].news.data["reason"] == "timer"
    assert nights.events("session_ended")[-1].news.data["minutes"] <= 20.0


def test_the_deadline_stands_in_the_silence_as_well() -> None:
    """Twice, seconds before the end: nothing comes back for those."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play(timer=TimerSetting.clock(1200.0)))
    nights.run_for(1185.0)
    mute(nights)
    mute(nights)
    nights.run_for(15.0)
    assert nights.state is State.IDLE


def test_an_end_of_track_session_ends_all_the_same() -> None:
    """Muted twice in its last fade, there is nothing to come back for."""
    nights = Nights(SETTINGS, EVENING)
    nights.command(Play(timer=TIMER_END_OF_TRACK))
    nights.run_for(200.0)
    mute(nights)
    mute(nights)
    nights.run_for(60.0)
    assert nights.state is State.IDLE


@pytest.mark.parametrize("report", [BROKEN, EngineFaulted("a bug")])
def test_a_mute_without_a_session_is_told(report: ClauseBroken | EngineFaulted) -> None:
    """It cannot happen, so somebody should know."""
    nights = Nights(SETTINGS, EVENING)
    nights.tell(report)
    assert len(nights.events("problem")) == 1


def test_the_silences_double_up_to_five_minutes() -> None:
    """0, 15, 30, 60, 120, 240, 300 s, as long as no ten minutes after a silence go well."""
    setbacks, at_s, silences = DropoutBackoff(), 1000.0, []
    for _ in range(8):
        silences.append(setbacks.next_silence_s(at_s))
        at_s += silences[-1] + 599.0
    assert silences == [0, 15, 30, 60, 120, 240, 300, 300]
    assert setbacks.next_silence_s(at_s + 1.0) == 0.0


def test_every_third_setback_blames_a_track() -> None:
    """The next track has three again."""
    setbacks = DropoutBackoff()
    blamed = [(setbacks.next_silence_s(1000.0 + at_s), setbacks.is_the_tracks_fault)[1] for at_s in range(6)]
    assert blamed == [False, False, True, False, False, True]
