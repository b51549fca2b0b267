"""A year of nights on the fake clock, through both changes of the clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from player.core.settings.session import Entry, Playlist, Settings, TimerSetting
from tests import effort
from tests.nights.night_rig import Nights, later

YEAR = (date(2026, 1, 2), 365)


def periods(zone: str, odd: Iterable[str]) -> list[tuple[date, int]]:
    """First dates and numbers of nights: a week around each odd night, or around both changes of Europe's clocks.

    One thorough case has the whole year; the year of the schedule alone is in every zone's test_wandering_clocks.
    """
    if effort.is_thorough() and zone == "Europe/Berlin" and odd:
        return [YEAR]
    return [(date.fromisoformat(day) - timedelta(days=3), 7) for day in odd or ("2026-03-29", "2026-10-25")]


def year_settings(at: time) -> Settings:
    playlist = Playlist("whispers", ("/music",))
    entry = Entry("nightly", at, timer=TimerSetting.clock(45 * 60.0), fade_in_s=60.0, fade_out_s=600.0)
    return Settings(playlists=(playlist,), schedule=(entry,))


ODD_NIGHTS = [
    # 02:30 does not exist on 29 March 2026: it fires at the first instant after the gap; it exists twice in October
    ("Europe/Berlin", "02:30", {"2026-03-29": "2026-03-29T03:00+02:00", "2026-10-25": "2026-10-25T02:30+02:00"}),
    ("America/New_York", "01:30", {"2026-11-01": "2026-11-01T01:30-04:00"}),
    ("Australia/Lord_Howe", "02:15", {"2026-10-04": "2026-10-04T02:30+11:00", "2026-04-05": None}),
    ("America/New_York", "02:30", {"2026-03-08": "2026-03-08T03:00-04:00", "2026-11-01": "2026-11-01T02:30-05:00"}),
    ("Europe/Berlin", "22:30", {}),
    ("Asia/Kathmandu", "22:30", {}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("zone", "at", "odd"), effort.first(1, ODD_NIGHTS))
def test_each_night_of_a_year_starts_and_ends_when_it_should(zone: str, at: str, odd: dict[str, str | None]) -> None:
    """Every local date has one start at its time (or at the rule's instant) and is silent 45 minutes later."""
    for first, number in periods(zone, odd):
        check_nights(ZoneInfo(zone), time.fromisoformat(at), odd, first, number)


def check_nights(here: ZoneInfo, at_time: time, odd: dict[str, str | None], first: date, number: int) -> None:
    """So many nights in a row from a date on."""
    before = datetime.combine(first - timedelta(days=1), time(23, 59), here)
    nights = Nights(year_settings(at_time), before, longest_idle_s=600.0)
    nights.run_until(datetime.combine(first + timedelta(days=number), time(1, 0), here))
    starts = [told.now.wall for told in nights.events("session_started")]
    ends = [told.now.wall for told in nights.events("session_ended")]
    expected = []
    for day in range(number):
        local = first + timedelta(days=day)
        special = odd.get(local.isoformat())
        expected.append(
            datetime.fromisoformat(special).astimezone(here) if special else datetime.combine(local, at_time, here)
        )
    in_time = [when for when in expected if when < nights.now.wall]
    assert [start.isoformat() for start in starts] == [when.isoformat() for when in in_time]
    assert len(ends) == len(starts)
    for start, end in zip(starts, ends, strict=True):
        assert abs((end - later(start, minutes=45)).total_seconds()) <= 0.5
    assert not nights.events("problem")
    assert {told.news.data["reason"] for told in nights.events("session_ended")} == {"timer"}
