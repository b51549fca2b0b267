"""The daemon's own scan: one worker process at idle priority, so that it never disturbs playing.

`start` and `stop` are called on the main thread. A thread of its own waits for the worker, saves the results in the
store and reports the progress; it does no heavy work itself.

`ScanQueue` decides what the background scan does next: pure, on the main thread. It is told what the library found
and how the scan progresses, and says which files to begin with. A file is handed to a scan once, and again only after
`retry_failed`: a file that cannot be measured must not keep a scan running. What cannot be saved is measured again
after `RETRY_S`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from player.core.clock import Clock
from player.core.errors import LullError
from player.core.events import LibraryRead, ScanMoved
from player.core.threads import TOO_MANY, has_started
from player.library.ports import Store
from player.library.scan_pool import COMMAND, ScanSettings
from player.library.scanner import Scan

log = logging.getLogger("lull")

TELL_EVERY_S: Final = 60.0
STALL_S: Final = 900.0
"""Seconds without progress before a worker counts as hung: an idle process may wait minutes on a busy machine."""
STOP_S: Final = 1.5
CANNOT_MEASURE: Final = "tracks cannot be measured, so they count as loud"
RETRY_S: Final = 300.0
"""Seconds after which a scan is tried again whose results could not be saved, on a full or absent disk."""


class BackgroundScanner:
    """`player.library.ports.BackgroundScan` with worker processes.

    Args:
        store: where results are saved.
        clock: paces the reports of progress.
        deliver: takes progress from any thread; must not block.
        command: what starts a worker.
        retry_s: seconds before a failed scan is tried again.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        deliver: Callable[[ScanMoved], None],
        command: tuple[str, ...] = COMMAND,
        retry_s: float = RETRY_S,
    ) -> None:
        self._store = store
        self._clock = clock
        self._deliver = deliver
        self._retry_s = retry_s
        self._settings = ScanSettings(jobs=1, is_background=True, stall_s=STALL_S, command=command)
        self._scan: Scan | None = None
        self._thread: threading.Thread | None = None

    def start(self, paths: tuple[str, ...]) -> None:
        """Measure these files, in this order, instead of a running scan."""
        self.stop()
        scan = self._scan = Scan(paths, self._store, self._clock, self._settings)
        thread = threading.Thread(target=self._run, args=(scan, paths), name="lull-scan", daemon=True)
        if has_started(thread):
            self._thread = thread
        else:
            self._tell(scan, ScanMoved(0, is_over=True, fault=f"{CANNOT_MEASURE}: {TOO_MANY}", files=paths))

    def stop(self) -> None:
        """End the worker; nothing more is reported about that scan."""
        if self._scan is not None and self._thread is not None:
            scan, self._scan = self._scan, None
            scan.stop()
            self._thread.join(STOP_S)

    def _run(self, scan: Scan, paths: tuple[str, ...]) -> None:
        """The life of the thread."""
        try:
            while (fault := self._attempt(scan, paths)) is not None and not scan.wait_stopped(self._retry_s):
                log.debug("measuring is tried again: %s", fault)
        except Exception:  # the thread ends here; a bug in measuring must not end a night
            log.exception("the background scan failed")
            self._tell(scan, ScanMoved(0, is_over=True, files=paths))

    def _attempt(self, scan: Scan, paths: tuple[str, ...]) -> str | None:
        """Measure the unmeasured files; returns why that failed, or None."""
        found = 0
        told_s = float("-inf")
        try:
            for scanned in scan.run():
                found += scanned is not None and scanned.is_new
                now_s = self._clock.now().boot_s
                if found and now_s - told_s >= TELL_EVERY_S:
                    self._tell(scan, ScanMoved(found, is_over=False))
                    found, told_s = 0, now_s
        except LullError as fault:
            text = f"{CANNOT_MEASURE}: {fault}"
            self._tell(scan, ScanMoved(found, is_over=False, fault=text))
            return text
        self._tell(scan, ScanMoved(found, is_over=True, files=paths))
        return None

    def _tell(self, scan: Scan, moved: ScanMoved) -> None:
        if scan is self._scan:
            self._deliver(moved)


class ScanQueue:
    """The unmeasured files of the library, and those of them that were given to a scan."""

    def __init__(self) -> None:
        self._unmeasured: dict[str, tuple[str, ...]] = {}
        self._tried: set[str] = set()
        self._under_way: tuple[str, ...] = ()
        self._first: str | None = None
        self._put_first: set[str] = set()
        """Tracks for which a scan was begun because they play: each replaces a running one only once."""

    def on_library_read(self, read: LibraryRead) -> None:
        """Take the files of a playlist that was read."""
        known = set(self._unmeasured.get(read.playlist, ())) - set(read.unmeasured)
        self._tried -= known  # a file that becomes unknown again has changed
        self._unmeasured[read.playlist] = read.unmeasured

    def on_progress(self, moved: ScanMoved) -> None:
        """Take the progress of the scan, or its end; the end of one that has been replaced meanwhile is none."""
        if moved.is_over and moved.files == self._under_way:
            self._put_first.clear()
            self._tried.update(self._under_way)
            self._under_way = ()

    def retry_failed(self) -> None:
        """Try failed files once more, when a night begins or the config is reloaded."""
        self._tried.clear()

    def next_files(self, first: str | None, playing: tuple[str, ...] = ()) -> tuple[str, ...]:
        """The files of a new scan, in order, which replaces a running one; usually none.

        Args:
            first: the playlist that is played, or will be next: its tracks come first.
            playing: the track that plays and the next one: those come before all others.
        """
        is_other, self._first = first != self._first, first
        names = sorted(self._unmeasured, key=lambda name: name != first)
        found = [path for name in names for path in self._unmeasured[name] if path not in self._tried]
        urgent = [path for path in playing if path in found]
        files = tuple(dict.fromkeys([*urgent, *found]))
        is_other = is_other and bool(self._unmeasured.get(first or ""))
        is_late = bool(urgent) and urgent[0] not in {*self._put_first, *self._under_way[:1]}
        if not files or (self._under_way and not is_other and not is_late):
            return ()
        self._put_first.update(urgent[:1])
        self._under_way = files
        return files
