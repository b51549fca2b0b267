"""The library: each folder directly in it is a playlist by its name. Any thread; looking may take as long as a share.

Folders in such a folder belong to its playlist. Audio files that lie directly in the library are a playlist with the
name of the library's own folder. A USB stick with the label LULL is a second library while it is mounted.

What the config says of a playlist comes first, then the library, then the stick: whatever has a name that is taken is
left out with a note.
"""

from __future__ import annotations

import os
import queue
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from player.core.settings.session import FAVOURITES, Playlist, Settings
from player.core.validation import is_of_names
from player.core.verbs import is_taken
from player.library.files import BINS, has_audio_suffix, holds, natural_key

STICK_LABEL: Final = "LULL"
LABELS: Final = Path("/dev/disk/by-label")
MOUNTS: Final = Path("/proc/self/mountinfo")
MAX_FOLDERS: Final = 500
MAX_NAME: Final = 64
ANSWER_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class LibraryFolders:
    """The content of the library.

    Attributes:
        playlists: one for each folder, and for loose files.
        notes: what was left out, and why; a sentence each.
        roots: the library, and the stick where one is mounted.
    """

    playlists: tuple[Playlist, ...] = ()
    notes: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderChanged:
    """A file in a folder of the library is new, gone, or complete now."""

    folder: str


def look_at_library(library: str | None, labels: Path = LABELS, mounts: Path = MOUNTS) -> LibraryFolders:
    """The playlists of a library and of a stick; None has none."""
    if library is None:
        return LibraryFolders()
    stick = mounted_stick(labels, mounts)
    roots = (library,) if stick is None or stick == library else (library, stick)
    found: dict[str, Playlist] = {}
    notes: list[str] = []
    for root in roots:
        for name, path, is_flat in _folders_of(root):
            if name in found:
                notes.append(f"{path} is left out: {found[name].paths[0]} is the playlist {name!r} already")
            elif len(found) >= MAX_FOLDERS:
                notes.append(f"only the first {MAX_FOLDERS} folders of the library are used")
                break
            else:
                found[name] = Playlist(name, (path,), is_flat=is_flat)
    return LibraryFolders(tuple(found.values()), tuple(notes), roots)


def _folders_of(root: str) -> Iterator[tuple[str, str, bool]]:
    """Name, path, and whether it is flat, of each playlist of a library; none where it cannot be read."""
    try:
        with os.scandir(root) as listing:
            entries = sorted(listing, key=lambda entry: natural_key(entry.name))
    except OSError:
        return
    visible = [entry for entry in entries if not entry.name.startswith(".")]
    for entry in visible:
        if entry.name.casefold() not in BINS and holds(entry.is_dir):
            yield playlist_name(entry.name), entry.path, False
    if any(has_audio_suffix(entry.name) and not holds(entry.is_dir) for entry in visible):
        yield playlist_name(os.path.basename(root.rstrip("/"))), root, True


def playlist_name(folder: str) -> str:
    """The name of a folder as that of a playlist: what is not allowed there becomes ``-``.

    An accent that is a character of its own (macOS) is joined to its letter, because people type it so. A name with
    another meaning in commands gets a word before it: ``folder off``.
    """
    text = unicodedata.normalize("NFC", os.fsencode(folder).decode("utf-8", "replace"))
    name = "".join(one if is_of_names(one) else "\0" for one in text)
    name = re.sub("\0+", "-", name).strip()[:MAX_NAME].strip()
    return f"folder {name or '-'}" if is_taken(name) else name


def with_folders(settings: Settings, found: LibraryFolders) -> tuple[Settings, tuple[str, ...]]:
    """The settings with the playlists of the library, and a note on each that is left out.

    What the schedule and the rest name, and the library does not have (yet), is there as an empty playlist: a share
    that is mounted late is used as soon as it is there.
    """
    if settings.library is None:
        return settings, ()
    folders = {settings.folder_of(folder.name): folder for folder in found.playlists}
    playlists = {playlist.name: _in_folder(playlist, folders) for playlist in settings.playlists}
    notes = list(found.notes)
    for folder in found.playlists:
        own = playlists.get(folder.name)
        if own is None:
            playlists[folder.name] = folder
        elif folder.paths[0] not in own.paths:
            notes.append(f"{folder.paths[0]} is left out: playlist {own.name!r} of the config has other paths")
    for name in _named(settings):
        if name not in playlists and name != FAVOURITES.name:
            playlists[name] = Playlist(name, (settings.folder_of(name),))
    return replace(settings, playlists=tuple(playlists.values())), tuple(notes)


def _in_folder(playlist: Playlist, folders: Mapping[str, Playlist]) -> Playlist:
    """The playlist, or the mix with it, at the place where its folder was found."""
    folder = folders.get(playlist.paths[0]) if len(playlist.paths) == 1 else None
    return playlist if folder is None else replace(playlist, paths=folder.paths, is_flat=folder.is_flat)


def with_library(settings: Settings) -> tuple[Settings, tuple[str, ...]]:
    """The same after reading the library for at most `ANSWER_S`: for commands that read it once."""
    answers: queue.SimpleQueue[LibraryFolders] = queue.SimpleQueue()
    threading.Thread(target=lambda: answers.put(look_at_library(settings.library)), daemon=True).start()
    try:
        return with_folders(settings, answers.get(timeout=ANSWER_S))
    except queue.Empty:
        without, notes = with_folders(settings, LibraryFolders())
        return without, (*notes, f"library: {settings.library} does not answer; is it on a share that is away?")


def _named(settings: Settings) -> Iterator[str]:
    """Names of playlists in the settings."""
    named = [settings.default_playlist, *(entry.playlist for entry in settings.schedule)]
    named += [None if settings.rest_nights is None else settings.rest_nights.playlist]
    thens = [playlist.then for playlist in settings.playlists]
    thens += [entry.then or () for entry in settings.schedule]
    named += [phase.playlist for then in thens for phase in then]
    beds = [one.bed for one in settings.playlists] + [one.bed for one in settings.schedule]
    beds += [phase.bed for then in thens for phase in then]
    named += [bed.playlist for found in beds for bed in found or ()]
    return (name for name in named if name is not None and playlist_name(name) == name)


def mounted_stick(labels: Path = LABELS, mounts: Path = MOUNTS) -> str | None:
    """Where the file system with the label LULL is mounted; None where it is not."""
    try:
        device = os.path.realpath(labels / STICK_LABEL, strict=True)
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        source = after.split(" ")[1:2]
        if source and len(before.split(" ")) > 4 and _leads_to(_plain(source[0]), device):
            return _plain(before.split(" ")[4])
    return None


def _leads_to(source: str, device: str) -> bool:
    """Whether a mount is of that device; its source may be any text."""
    return holds(lambda: os.path.realpath(source) == device)


def _plain(field: str) -> str:
    """A field of mountinfo without its escapes, such as the octal 040 behind a backslash for a space."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), field)
