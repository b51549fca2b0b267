"""Where long tracks continue: the place at which listening ended. Main thread, pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from player.core.events import Track
from player.core.validation import check_range

LONG_S: Final = 600.0
"""A shorter track always begins at its beginning."""
BEFORE_S: Final = 20.0
"""Seconds before the noted place at which it continues."""
MAX_PLACES: Final = 200
_LONGEST_S: Final = 1e6


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a track; ``length_s`` is the track's, by which another recording of the same name is told apart."""

    uri: str
    position_s: float
    length_s: float

    def __post_init__(self) -> None:
        check_range("position_s", self.position_s, 0, _LONGEST_S)
        check_range("length_s", self.length_s, 0, _LONGEST_S)


class Places:
    """All places, the latest one last, and the only owner of them."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}

    def recall(self, places: Iterable[Place]) -> None:
        """Put the saved places before those noted since."""
        self._places = {place.uri: place for place in places} | self._places

    @property
    def all(self) -> tuple[Place, ...]:
        """The places as they are saved."""
        return tuple(self._places.values())

    def note(self, uri: str, position_s: float, length_s: float) -> None:
        """Note a place to continue at, or a little before it."""
        self._places.pop(uri, None)
        self._places[uri] = Place(uri, max(0.0, position_s - BEFORE_S), length_s)
        for oldest in list(self._places)[:-MAX_PLACES]:
            del self._places[oldest]

    def clear(self, uri: str) -> None:
        """Forget the place of a track that was heard to its end."""
        self._places.pop(uri, None)

    def of(self, track: Track) -> float | None:
        """Where a track continues, in seconds; None at its beginning, or when it is another recording now."""
        place = self._places.get(track.uri)
        if place is None:
            return None
        if track.measured is None:
            return place.position_s
        length_s = track.measured.duration_s
        is_same = abs(length_s - place.length_s) <= max(2.0, 0.02 * length_s)
        return place.position_s if is_same and place.position_s < length_s else None

    def latest(self, tracks: Iterable[Track]) -> Track | None:
        """The one of these tracks whose place was noted last."""
        with_place = {track.uri: track for track in tracks if self.of(track) is not None}
        return next((with_place[uri] for uri in reversed(self._places) if uri in with_place), None)
