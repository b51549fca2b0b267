"""Limits for libVLC's threads: few memory arenas, and one core for the reader and the decoder of a track.

`limit_malloc` and `stay_on_one_core` change the process or the calling thread; they do nothing if the system does not
allow it.

`DecoderSlots` bounds how many tracks may be open at once, so that tracks that hang become faults and their threads do
not accumulate. Pure except for a lock; `take` is called by the engine thread, `give_back` by the track's keeper thread.

Tracks usually hang together: a share is gone, or a server does not answer. So tracks from one *quarter* may use only a
part of all slots. A quarter is what is below the first three folders of a path (``/mnt/nas/asmr``), or one host. Tracks
from elsewhere can still be opened when a quarter hangs. Names alone decide, since a file system call could hang too.

Limitation: a share that is mounted deeper counts together with its neighbouring folders.
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
"""Blocks of at least this size go back to the kernel when they are freed."""


def limit_malloc(*, keeps_memory: bool) -> None:
    """Let all threads allocate from two arenas; does nothing if the C library has no such setting.

    glibc gives each new thread an arena of its own, and libVLC starts four threads for each track: measured over 600
    tracks, 60 MB of private memory, mostly unused gaps, but 38 MB with two arenas. It also keeps large blocks once
    some were freed: seeks in an M4A of 10 h left 23 MB, with a fixed limit 4 MB. With ``keeps_memory`` (a scan, which
    needs the memory again) that limit is not set.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 2)
        if not keeps_memory:
            mallopt(_M_MMAP_THRESHOLD, _LARGE_BYTES)


def stay_on_one_core(number: int) -> None:
    """Keep the calling thread, and those that it starts, on one core, where they do not interrupt each other.

    libVLC's reader hands one packet at a time to its decoder. On two cores each packet that the decoder takes wakes the
    reader up: 50 times a second for an MP3. On one core, as batch tasks, this is rare. The reader has the same priority
    as the decoder: with nice 15 it got so little time on a busy machine that files were decoded hardly faster than they
    play (24 files of 5 s in 74 s instead of 7, beside two busy processes).
    """
    with contextlib.suppress(OSError):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[number % len(cores)]})
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


MOST: Final = 16
MOST_OF_A_QUARTER: Final = 10
"""Enough for two tracks that sound, one that follows, and skipped ones that are still being closed."""
_FOLDERS: Final = 3


class DecoderSlots:
    """Counts the open tracks."""

    def __init__(self) -> None:
        self._taken: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, uri: str) -> str | None:
        """Take a slot. Returns None, or why there is none: a phrase that follows the track's name."""
        quarter = quarter_of(uri)
        with self._lock:
            if self._taken.total() >= MOST:
                return f"cannot be opened while {MOST} earlier tracks hang"
            if self._taken[quarter] >= MOST_OF_A_QUARTER:
                return f"cannot be opened while {MOST_OF_A_QUARTER} earlier tracks from {quarter} hang"
            self._taken[quarter] += 1
            return None

    def give_back(self, uri: str) -> None:
        """Release the slot of a track that is completely closed."""
        quarter = quarter_of(uri)
        with self._lock:
            self._taken[quarter] -= 1
            if not self._taken[quarter]:
                del self._taken[quarter]


def quarter_of(uri: str) -> str:
    """The quarter of a path or an http(s) address."""
    if is_web(uri):
        try:
            return urlsplit(uri).hostname or uri
        except ValueError:
            return uri  # a malformed address; the decoder will report it
    return str(PurePath(*PurePath(uri).parent.parts[: _FOLDERS + 1]))
