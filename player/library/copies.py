"""Tells whether a file in the library has been copied completely. Any thread.

There is no direct sign, so it is concluded: nothing on this machine is writing to it (inotify), and its size and times
have stayed the same for `SETTLE_S` between checks. The wall clock is not used for that: the server of a share, or a
Raspberry Pi that has just started, may have another one. Only what is found while lull starts, and was not changed in
the last minute, counts at once.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable
from typing import Final

from player.core.clock import Clock

SETTLE_S: Final = 5.0
"""Seconds for which size and times of a file must have stayed the same."""
EMPTY_S: Final = 25.0
"""Seconds until an empty file is checked again: on a share that is written elsewhere no event comes."""
STARTING_S: Final = 20.0
OLD_S: Final = 60.0
WRITTEN_S: Final = 6 * 3600.0
"""Seconds for which a file that was written to, and not closed, counts as in use; truncate(2) closes nothing."""
MAX_FILES: Final = 100_000
"""Maximum number of remembered files; others are checked again."""


class CopyWatch:
    """The state of files in the library.

    Args:
        clock: measures how long a file has stayed the same.

    Attributes:
        on_waiting: called when there is another file to wait for, on the thread that found it; must not block.
    """

    def __init__(self, clock: Clock) -> None:
        self.on_waiting: Callable[[], None] = lambda: None
        self._clock = clock
        self._began_s = clock.now().boot_s
        self._lock = threading.Lock()
        self._folders: tuple[str, ...] = ()
        self._seen: dict[str, tuple[int, float]] = {}
        self._waiting: set[str] = set()
        self._completed: set[str] = set()
        """Folders of files that one reader found complete; the playlists of others have them too."""
        self._written: dict[str, float] = {}

    @property
    def now_s(self) -> float:
        """Seconds of the clock by which it measures."""
        return self._clock.now().boot_s

    def cover(self, folders: tuple[str, ...]) -> None:
        """Watch files below these folders from now on; others count as they are found."""
        with self._lock:
            self._folders = tuple(f"{folder.rstrip('/')}/" for folder in folders)

    def is_complete(self, path: str) -> bool:
        """Whether a file may be played; checks the file."""
        if not path.startswith(self._folders):
            return True
        try:
            facts = os.stat(path)  # without the lock: a share may hang, and who reloads needs the lock
        except OSError:
            with self._lock:
                self._forget(path)
            return False
        with self._lock:
            now = self._clock.now()
            mark = hash((facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns))
            known = self._seen.get(path)
            if known is None or known[0] != mark or facts.st_size == 0:
                age_s = now.wall.timestamp() - max(facts.st_mtime, facts.st_ctime)
                is_old = known is None and now.boot_s - self._began_s < STARTING_S and age_s > OLD_S
                known = mark, now.boot_s + (EMPTY_S if facts.st_size == 0 else -SETTLE_S if is_old else 0.0)
                if len(self._seen) >= MAX_FILES:
                    self._seen.clear()
                self._seen[path] = known
            is_complete = now.boot_s - known[1] >= SETTLE_S and not self._is_written(path, now.boot_s)
            if not is_complete and path not in self._waiting:
                self._waiting.add(path)
                self.on_waiting()
            elif is_complete and path in self._waiting:
                self._waiting.discard(path)
                self._completed.add(os.path.dirname(path))
            return is_complete

    def is_written(self, path: str) -> None:
        """Note that a file is being written."""
        with self._lock:
            self._written[path] = self.now_s

    def was_closed(self, path: str) -> None:
        """Note that a file is no longer being written, or is gone."""
        with self._lock:
            self._written.pop(path, None)

    def lost_track(self) -> None:
        """Note that events were lost, so that the writers are unknown."""
        with self._lock:
            self._written.clear()

    @property
    def is_settling(self) -> bool:
        """Whether there is a file that is waited for although nothing writes to it."""
        now_s = self.now_s
        with self._lock:
            return bool(self._completed) or any(self._is_settling(path, now_s) for path in self._waiting)

    def take_due(self) -> set[str]:
        """Folders of files that may have become complete, to be read again."""
        now_s = self.now_s
        with self._lock:
            due = {path for path in self._waiting if self._is_settling(path, now_s)}
            due = {path for path in due if self._seen[path][1] + SETTLE_S <= now_s}
            self._waiting -= due
            completed, self._completed = self._completed, set()
        return completed | {os.path.dirname(path) for path in due}

    def _is_settling(self, path: str, now_s: float) -> bool:
        return path in self._seen and not self._is_written(path, now_s)

    def _is_written(self, path: str, now_s: float) -> bool:
        return now_s - self._written.get(path, -math.inf) < WRITTEN_S

    def _forget(self, path: str) -> None:
        self._seen.pop(path, None)
        self._waiting.discard(path)
        self._written.pop(path, None)
