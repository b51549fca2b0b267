"""How many tracks may be open at once, so that those that hang become faults and not a pile of threads. Pure but for a
lock; `take` is called by the engine thread, `give_back` by the thread that kept the track.

What hangs, hangs together: a share that is gone, a server that does not answer. So only a part of all places is for
tracks that lie in one *quarter*: below the first three folders of a path (``/mnt/nas/asmr``), or on one host. Tracks
from elsewhere still open when a quarter hangs. It goes by names alone, since asking the file system would hang as well.

Where it falls short: a share that is mounted deeper than that hangs together with what lies beside it.
"""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import PurePath
from typing import Final
from urllib.parse import urlsplit

from player.core.events import is_web

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
