"""The daemon's own scan: one worker process that runs only when nobody else wants to, so that playing never notices.

`start` and `stop` are called on the main thread. A thread of its own waits for the worker, keeps what it finds in the
store and tells how far it is; it does nothing itself that costs time.

What the background scan should do next: pure, on the main thread, standard library. It is told what the library found
and how the scan gets on, and says which files to begin with. A file is handed to a scan once, and again only after
`retry_failed`: a file that cannot be measured or saved must not keep a scan running indefinitely.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

from player.core.clock import Clock
from player.core.errors import LullError
from player.core.events import LibraryRead, ScanMoved
from player.library.ports import Store
from player.library.scan_pool import COMMAND, ScanSettings
from player.library.scanner import Scan

log = logging.getLogger("lull")

TELL_EVERY_S: Final = 60.0
STALL_S: Final = 900.0
"""On a busy machine an idle process may wait for its turn for minutes, and nothing has hung."""
STOP_S: Final = 1.5
RETRY_S: Final = 300.0
"""What is measured cannot be saved, because the disk is full, or gone: it is tried again after so long."""


class BackgroundScanner:
    """`player.library.ports.BackgroundScan` with worker processes.

    Args:
        store: where findings are kept.
        clock: tells when to speak again.
        deliver: takes progress from any thread; must not block.
        command: what starts a worker.
        retry_s: how long to wait before a scan that could not go on is tried again.
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
        """Measure these files, in this order, instead of what is under way."""
        self.stop()
        scan = self._scan = Scan(paths, self._store, self._clock, self._settings)
        self._thread = threading.Thread(target=self._run, args=(scan,), name="lull-scan", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the worker; nothing is told of that scan any more."""
        if self._scan is not None and self._thread is not None:
            scan, self._scan = self._scan, None
            scan.stop()
            self._thread.join(STOP_S)

    def _run(self, scan: Scan) -> None:
        """The life of the thread."""
        try:
            while (fault := self._attempt(scan)) is not None and not scan.wait_stopped(self._retry_s):
                log.debug("measuring is tried again: %s", fault)
        except Exception:  # the thread ends here; a bug in measuring must not end a night
            log.exception("the background scan failed")
            self._tell(scan, ScanMoved(0, is_over=True))

    def _attempt(self, scan: Scan) -> str | None:
        """Measure what nobody has measured yet; returns why that cannot go on."""
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
            text = f"tracks cannot be measured, so they count as loud: {fault}"
            self._tell(scan, ScanMoved(found, is_over=False, fault=text))
            return text
        self._tell(scan, ScanMoved(found, is_over=True))
        return None

    def _tell(self, scan: Scan, moved: ScanMoved) -> None:
        if scan is self._scan:
            self._deliver(moved)


class ScanQueue:
    """Which files of the library nobody has measured, and which of them a scan has been given."""

    def __init__(self) -> None:
        self._unmeasured: dict[str, tuple[str, ...]] = {}
        self._tried: set[str] = set()
        self._under_way: tuple[str, ...] = ()
        self._first: str | None = None

    def on_library_read(self, read: LibraryRead) -> None:
        """The library looked at a playlist."""
        known = set(self._unmeasured.get(read.playlist, ())) - set(read.unmeasured)
        self._tried -= known  # should one of them become unknown again, it has changed
        self._unmeasured[read.playlist] = read.unmeasured

    def on_progress(self, moved: ScanMoved) -> None:
        """The scan has got on, or is over."""
        if moved.is_over:
            self._tried.update(self._under_way)
            self._under_way = ()

    def retry_failed(self) -> None:
        """What could not be measured is tried once more: a night begins, or a person asked for the config again."""
        self._tried.clear()

    def next_files(self, first: str | None) -> tuple[str, ...]:
        """What a scan should begin with now, in order, replacing the one that may be under way; mostly nothing.

        Args:
            first: the playlist that is played, or will be next: its tracks come first.
        """
        is_other, self._first = first != self._first, first
        names = sorted(self._unmeasured, key=lambda name: name != first)
        wanted = [path for name in names for path in self._unmeasured[name] if path not in self._tried]
        files = tuple(dict.fromkeys(wanted))
        if not files or (self._under_way and not (is_other and self._unmeasured.get(first or ""))):
            return ()
        self._under_way = files
        return files
