"""Watches the library while the daemon runs, so that what is copied there is played within a minute.

One thread: it waits for events of inotify, and every `LOOK_S` compares the folders with what they were, because of
shares, for which inotify has no events, of machines without inotify, and of sticks that come and go. It reads no
playlist itself; it reports which folder has changed, and `player.library.files` reads it.
"""

from __future__ import annotations

import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from player.core.threads import TOO_MANY, has_started
from player.library.copies import CopyWatch
from player.library.files import BINS, holds
from player.library.folders import FolderChanged, LibraryFolders, look_at_library
from player.system import inotify
from player.system.wake import WakeUp

log = logging.getLogger("lull")

LOOK_S: Final = 25.0
QUIET_S: Final = 2.0
"""A folder is read once nothing has happened in it for this many seconds,"""
LONGEST_S: Final = 10.0
"""or after this many seconds, so that it is read from time to time during a large copy."""
REST_S: Final = 1.0
"""Minimum seconds between two comparisons of all folders."""
FIRST_LOOK_S: Final = 2.0
"""Maximum seconds that a start waits for the first result."""
MAX_FOLDERS: Final = 5_000

Deliver: TypeAlias = Callable[[LibraryFolders | FolderChanged], None]


class FolderWatch:
    """Watches one library at a time. `open` and `close` are called on the main thread.

    Args:
        copies: tells which files are complete.
        deliver: takes the results on any thread; must not block.
        look: finds the playlists of a library.
    """

    def __init__(
        self,
        copies: CopyWatch,
        deliver: Deliver,
        look: Callable[[str | None], LibraryFolders] = look_at_library,
    ) -> None:
        self._copies = copies
        self._deliver = deliver
        self._look = look
        self._run: _Watching | None = None

    def look_within(self, library: str | None) -> LibraryFolders:
        """The content of a library, as far as it can be read in `FIRST_LOOK_S`. Any thread."""
        found: list[LibraryFolders] = []
        looking = threading.Thread(target=lambda: found.append(self._look(library)), name="lull-look", daemon=True)
        if has_started(looking):
            looking.join(FIRST_LOOK_S)
        return found[0] if found else LibraryFolders()

    def open(self, library: str | None, *, waits: bool = True) -> LibraryFolders:
        """Watch this library instead of the one before; returns its content as far as it can be read in `FIRST_LOOK_S`.

        Later results and changes are delivered; without ``waits`` all of them.
        """
        self.close()
        if library is None:
            self._copies.cover(())
            return LibraryFolders()
        run = self._run = _Watching(library, self._copies, self._deliver, self._look)
        if not has_started(threading.Thread(target=run.run, name="lull-folders", daemon=True)):
            log.warning("the library is not watched: %s", TOO_MANY)
            return LibraryFolders()
        return run.first(FIRST_LOOK_S if waits else 0.0)

    def close(self) -> None:
        """Stop watching."""
        if self._run is not None:
            self._run.stop()
            self._run = None


class _Mark(NamedTuple):
    """The state of a folder at a comparison."""

    place: tuple[int, int]
    mtime_ns: int
    names: int


class _Watching:
    """The thread, and its state of the folders."""

    def __init__(
        self, library: str, copies: CopyWatch, deliver: Deliver, look: Callable[[str | None], LibraryFolders]
    ) -> None:
        self._library = library
        self._copies = copies
        self._deliver = deliver
        self._look = look
        self._found = LibraryFolders()
        self._has_looked = threading.Event()
        self._is_waited_for = True
        self._is_over = False
        self._lock = threading.Lock()
        self._wake = WakeUp()
        copies.on_waiting = self._wake.wake
        self._inotify: inotify.Inotify | None = None
        self._folders: dict[str, _Mark] = {}
        self._changed: dict[str, float] = {}
        self._last_event_s = 0.0
        self._has_compared = False

    def first(self, within_s: float) -> LibraryFolders:
        """The first result, if it comes in time; otherwise it will be delivered."""
        self._has_looked.wait(within_s)
        with self._lock:
            self._is_waited_for = False
            return self._found

    def stop(self) -> None:
        """End soon; nothing is delivered any more. The thread may have ended before."""
        self._is_over = True
        self._wake.wake()

    def run(self) -> None:
        """The life of the thread."""
        try:
            self._inotify = inotify.Inotify()
        except OSError as fault:
            log.info("changes of the library are seen every %.0f s: inotify: %s", LOOK_S, fault)
        try:
            next_look_s = 0.0
            while not self._is_over:
                if self._copies.now_s >= next_look_s:
                    self._look_around()
                    next_look_s = self._copies.now_s + LOOK_S
                if self._wait(self._wait_s(next_look_s)):
                    next_look_s = min(next_look_s, self._copies.now_s + REST_S)
                self._wake.clear()
                self._tell_of_changes()
        except Exception:  # the thread ends here; what is in the library is still played
            log.exception("the library is not watched any more")
        finally:
            if self._inotify is not None:
                self._inotify.close()
            self._wake.close()

    def _put(self, message: LibraryFolders | FolderChanged) -> None:
        if not self._is_over:
            self._deliver(message)

    # Looking.

    def _look_around(self) -> None:
        """Find the playlists, and the folders that differ from the look before."""
        found = self._look(self._library)
        self._copies.cover(found.roots)
        with self._lock:
            is_new, self._found = found != self._found, found
            must_tell = is_new and not self._is_waited_for
        if must_tell:
            self._put(found)
        before, self._folders = self._folders, {}
        self._compare(found.roots, before)
        for folder in before.keys() - self._folders.keys():
            self._note(folder)
        self._has_compared = True
        self._has_looked.set()  # only now, so that what is written after a start is heard

    def _compare(self, roots: tuple[str, ...], before: dict[str, _Mark]) -> None:
        """Look at folders and those below them; watch each that has changed: it may be another one, as a mount.

        A folder that was removed and made anew often has the number of the old one, whose watch is gone.
        """
        waiting, seen = list(roots), set()
        while waiting and len(self._folders) < MAX_FOLDERS:
            folder = waiting.pop()
            try:
                place = os.stat(folder)
                with os.scandir(folder) as listing:
                    entries = [entry for entry in listing if not entry.name.startswith(".")]
            except OSError:
                continue
            if (place.st_dev, place.st_ino) in seen:
                continue  # a link back up: a loop
            seen.add((place.st_dev, place.st_ino))
            mark = _Mark((place.st_dev, place.st_ino), place.st_mtime_ns, hash(frozenset(one.name for one in entries)))
            former, self._folders[folder] = before.get(folder), mark
            if former != mark:
                self._watch(folder)
                if self._has_compared:
                    self._note(folder)
            waiting += [entry.path for entry in entries if entry.name.casefold() not in BINS and holds(entry.is_dir)]

    def _watch(self, folder: str) -> None:
        if self._inotify is None:
            return
        try:
            self._inotify.watch(folder)
        except OSError as fault:
            log.debug("%s is looked at every %.0f s: inotify: %s", folder, LOOK_S, fault)

    # Waiting.

    def _wait_s(self, next_look_s: float) -> float:
        now_s = self._copies.now_s
        waits_s = [next_look_s - now_s]
        if self._changed:
            waits_s.append(self._due_s() - now_s)
        if self._copies.is_settling:
            waits_s.append(1.0)
        return max(0.0, min(waits_s))

    def _wait(self, timeout_s: float) -> bool:
        """Wait for events; True where folders were added or removed, so that all must be compared."""
        if self._inotify is None:
            select.select([self._wake], [], [], timeout_s)
            return False
        heard = [self._hear(event) for event in self._inotify.wait(timeout_s, self._wake.fileno())]
        return any(heard)

    def _hear(self, event: inotify.FolderEvent) -> bool:
        path, mask = event.path, event.mask
        if mask & inotify.OVERFLOW:
            self._copies.lost_track()
            for folder in self._folders:
                self._note(folder)
            return True
        if mask & inotify.IS_DIR:
            return True
        self._last_event_s = self._copies.now_s
        if mask & inotify.MODIFY:
            self._copies.is_written(path)
        elif mask & (inotify.CLOSE_WRITE | inotify.MOVED | inotify.DELETE):
            self._copies.was_closed(path)
        folder = os.path.dirname(path)
        self._note(folder)
        return not mask & inotify.MODIFY and folder in self._found.roots

    def _note(self, folder: str) -> None:
        self._changed.setdefault(folder, self._copies.now_s)

    def _due_s(self) -> float:
        """When changed folders are reported."""
        return min(self._last_event_s + QUIET_S, min(self._changed.values()) + LONGEST_S)

    def _tell_of_changes(self) -> None:
        settled = self._copies.take_due()
        if self._changed and self._copies.now_s >= self._due_s():
            settled |= self._changed.keys()
            self._changed.clear()
        for folder in sorted(settled):
            self._put(FolderChanged(folder))
