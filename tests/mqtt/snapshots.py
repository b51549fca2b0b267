"""A snapshot for tests of the wire."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta, timezone
from typing import Any

from player.core.days import DAYS
from player.core.snapshot import BedState, EntryState, LastCommand, Snapshot

CET = timezone(timedelta(hours=1))
ENDS = datetime(2026, 1, 31, 23, 15, 0, tzinfo=CET)

WEEKNIGHTS = EntryState(True, time(22, 30), False, datetime(2026, 2, 1, 22, 30, tzinfo=CET), DAYS, "rain", 30, ())
PLAYING = Snapshot(
    state="playing",
    why="schedule:weeknights",
    started=datetime(2026, 1, 31, 22, 30, 0, tzinfo=CET),
    asked=LastCommand("volume 30", "cli", datetime(2026, 1, 31, 22, 31, 5, tzinfo=CET)),
    refused=None,
    session_max_s=36_000.0,
    playlist="rain",
    track="Drops",
    chapter=None,
    is_liked=False,
    next_track="Gutter",
    position_s=61.4,
    duration_s=300.0,
    beds=(BedState("sea", -12.0),),
    volume=30,
    volume_max=60,
    ramping_to=None,
    level_db=-30.26,
    guard_reduction_db=0.0,
    timer_mode="clock",
    timer_set_s=2700.0,
    timer_until=None,
    fade_out_s=600.0,
    is_asleep=False,
    is_morning=False,
    level_dba=None,
    snooze_left_s=None,
    light=0.0,
    phase=1,
    phases=1,
    next_phase=None,
    entries={
        "weeknights": EntryState(
            True, time(22, 30), False, datetime(2026, 2, 1, 22, 30, tzinfo=CET), DAYS, "rain", 30, ()
        )
    },
    skip_tonight=False,
    rest_night=False,
    nights_used=12,
    timer_ends=ENDS,
    timer_remaining_s=1799.6,
    next_start=datetime(2026, 2, 1, 22, 30, tzinfo=CET),
    next_entry="weeknights",
    schedule_enabled=True,
    clock_trusted=True,
    tamed=0,
    dropouts=0,
    playlists=("rain", "sea"),
    problems=(),
)


def shot(**changes: Any) -> Snapshot:
    """`PLAYING` with some values changed."""
    return replace(PLAYING, **changes)
