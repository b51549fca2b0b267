"""The chapters of a file: where each begins, and its title. Runs in the process that measures, never in the daemon.

Three places are read: the chapter track and the Nero list of MP4 (m4b, m4a), and the chapters of Matroska. The readers
follow sizes that the file names, so each step is bounded: how many boxes are visited, how much is read of one, how many
chapters are kept. Whatever a damaged file does to them, it has no chapters then.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Final

from player.core.measurement import MAX_CHAPTERS, Chapter
from player.library.chapters_matroska import EBML, matroska_chapters
from player.library.chapters_mp4 import mp4_chapters

SHORTEST_S: Final = 1.0
"""What is shorter, or begins so near to the end of the file, is not a chapter."""
_FAULTS: Final = (OSError, ValueError, IndexError, OverflowError, struct.error)
"""What the readers meet in a damaged file."""


def read_chapters(path: str, length_s: float) -> tuple[Chapter, ...]:
    """The chapters of a file that lasts so long, in their order; empty where it has none, or one alone."""
    try:
        with open(path, "rb") as file:
            begin = file.read(8)
            if begin[:4] == EBML:
                return usable(matroska_chapters(file), length_s)
            return usable(mp4_chapters(file), length_s) if begin[4:] == b"ftyp" else ()
    except _FAULTS:
        return ()


def usable(found: Iterable[Chapter], length_s: float) -> tuple[Chapter, ...]:
    """The chapters in the order of their beginnings, without those that cannot be played."""
    kept: list[Chapter] = []
    for chapter in sorted(found, key=lambda one: one.start_s):
        is_apart = not kept or chapter.start_s - kept[-1].start_s >= SHORTEST_S
        if is_apart and chapter.start_s <= length_s - SHORTEST_S:
            kept.append(chapter)
    return tuple(kept[:MAX_CHAPTERS]) if len(kept) > 1 else ()
