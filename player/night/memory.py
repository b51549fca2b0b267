"""What is remembered beyond one session: bans, what was switched off, and which nights were used. Main thread, pure.

A night is named by the date on which it begins and reaches from noon to noon. Until six in the morning "tonight" is the
night that began yesterday; from then on it is the one to come, because nobody who is up at seven and says "not tonight"
means the hours behind him.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Final

from player.events import Track
from player.settings import Entry, Settings

NIGHTS: Final = 30
"""`Memory.nights_used` looks back over so many nights."""
_NOON: Final = timedelta(hours=12)
_RISING: Final = timedelta(hours=6)


def night_of(wall: datetime) -> date:
    """The night to which a local time belongs: it begins at noon of that date."""
    return (wall.replace(tzinfo=None) - _NOON).date()


def tonight(wall: datetime) -> date:
    """The night that people mean at that local time."""
    return (wall.replace(tzinfo=None) - _RISING).date()


@dataclass(frozen=True, slots=True)
class Ban:
    """A track that is never to be played again, and since when."""

    uri: str
    title: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Moved:
    """Another time for an entry, and what the config said when it was chosen."""

    at: time
    instead_of: tuple[time, tuple[tuple[int, time], ...]]


@dataclass(slots=True)
class Memory:
    """The memory of one speaker.

    Attributes:
        bans: by uri, the latest one last.
        skipped: the night in which the schedule starts nothing.
        off: names of the schedule's entries that are switched off.
        nights: nights that had a session.
        times: by name, entries that were moved to another time by hand.
        once: a start that was planned by hand.
    """

    bans: dict[str, Ban] = field(default_factory=dict)
    skipped: date | None = None
    off: set[str] = field(default_factory=set)
    nights: set[date] = field(default_factory=set)
    times: dict[str, Moved] = field(default_factory=dict)
    once: Entry | None = None

    def planned(self, settings: Settings) -> tuple[Entry, ...]:
        """The schedule with what was changed by hand: entries switched off, moved to another time, and one for once."""
        on = [self.moved(entry) for entry in settings.planned() if entry.name not in self.off]
        return tuple(on if self.once is None else [*on, self.once])

    def moved(self, entry: Entry) -> Entry:
        """The entry at the time that a person chose, as long as the config says what it said then."""
        found = self.times.get(entry.name)
        if found is None or found.instead_of != (entry.at, entry.own_times):
            return entry
        return replace(entry, at=found.at, own_times=())

    def ban(self, track: Track, wall: datetime) -> None:
        """Never again that track."""
        self.bans.pop(track.uri, None)
        self.bans[track.uri] = Ban(track.uri, track.title, wall)

    def allowed(self, tracks: Iterable[Track]) -> list[Track]:
        """The tracks that are not banned."""
        return [track for track in tracks if track.uri not in self.bans]

    def is_skipped(self, planned: datetime) -> bool:
        """Whether a start at that local time is to be left out."""
        return self.skipped is not None and night_of(planned) == self.skipped

    def use(self, wall: datetime) -> None:
        """A session began."""
        self.nights.add(night_of(wall))
        self.nights = {night for night in self.nights if self._is_recent(night, wall)}

    def nights_used(self, wall: datetime) -> int:
        """How many of the latest 30 nights had a session, this one included."""
        return sum(self._is_recent(night, wall) for night in self.nights)

    @staticmethod
    def _is_recent(night: date, wall: datetime) -> bool:
        return timedelta(0) <= tonight(wall) - night < timedelta(NIGHTS)
