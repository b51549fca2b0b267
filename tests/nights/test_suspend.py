"""A machine that sleeps: boot clock and wall clock go on, nothing else does, and then it is awake."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

import pytest

from player.core.commands import Play
from player.core.settings.session import Entry, Playlist, Settings, TimerSetting
from player.core.states import State
from player.core.units import SILENCE_DB
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 0, tzinfo=ZoneInfo("Asia/Kathmandu"))
SETTINGS = Settings(playlists=(Playlist("whispers", ("/w",)),), timer=TimerSetting.clock(3600.0))


def suspend(room: Nights, for_s: float) -> None:
    """Nobody runs for so long; then everybody looks at the clock."""
    room.clock.advance(for_s)
    room.tell(None)


def test_a_timer_that_ran_out_in_the_sleep_ends_at_once() -> None:
    """It counts on the boot clock, which counts the sleep: awake an hour late, it is silent within two seconds."""
    room = Nights(SETTINGS, EVENING)
    room.command(Play())
    room.run_for(600.0)
    suspend(room, 2 * 3600.0)
    room.run_for(2.0)
    assert (room.state, room.engine.level_db()) == (State.IDLE, SILENCE_DB)


def test_a_sleep_shorter_than_the_timer_takes_its_time_from_it() -> None:
    """Half an hour asleep is half an hour less."""
    room = Nights(SETTINGS, EVENING)
    room.command(Play())
    room.run_for(600.0)
    suspend(room, 1800.0)
    assert room.session.snapshot(room.now).timer_remaining_s == pytest.approx(1200.0, abs=1.0)


@pytest.mark.parametrize(("asleep_s", "starts"), [(2700.0, 1), (2 * 3600.0, 0)])
def test_a_start_that_was_slept_through_is_caught_up_with_or_told(asleep_s: float, starts: int) -> None:
    """A quarter of an hour late it still happens, with its planned end; more than an hour late it is told as missed."""
    room = Nights(replace(SETTINGS, schedule=(Entry("night", time(22, 30)),)), EVENING)
    suspend(room, asleep_s)
    room.run_for(1.0)
    assert len(room.events("session_started")) == starts
    assert len(room.events("start_missed")) == 1 - starts
    if starts:
        ends = room.session.snapshot(room.now).timer_ends
        assert ends is not None
        assert ends.isoformat(timespec="seconds") == "2026-01-15T23:30:00+05:45"
