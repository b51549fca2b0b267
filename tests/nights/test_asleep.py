"""What tightens while somebody falls asleep: the cap of the night and the guard, in every order with all else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time

import pytest

from player.core.commands import ExtendTimer, Pause, Play, Resume, SetTimer, SetVolume, Stop
from player.core.engine_orders import RampTo, SetGuard
from player.core.settings.safety import GuardMode, GuardSettings, NightCap
from player.core.settings.session import TIMER_OFF, Entry, Playlist, Settings, TimerSetting, VolumeSettings
from player.core.states import State
from player.core.units import volume_to_db
from player.session.messages import NewSettings
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
CAP, AFTER_S = 20, 1800.0
SETTINGS = Settings(
    playlists=(Playlist("whispers", ("/w",)),),
    volume=VolumeSettings(default=30, max=60, night_cap=NightCap(CAP, AFTER_S)),
)
CAP_DB = volume_to_db(CAP)


@pytest.fixture
def nights() -> Nights:
    return Nights(SETTINGS, EVENING)


def asleep(nights: Nights, timer: TimerSetting = TIMER_OFF) -> Nights:
    """A session with the cap in force, and the level at it."""
    nights.command(Play(timer=timer))
    nights.run_for(AFTER_S + 61.0)
    assert nights.engine.level_db() == CAP_DB
    return nights


def ramps(nights: Nights) -> list[RampTo]:
    return [order for order in nights.engine.orders if isinstance(order, RampTo)]


def test_half_an_hour_into_the_session_the_level_sinks_to_the_cap_within_a_minute(nights: Nights) -> None:
    """Not before, at the very second, 5 dB in 60 s; people are told once."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S - 0.1)
    assert nights.engine.level_db() == volume_to_db(30)
    assert nights.session.snapshot(nights.now).volume_max == 60
    nights.run_for(0.2)
    snapshot = nights.session.snapshot(nights.now)
    assert (snapshot.volume, snapshot.volume_max, snapshot.ramping_to) == (CAP, CAP, CAP)
    assert ramps(nights)[-1] == RampTo(CAP_DB, 60.0)
    nights.run_for(30.0)
    assert CAP_DB < nights.engine.level_db() < volume_to_db(30)
    nights.run_for(30.0)
    assert nights.engine.level_db() == CAP_DB
    assert nights.session.snapshot(nights.now).ramping_to is None
    nights.run_for(3600.0)
    (told,) = nights.events("volume_capped")
    assert told.news.data == {"max": CAP}
    assert told.now.boot_s == pytest.approx(1000.0 + AFTER_S, abs=0.01)


def test_a_long_way_to_the_cap_takes_minutes() -> None:
    """From 60 to 20 are 20 dB: 202 s."""
    loud = replace(SETTINGS, volume=replace(SETTINGS.volume, default=60))
    nights = Nights(loud, EVENING)
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S + 1.0)
    assert ramps(nights)[-1].over_s == pytest.approx(202.0, abs=0.1)


def test_a_level_below_the_cap_is_left_alone(nights: Nights) -> None:
    """Nothing is ordered but the guard, and the cap is told all the same."""
    nights.command(Play(volume=10, timer=TIMER_OFF))
    nights.run_for(AFTER_S - 1.0)
    before = len(ramps(nights))
    nights.run_for(100.0)
    assert len(ramps(nights)) == before
    assert nights.engine.level_db() == volume_to_db(10)
    assert nights.events("volume_capped")


def test_a_command_above_the_cap_is_accepted_held_at_it_and_says_so(nights: Nights) -> None:
    """Set, stepped, or part of a play; beyond volume.max it is refused as ever."""
    asleep(nights)
    answer = nights.command(SetVolume(40))
    assert (answer.is_done, answer.text) == (True, "volume 20: 40 is above the night cap of 20")
    assert nights.events("volume_set")[-1].news.data == {"volume": 20, "asked": 40}
    assert "volume 20: 25" in nights.command(SetVolume(5, is_relative=True)).text
    assert nights.command(Play(volume=50)).text == "playing whispers: 50 is above the night cap of 20"
    assert not nights.command(SetVolume(61)).is_done
    nights.run_for(100.0)
    assert nights.engine.level_db() == CAP_DB
    assert nights.command(SetVolume(15)).text == "volume 15"
    nights.run_for(10.0)
    assert nights.engine.level_db() == volume_to_db(15)
    assert nights.command(SetVolume(20)).text == "volume 20"


def test_asking_for_more_in_the_glide_does_not_hurry_it(nights: Nights) -> None:
    """A fall of 20 dB/s is no answer to somebody who wants it louder."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S + 20.0)
    level_db = nights.engine.level_db()
    nights.command(SetVolume(50))
    nights.run_for(5.0)
    assert level_db - 1.0 < nights.engine.level_db() < level_db
    nights.run_for(60.0)
    assert nights.engine.level_db() == CAP_DB


def test_a_new_session_begins_without_the_cap(nights: Nights) -> None:
    """The next evening, and after a stop in the middle of the night, the volume is what it was by default."""
    asleep(nights)
    nights.command(Stop())
    nights.run_for(10.0)
    assert nights.session.snapshot(nights.now).volume_max == 60
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60.0)
    assert nights.engine.level_db() == volume_to_db(30)
    nights.run_for(AFTER_S)
    assert len(nights.events("volume_capped")) == 2


def test_a_pause_does_not_put_the_cap_off(nights: Nights) -> None:
    """Paused before it and resumed after it: the sound comes back at the cap."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S - 60.0)
    nights.command(Pause())
    nights.run_for(120.0)
    assert nights.session.snapshot(nights.now).volume == CAP
    nights.command(Resume())
    nights.run_for(11.0)
    assert nights.engine.level_db() == CAP_DB


def test_the_final_fade_passes_the_cap_on_its_way(nights: Nights) -> None:
    """Ten minutes of fading are no slower than the glide: it goes on, and it is silent when it was to be."""
    nights.command(Play(timer=TimerSetting.clock(AFTER_S + 500.0)))
    nights.run_for(AFTER_S - 1.0)
    assert nights.state is State.FADING_OUT
    before = len(ramps(nights))
    nights.run_for(2.0)
    assert len(ramps(nights)) == before
    nights.run_for(499.0)
    assert nights.state is State.IDLE


def test_a_fade_taken_back_under_the_cap_rises_to_the_cap(nights: Nights) -> None:
    """More time in the middle of the fade: the level that comes back is the night's."""
    nights.command(Play(timer=TimerSetting.clock(AFTER_S + 300.0)))
    nights.run_for(AFTER_S + 100.0)
    assert nights.state is State.FADING_OUT
    nights.command(ExtendTimer(3600.0))
    nights.run_for(60.0)
    assert nights.engine.level_db() == CAP_DB


def test_a_fade_of_hours_does_not_stay_above_the_cap() -> None:
    """Such a fade is left for the glide and begun again later; the deadline stands."""
    slow = replace(SETTINGS, fades=replace(SETTINGS.fades, fade_out_s=7200.0))
    nights = Nights(slow, EVENING)
    nights.command(Play(timer=TimerSetting.clock(7200.0)))
    nights.run_for(AFTER_S - 1.0)
    assert nights.state is State.FADING_OUT
    nights.run_for(200.0)
    assert nights.engine.level_db() <= CAP_DB
    nights.run_until(EVENING.replace(hour=23, minute=50))
    assert nights.state is State.FADING_OUT
    nights.run_until(EVENING.replace(day=16, hour=0, minute=0, second=1))
    assert nights.state is State.IDLE


def test_a_timer_set_in_the_glide_fades_from_where_it_is(nights: Nights) -> None:
    """Any order works: cap, timer, fade."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S + 10.0)
    nights.command(SetTimer(TimerSetting.clock(20.0)))
    nights.run_for(0.1)
    assert nights.state is State.FADING_OUT
    nights.run_for(20.0)
    assert nights.state is State.IDLE


def test_a_device_that_comes_back_rises_to_the_cap(nights: Nights) -> None:
    """Lost before the cap, found after it."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(AFTER_S - 5.0)
    nights.engine.lose_output()
    nights.run_for(60.0)
    nights.engine.find_output()
    nights.run_for(0.1)
    nights.run_for(11.0)
    assert nights.engine.level_db() == CAP_DB


def test_a_cap_from_the_start_holds_the_fade_in() -> None:
    """After 0 s it is there at once: the sound comes up to it."""
    strict = replace(SETTINGS, volume=replace(SETTINGS.volume, night_cap=NightCap(CAP, 0.0)))
    nights = Nights(strict, EVENING)
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(100.0)
    assert nights.engine.level_db() == CAP_DB


def test_a_session_that_was_caught_up_with_counts_from_its_plan() -> None:
    """Planned for 22:00 and begun at 22:10, it has the cap at 22:30."""
    entry = Entry("n", time(22, 0), timer=TIMER_OFF)
    nights = Nights(replace(SETTINGS, schedule=(entry,)), EVENING.replace(hour=21, minute=50))
    nights.clock.is_trusted = False
    nights.run_until(EVENING.replace(minute=10))
    nights.clock.is_trusted = True
    nights.run_until(EVENING.replace(minute=29))
    assert nights.state is State.PLAYING
    assert nights.session.snapshot(nights.now).volume_max == 60
    nights.run_until(EVENING.replace(minute=31))
    assert nights.session.snapshot(nights.now).volume_max == CAP


def test_a_reload_moves_the_cap_at_once(nights: Nights) -> None:
    """A lower one is glided to; without one a person's word counts again, and nothing rises by itself."""
    asleep(nights)
    lower = replace(SETTINGS, volume=replace(SETTINGS.volume, night_cap=NightCap(10, AFTER_S)))
    nights.tell(NewSettings(lower))
    nights.run_for(100.0)
    assert nights.engine.level_db() == volume_to_db(10)
    nights.tell(NewSettings(replace(SETTINGS, volume=VolumeSettings())))
    nights.run_for(100.0)
    assert nights.engine.level_db() == volume_to_db(10)
    nights.command(SetVolume(40))
    nights.run_for(10.0)
    assert nights.engine.level_db() == volume_to_db(40)


# The guard.


def guards(nights: Nights) -> list[bool]:
    return [order.is_strict for order in nights.engine.orders if isinstance(order, SetGuard)]


def test_the_guard_is_gentle_at_the_start_and_strict_after_twenty_minutes(nights: Nights) -> None:
    """Two orders in a session, at the very seconds; and the same again in the next one."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(1199.9)
    assert guards(nights) == [False]
    nights.run_for(0.2)
    assert guards(nights) == [False, True]
    nights.run_for(3600.0)
    assert guards(nights) == [False, True]
    nights.command(Stop())
    nights.run_for(10.0)
    nights.command(Play())
    assert guards(nights) == [False, True, False]


def test_a_strict_guard_is_strict_from_the_start() -> None:
    """One order."""
    nights = Nights(replace(SETTINGS, guard=GuardSettings(GuardMode.STRICT)), EVENING)
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(3600.0)
    assert guards(nights) == [True]


def test_a_reload_changes_the_guard_at_once(nights: Nights) -> None:
    """Stricter, and back to what the time asks for."""
    nights.command(Play(timer=TIMER_OFF))
    nights.run_for(60.0)
    nights.tell(NewSettings(replace(SETTINGS, guard=GuardSettings(GuardMode.STRICT))))
    assert guards(nights) == [False, True]
    nights.tell(NewSettings(replace(SETTINGS, guard=GuardSettings(asleep_after_s=120.0))))
    assert guards(nights) == [False, True, False]
    nights.run_for(61.0)
    assert guards(nights) == [False, True, False, True]
