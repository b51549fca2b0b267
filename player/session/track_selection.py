"""Selects the next track: the one of an interrupted session, then the playlist's opening, then the rotation.

Main thread, standard library, pure. Asking changes nothing; the rotation is told what is heard.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from player.core.events import LibraryRead, Track
from player.core.settings.session import Order, Playlist, TrackStart
from player.session.memory.places import LONG_S, Places
from player.session.memory.rotation import Rotation

NEAR_THE_END_S: Final = 30.0
"""Minimum seconds left of a track for resuming it."""
LONG_FOR_SKIP: Final = 4.0
"""Minimum length of a track as a multiple of what is left out of its beginning."""


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where a session was interrupted.

    Attributes:
        uri: in which track.
        position_s: where in it, when that was last written down.
        by_now_s: where it would be now without the interruption; used where the track's length is known.
        following: what was to follow that track.
        suspects: tracks that may have crashed the decoder; they are left out for a while.
    """

    uri: str
    position_s: float
    by_now_s: float
    following: str | None = None
    suspects: tuple[str, ...] = ()


ALL_BANNED: Final = "each of its tracks is banned; never_again with undo lifts the latest ban"
"""Why a playlist with tracks has nothing to play."""


class TrackSelection:
    """Chooses from one playlist.

    Args:
        playlist: what to choose from; a reload replaces it.
        rotation: remembers which tracks were heard.
        rng: seeded randomness for shuffling.
        places: where long tracks continue.

    Attributes:
        tracks: what the library found in it; None where it has not looked yet.
        opening: the tracks that a session begins with, in this order.
        has_opening: a session begins; a change of the playlist alone does not play the opening again.
        resume_point: where to begin instead of with another track; None once it was used.
        is_once: each track is played once, and then it is over.
    """

    def __init__(
        self,
        playlist: Playlist,
        rotation: Rotation,
        rng: random.Random,
        places: Places | None = None,
        *,
        has_opening: bool = True,
    ) -> None:
        self.playlist = playlist
        self.rotation = rotation
        self.tracks: tuple[Track, ...] | None = None
        self.opening: tuple[Track, ...] = ()
        self.has_opening = has_opening
        self.resume_point: ResumePoint | None = None
        self.is_once = False
        self._rng = rng
        self._places = places or Places()

    def set_tracks(self, read: LibraryRead) -> None:
        """Take the tracks that the library found."""
        self.tracks = read.tracks
        self.opening = read.opening if self.has_opening else ()

    def measured_now(self, track: Track) -> Track | None:
        """The same track if its measurement is another one, or gone, since this was read; otherwise None."""
        found = next((one for one in self.tracks or () if one.uri == track.uri), None)
        return None if found is None or found.measured == track.measured else found

    def pop_resume_point(self) -> tuple[Track, float] | None:
        """The track and place to resume at, once; None without one, and while no track can be read yet."""
        if not (self.opening or self.tracks):
            return None
        point, self.resume_point = self.resume_point, None
        if point is None:
            return None
        for uri in point.suspects:
            self.rotation.mark_failed(uri)
        track = self._usable(point.uri)
        if track is None:
            return None
        if track.is_stream:
            return track, 0.0
        if track.measured is None:
            return track, point.position_s
        if point.by_now_s < track.measured.duration_s - NEAR_THE_END_S:
            return track, point.by_now_s
        following = None if point.following is None else self._usable(point.following)
        return None if following is None else (following, 0.0)

    def _usable(self, uri: str) -> Track | None:
        """The track of that uri, if it can be played."""
        track = next((track for track in (*self.opening, *(self.tracks or ())) if track.uri == uri), None)
        return track if track is not None and self.rotation.is_usable(track) else None

    @property
    def is_all_banned(self) -> bool:
        """Whether there are tracks and all of them are banned."""
        tracks = (*self.opening, *(self.tracks or ()))
        return bool(tracks) and not self.rotation.allowed(tracks)

    def has_another(self, uri: str) -> bool:
        """Whether `next` would still find a track once that one has been heard."""
        heard = {uri}
        usable = self.rotation.usable(self.tracks or ())
        if self.is_once or self.playlist.order is Order.ONCE:
            heard |= {track.uri for track in usable if self.rotation.was_heard(self.playlist.name, track.uri)}
        elif usable:
            return True
        opening = [track for track in self.opening if self.rotation.is_usable(track)]
        heard |= {track.uri for track in opening if self.rotation.was_heard(self.playlist.name, track.uri)}
        return any(track.uri not in heard for track in (*opening, *usable))

    def is_only(self, uri: str) -> bool:
        """Whether there is no other track that may be played."""
        opening = [track for track in self.opening if self.rotation.is_usable(track)]
        return all(track.uri == uri for track in (*opening, *self.rotation.usable(self.tracks or ())))

    def next(self) -> Track | None:
        """The track to play next; None where there is none."""
        for track in self.opening:
            if not self.rotation.was_heard(self.playlist.name, track.uri) and self.rotation.is_usable(track):
                return track
        tracks: Sequence[Track] = self.tracks or ()
        if (unfinished := self._unfinished(tracks)) is not None:
            return unfinished
        if self.is_once:
            usable = self.rotation.usable(tracks)
            tracks = [track for track in usable if not self.rotation.was_heard(self.playlist.name, track.uri)]
        return self.rotation.next_track(self.playlist.name, self.playlist.order, tracks, self._rng)

    def _unfinished(self, tracks: Sequence[Track]) -> Track | None:
        """The unfinished tracks of earlier sessions, the latest one first."""
        if self.playlist.start is not TrackStart.RESUME:
            return None
        name, usable = self.playlist.name, self.rotation.usable(tracks)
        return self._places.latest(track for track in usable if not self.rotation.was_heard(name, track.uri))

    def start_s(self, track: Track, *, is_again: bool = False) -> float:
        """Where in a track to begin; ``is_again`` where it follows itself. An opening begins at its beginning."""
        if track.is_stream or any(track.uri == one.uri for one in self.opening):
            return 0.0
        playlist, place_s = self.playlist, None
        if playlist.start is TrackStart.RESUME and not is_again:
            place_s = self._places.of(track)
        if track.measured is None:
            return place_s or 0.0
        length_s = track.measured.duration_s
        first_s = playlist.skip_first_s if length_s >= LONG_FOR_SKIP * playlist.skip_first_s else 0.0
        if place_s is not None:
            return max(first_s, place_s)
        if playlist.start is TrackStart.RANDOM and length_s > first_s + LONG_S:
            return self._rng.uniform(first_s, length_s - LONG_S)
        return first_s

    @property
    def has_finished(self) -> bool:
        """Whether all that is to be played once has been."""
        order = Order.ONCE if self.is_once else self.playlist.order
        return self.rotation.has_finished(self.playlist.name, order, self.tracks or ())
