"""Lists the tracks that can be played, and makes a playlist of those that are liked. Main thread, pure.

The list is made anew only when something in it has changed: a library may have 20,000 tracks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final

from player.core.commands import MAX_ANSWERED
from player.core.events import LibraryRead, Track
from player.core.settings.session import FAVOURITES, Settings
from player.core.snapshot import MAX_RETAINED, ListedTrack, TrackList, listed_title
from player.session.library_findings import LibraryFindings
from player.session.memory.memory import Memory
from player.session.memory.rotation import Rotation

MAX_LIKED_CHOICES: Final = 30
"""Maximum number of liked tracks among the choices; with those heard last the list stays readable."""


class TrackLister:
    """Lists the tracks of the library that are not banned."""

    def __init__(self, findings: LibraryFindings, memory: Memory, rotation: Rotation) -> None:
        self._findings = findings
        self._memory = memory
        self._rotation = rotation
        self._recent: tuple[str, ...] = ()
        self._made_of: tuple[object, ...] = ()
        self._listed = TrackList()

    def listed(self, settings: Settings, *, is_idle: bool) -> TrackList:
        """The list for remotes; the same object as before where nothing has changed.

        Tracks heard in a session are among the choices only after it, because each change is announced to homes.
        """
        self._recent = self._rotation.recent if is_idle else self._recent
        made_of = (settings, self._findings.changes, self._memory.changes, self._recent)
        if made_of != self._made_of:
            fresh = self._list(settings)
            self._made_of, self._listed = made_of, fresh if fresh != self._listed else self._listed
        return self._listed

    def find(self, text: str | None, settings: Settings) -> TrackList:
        """The tracks with this text in their title, in any case, or in the playlist of this name; None: all."""
        wanted = (text or "").casefold()
        found = [
            row
            for row in self._rows(settings)
            if wanted in row.title.casefold()
            or wanted == row.playlist.casefold()
            or (row.is_liked and wanted == FAVOURITES.name)
        ]
        return TrackList(tuple(found[:MAX_ANSWERED]), len(found))

    def _list(self, settings: Settings) -> TrackList:
        rows = list(self._rows(settings))
        return TrackList(tuple(islice(rows, MAX_RETAINED)), len(rows), self._choices(rows))

    def _rows(self, settings: Settings) -> Iterator[ListedTrack]:
        """Each track once, liked ones first."""
        found: dict[str, tuple[Track, str]] = {}
        for playlist in settings.playlists:
            read = self._findings.of(playlist.name)
            for track in () if read is None else self._memory.allowed((*read.opening, *read.tracks)):
                found.setdefault(track.uri, (track, playlist.name))
        liked = self._memory.liked(track for track, _ in found.values())
        for is_liked, tracks in ((True, liked), (False, [track for track, _ in found.values()])):
            for track in tracks:
                row = found.pop(track.uri, None)
                if row is not None:
                    yield ListedTrack(listed_title(track), row[1], self._findings.length_s(track), is_liked)

    def _choices(self, rows: list[ListedTrack]) -> tuple[str, ...]:
        """Titles that name one track each, in alphabetical order, so that the list rarely changes."""
        count = Counter(row.title.casefold() for row in rows)
        known = self._findings.tracks
        heard = [listed_title(known[uri]) for uri in self._recent if uri in known]
        wanted = [row.title for row in rows if row.is_liked][:MAX_LIKED_CHOICES] + heard
        titles = {title for title in wanted if count[title.casefold()] == 1 and _is_text(title)}
        return tuple(sorted(titles, key=str.casefold))


def favourites_of(findings: LibraryFindings, memory: Memory, settings: Settings) -> LibraryRead | None:
    """The liked tracks as a playlist; None where the config has such a playlist, or too little is known."""
    if settings.playlist(FAVOURITES.name) is not FAVOURITES:
        return None
    tracks = tuple(memory.liked(findings.tracks.values()))
    if not tracks and any(findings.of(playlist.name) is None for playlist in settings.playlists):
        return None
    missing = "none of the liked tracks is in the library" if memory.likes else "no track is liked yet"
    return LibraryRead(FAVOURITES.name, tracks, () if tracks else (missing,))


def _is_text(title: str) -> bool:
    """Whether a title is valid text that can be sent; a file's name may have other bytes."""
    return title.encode("utf-8", "ignore").decode("utf-8") == title
