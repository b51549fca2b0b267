"""What the schedule will start next, of all entries and of each. Main thread, standard library, pure.

It is asked at every turn, and computing it means looking through days of entries; so it is remembered until the next
start has come, or until clock, zone, entries or a skipped night have moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Final

from player.core.settings.safety import RestNights
from player.core.settings.session import (
    MORNING_FADE_IN_S,
    MORNING_STAYS_S,
    ONCE,
    Entry,
    Phase,
    Playlist,
    Settings,
    TimerSetting,
)
from player.session.memory.memory import night_of
from player.session.phases import PlannedPhase, planned_night
from player.session.schedule.planner import next_start
from player.session.schedule.rest_nights import rests_at

LOOK_AGAIN_S: Final = 24 * 3600.0
"""Seconds after which the search is repeated where nothing starts within the horizon."""


@dataclass(frozen=True, slots=True)
class Coming:
    """The next start, and that of each entry by name, as found at an instant; it holds for the seconds between
    ``from_s`` and ``until_s`` of the wall clock, as counted by `datetime.timestamp`.
    """

    key: tuple[object, ...]
    zone: tzinfo | None
    from_s: float
    until_s: float
    first: tuple[Entry, datetime] | None
    each: Mapping[str, datetime | None]

    def holds(self, key: tuple[object, ...], wall: datetime) -> bool:
        """Whether the result is still valid for these arguments at this time."""
        return wall.tzinfo is self.zone and self.from_s <= wall.timestamp() < self.until_s and key == self.key


class Preview:
    """Looks ahead in the schedule."""

    def __init__(self) -> None:
        self._found: Coming | None = None

    def look(self, entries: tuple[Entry, ...], skipped: date | None, settings: Settings, wall: datetime) -> Coming:
        """The next starts after an aware local time, of the entries that are switched on."""
        key = (entries, skipped, settings.rest_nights)
        if self._found is None or not self._found.holds(key, wall):

            def start(entry: Entry) -> tuple[Entry, datetime] | None:
                """The next start of an entry that is not left out."""
                found = next_start([entry], wall)
                while found is not None and why_not(*found, skipped, settings) is not None:
                    found = next_start([entry], found[1])
                return found

            each = {entry.name: start(entry) for entry in entries}
            first = min(filter(None, each.values()), key=lambda found: found[1].timestamp(), default=None)
            from_s = wall.timestamp()
            until_s = from_s + LOOK_AGAIN_S if first is None else first[1].timestamp()
            starts = {name: found and found[1] for name, found in each.items()}
            self._found = Coming(key, wall.tzinfo, from_s, until_s, first, starts)
        return self._found


def why_not(entry: Entry, planned: datetime, skipped: date | None, settings: Settings) -> str | None:
    """Why an entry does not start at a local time of its own; None where it does.

    Starts by `tonight` and mornings are exempt: a person who skips a night still wants to get up.
    """
    if entry.name == ONCE or entry.is_morning:
        return None
    if night_of(planned) == skipped:
        return "this night is skipped"
    rests = _resting(entry, planned, settings)
    return "this is a rest night" if rests is not None and rests.playlist is None else None


def playlist_of(entry: Entry, planned: datetime, settings: Settings) -> str | None:
    """The playlist of an entry's start at a local time; None for nothing, in a rest night."""
    rests = _resting(entry, planned, settings)
    return entry.playlist or settings.first_playlist if rests is None else rests.playlist


def fade_in_of(entry: Entry, settings: Settings) -> float:
    """Length of the fade-in of an entry in seconds."""
    if entry.fade_in_s is not None:
        return entry.fade_in_s
    return MORNING_FADE_IN_S if entry.is_morning else settings.fades.fade_in_s


def timer_of(entry: Entry, settings: Settings) -> TimerSetting:
    """The sleep timer of an entry."""
    if entry.timer is not None:
        return entry.timer
    is_morning = entry.is_morning
    return TimerSetting.clock(fade_in_of(entry, settings) + MORNING_STAYS_S) if is_morning else settings.timer


def then_of(entry: Entry, playlist: Playlist | None) -> tuple[Phase, ...]:
    """The phases after an entry that begins with a playlist; a morning does not use the playlist's own."""
    if entry.then is not None or entry.is_morning or playlist is None:
        return entry.then or ()
    return playlist.then


def _resting(entry: Entry, planned: datetime, settings: Settings) -> RestNights | None:
    """The setting of the rest nights, if the start lies in one."""
    is_resting = entry.name != ONCE and not entry.is_morning and rests_at(planned, settings.rest_nights)
    return settings.rest_nights if is_resting else None


def night_of_entry(entry: Entry, planned: datetime, settings: Settings) -> list[PlannedPhase]:
    """The phases of an entry that starts at a local time of its own."""
    playlist = settings.playlist(playlist_of(entry, planned, settings) or "")
    return planned_night(timer_of(entry, settings), then_of(entry, playlist), settings.timer, planned)
