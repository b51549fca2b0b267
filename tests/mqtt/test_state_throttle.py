"""When a snapshot is published."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from player.core.night_report import NightReport
from player.core.snapshot import Snapshot, TrackList
from player.mqtt.state_throttle import StateThrottle, light_throttle, night_throttle, tracks_throttle
from tests.mqtt.snapshots import ENDS, PLAYING, shot


def published() -> StateThrottle:
    """A pacer that has published `PLAYING` at 100 s."""
    pacer = StateThrottle()
    assert pacer.is_due(PLAYING, 100.0)
    return pacer


def after(seconds: float, snapshot: Snapshot = PLAYING) -> Snapshot:
    """The snapshot after so long, with nothing changed but what runs along with the clock."""
    assert snapshot.position_s is not None
    assert snapshot.timer_remaining_s is not None
    return replace(
        snapshot,
        position_s=snapshot.position_s + seconds,
        timer_remaining_s=snapshot.timer_remaining_s - seconds,
        level_db=-30.0 + seconds,
        timer_ends=ENDS + timedelta(microseconds=seconds * 1e6 % 991),
    )


def test_the_first_snapshot_is_due_at_once() -> None:
    """There is nothing on the broker yet."""
    assert StateThrottle().is_due(PLAYING, 0.0)


def test_what_has_not_changed_is_never_due() -> None:
    """A retained message stays; repeating it would only fill a recorder."""
    pacer = published()
    assert not any(pacer.is_due(PLAYING, 100.0 + second) for second in range(3600))


CHANGES: list[dict[str, Any]] = [
    {"state": "paused"}, {"why": "mqtt"}, {"playlist": "sea"}, {"track": "Waves"}, {"volume": 31}, {"volume_max": 50},
    {"ramping_to": 20}, {"timer_mode": "off"}, {"timer_ends": ENDS + timedelta(minutes=15)}, {"timer_ends": None},
    {"next_start": None}, {"next_entry": "x"}, {"schedule_enabled": False}, {"clock_trusted": False},
    {"playlists": ("rain",)}, {"problems": ("no sound device",)}, {"position_s": 0.0}, {"position_s": 200.0},
    {"position_s": None}, {"duration_s": 301.0},
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_what_people_wait_for_is_due_after_a_quarter_of_a_second(change: dict[str, Any]) -> None:
    """Never sooner than 0.25 s after the last publication, and the pacer says when."""
    pacer = published()
    assert not pacer.is_due(shot(**change), 100.2)
    assert pacer.wait_s(100.2) == pytest.approx(0.05)
    assert pacer.is_due(shot(**change), 100.25)
    assert pacer.wait_s(100.25) == math.inf


@pytest.mark.parametrize(
    "change", [{"level_db": -10.0}, {"level_db": None}, {"timer_remaining_s": 10.0}, {"tamed": 3}], ids=str
)
def test_what_runs_along_waits_ten_seconds(change: dict[str, Any]) -> None:
    """Level, remainder and the count of what was tamed."""
    pacer = published()
    assert not pacer.is_due(shot(**change), 109.9)
    assert pacer.wait_s(109.9) == math.inf
    assert pacer.is_due(shot(**change), 110.0)


def test_an_hour_of_playing_is_published_every_ten_seconds() -> None:
    """Position, level, remainder and a wavering timer end, looked at four times a second: 360 messages, not 14400."""
    pacer = published()
    sent = sum(pacer.is_due(after(quarter / 4), 100.0 + quarter / 4) for quarter in range(1, 4 * 3600 + 1))
    assert sent == 360


def test_a_volume_that_changes_all_the_time_is_published_four_times_a_second() -> None:
    """A dragged slider for ten seconds, seen every 10 ms: 40 messages."""
    pacer = published()
    sent = sum(pacer.is_due(shot(volume=tick % 60), 100.0 + tick / 100) for tick in range(1, 1001))
    assert sent == 40


def test_a_change_that_is_taken_back_in_time_is_not_published() -> None:
    """Nothing differs from what the broker has."""
    pacer = published()
    assert not pacer.is_due(shot(volume=31), 100.1)
    assert not pacer.is_due(PLAYING, 100.2)
    assert pacer.wait_s(100.2) == math.inf


def test_an_end_that_moves_by_the_hour_that_comes_twice_is_a_change() -> None:
    """From 02:30 at summer time to 02:30 at winter time, by `extend 60`: published at once."""
    first = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    pacer = StateThrottle()
    assert pacer.is_due(shot(timer_ends=first), 100.0)
    assert pacer.is_due(shot(timer_ends=first.replace(fold=1)), 101.0)


def test_after_forgetting_everything_is_due_at_once() -> None:
    """A broker that restarted has lost the retained state."""
    pacer = published()
    pacer.forget()
    assert pacer.is_due(PLAYING, 100.01)


def test_a_paused_track_is_not_taken_for_a_seek() -> None:
    """The position stands still while time passes."""
    pacer = published()
    assert not any(pacer.is_due(PLAYING, 100.0 + second) for second in range(0, 600, 7))


def test_a_list_of_tracks_is_published_when_it_changes_and_every_ten_seconds_at_most() -> None:
    """The first one at once, and again when the broker may have lost it."""
    throttle, one, other = tracks_throttle(), TrackList(count=1), TrackList(count=2)
    assert throttle.is_due(TrackList(), 99.9)  # the library has not looked yet
    assert throttle.is_due(one, 100.0)
    assert not throttle.is_due(one, 200.0)
    assert throttle.is_due(other, 200.0)
    assert not throttle.is_due(one, 209.0)
    assert throttle.is_due(one, 210.0)
    throttle.forget()
    assert throttle.is_due(one, 210.5)


def test_the_light_is_published_once_for_each_value_and_at_most_every_two_seconds() -> None:
    """At once at first, and after everything is forgotten; a change that comes too soon is not lost."""
    light = light_throttle()
    assert light.is_due(0.0, 100.0)
    assert not light.is_due(0.0, 200.0)
    assert light.is_due(0.01, 200.0)
    assert not light.is_due(0.02, 201.9)
    assert light.is_due(0.02, 202.0)
    light.forget()
    assert light.is_due(0.02, 202.1)


def test_the_report_of_a_night_is_published_every_five_minutes_and_at_its_end_at_once() -> None:
    """The first track, what goes on after an end and another night as well; the same report is not published twice."""
    throttle, report = night_throttle(), NightReport(start=ENDS)
    assert throttle.is_due(report, 90.0)
    assert throttle.is_due(replace(report, track_count=1), 91.0)
    assert not throttle.is_due(replace(report, track_count=2), 92.0)
    throttle.forget()
    assert throttle.is_due(report, 100.0)
    assert not throttle.is_due(report, 1000.0)
    assert throttle.is_due(replace(report, rises=1), 1000.0)
    assert not throttle.is_due(replace(report, rises=2), 1299.0)
    assert throttle.is_due(replace(report, rises=2), 1300.0)
    assert throttle.is_due(replace(report, rises=2, end=ENDS), 1301.0)
    assert throttle.is_due(replace(report, rises=3), 1301.5)
    assert not throttle.is_due(replace(report, rises=4), 1302.0)
    assert throttle.is_due(NightReport(start=ENDS + timedelta(days=1)), 1302.0)
