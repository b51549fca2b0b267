"""Zones, entries and instants for the tests of schedule and timer."""

from __future__ import annotations

from datetime import datetime, time
from zoneinfo import ZoneInfo

from player.core.clock import Now
from player.core.days import DAYS
from player.core.settings.session import Entry

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
KATHMANDU = ZoneInfo("Asia/Kathmandu")


def entry(at: str, name: str = "night", days: str = "") -> Entry:
    """An entry at ``HH:MM`` or ``HH:MM:SS``, daily unless days are named as in ``"mon fri"``."""
    chosen = frozenset(DAYS.index(day) for day in days.split()) or frozenset(range(7))
    return Entry(name, time.fromisoformat(at), chosen)


def local(text: str, zone: ZoneInfo) -> datetime:
    """An instant from ISO text with an offset, shown in a zone; the text must be what that zone shows then."""
    wall = datetime.fromisoformat(text).astimezone(zone)
    assert wall.isoformat() == text, f"{zone} shows {wall.isoformat()} at {text}"
    return wall


def at(text: str, boot_s: float, zone: ZoneInfo = BERLIN, *, is_trusted: bool = True) -> Now:
    """The present instant from ISO text and a boot time."""
    return Now(boot_s, local(text, zone), is_trusted)
