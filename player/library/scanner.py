"""The scanner: lets processes measure files, and saves each result in the store as it arrives.

Runs on the thread that iterates over `Scan.run`; `Scan.stop` may be called by any. A file is looked at once, however
many links and playlists lead to it, and not at all while the store has it. When the scan is interrupted, what it has
done is kept.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass

from player.audio.decoder.faults import unreadable
from player.core.clock import Clock
from player.core.events import has_file
from player.core.measurement import FileMark, MeasureResult
from player.library.file_id import look_at, mark_of
from player.library.ports import Store
from player.library.scan_pool import Result, ScanSettings, WorkerPool


@dataclass(frozen=True, slots=True)
class Scanned:
    """One file's result; ``is_new`` when it was decoded for this."""

    path: str
    finding: MeasureResult
    is_new: bool


@dataclass(slots=True)
class ScanCounts:
    """The progress of a scan.

    Attributes:
        files: names to report on, of which ``done`` are.
        measured_s: seconds of sound decoded so far.
        bytes: size of all that has to be decoded, of which ``bytes_done`` is, as far as can be told.
    """

    files: int = 0
    done: int = 0
    measured_s: float = 0.0
    bytes: int = 0
    bytes_done: int = 0


@dataclass(slots=True)
class _Job:
    """One file, and every name and mark that leads to it."""

    mark: FileMark
    names: list[str]
    marks: list[FileMark]


class Scan:
    """One scan.

    Args:
        paths: files; addresses are ignored.

    Attributes:
        tally: the progress; read it between the steps of `run`.
    """

    def __init__(self, paths: Iterable[str], store: Store, clock: Clock, settings: ScanSettings) -> None:
        self.tally = ScanCounts()
        self._paths = [path for path in dict.fromkeys(paths) if has_file(path)]
        self._store = store
        self._clock = clock
        self._settings = settings
        self._stop = threading.Event()
        self._done_s = 0.0
        self._bytes_done = 0

    def stop(self) -> None:
        """End soon; any thread may ask."""
        self._stop.set()

    def wait_stopped(self, timeout_s: float) -> bool:
        """Wait for a number of seconds for a stop; True when it came."""
        return self._stop.wait(timeout_s)

    def run(self) -> Iterator[Scanned | None]:
        """Results as they arrive, and None from time to time for showing progress; call again for what was not saved.

        Raises:
            ScanError: no file can be measured: a library is missing.
            StoreError: a result cannot be kept.
        """
        self.tally.files = len(self._paths)
        jobs = yield from self._sort_out()
        self.tally.bytes = sum(job.mark.size for job in jobs.values())
        waiting = deque(jobs)
        pool = WorkerPool(self._clock, self._settings)
        try:
            while not self._stop.is_set() and (waiting or pool.is_busy):
                while waiting and pool.has_room:
                    pool.give(waiting.popleft())
                for result in pool.collect():
                    yield from self._keep(jobs[result.path], result)
                self._count(pool, jobs)
                yield None
        finally:
            pool.close()

    def _sort_out(self) -> Generator[Scanned | None, None, dict[str, _Job]]:
        """Report files that are measured or unreadable; returns what has to be measured, by its path."""
        jobs: dict[str, _Job] = {}
        by_place: dict[tuple[int, int], _Job] = {}
        folders: dict[str, str] = {}
        for path in self._paths:
            if self._stop.is_set():
                break
            fault = unreadable(path)
            if fault is not None:
                yield self._report(path, MeasureResult(None, fault), is_new=False)
                continue
            try:
                facts, mark = look_at(path, folders)
            except OSError as gone:  # removed since the line above
                yield self._report(path, MeasureResult(None, f"cannot be read: {gone.strerror}"), is_new=False)
                continue
            finding = None if self._settings.is_anew else self._store.find(mark)
            if finding is not None:
                yield self._report(path, finding, is_new=False)
                continue
            job = by_place.setdefault((facts.st_dev, facts.st_ino), _Job(mark, [], []))
            job.names.append(path)
            job.marks.append(mark)
            jobs[job.mark.path] = job
        return jobs

    def _keep(self, job: _Job, result: Result) -> Iterator[Scanned]:
        """Save a result under every name, unless the file changed meanwhile or another attempt may succeed."""
        finding = result.finding
        if finding.measured is not None:
            self._done_s += finding.measured.duration_s
        self._bytes_done += job.mark.size
        for mark in job.marks if result.is_lasting and self._is_still(job.mark) else ():
            self._store.keep(mark, finding)
        for name in job.names:
            yield self._report(name, finding, is_new=True)

    def _count(self, pool: WorkerPool, jobs: dict[str, _Job]) -> None:
        """Bring the tally up to date; files under way count as if they were as dense as those that are done."""
        under_way = pool.under_way
        self.tally.measured_s = self._done_s + sum(under_way.values())
        per_s = self._bytes_done / self._done_s if self._done_s else 0.0
        guesses = (min(0.95 * jobs[path].mark.size, at_s * per_s) for path, at_s in under_way.items())
        self.tally.bytes_done = self._bytes_done + round(sum(guesses))

    @staticmethod
    def _is_still(mark: FileMark) -> bool:
        try:
            return mark_of(mark.path) == mark
        except OSError:
            return False

    def _report(self, path: str, finding: MeasureResult, *, is_new: bool) -> Scanned:
        self.tally.done += 1
        return Scanned(path, finding, is_new)
