"""The mark of a file: which one it is, and that it is still the same. Any thread; may wait for a slow share."""

from __future__ import annotations

import os

from player.core.measurement import FileMark


def mark_of(path: str) -> FileMark:
    """The file that a path leads to. Raises OSError where there is none."""
    facts = os.stat(path)
    return FileMark(os.path.realpath(path), facts.st_size, facts.st_mtime_ns)
