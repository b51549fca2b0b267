"""The clocks of the machine: which zone they show, and how real seconds are counted."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import TZPATH, ZoneInfo

import pytest

from player.core import clock
from player.core.clock import SystemClock, elapsed_s, moved, system_zone

BERLIN = ZoneInfo("Europe/Berlin")
DATABASE = next(Path(folder) for folder in TZPATH if Path(folder, "Europe/Berlin").exists())
SUMMER = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
WINTER = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)


def offsets_h(environ: dict[str, str], etc: Path) -> tuple[float, float]:
    """Hours east of Greenwich of the zone that is found, in winter and in summer."""
    winter, summer = (day.astimezone(system_zone(environ, etc)).utcoffset() for day in (WINTER, SUMMER))
    assert winter is not None
    assert summer is not None
    return winter / timedelta(hours=1), summer / timedelta(hours=1)


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A stand-in for /etc whose localtime is a link to Berlin, as Debian makes it."""
    (tmp_path / "localtime").symlink_to(DATABASE / "Europe/Berlin")
    return tmp_path


def test_the_link_of_localtime_tells_the_zone_and_its_rules(etc: Path) -> None:
    """The zone has its name, and an hour more in summer."""
    assert str(system_zone({}, etc)) == "Europe/Berlin"
    assert offsets_h({}, etc) == (1, 2)


def test_a_copy_instead_of_a_link_tells_the_rules_too(tmp_path: Path) -> None:
    """Some systems copy the zone's file; its rules are in it, and it wins over an old /etc/timezone."""
    (tmp_path / "localtime").write_bytes((DATABASE / "Australia/Lord_Howe").read_bytes())
    (tmp_path / "timezone").write_text("Europe/Berlin\n", encoding="utf-8")
    assert offsets_h({}, tmp_path) == (11, 10.5)


def test_etc_timezone_is_asked_where_localtime_is_missing_or_broken(tmp_path: Path) -> None:
    """Without a readable localtime the name in /etc/timezone counts."""
    (tmp_path / "timezone").write_text("America/New_York\n", encoding="utf-8")
    assert offsets_h({}, tmp_path) == (-5, -4)
    (tmp_path / "localtime").write_bytes(b"no zone at all")
    assert offsets_h({}, tmp_path) == (-5, -4)


@pytest.mark.parametrize("text", ["Asia/Kathmandu", ":Asia/Kathmandu", str(DATABASE / "Asia/Kathmandu")])
def test_the_environment_comes_first(etc: Path, text: str) -> None:
    """``TZ`` is a name, with or without a colon, or a path, and goes before /etc."""
    assert offsets_h({"TZ": text}, etc) == (5.75, 5.75)


def test_an_empty_tz_is_utc(etc: Path) -> None:
    """As the C library has it."""
    assert offsets_h({"TZ": ""}, etc) == (0, 0)


@pytest.mark.parametrize("text", ["Europe", "../../etc/passwd", "/nowhere", "No/Where"])
def test_what_is_no_zone_of_the_database_gives_the_present_offset(etc: Path, text: str) -> None:
    """A folder, a path outside or nothing at all: the C library's present offset, and no exception."""
    found = system_zone({"TZ": text}, etc)
    assert not isinstance(found, ZoneInfo)
    assert WINTER.astimezone(found).utcoffset() == datetime.now(UTC).astimezone().utcoffset()


def test_an_etc_without_anything_gives_the_present_offset(tmp_path: Path) -> None:
    """No file, a broken link, a zone file that is not text: still an offset."""
    (tmp_path / "localtime").symlink_to(tmp_path / "zoneinfo/Europe/Nowhere")
    (tmp_path / "timezone").write_bytes(b"\xff\xfe")
    assert system_zone({}, tmp_path).utcoffset(WINTER) is not None


def test_the_system_clock_shows_a_real_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall time carries a zone of the database, so that a date in summer has summer's offset."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    now = SystemClock().now()
    assert isinstance(now.wall.tzinfo, ZoneInfo)
    assert abs(elapsed_s(now.wall, datetime.now(UTC))) < 5


def test_a_zone_that_is_given_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock with a zone of its own never asks for the system's."""
    monkeypatch.setattr(clock, "ZONE_CHECK_S", 0.0)
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert SystemClock(BERLIN).now().wall.tzinfo is BERLIN


def test_a_zone_that_changes_is_followed_by_the_thread_that_made_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the time between two checks the owner sees the new zone; other threads never look it up themselves."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    system = SystemClock()
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    assert str(system.now().wall.tzinfo) == "Europe/Berlin"
    monkeypatch.setattr(clock, "ZONE_CHECK_S", 0.0)
    seen: list[str] = []
    other = threading.Thread(target=lambda: seen.append(str(system.now().wall.tzinfo)))
    other.start()
    other.join()
    assert seen == ["Europe/Berlin"]
    assert str(system.now().wall.tzinfo) == "Asia/Kathmandu"


def test_real_seconds_are_counted_through_a_change_of_the_clocks() -> None:
    """From midnight to six are seven hours in the night of 2026-10-25 and five in that of 2026-03-29."""
    autumn, spring = datetime(2026, 10, 25, tzinfo=BERLIN), datetime(2026, 3, 29, tzinfo=BERLIN)
    assert elapsed_s(autumn, autumn.replace(hour=6)) == 7 * 3600
    assert elapsed_s(spring, spring.replace(hour=6)) == 5 * 3600
    assert elapsed_s(spring.replace(hour=6), spring) == -5 * 3600


@pytest.mark.parametrize(
    ("start", "hours", "expected"),
    [
        ("2026-10-25T02:30:00+02:00", 1, "2026-10-25T02:30:00+01:00"),
        ("2026-03-29T01:30:00+01:00", 1, "2026-03-29T03:30:00+02:00"),
        ("2026-03-29T03:30:00+02:00", -1, "2026-03-29T01:30:00+01:00"),
    ],
)
def test_a_time_is_moved_by_real_hours(start: str, hours: float, expected: str) -> None:
    """An hour later is an hour later, and its offset is the one that holds then."""
    assert moved(datetime.fromisoformat(start).astimezone(BERLIN), hours * 3600).isoformat() == expected


@pytest.mark.parametrize("rules", ["CET-1CEST,M3.5.0,M10.5.0/3", ":CET-1CEST,M3.5.0,M10.5.0/3"])
def test_rules_as_posix_writes_them_have_summer_time(rules: str) -> None:
    """Central Europe: an hour ahead of UTC in January, two in July."""
    zone = system_zone({"TZ": rules})
    assert datetime(2026, 1, 15, 22, 30, tzinfo=zone).isoformat() == "2026-01-15T22:30:00+01:00"
    assert datetime(2026, 7, 15, 22, 30, tzinfo=zone).isoformat() == "2026-07-15T22:30:00+02:00"
