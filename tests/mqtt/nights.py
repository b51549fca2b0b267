"""A report of a night for tests of the wire and of the command line."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

from player.core.night_report import LevelPoint, NightReport, ReportedMoment, ReportedPhase, ReportedTrack

CET = timezone(timedelta(hours=1))
START = datetime(2026, 1, 31, 22, 30, tzinfo=CET)
NIGHT = NightReport(
    night=date(2026, 1, 31),
    start=START,
    end=START + timedelta(hours=8),
    why="schedule:weeknights",
    ended_by="timer",
    minutes=480.0,
    sessions=1,
    phases=(ReportedPhase(START, "rain", 25), ReportedPhase(START + timedelta(hours=1), "brown", 15)),
    tracks=(ReportedTrack(START, "Drops"), ReportedTrack(START + timedelta(minutes=5), "Gutter")),
    track_count=2,
    held=3,
    worst=ReportedMoment(START + timedelta(hours=2), 9.4, "Drops"),
    loudest=ReportedMoment(START + timedelta(hours=3), 5.5, None),
    rises=1,
    dropouts=1,
    nights_used=12,
    curve=tuple(LevelPoint(5 * at, -45.0 - at % 3, -40.0) for at in range(96)),
    seen=START + timedelta(hours=8),
)
"""Eight hours of rain and brown noise."""
