"""The library: the tracks in the paths of a playlist. Runs on the library's thread, since a share may hang.

Folders are read with everything below them, in the order people count (``track 2`` before ``track 10``); a file or
address that is named is taken as it is; a playlist file that is named is read, but not one that merely lies in a
folder, because its tracks lie there anyway. Nothing here opens or decodes a track: that is found out when it plays.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from player.audio.decoder.faults import CRASHES, unreadable
from player.audio.decoder.noise import measured_noise
from player.core.events import LibraryRead, Track, is_web
from player.core.noise import is_noise, parse_noise
from player.core.playlist_files import MAX_BYTES, SUFFIXES, PlaylistEntry, parse_playlist
from player.core.settings.session import Playlist
from player.library.entry_path import EntryPaths
from player.library.file_id import look_at
from player.library.ports import Store

AUDIO_SUFFIXES: Final = frozenset({
    ".3g2", ".3ga", ".3gp", ".aac", ".ac3", ".aif", ".aifc", ".aiff", ".amr", ".ape", ".asf", ".au", ".avi", ".awb",
    ".caf", ".dff", ".dsf", ".dts", ".eac3", ".ec3", ".f4a", ".f4v", ".flac", ".flv", ".it", ".m2ts", ".m4a", ".m4b",
    ".m4r", ".m4v", ".mka", ".mkv", ".mod", ".mov", ".mp+", ".mp1", ".mp2", ".mp3", ".mp4", ".mpa", ".mpc", ".mpeg",
    ".mpg", ".mpga", ".mts", ".oga", ".ogg", ".ogm", ".ogv", ".ogx", ".opus", ".ra", ".rm", ".s3m", ".snd", ".spx",
    ".ts", ".tta", ".vob", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv", ".xm",
})  # fmt: skip
"""What counts as a track inside a folder, containers of pictures with sound included; a named file is always taken."""

BINS: Final = frozenset({
    "#recycle", "#snapshot", "$recycle.bin", "@__thumb", "@eadir", "@recently-snapshot", "@recycle", "@recycly",
    "@sharebin", "@tmp", "__macosx", "found.000", "found.001", "found.002", "lost+found", "network trash folder",
    "recycle bin", "recycle.bin", "recycled", "recycler", "system volume information", "temporary items",
})  # fmt: skip
"""Names, in small letters, of folders of deleted files, thumbnails and repairs on NAS, Windows, macOS, FAT and ext4."""
KERNEL_FOLDERS: Final = ("/proc", "/sys", "/dev")
"""Where links inside a music folder are not followed to: no music is there, and reading may have side effects."""

OTHER_LISTS: Final = frozenset({".asx", ".b4s", ".cue", ".jspf", ".smil", ".wax", ".wpl", ".wvx", ".zpl"})
"""Lists of other programs, which are not read."""

MAX_TRACKS: Final = 20_000
MAX_WARNINGS: Final = 20
MAX_DEPTH: Final = 3
"""Maximum depth of playlist files that name playlist files."""


class FileLibrary:
    """Looks into folders, files and playlist files: `player.library.ports.Library`.

    Args:
        store: what was measured earlier; without one, and while it hangs, no track is known, and none is measured.
        is_complete: whether a file in a folder has been copied completely; one that has not is left out.
    """

    def __init__(self, store: Store | None = None, is_complete: Callable[[str], bool] = lambda _path: True) -> None:
        self._store = store
        self._is_complete = is_complete

    def read(self, playlist: Playlist) -> LibraryRead:
        """Tracks in path order, each once; what is missing, empty or unreadable becomes a warning that names it."""
        opening, rest = (_PlaylistRead(self._is_complete, is_flat=playlist.is_flat) for _ in range(2))
        for path in playlist.opening:
            opening.add(path)
        for path in playlist.paths:
            rest.add(path)
        warnings = tuple(dict.fromkeys([*within_bounds(opening.warnings), *within_bounds(rest.warnings)]))
        first, tracks = tuple(opening.tracks.values()), tuple(rest.tracks.values())
        if self._store is None or not self._store.answers():
            return LibraryRead(playlist.name, tracks, warnings, opening=first)
        recall = _MeasurementLookup(self._store)
        first, tracks = recall.tracks(first), recall.tracks(tracks)
        warnings = tuple(dict.fromkeys((*warnings, *within_bounds(recall.warnings))))
        return LibraryRead(playlist.name, tracks, warnings, tuple(recall.unmeasured), first)


class _MeasurementLookup:
    """Adds the measurements to tracks; leaves out those that crashed the decoder of a scan."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._folders: dict[str, str] = {}
        self.warnings: list[str] = []
        self.unmeasured: dict[str, None] = {}

    def tracks(self, tracks: Iterable[Track]) -> tuple[Track, ...]:
        """The tracks that may be played, with their measurements."""
        return tuple(known for track in tracks if (known := self._known(track)) is not None)

    def _known(self, track: Track) -> Track | None:
        if track.is_stream:
            return track
        try:
            facts, mark = look_at(track.uri, self._folders)
            finding = self._store.find(mark) if stat.S_ISREG(facts.st_mode) else None
        except OSError:
            return track  # the reason is found when it is played
        if finding is None:
            if unreadable(track.uri) is None:
                self.unmeasured[track.uri] = None
            return track
        if finding.measured is None and (finding.fault or "").startswith(CRASHES):
            self.warnings.append(f"{track.uri} is left out: it {finding.fault}")
            return None
        measured = finding.measured
        if measured is not None and (measured.surprises or measured.lowered_in):
            # they are for reports; of 20,000 tracks they would be megabytes that a night never looks at
            measured = replace(measured, surprises=(), lowered_in=())
        if measured is None:
            return track
        return Track(track.uri, track.title, measured=measured, key=track.key)  # `replace` takes four times as long


class _PlaylistRead:
    """One reading of one playlist: the tracks by real path, and what was left out."""

    def __init__(self, is_complete: Callable[[str], bool], *, is_flat: bool) -> None:
        self.tracks: dict[str, Track] = {}
        self.warnings: list[str] = []
        self._is_complete = is_complete
        self._is_flat = is_flat
        self._is_full = False
        self._paths = EntryPaths()

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
        elif holds(path.is_dir):
            self._add_folder(path)
        elif path.suffix.lower() in SUFFIXES:
            self._add_playlist(path, ())
        else:
            self._keep(Track(str(path), path.stem))

    def _add_noise(self, named: str, title: str) -> None:
        """Add a generated sound, whose loudness is known."""
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
        is_empty = are_copied = True
        for path in self._walk(folder):
            is_empty = False
            if self._is_complete(path):
                are_copied = False
                self._keep(Track(path, os.path.splitext(os.path.basename(path))[0]))
            if self._is_full:
                break
        if not are_copied or any(str(folder) in warning for warning in self.warnings):
            return
        self.warnings.append(f"{folder} has no audio in it" if is_empty else f"{folder} is still being copied")

    def _walk(self, folder: Path) -> Iterator[str]:
        """Audio files below the folder in natural order, a folder's own files before those of the folders in it.

        The kinds of entries come with the folder's listing, so only links cost a question each.
        """
        seen: set[tuple[int, int]] = set()
        waiting = [str(folder)]
        while waiting:
            here = waiting.pop()
            try:
                place = os.stat(here)
                with os.scandir(here) as listing:
                    entries = sorted(listing, key=lambda entry: natural_key(entry.name))
            except OSError as fault:
                self.warnings.append(f"{here} cannot be read: {fault.strerror}")
                continue
            if (place.st_dev, place.st_ino) in seen:
                continue  # a link back up: a loop
            seen.add((place.st_dev, place.st_ino))
            visible = [entry for entry in entries if not entry.name.startswith(".") and not _is_kernel_link(entry)]
            yield from (entry.path for entry in visible if has_audio_suffix(entry.name) and holds(entry.is_file))
            if self._is_flat:
                return
            waiting.extend(
                entry.path for entry in reversed(visible) if entry.name.casefold() not in BINS and holds(entry.is_dir)
            )

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
        """Add the first usable place of an entry; without one, report why the first cannot be used."""
        problems = []
        for location in (entry.location, *entry.others):
            if is_web(location):
                self._keep(Track(location, entry.title or _web_title(location), is_stream=True))
                return
            if is_noise(location):
                self._add_noise(location, entry.title or "")
                return
            path = self._paths.resolve(location, above[-1])
            problem = "is not a file and not an http address" if path is None else _problem(path)
            if path is not None and problem is None:
                self._add_found(path, self._paths.title(entry.title), above)
                return
            problems.append(f"{path or location} {problem} (named in {above[-1]})")
        if not entry.may_be_comment:
            self.warnings.append(problems[0])

    def _add_found(self, path: Path, title: str | None, above: tuple[Path, ...]) -> None:
        """Add the target of a playlist's entry."""
        if holds(path.is_dir):
            self._add_folder(path)
        elif path.suffix.lower() not in SUFFIXES:
            self._keep(Track(str(path), title or path.stem))
        elif path in above or len(above) >= MAX_DEPTH:
            self.warnings.append(f"{path} is left out: playlists may not nest in a circle or deeper than {MAX_DEPTH}")
        else:
            self._add_playlist(path, above)


def within_bounds(warnings: list[str]) -> list[str]:
    """The first warnings, and a count where there are very many."""
    more = len(warnings) - MAX_WARNINGS
    return warnings if more <= 0 else [*warnings[:MAX_WARNINGS], f"and {more} more like these"]


def holds(question: Callable[[], bool]) -> bool:
    """The answer of a test of a path, False for one without access (a folder without the right to enter it)."""
    try:
        return question()
    except OSError:
        return False


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sorting key: numbers count as numbers and come before letters, case does not matter: ``2``, ``10``, ``b``."""
    parts = re.split(r"([0-9]{1,18})", name.casefold())
    return [(0, int(part), "") if part.isdecimal() and part.isascii() else (1, 0, part) for part in parts if part]


def _problem(path: Path) -> str | None:
    """Why nothing can be read at a path, None if something can."""
    try:
        kind = path.stat().st_mode
    except FileNotFoundError:
        return "does not exist"
    except OSError as fault:
        return f"cannot be read: {fault.strerror}"
    except ValueError:
        return "is not a path"
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        return "is neither a file nor a folder"  # opening a pipe may block indefinitely
    if stat.S_ISREG(kind) and path.suffix.lower() in OTHER_LISTS:
        return "is a playlist in a format that lull does not read; save it as .m3u8"
    return "lies in a folder of the kernel" if _leads_to_kernel(path) else None


def _web_title(address: str) -> str:
    """Host and path of an address, without what may be a password or a token."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "stream"  # a malformed address; the decoder will say so
    return f"{parts.hostname or ''}{unquote(parts.path)}".rstrip("/") or address


def has_audio_suffix(name: str) -> bool:
    """Whether a file of that name counts as a track inside a folder."""
    return os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES


def _is_kernel_link(entry: os.DirEntry[str]) -> bool:
    return holds(entry.is_symlink) and _leads_to_kernel(Path(entry.path))


def _leads_to_kernel(path: Path) -> bool:
    """Whether a path is, or is a link to, something that is not music but a view into the kernel."""
    try:
        place = os.path.realpath(path) if os.path.islink(path) else str(path)
    except OSError:  # only of the kernel's own links, as /proc/1/cwd, the target may not be read
        return True
    return any(place == folder or place.startswith(f"{folder}/") for folder in KERNEL_FOLDERS)
