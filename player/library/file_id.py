"""The mark of a file: which one it is, and that it is still the same. Any thread; may wait for a slow share."""

from __future__ import annotations

import os
import stat

from player.core.measurement import FileMark


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
