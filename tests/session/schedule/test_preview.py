"""When an entry comes next: dates, weekdays, zones, and the two nights a year that are not like the others.

The offsets are facts of the tz database: Berlin +01/+02, 2026-03-29 02:00 -> 03:00 and 2026-10-25 03:00 -> 02:00; New
York -05/-04, 2026-03-08 and 2026-11-01 at 02:00; Lord Howe +10:30/+11, half an hour on 2026-04-05 and 2026-10-04 at
02:00; Kathmandu +05:45 all year.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from player.core.settings.session import EntryKind, Settings
from player.session.schedule.planner import moment_of, next_start
from player.session.schedule.preview import Preview
from tests.session.schedule.entries import BERLIN, KATHMANDU, LORD_HOWE, NEW_YORK, entry, local


def planned(at: str, after: str, zone: ZoneInfo, days: str = "") -> str:
    """When a single entry comes next, as ISO text with its offset."""
    found = next_start((entry(at, days=days),), local(after, zone))
    assert found is not None
    return found[1].isoformat()


@pytest.mark.parametrize(
    ("zone", "after", "at", "expected"),
    [
        (BERLIN, "2026-01-15T21:00:00+01:00", "22:30", "2026-01-15T22:30:00+01:00"),
        (BERLIN, "2026-01-15T22:30:00+01:00", "22:30", "2026-01-16T22:30:00+01:00"),
        (BERLIN, "2026-12-31T23:00:00+01:00", "22:30", "2027-01-01T22:30:00+01:00"),
        (NEW_YORK, "2026-07-04T12:00:00-04:00", "00:00", "2026-07-05T00:00:00-04:00"),
        (LORD_HOWE, "2026-01-15T21:00:00+11:00", "22:30", "2026-01-15T22:30:00+11:00"),
        (KATHMANDU, "2026-03-29T01:00:00+05:45", "02:30", "2026-03-29T02:30:00+05:45"),
        (KATHMANDU, "2026-10-25T02:45:00+05:45", "02:30", "2026-10-26T02:30:00+05:45"),
    ],
)
def test_an_entry_comes_today_or_tomorrow(zone: ZoneInfo, after: str, at: str, expected: str) -> None:
    """An entry comes at its time today, and when that has come, tomorrow; strictly after the moment asked."""
    assert planned(at, after, zone) == expected


@pytest.mark.parametrize(
    ("zone", "after", "at", "expected"),
    [
        (BERLIN, "2026-03-29T01:59:00+01:00", "02:00", "2026-03-29T03:00:00+02:00"),
        (BERLIN, "2026-03-29T01:00:00+01:00", "02:30", "2026-03-29T03:00:00+02:00"),
        (BERLIN, "2026-03-29T01:00:00+01:00", "02:59:59", "2026-03-29T03:00:00+02:00"),
        (BERLIN, "2026-03-29T03:00:00+02:00", "02:30", "2026-03-30T02:30:00+02:00"),
        (NEW_YORK, "2026-03-08T01:00:00-05:00", "02:30", "2026-03-08T03:00:00-04:00"),
        (LORD_HOWE, "2026-10-04T01:00:00+10:30", "02:15", "2026-10-04T02:30:00+11:00"),
    ],
)
def test_a_time_that_the_clocks_skip_comes_at_the_end_of_the_gap(
    zone: ZoneInfo, after: str, at: str, expected: str
) -> None:
    """A local time that does not exist is planned for the first instant that exists after it."""
    assert planned(at, after, zone) == expected


@pytest.mark.parametrize(
    ("zone", "after", "at", "expected"),
    [
        (BERLIN, "2026-10-25T01:00:00+02:00", "02:30", "2026-10-25T02:30:00+02:00"),
        (BERLIN, "2026-10-25T02:45:00+02:00", "02:30", "2026-10-26T02:30:00+01:00"),
        (BERLIN, "2026-10-25T02:10:00+01:00", "02:30", "2026-10-26T02:30:00+01:00"),
        (BERLIN, "2026-10-25T02:45:00+02:00", "03:00", "2026-10-25T03:00:00+01:00"),
        (NEW_YORK, "2026-11-01T00:30:00-04:00", "01:30", "2026-11-01T01:30:00-04:00"),
        (NEW_YORK, "2026-11-01T01:10:00-05:00", "01:30", "2026-11-02T01:30:00-05:00"),
        (LORD_HOWE, "2026-04-05T01:00:00+11:00", "01:45", "2026-04-05T01:45:00+11:00"),
        (LORD_HOWE, "2026-04-05T01:31:00+10:30", "01:45", "2026-04-06T01:45:00+10:30"),
    ],
)
def test_a_time_that_comes_twice_counts_at_its_first_coming(zone: ZoneInfo, after: str, at: str, expected: str) -> None:
    """A local time that the clocks show twice is planned once that day: when it is shown first."""
    assert planned(at, after, zone) == expected


@pytest.mark.parametrize(
    ("after", "days", "expected"),
    [
        ("2026-01-15T12:00:00+01:00", "thu", "2026-01-15T22:00:00+01:00"),
        ("2026-01-15T23:00:00+01:00", "thu", "2026-01-22T22:00:00+01:00"),
        ("2026-01-15T23:00:00+01:00", "sun mon", "2026-01-18T22:00:00+01:00"),
        ("2026-03-28T23:00:00+01:00", "sat", "2026-04-04T22:00:00+02:00"),
    ],
)
def test_an_entry_comes_on_its_weekdays_only(after: str, days: str, expected: str) -> None:
    """2026-01-15 is a Thursday and 2026-03-28 a Saturday; the week may have a change of the clocks in it."""
    assert planned("22:00", after, BERLIN, days) == expected


def test_the_earliest_entry_comes_next_and_the_first_listed_of_two_at_once() -> None:
    """Among several entries the earliest is next; at the same moment the one listed first."""
    entries = (entry("23:00", "late"), entry("22:00", "first"), entry("22:00", "second"))
    found = next_start(entries, local("2026-01-15T21:00:00+01:00", BERLIN))
    assert found is not None
    assert found[0].name == "first"


def test_no_entries_have_no_next_start() -> None:
    """An empty schedule has no next start."""
    assert next_start((), local("2026-01-15T21:00:00+01:00", BERLIN)) is None


def test_a_zone_without_rules_keeps_its_offset() -> None:
    """With a fixed offset the next start has the same offset; nothing more can be known."""
    after = datetime(2026, 3, 28, 23, 0, tzinfo=timezone(timedelta(hours=1)))
    found = next_start((entry("22:00"),), after)
    assert found is not None
    assert found[1].isoformat() == "2026-03-29T22:00:00+01:00"


def test_a_date_that_a_country_leaves_out_comes_with_the_next_one() -> None:
    """Samoa had no 2011-12-30: what belongs to it comes when the gap ends, at the first instant of the 31st."""
    apia = ZoneInfo("Pacific/Apia")
    moment = moment_of(date(2011, 12, 30), entry("22:00").at, apia)
    assert moment.astimezone(apia).isoformat() == "2011-12-31T00:00:00+14:00"


def test_a_midnight_that_the_clocks_skip_comes_at_one() -> None:
    """Beirut goes from 00:00 to 01:00 on 2026-03-29: an entry at midnight comes at 01:00 of its own date."""
    beirut = ZoneInfo("Asia/Beirut")
    assert planned("00:00", "2026-03-28T23:00:00+02:00", beirut) == "2026-03-29T01:00:00+03:00"


def test_a_morning_at_the_minute_of_a_skipped_entry_is_the_next_start() -> None:
    """Whichever is listed first: what is left out hides nothing at the same moment."""
    night, morning = entry("06:30"), replace(entry("06:30", "morning"), kind=EntryKind.MORNING)
    wall = local("2026-01-16T05:00:00+01:00", BERLIN)
    for entries in ((night, morning), (morning, night)):
        coming = Preview().look(entries, date(2026, 1, 15), Settings(), wall)
        assert coming.first is not None
        assert (coming.first[0].name, coming.first[1]) == ("morning", coming.each["morning"])
        assert coming.first[1].isoformat() == "2026-01-16T06:30:00+01:00"
