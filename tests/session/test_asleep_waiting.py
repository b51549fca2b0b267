"""`asleep` and `awake` while a session that was interrupted waits to be resumed: it comes back that way."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from player.core.commands import Asleep, Awake, Play
from player.core.engine_orders import SetGuard
from player.core.settings.safety import NightCap
from player.core.settings.session import (
    TIMER_END_OF_TRACK,
    TIMER_OFF,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
    VolumeSettings,
)
from player.core.states import State
from tests.nights.remembered_nights import Remembering

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=UTC)
SETTINGS = Settings(
    playlists=(Playlist("rain", ("/r",)), Playlist("brown", ("noise:brown",))),
    volume=VolumeSettings(30, 60, NightCap(20, 7200.0)),
)
HOURS = TimerSetting.clock(7200.0)
BROWN = Phase("brown", 15, TimerSetting.at(time(6, 30)))


def waiting(play: Play) -> Remembering:
    """Played for two minutes, and died twice: it waits for half a minute before the second attempt."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(play)
    nights.run_for(120.0)
    nights.die(2.0)
    nights.die(2.0)
    nights.run_for(5.0)
    assert nights.state is State.IDLE
    return nights


@pytest.mark.parametrize("timer", [HOURS, TIMER_OFF, TIMER_END_OF_TRACK])
def test_it_comes_back_strict_capped_and_ends_twenty_minutes_after_the_word(timer: TimerSetting) -> None:
    """Instead of at 30, for two hours or without end."""
    nights = waiting(Play("rain", timer=timer))
    answer = nights.command(Asleep())
    assert (answer.is_done, answer.text) == (True, "asleep: the interrupted session waits to be resumed")
    nights.run_for(60.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.state, shown.why, shown.is_asleep, shown.volume) == ("playing", "resume", True, 20)
    assert (shown.volume_max, shown.volume_limit) == (20, 60)
    assert shown.timer_remaining_s == pytest.approx(1200.0 - 60.0, abs=1.0)
    assert nights.engine.orders.count(SetGuard(is_strict=True)) == 1
    assert nights.events("asleep")


def test_it_is_written_down_as_well() -> None:
    """Another death while it waits changes nothing."""
    nights = waiting(Play("rain", timer=HOURS))
    nights.command(Asleep())
    nights.run_for(10.0)
    nights.die(2.0)
    nights.run_for(180.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.state, shown.is_asleep, shown.volume) == ("playing", True, 20)
    assert shown.timer_remaining_s == pytest.approx(1200.0 - 192.0, abs=1.5)


def test_awake_takes_back_the_cap_and_not_the_end() -> None:
    """As after a crash: the guard stays strict too."""
    nights = waiting(Play("rain", timer=HOURS))
    nights.command(Asleep())
    nights.run_for(5.0)
    assert nights.command(Awake()).text == "awake: the interrupted session waits to be resumed"
    nights.run_for(55.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.is_asleep, shown.volume) == (False, 30)
    assert shown.timer_remaining_s == pytest.approx(1200.0 - 60.0, abs=1.0)
    assert nights.engine.orders.count(SetGuard(is_strict=True)) == 1


@pytest.mark.parametrize("when_asleep", [True, False])
def test_the_phase_that_waits_for_sleep_begins(when_asleep: bool) -> None:
    """One that does not begins after twenty minutes; the last one keeps its end."""
    brown = Phase("brown", 15, BROWN.timer, when_asleep=when_asleep)
    nights = waiting(Play("rain", timer=HOURS, then=(brown,)))
    nights.command(Asleep())
    nights.run_for(60.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.phase, shown.playlist) == ((2, "brown") if when_asleep else (1, "rain"))
    nights.run_for(1200.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.phase, shown.playlist, shown.volume) == (2, "brown", 15)
    assert shown.timer_ends == datetime(2026, 1, 16, 6, 30, tzinfo=UTC)


def test_before_the_clock_is_set_it_ends_twenty_minutes_after_the_last_sign_of_life() -> None:
    """Nobody knows how long the power was off: sooner is on the safe side."""
    nights = Remembering(SETTINGS, EVENING)
    nights.command(Play("rain", timer=HOURS))
    nights.run_for(300.0)
    nights.die(60.0, "another boot", is_trusted=False)
    nights.command(Asleep())
    nights.run_for(30.0)
    nights.clock.is_trusted = True
    nights.run_for(30.0)
    shown = nights.session.snapshot(nights.now)
    assert (shown.state, shown.is_asleep) == ("playing", True)
    assert shown.timer_remaining_s is not None
    assert 600.0 <= shown.timer_remaining_s <= 1200.0 - 120.0 + 1.0
