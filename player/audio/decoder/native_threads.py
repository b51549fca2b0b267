"""What libVLC's threads may use: few arenas of memory, and one core for the two that a track has.

Each function changes the process or the calling thread, and does nothing where the system does not allow it.

`DecoderSlots` bounds how many tracks may be open at once, so that those that hang become faults and not a pile of
threads. Pure but for a lock; `take` is called by the engine thread, `give_back` by the thread that kept the track.

What hangs, hangs together: a share that is gone, a server that does not answer. So only a part of all places is for
tracks that lie in one *quarter*: below the first three folders of a path (``/mnt/nas/asmr``), or on one host. Tracks
from elsewhere still open when a quarter hangs. It goes by names alone, since asking the file system would hang as well.

Where it falls short: a share that is mounted deeper than that hangs together with what lies beside it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections import Counter
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from player.core.events import is_web

_M_ARENA_MAX: Final = -8
_M_MMAP_THRESHOLD: Final = -3
"""The numbers of those parameters in glibc's malloc.h."""
_LARGE_BYTES: Final = 256 << 10
"""Blocks of this size are the kernel's again when they are freed."""


def limit_malloc(*, keeps_memory: bool) -> None:
    """Let all threads allocate from few arenas; where the C library has no such choice, nothing happens.

    glibc gives each new thread an arena of its own, and libVLC starts four threads for each track: measured over 600
    tracks, 60 MB of private memory, mostly holes, against 38 MB with two arenas. And it keeps large blocks once some
    were freed: seeks in an M4A of 10 h left 23 MB behind, with a fixed limit 4. A scan keeps what it will need again.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        if not keeps_memory:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def stay_on_one_core(number: int) -> None:
    """Keep the calling thread, and those that it starts, on one core, where they do not interrupt each other.

    libVLC's reader hands one packet at a time to its decoder. On two cores each packet that the decoder takes wakes the
    reader up: 50 times a second for an MP3. On one core, as batches, they seldom do. The reader is not made nicer than
    the decoder: with nice 15 it got so little of a busy machine that a file was decoded hardly faster than it sounds
    (24 files of 5 s in 74 s instead of 7, beside two busy processes).
    """
    with contextlib.suppress(OSError):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


MOST: Final = 16
MOST_OF_A_QUARTER: Final = 10
"""Two that sound, one that follows, and what a person skipped through and is being closed."""
_FOLDERS: Final = 3


class DecoderSlots:
    """Counts what is open."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, uri: str) -> str | None:
        """Take a place; or why there is none, to be read after the track's name."""
        quarter = quarter_of(uri)
        with self._lock:
            if self._taken.total() >= MOST:
                return f"cannot be opened while {MOST} earlier tracks hang"
            if self._taken[quarter] >= MOST_OF_A_QUARTER:
                return f"cannot be opened while {MOST_OF_A_QUARTER} earlier tracks from {quarter} hang"
            self._taken[quarter] += 1
            return None

    def give_back(self, uri: str) -> None:
        """A track that had a place is closed for good."""
        quarter = quarter_of(uri)
        with self._lock:
            self._taken[quarter] -= 1
            if not self._taken[quarter]:
                del self._taken[quarter]


def quarter_of(uri: str) -> str:
    """What hangs together with a path or an http(s) address."""
    if is_web(uri):
        try:
            return urlsplit(uri).hostname or uri
        except ValueError:
            return uri  # a malformed address; the decoder will say so
    return str(PurePath(*PurePath(uri).parent.parts[: _FOLDERS + 1]))
