"""The mark of a file: which one it is, and that it is still the same. Any thread; may wait for a slow share."""

from __future__ import annotations

import os

from player.core.measurement import FileMark


def mark_of(path: str, folders: dict[str, str] | None = None) -> FileMark:
    """The file that a path leads to. Raises OSError where there is none.

    Args:
        path: of the file.
        folders: real paths of folders, filled here: to resolve a path costs a system call for each folder in it, so
            whoever asks for many files hands the same dictionary in each time.
    """
    facts = os.stat(path)
    return FileMark(
        os.path.realpath(path) if folders is None else _real(path, folders), facts.st_size, facts.st_mtime_ns
    )


def _real(path: str, folders: dict[str, str]) -> str:
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    place = os.path.join(folders[folder], name)
    return os.path.realpath(place) if os.path.islink(place) else place
