"""What the library found in each playlist. Main thread, standard library, pure.

Playlists that need no library: the sound of a morning without one, and the noise of a calibration. What a look at them
finds is known by construction: `player.audio.decoder.noise.measured_noise`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from player.core.events import LibraryRead, Track
from player.core.measurement import Measured
from player.core.settings.session import FAVOURITES, Playlist
from player.session.outcome import Outcome


class LibraryFindings:
    """The latest result for each playlist, and the only owner of them.

    Attributes:
        changes: counts what changes them.
        favourites: the liked tracks as a playlist; None where the config has one of that name, or too little is known.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.favourites: LibraryRead | None = None
        self._reads: dict[str, LibraryRead] = {}
        self._by_uri: dict[str, Track] | None = None
        self._lengths_s: dict[str, float] = {}

    def update(self, read: LibraryRead, out: Outcome) -> None:
        """The library looked at a playlist; warnings that are new are announced."""
        known, self._reads[read.playlist] = self._reads.get(read.playlist), read
        self._by_uri, self.changes = None, self.changes + 1
        for warning in (warning for warning in read.warnings if known is None or warning not in known.warnings):
            out.announce("track_skipped_over", warning, playlist=read.playlist, reason=warning)

    def note_length(self, track: Track, length_s: float | None) -> None:
        """Note the length of an unmeasured track that was opened, as the decoder tells it."""
        is_news = track.measured is None and not track.is_stream and length_s != self._lengths_s.get(track.uri)
        if is_news and length_s is not None:
            self._lengths_s[track.uri] = length_s
            self.changes += 1

    def length_s(self, track: Track) -> float | None:
        """The length of a track in seconds; None for a stream and before it was measured or opened."""
        if track.is_stream:
            return None
        return self._lengths_s.get(track.uri) if track.measured is None else track.measured.duration_s

    def of(self, playlist: str) -> LibraryRead | None:
        """What was found in a playlist; None where the library has not looked yet."""
        return self._reads.get(playlist, self.favourites if playlist == FAVOURITES.name else None)

    def forget(self, playlists: Iterable[str]) -> None:
        """Forget playlists that were changed or removed."""
        self._by_uri, self.changes = None, self.changes + 1
        for name in playlists:
            self._reads.pop(name, None)

    def keep_only(self, playlists: set[str]) -> None:
        """Forget all but these playlists after a reload."""
        self.forget([name for name in self._reads if name not in playlists])

    @property
    def tracks(self) -> Mapping[str, Track]:
        """Everything that was found, by uri."""
        if self._by_uri is None:
            self._by_uri = {
                track.uri: track for read in self._reads.values() for track in (*read.opening, *read.tracks)
            }
        return self._by_uri

    def playlists_with(self, uri: str) -> list[str]:
        """Names of the playlists that have a track."""
        return [name for name, read in self._reads.items() if any(t.uri == uri for t in (*read.opening, *read.tracks))]


FALLBACK: Final = Playlist("generated noise", ("noise:pink?cut=1000",))
"""What plays where the library has nothing for a morning; it needs neither file nor network."""
CALIBRATION: Final = Playlist("calibration noise", ("noise:pink",))
_LUFS: Final = -23.0
_ABOVE_LU: Final = 1.0
_PEAK_DBTP: Final = -3.0
_MEASURED: Final = Measured(
    duration_s=float("inf"),
    integrated_lufs=_LUFS,
    programme_lufs=_LUFS,
    range_lu=_ABOVE_LU,
    max_momentary_lufs=_LUFS + _ABOVE_LU,
    max_short_lufs=_LUFS + _ABOVE_LU,
    calm_short_lufs=_LUFS + _ABOVE_LU,
    true_peak_dbtp=_PEAK_DBTP,
    habitual_lufs=_LUFS + _ABOVE_LU,
    calm_lufs=_LUFS,
    reached_lufs=_LUFS + _ABOVE_LU + 3.0,
    planned_peak_dbtp=_PEAK_DBTP,
)


def found_in(playlist: Playlist) -> LibraryRead | None:
    """What is in a generated playlist; None for any other."""
    if playlist is not FALLBACK and playlist is not CALIBRATION:
        return None
    track = Track(playlist.paths[0], playlist.name.capitalize(), is_stream=True, measured=_MEASURED)
    return LibraryRead(playlist.name, (track,))
