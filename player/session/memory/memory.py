"""The memory beyond one session: bans, what was switched off, which nights were used, and which tracks are not
to be trusted. Main thread, pure. `player.session.memory.records` says how it is written down.

A night is named by the date on which it begins and reaches from noon to noon. Until six in the morning "tonight" is the
night that began yesterday; from then on it is the one to come, because somebody who says "not tonight" at seven in the
morning does not mean the past hours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

from player.core.events import Track
from player.core.pillow import Calibration
from player.session.memory.places import Places

NIGHTS: Final = 30
"""Number of nights over which `Memory.nights_used` counts."""
DEATHS: Final = 2
"""Number of crashes after which a track is left out, because it may be what crashes the decoder."""
PEACEFUL_S: Final = 30.0
"""Seconds of sound after which the opening of a track counts as successful."""
SAME_PLACE_S: Final = 20.0
"""Two crashes this near to each other, in seconds, count against a track. The place is known to within the time
that the restart took."""
DIED_OF_IT: Final = (
    f"lull crashed {DEATHS} times while it was opened, or at one place in it; "
    "it is left out until the file changes or the track is allowed again"
)
_NOON: Final = timedelta(hours=12)
_RISING_HOUR: Final = 6
_ONE_DAY: Final = timedelta(days=1)


def night_of(wall: datetime) -> date:
    """The night to which a local time belongs: it begins at noon of that date."""
    return (wall.replace(tzinfo=None) - _NOON).date()


def tonight(wall: datetime) -> date:
    """The night that people mean at that local time."""
    day = wall.date()
    return day if wall.hour >= _RISING_HOUR else day - _ONE_DAY


@dataclass(frozen=True, slots=True)
class RememberedTrack:
    """A banned or liked track, and since when.

    ``key`` is that of its content, by which a file is known again that was renamed or moved; None until the library
    has looked at it.
    """

    uri: str
    title: str
    at: datetime
    key: str | None = None


@dataclass(frozen=True, slots=True)
class CrashRecord:
    """How often the daemon crashed at a track; ``key`` as in `RememberedTrack`: other content is not suspected.

    ``place_s`` is where it died in the middle of the track, which counts against the track only when it happens there
    again; ``at`` is the time of the last crash.
    """

    uri: str
    count: int = 0
    key: str | None = None
    place_s: float | None = None
    at: datetime | None = None

    @property
    def is_fatal(self) -> bool:
        """Whether these crashes are enough to leave the track out."""
        return self.count >= DEATHS


@dataclass(frozen=True, slots=True)
class WatchList:
    """Files whose content the library should identify: by name, and by contents that may be found under other names."""

    uris: frozenset[str] = frozenset()
    keys: frozenset[str] = frozenset()


@dataclass(slots=True)
class Memory:
    """The memory of one speaker.

    Attributes:
        bans: by uri, the latest one last.
        likes: by uri, the latest one last; none of them is banned.
        nights: nights that had a session.
        deaths: by uri, tracks during which the daemon crashed.
        places: where long tracks continue.
        changes: counts what changes bans and likes.
        calibration: the level at the pillow; None before it was measured.
    """

    bans: dict[str, RememberedTrack] = field(default_factory=dict)
    likes: dict[str, RememberedTrack] = field(default_factory=dict)
    nights: set[date] = field(default_factory=set)
    deaths: dict[str, CrashRecord] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    changes: int = 0
    calibration: Calibration | None = None

    def ban(self, track: Track, wall: datetime) -> None:
        """Ban the track, and remove its like."""
        self.unlike(track)
        self.bans.pop(track.uri, None)
        self.bans[track.uri] = RememberedTrack(track.uri, track.title, wall, track.key)

    def allow_again(self, uri: str) -> None:
        """Lift a ban, and forget the track's crashes."""
        self.changes += 1
        self.bans.pop(uri, None)
        self.deaths.pop(uri, None)

    def like(self, track: Track, wall: datetime) -> None:
        """Mark the track as liked."""
        self.unlike(track)
        self.likes[track.uri] = RememberedTrack(track.uri, track.title, wall, track.key)

    def unlike(self, track: Track | RememberedTrack) -> None:
        """Remove the like of the track, under any of its names."""
        self.changes += 1
        self.likes = {uri: one for uri, one in self.likes.items() if not _is_same(one, track)}

    def is_liked(self, track: Track) -> bool:
        """Whether the track is liked, under any of its names."""
        return track.uri in self.likes or any(_is_same(one, track) for one in self.likes.values())

    def liked(self, tracks: Iterable[Track]) -> list[Track]:
        """The liked tracks that are not banned, the one liked last first."""
        if not self.likes:
            return []
        order = {name: place for place, one in enumerate(self.likes.values()) for name in (one.uri, one.key) if name}
        found = [(order.get(track.uri, order.get(track.key or "", -1)), track) for track in self.allowed(tracks)]
        found = [pair for pair in found if pair[0] >= 0]
        return [track for _, track in sorted(found, key=lambda pair: -pair[0])]

    def allowed(self, tracks: Iterable[Track]) -> list[Track]:
        """The tracks that are not banned under any of their names."""
        if not self.bans:
            return list(tracks)
        keys = {ban.key for ban in self.bans.values()} - {None}
        return [track for track in tracks if track.uri not in self.bans and track.key not in keys]

    @property
    def set_aside(self) -> list[CrashRecord]:
        """The tracks that are left out because of repeated crashes, the latest one last."""
        return [death for death in self.deaths.values() if death.is_fatal]

    def is_fatal(self, uri: str) -> bool:
        """Whether the track is left out because of repeated crashes."""
        death = self.deaths.get(uri)
        return death is not None and death.is_fatal

    @property
    def watched(self) -> WatchList:
        """The files that the library should identify by content."""
        known = (*self.bans.values(), *self.likes.values())
        uris = frozenset(one.uri for one in known) | frozenset(self.deaths)
        return WatchList(uris, frozenset(one.key for one in known if one.key is not None))

    def note_crash(self, uri: str, place_s: float | None, wall: datetime) -> CrashRecord:
        """Note a crash while the track was being opened (None) or had played to about this place."""
        known = self.deaths.pop(uri, CrashRecord(uri))
        if place_s is None:
            count, place_s = known.count + 1, known.place_s
        elif known.place_s is not None and abs(place_s - known.place_s) <= SAME_PLACE_S:
            count = max(DEATHS, known.count + 1)
        else:
            count = known.count
        self.deaths[uri] = replace(known, count=count, place_s=place_s, at=wall)
        return self.deaths[uri]

    def played_well(self, uri: str, played_s: float) -> None:
        """Note that the track has played well; one that is left out stays so until its file changes."""
        death = self.deaths.get(uri)
        if death is None or self.is_fatal(uri) or played_s < PEACEFUL_S:
            return
        if death.place_s is None or played_s > death.place_s + SAME_PLACE_S:
            del self.deaths[uri]
        else:
            self.deaths[uri] = replace(death, count=0)

    def learn_keys(self, tracks: Iterable[Track]) -> None:
        """Take content keys from the library, and clear the crashes of tracks that have changed since."""
        for track in (track for track in tracks if track.key is not None):
            for remembered in (self.bans, self.likes):
                known = remembered.get(track.uri)
                if known is not None and known.key is None:
                    remembered[track.uri] = replace(known, key=track.key)
                    self.changes += 1
            death = self.deaths.get(track.uri)
            if death is not None and death.key is None:
                self.deaths[track.uri] = replace(death, key=track.key)
            elif death is not None and death.key != track.key:
                del self.deaths[track.uri]

    def note_night(self, wall: datetime) -> None:
        """Note the night of a session that began."""
        self.nights.add(night_of(wall))
        self.nights = self._recent(wall)

    def nights_used(self, wall: datetime) -> int:
        """How many of the latest 30 nights had a session, this one included."""
        return len(self._recent(wall))

    def _recent(self, wall: datetime) -> set[date]:
        last = tonight(wall)
        first = last - timedelta(NIGHTS - 1)
        return {night for night in self.nights if first <= night <= last}


def _is_same(one: RememberedTrack, other: Track | RememberedTrack) -> bool:
    """Whether both are the same track, by name or by content."""
    return one.uri == other.uri or (one.key is not None and one.key == other.key)
