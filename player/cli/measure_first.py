"""Measuring tracks from the command line, with a line of progress: for ``scan``, ``night`` and ``rehearse``."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from player.cli.terminal import Progress
from player.core.errors import LullError, StoreError
from player.core.events import LibraryRead
from player.core.settings.session import Playlist
from player.core.units import format_duration

if TYPE_CHECKING:
    from player.analysis.lowered import Lowered
    from player.library.ports import Store
    from player.library.scanner import ScanCounts, Scanned


def open_store(folder: Path) -> Store:
    """The store in a folder; if that cannot be used, one in memory, with a note."""
    from player.storage.measurements_db import MeasurementsDb

    try:
        return MeasurementsDb(folder)
    except StoreError as fault:
        print(f"note: measurements cannot be saved: {fault}", file=sys.stderr)
        return MeasurementsDb(None)


def cores() -> int:
    """Number of processes that can run at once."""
    return max(1, len(os.sched_getaffinity(0)))


class MeasureRun:
    """Files being measured, one scan.

    Attributes:
        results: the results so far, by path.
        took_s: seconds that it took.
    """

    def __init__(self, paths: Iterable[str], store: Store, *, jobs: int = 0, is_anew: bool = False) -> None:
        from player.core.clock import SystemClock
        from player.library.scan_pool import ScanSettings
        from player.library.scanner import Scan

        self.results: dict[str, Scanned] = {}
        self.took_s = 0.0
        self._scan = Scan(paths, store, SystemClock(), ScanSettings(jobs or cores(), is_anew=is_anew))

    @property
    def tally(self) -> ScanCounts:
        """The progress."""
        return self._scan.tally

    def run(self, longest_s: float = float("inf")) -> None:
        """Measure all, or as much as the time allows. Ctrl-C leaves what was done in the store and in `results`."""
        began_s = time.monotonic()
        is_shown = sys.stderr.isatty()
        with Progress() as progress:
            for scanned in self._scan.run():
                self.took_s = time.monotonic() - began_s
                if scanned is not None:
                    self.results[scanned.path] = scanned
                if is_shown and self.tally.bytes:
                    progress.show(progress_line(self.tally, self.took_s), self.tally.bytes_done / self.tally.bytes)
                if self.took_s > longest_s:
                    self._scan.stop()


class MeasuredLibrary:
    """`player.library.ports.Library` that measures unmeasured tracks before it answers: for rehearsals.

    What was found in a playlist is kept: nothing changes there while a night is rendered, and a share may be slow.

    Args:
        folder: where measurements are stored; None keeps them in memory.
    """

    def __init__(self, folder: Path | None) -> None:
        from player.library.files import FileLibrary
        from player.storage.measurements_db import MeasurementsDb

        self._store = MeasurementsDb(None) if folder is None else open_store(folder)
        self._library = FileLibrary(self._store)
        self._tried: set[str] = set()
        self._found: dict[Playlist, LibraryRead] = {}

    def find(self, playlist: Playlist) -> LibraryRead:
        """Tracks of the playlist; nothing is measured."""
        if playlist not in self._found:
            self._found[playlist] = self._library.read(playlist)
        return self._found[playlist]

    def read(self, playlist: Playlist) -> LibraryRead:
        """Tracks of the playlist, measured where that is possible."""
        new = [path for path in self.find(playlist).unmeasured if path not in self._tried]
        if new:
            self._tried.update(new)
            measure_first(new, self._store)
            del self._found[playlist]
        return self.find(playlist)

    def lowered(self, uri: str) -> tuple[Lowered, ...]:
        """The places that a file's plan lowers; none without a plan."""
        from player.analysis.lowered import lowered_stretches
        from player.library.file_id import look_at

        try:
            finding = self._store.find(look_at(uri, {})[1])
        except OSError:
            return ()
        measured = None if finding is None else finding.measured
        return () if measured is None else lowered_stretches(measured.plan, measured.lowered_in)


def measure_first(paths: Iterable[str], store: Store, longest_s: float = float("inf")) -> None:
    """Measure before playing; what cannot be measured or stored is reported and played as if it were loud (C6)."""
    try:
        MeasureRun(paths, store).run(longest_s)
    except LullError as fault:
        print(f"note: tracks that are not measured are played more quietly: {fault}", file=sys.stderr)


def progress_line(tally: ScanCounts, took_s: float) -> str:
    """Tracks done, hours or minutes of sound, speed, time left."""
    hours = tally.measured_s / 3600
    parts = [f"{tally.done}/{tally.files} tracks", f"{hours:.1f} h" if hours >= 1 else f"{hours * 60:.0f} min"]
    if took_s > 1.0 and tally.measured_s:
        parts.append(f"{tally.measured_s / took_s:.0f} x real time")
    if tally.bytes_done:
        left_s = took_s * (tally.bytes - tally.bytes_done) / tally.bytes_done
        # minutes are precise enough for hours
        parts.append(f"{format_duration(max(1, round(left_s / 60) * 60 if left_s > 3600 else round(left_s)))} left")
    return ", ".join(parts)
