"""The schedule under clocks that wander: a year minute by minute, and clocks that anybody sets at any time."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.core.clock import Now
from player.core.settings.session import Entry
from player.session.schedule.planner import Due, Missed, Planner, moment_of
from tests import effort
from tests.session.schedule.entries import BERLIN, KATHMANDU, LORD_HOWE, NEW_YORK, entry

ZONES = (BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU, ZoneInfo("Asia/Beirut"), ZoneInfo("Africa/Casablanca"))
CATCH_UP_S = 20 * 60.0
ENTRIES = (
    entry("22:00", "evening"),
    entry("02:15", "small hours"),
    entry("02:45", "later", "mon wed sun"),
    entry("00:00", "midnight", "sat sun"),
    entry("14:30", "nap", "fri"),
)


@pytest.mark.slow
@settings(derandomize=True, database=None, deadline=None, max_examples=effort.examples(100, 400))
@given(st.dates(date(2020, 1, 1), date(2036, 12, 31)), st.times(), st.sampled_from(ZONES))
def test_a_start_is_the_first_instant_at_which_its_time_has_come(day: date, at: time, zone: ZoneInfo) -> None:
    """The planned moment shows the wanted time or a later one, and each moment in the three hours before an earlier."""
    at = at.replace(microsecond=0)
    moment = moment_of(day, at, zone)

    def face(before_s: float) -> datetime:
        return (moment - timedelta(seconds=before_s)).astimezone(zone).replace(tzinfo=None)

    wanted = datetime.combine(day, at)
    assert face(0) >= wanted
    assert all(face(before_s) < wanted for before_s in (1, 59, 60, *range(600, 10800, 600)))


@pytest.mark.slow
@pytest.mark.parametrize("zone", effort.first(1, ZONES[:4]), ids=str)
def test_each_hour_of_a_year_may_be_the_one_in_which_clocks_change(zone: ZoneInfo) -> None:
    """The property above for every quarter of an hour of 2026, the changes of the clocks among them."""
    for number in range(365 * 96):
        wanted = datetime(2026, 1, 1) + timedelta(minutes=15 * number)  # noqa: DTZ001 - a face, not an instant
        moment = moment_of(wanted.date(), wanted.time(), zone)
        assert moment.astimezone(zone).replace(tzinfo=None) >= wanted
        assert (moment - timedelta(seconds=1)).astimezone(zone).replace(tzinfo=None) < wanted


@pytest.mark.thorough
@pytest.mark.slow
@pytest.mark.parametrize("zone", effort.first(1, ZONES[:4]), ids=str)
def test_in_a_year_of_minutes_each_entry_starts_once_on_each_of_its_dates(zone: ZoneInfo) -> None:
    """2026 minute by minute: five entries start on all their dates, once, within the minute; nothing is missed."""
    planner, found = Planner(), Counter[tuple[str, date]]()
    first = datetime(2026, 1, 1, tzinfo=zone).astimezone(UTC)
    minutes = int((datetime(2027, 1, 1, tzinfo=zone).astimezone(UTC) - first).total_seconds()) // 60
    for minute in range(-1, minutes):
        now = Now((minute + 1) * 60.0, (first + timedelta(minutes=minute)).astimezone(zone))
        for due in planner.due(ENTRIES, now, CATCH_UP_S, is_enabled=True):
            if isinstance(due, Due):
                assert due.late_s < 60
                found[due.entry.name, due.planned.date()] += 1
            else:
                assert due.planned.date() < date(2026, 1, 1) or due.reason != "it is too late for it"
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(365)]
    wanted = Counter((item.name, day) for day in days for item in ENTRIES if day.weekday() in item.days)
    shared = superseded(zone)
    assert {key: count for key, count in found.items() if key[1].year == 2026} == wanted - shared


def superseded(zone: ZoneInfo) -> Counter[tuple[str, date]]:
    """Where both small-hours entries fall into one gap they come at the same moment, and the first listed starts.

    02:15 and 02:45 are both skipped in Berlin on 2026-03-29 and in New York on 2026-03-08, both of them Sundays.
    """
    gap = {BERLIN: date(2026, 3, 29), NEW_YORK: date(2026, 3, 8)}.get(zone)
    return Counter[tuple[str, date]]() if gap is None else Counter([("later", gap)])


class Wanderer:
    """A seeded walk of both clocks: the boot clock runs, the wall clock runs, is set, moves and loses its trust."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._boot_s = 5_000.0
        self._utc = datetime(2026, self._rng.choice([1, 3, 10]), 20, tzinfo=UTC)
        self._zone = self._rng.choice(ZONES)
        self._is_trusted = self._rng.random() < 0.5

    def step(self) -> Now:
        """Let time pass, and now and then let somebody set something."""
        rng = self._rng
        passed_s = rng.choice([1.0, 10.0, 60.0, 300.0, 1000.0])
        self._boot_s += passed_s
        self._utc += timedelta(seconds=passed_s)
        chance = rng.random()
        if chance < 0.02:
            self._utc += timedelta(seconds=rng.uniform(-4 * 3600, 4 * 3600))
        elif chance < 0.03:
            self._utc += timedelta(days=rng.uniform(-3, 3))
        elif chance < 0.035:
            self._zone = rng.choice(ZONES)
        elif chance < 0.05:
            self._is_trusted = not self._is_trusted
        return Now(self._boot_s, self._utc.astimezone(self._zone), self._is_trusted)


def within_reach(now: Now, running_s: float) -> set[tuple[Entry, date]]:
    """The starts that are owed at this moment: trusted, come, not too late, and since the daemon and its history."""
    zone = now.wall.tzinfo
    assert zone is not None
    utc, owed = now.wall.astimezone(UTC), set()
    for item in ENTRIES:
        for by in range(-2, 2):
            day = now.wall.date() + timedelta(days=by)
            age_s = (utc - moment_of(day, item.at, zone)).total_seconds()
            if now.trusted and day.weekday() in item.days and 0 <= age_s < min(CATCH_UP_S, running_s + 3 * 3600):
                owed.add((item, day))
    return owed


@pytest.mark.slow
@pytest.mark.parametrize("seed", effort.first(1, range(12)))
def test_whatever_the_clock_does_no_start_is_doubled_and_none_is_lost(seed: int) -> None:
    """At each look, every start that is owed is or was made, or gave way to a later one; none is made twice."""
    wanderer, planner = Wanderer(seed), Planner()
    made, gave_way = Counter[tuple[str, date]](), set[tuple[str, date]]()
    for _ in range(4000):
        now = wanderer.step()
        told = planner.due(ENTRIES, now, CATCH_UP_S, is_enabled=True)
        assert now.trusted or not told
        assert sum(isinstance(item, Due) for item in told) <= 1
        for item in told:
            key = (item.entry.name, item.planned.date())
            if isinstance(item, Due):
                assert 0 <= item.late_s < CATCH_UP_S
                made[key] += 1
            elif item.reason != "it is too late for it":
                gave_way.add(key)
        owed = {(item.name, day) for item, day in within_reach(now, now.boot_s - 5_000.0)}
        assert owed <= made.keys() | gave_way
    assert made
    assert max(made.values()) == 1
    assert not made.keys() & gave_way


def test_a_start_is_told_as_missed_once_however_often_the_clock_is_set() -> None:
    """A clock that jumps over a start and back a hundred times has it told as missed once."""
    planner, told = Planner(), list[Due | Missed]()
    for look in range(200):
        wall = datetime(2026, 1, 15, 20 if look % 2 else 23, 30, tzinfo=UTC).astimezone(BERLIN)
        told += planner.due(ENTRIES[:1], Now(20_000.0 + look, wall), CATCH_UP_S, is_enabled=True)
    assert [type(item) for item in told] == [Missed]
