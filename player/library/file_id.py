"""The mark of a file, by which a changed file is recognised. Any thread; may wait for a slow share.

Files known by their content: a banned track stays banned under another name. Runs on the library's thread. A key is
a file's size and a hash of its first 64 KiB, which hold headers, tags and the first seconds of sound. To read that of
every file at each look would cost minutes on a share; so it is read of files that somebody asks about, and of those
that have exactly the size of a content that is looked for. All others cost one `stat`, and that only where contents
are looked for at all.
"""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from typing import Final

from player.core.digest import sha256_hex
from player.core.events import LibraryRead, Track
from player.core.measurement import FileMark
from player.session.memory.memory import WatchList


def mark_of(path: str) -> FileMark:
    """The file that a path leads to. Raises OSError where there is none."""
    return look_at(path, {})[1]


def look_at(path: str, folders: dict[str, str]) -> tuple[os.stat_result, FileMark]:
    """What lies there, and its mark; one system call for what is not a link. Raises OSError where there is nothing.

    Args:
        path: of the file.
        folders: real paths of folders, filled here: resolving a path costs a system call for each folder in it, so
            a caller with many files passes the same dictionary each time.
    """
    facts = os.lstat(path)
    if stat.S_ISLNK(facts.st_mode):
        facts, place = os.stat(path), os.path.realpath(path)
    else:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = os.path.realpath(folder)
        place = os.path.join(folders[folder], name)
    return facts, FileMark(place, facts.st_size, facts.st_mtime_ns)


READ_BYTES: Final = 64 << 10


def recognise(read: LibraryRead, watched: WatchList) -> LibraryRead:
    """The same look, with the keys of tracks that are watched."""
    if watched == WatchList():
        return read
    sizes = frozenset(int(key.partition("-")[0]) for key in watched.keys)
    tracks, opening = (
        tuple(_with_key(track, watched.uris, sizes) for track in part) for part in (read.tracks, read.opening)
    )
    return replace(read, tracks=tracks, opening=opening)


def _with_key(track: Track, uris: frozenset[str], sizes: frozenset[int]) -> Track:
    if track.is_stream or (track.uri not in uris and not sizes):
        return track
    try:
        facts = os.stat(track.uri)
        is_watched = track.uri in uris or facts.st_size in sizes
        return replace(track, key=key_of(track.uri)) if is_watched and stat.S_ISREG(facts.st_mode) else track
    except OSError:
        return track  # what is wrong with it is found out when it plays


def key_of(path: str) -> str:
    """The key of a file's content. Raises OSError where it cannot be read."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        return f"{size}-{sha256_hex(file.read(READ_BYTES))[:32]}"
