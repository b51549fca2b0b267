"""When a session is over, one line says what the night was, and the memory keeps how many problems it had."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from player.core.commands import Play, Stop
from player.core.events import EngineFaulted, GuardReported
from player.core.settings.session import Playlist, Settings, TimerSetting
from tests.nights.night_rig import Nights

EVENING = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
SETTINGS = Settings(playlists=(Playlist("rain", ("/w",)), Playlist("sea", ("/s",))))


@pytest.fixture
def nights() -> Nights:
    nights = Nights(SETTINGS, EVENING)
    nights.engine.duration_s = 600.0
    return nights


def test_a_night_is_summed_up_in_one_line(nights: Nights) -> None:
    """When, what, how long, why it ended, tracks, the guard's work, problems and writes."""
    nights.command(Play(timer=TimerSetting.clock(2700.0)))
    nights.run_for(100.0)
    nights.tell(GuardReported(None, 10.0, 12.34, 1.0))
    nights.run_for(3000.0)
    (ended,) = nights.events("session_ended")
    tracks, writes = len(nights.events("track_started")), ended.news.data["writes"]
    assert tracks >= 4
    assert ended.news.text == (
        f"session ended after 45m (timer): rain from 22:30, {tracks} tracks, 1 surprise lowered, by 12.3 dB at most, "
        f"no problems, {writes} writes"
    )
    assert ended.news.data | {"writes": 0} == {
        "reason": "timer", "why": "test", "playlist": "rain", "started": "2026-01-15T22:30:00+00:00", "minutes": 45.0,
        "tamed": 1, "largest_db": 12.3, "tracks": tracks, "problems": 0, "writes": 0,
        "dropouts": 0,
    }  # fmt: skip


def test_the_writes_that_are_told_are_those_that_were_made(nights: Nights) -> None:
    """All that was handed to the store from the start of the session to the turn before its end."""
    before = len(nights.written)
    nights.command(Play(timer=TimerSetting.clock(2700.0)))
    nights.run_for(3000.0)
    (ended,) = nights.events("session_ended")
    # the one that says that it is over is made with the same breath
    assert ended.news.data["writes"] == len(nights.written) - before - 1


def test_problems_are_counted_and_remembered(nights: Nights) -> None:
    """A fault of the engine in the middle of a session is in its summary and in the log of sessions."""
    nights.command(Play())
    nights.run_for(60.0)
    nights.tell(EngineFaulted("odd"))
    nights.run_for(60.0)
    nights.command(Stop())
    nights.run_for(10.0)
    (ended,) = nights.events("session_ended")
    assert ended.news.data["problems"] == len(nights.events("problem")) >= 1
    (kept,) = [end for batch in nights.written for end in batch.ended]
    assert kept.problems == ended.news.data["problems"]


def test_each_session_has_its_own_count(nights: Nights) -> None:
    """One that follows begins at nothing."""
    for _ in range(2):
        nights.command(Play())
        nights.run_for(60.0)
        nights.command(Stop())
        nights.run_for(10.0)
    assert [told.news.data["tracks"] for told in nights.events("session_ended")] == [1, 1]
