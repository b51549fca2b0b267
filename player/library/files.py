"""The library: what the paths of a playlist hold, as tracks. Runs on the librarian's thread, since a share may hang.

Folders are read with everything below them, in the order people count (``track 2`` before ``track 10``); a file or
address that is named is taken as it is; a playlist file that is named is read, but not one that merely lies in a
folder, because its tracks lie there anyway. Nothing here opens or decodes a track: that is found out when it plays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from player.audio.decoder.faults import unreadable
from player.audio.decoder.noise import measured_noise
from player.core.events import LibraryRead, Track, is_web
from player.core.noise import is_noise, parse_noise
from player.core.settings.session import Playlist
from player.library.file_id import mark_of
from player.library.playlist_files import MAX_BYTES, SUFFIXES, PlaylistEntry, parse_playlist
from player.library.ports import Store

AUDIO_SUFFIXES: Final = frozenset({
    ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".au", ".caf", ".dff", ".dsf", ".dts", ".flac", ".it",
    ".m4a", ".m4b", ".m4r", ".mka", ".mod", ".mp+", ".mp1", ".mp2", ".mp3", ".mp4", ".mpc", ".mpga", ".oga", ".ogg",
    ".opus", ".ra", ".rm", ".s3m", ".snd", ".spx", ".tta", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma",
    ".wv", ".xm",
})  # fmt: skip
"""What counts as a track inside a folder; a file that is named is always taken."""

MAX_TRACKS: Final = 20_000
MAX_WARNINGS: Final = 20
MAX_DEPTH: Final = 3
"""Playlist files may name playlist files, but not for ever."""


class FileLibrary:
    """Looks into folders, files and playlist files: `player.library.ports.Library`.

    Args:
        store: what was measured earlier; without one no track is known.
    """

    def __init__(self, store: Store | None = None) -> None:
        self._store = store

    def read(self, playlist: Playlist) -> LibraryRead:
        """Tracks in path order, each once; what is missing, empty or unreadable becomes a warning that names it."""
        opening, shelf = _Shelf(), _Shelf()
        for path in playlist.opening:
            opening.add(path)
        for path in playlist.paths:
            shelf.add(path)
        warnings = tuple(dict.fromkeys([*opening.warnings_within_bounds(), *shelf.warnings_within_bounds()]))
        first, tracks = tuple(opening.tracks.values()), tuple(shelf.tracks.values())
        if self._store is None:
            return LibraryRead(playlist.name, tracks, warnings, opening=first)
        first, unknown = _recalled(first, self._store)
        tracks, unmeasured = _recalled(tracks, self._store)
        return LibraryRead(playlist.name, tracks, warnings, tuple(dict.fromkeys((*unknown, *unmeasured))), first)


def _recalled(tracks: Iterable[Track], store: Store) -> tuple[tuple[Track, ...], tuple[str, ...]]:
    """The tracks with what is known of them, and the files of which nothing is."""
    found, unmeasured = [], []
    for track in tracks:
        finding = None
        if not track.is_stream and unreadable(track.uri) is None:
            finding = store.find(mark_of(track.uri))
            if finding is None:
                unmeasured.append(track.uri)
        measured = None if finding is None else finding.measured
        found.append(track if measured is None else replace(track, measured=measured))
    return tuple(found), tuple(unmeasured)


class _Shelf:
    """One reading of one playlist: the tracks by where they lead, and what was left out."""

    def __init__(self) -> None:
        self.tracks: dict[str, Track] = {}
        self.warnings: list[str] = []
        self._is_full = False

    def warnings_within_bounds(self) -> list[str]:
        """The warnings, the first ones and a count where there are very many."""
        more = len(self.warnings) - MAX_WARNINGS
        return self.warnings if more <= 0 else [*self.warnings[:MAX_WARNINGS], f"and {more} more like these"]

    def add(self, named: str) -> None:
        """One path of the config: an address, a generated sound, a folder, a playlist file or a file."""
        if is_web(named):
            self._keep(Track(named, _web_title(named), is_stream=True))
            return
        if is_noise(named):
            self._add_noise(named, "")
            return
        path = Path(os.path.abspath(os.path.expanduser(named.removeprefix("file://"))))
        if problem := _problem(path):
            self.warnings.append(f"{path} {problem}")
        elif _is(path.is_dir):
            self._add_folder(path)
        elif path.suffix.lower() in SUFFIXES:
            self._add_playlist(path, ())
        else:
            self._keep(Track(str(path), path.stem))

    def _add_noise(self, named: str, title: str) -> None:
        """A generated sound; how loud it is, is known."""
        try:
            path = parse_noise(named)
        except ValueError as fault:
            self.warnings.append(str(fault))
        else:
            self._keep(Track(named, title or path.title, is_stream=True, measured=measured_noise(path)))

    def _keep(self, track: Track) -> None:
        if len(self.tracks) < MAX_TRACKS:
            self.tracks.setdefault(track.uri, track)
        elif not self._is_full and track.uri not in self.tracks:
            self._is_full = True
            self.warnings.append(f"only the first {MAX_TRACKS} tracks are used")

    def _add_folder(self, folder: Path) -> None:
        is_empty = True
        for path in self._walk(folder):
            is_empty = False
            self._keep(Track(str(path), path.stem))
            if self._is_full:
                break
        if is_empty and not any(str(folder) in warning for warning in self.warnings):
            self.warnings.append(f"{folder} has no audio in it")

    def _walk(self, folder: Path) -> Iterator[Path]:
        """Audio files below the folder in natural order, a folder's own files before those of the folders in it."""
        seen: set[tuple[int, int]] = set()
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                place = here.stat()
                entries = sorted(here.iterdir(), key=lambda path: natural_key(path.name))
            except OSError as fault:
                self.warnings.append(f"{here} cannot be read: {fault.strerror}")
                continue
            if (place.st_dev, place.st_ino) in seen:
                continue  # a link back up: a loop
            seen.add((place.st_dev, place.st_ino))
            visible = [path for path in entries if not path.name.startswith(".")]
            yield from (path for path in visible if path.suffix.lower() in AUDIO_SUFFIXES and _is(path.is_file))
            waiting.extend(path for path in reversed(visible) if _is(path.is_dir))

    def _add_playlist(self, path: Path, above: tuple[Path, ...]) -> None:
        try:
            with path.open("rb") as file:
                data = file.read(MAX_BYTES)
            entries = parse_playlist(path.suffix.lower(), data)
        except (OSError, ValueError) as fault:
            reason = fault.strerror if isinstance(fault, OSError) else str(fault)
            self.warnings.append(f"{path} cannot be read: {reason}")
            return
        if not entries:
            self.warnings.append(f"{path} has no entries")
        for entry in entries:
            self._add_entry(entry, (*above, path))

    def _add_entry(self, entry: PlaylistEntry, above: tuple[Path, ...]) -> None:
        if is_web(entry.location):
            self._keep(Track(entry.location, entry.title or _web_title(entry.location), is_stream=True))
            return
        if is_noise(entry.location):
            self._add_noise(entry.location, entry.title or "")
            return
        path = _resolve(entry.location, above[-1])
        problem = "is no file and no http address" if path is None else _problem(path)
        if path is None or problem:
            self.warnings.append(f"{path or entry.location} {problem} (named in {above[-1]})")
        elif _is(path.is_dir):
            self._add_folder(path)
        elif path.suffix.lower() not in SUFFIXES:
            self._keep(Track(str(path), entry.title or path.stem))
        elif path in above or len(above) >= MAX_DEPTH:
            self.warnings.append(f"{path} is left out: playlists may not nest in a circle or deeper than {MAX_DEPTH}")
        else:
            self._add_playlist(path, above)


def _is(question: Callable[[], bool]) -> bool:
    """The answer about a path, no for one that may not be looked at (a folder without the right to enter it)."""
    try:
        return question()
    except OSError:
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorting key: numbers count as numbers and come before letters, case does not matter: ``2``, ``10``, ``b``."""
    parts = re.split(r"([0-9]{1,18})", name.casefold())
    return [(0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts if part]


def _problem(path: Path) -> str | None:
    """Why there is nothing to be read at a path, None if there is something."""
    try:
        path.stat()
    except FileNotFoundError:
        return "does not exist"
    except OSError as fault:
        return f"cannot be read: {fault.strerror}"
    except ValueError:
        return "is no path"
    return None


def _web_title(address: str) -> str:
    """Host and path of an address, without what may be a password or a token."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "stream"  # a malformed address; the decoder will say so
    return f"{parts.hostname or ''}{unquote(parts.path)}".rstrip("/") or address


def _resolve(location: str, playlist: Path) -> Path | None:
    """The absolute path of a playlist's entry; relative ones lie beside it. None for a scheme that is not a file."""
    if location.lower().startswith("file:"):
        return Path(unquote(re.sub(r"^file:(//[^/]*)?", "", location, flags=re.IGNORECASE)))
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", location):
        return None
    plain = Path(os.path.normpath(playlist.parent / os.path.expanduser(location.replace("\\", "/"))))
    if "%" not in location or _problem(plain) is None:
        return plain
    return Path(unquote(str(plain)))
