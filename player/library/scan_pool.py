"""The worker processes of a scan: each measures one file at a time; one that dies or hangs is replaced by another.

Runs on the thread that scans. See `player.library.scan_worker` for the messages in the pipes.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import player
from player.audio.decoder.faults import CRASHES
from player.core.clock import Clock
from player.core.errors import LullError
from player.core.measurement import MeasureResult
from player.core.units import format_duration
from player.library.scan_worker import BACKGROUND
from player.storage.measurements_db import from_json

COMMAND: Final = (sys.executable, "-P", "-m", "player.library.scan_worker")
LOOK_S: Final = 0.25
_END_S: Final = 5.0
_READ_BYTES: Final = 1 << 16
_CRASHES: Final = frozenset({signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE})
"""Signals that are caused by a file; others come from the kernel's memory limit or from people."""


class ScanError(LullError):
    """Nothing can be measured on this machine in its present state."""


@dataclass(frozen=True, slots=True)
class ScanSettings:
    """The settings of a scan.

    Attributes:
        jobs: processes at once.
        is_background: they run at idle priority.
        is_anew: measured files are measured again.
        stall_s: seconds without a sign of life after which a worker counts as hung.
        command: what starts a worker.
    """

    jobs: int = 1
    is_background: bool = False
    is_anew: bool = False
    stall_s: float = 60.0
    command: tuple[str, ...] = COMMAND


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one file; ``is_lasting`` unless another attempt may succeed."""

    path: str
    finding: MeasureResult
    is_lasting: bool = True


@dataclass(slots=True)
class _Worker:
    """A process, its file and progress, and its last sign of life."""

    process: subprocess.Popen[bytes]
    path: str | None = None
    at_s: float = 0.0
    heard_s: float = 0.0
    unread: bytes = b""


class WorkerPool:
    """Up to ``settings.jobs`` processes, started when they are needed. Close it, whatever happens."""

    def __init__(self, clock: Clock, settings: ScanSettings) -> None:
        self._clock = clock
        self._settings = settings
        self._workers: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    @property
    def is_busy(self) -> bool:
        """Whether any file is being measured."""
        return any(worker.path is not None for worker in self._workers)

    @property
    def has_room(self) -> bool:
        """Whether `give` may be called."""
        return len(self._workers) < self._settings.jobs or any(worker.path is None for worker in self._workers)

    @property
    def under_way(self) -> dict[str, float]:
        """The files that are being measured, with the measured seconds of each."""
        return {worker.path: worker.at_s for worker in self._workers if worker.path is not None}

    def give(self, path: str) -> None:
        """Have a file measured."""
        worker = next((worker for worker in self._workers if worker.path is None), None) or self._start()
        worker.path, worker.at_s, worker.heard_s = path, 0.0, self._clock.now().boot_s
        assert worker.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it has ended; that is noticed where its answer is read
            worker.process.stdin.write(json.dumps(path).encode("ascii") + b"\n")

    def collect(self) -> list[Result]:
        """The results since the last call; waits for at most `LOOK_S`. Raises ScanError."""
        found: list[Result] = []
        for key, _ in self._selector.select(LOOK_S):
            worker: _Worker = key.data
            data = os.read(key.fd, _READ_BYTES)
            if data:
                worker.heard_s = self._clock.now().boot_s
                found += self._take(worker, data)
            else:
                found += self._end_crashed(worker)
        return found + self._end_hung()

    def close(self) -> None:
        """End all processes."""
        for worker in list(self._workers):
            worker.process.kill()
        for worker in list(self._workers):
            self._forget(worker)
        self._selector.close()

    def _start(self) -> _Worker:
        """A new process; numpy's OpenBLAS must not start threads in it, which spin."""
        settings = self._settings
        # the libraries that this process found, wherever they lie, are those of the workers
        search = os.pathsep.join([str(Path(player.__file__).parents[1]), *filter(os.path.isabs, sys.path)])
        process = subprocess.Popen(
            [*settings.command, *([BACKGROUND] if settings.is_background else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": search},
            cwd="/",  # never the folder that is scanned: a json.py in it would be run
        )
        worker = _Worker(process)
        self._workers.append(worker)
        assert process.stdout is not None
        self._selector.register(process.stdout, selectors.EVENT_READ, worker)
        return worker

    def _take(self, worker: _Worker, data: bytes) -> list[Result]:
        """Read the messages of a worker, in whole lines."""
        *lines, worker.unread = (worker.unread + data).split(b"\n")
        found = []
        for line in lines:
            said = json.loads(line)
            if "cannot_work" in said:
                raise ScanError(said["cannot_work"])
            if "at_s" in said:
                worker.at_s = said["at_s"]
            elif worker.path is not None:
                found.append(_result(worker.path, said))
                worker.path = None
        return found

    def _end_crashed(self, worker: _Worker) -> list[Result]:
        """A worker has ended unexpectedly, which counts against its file."""
        path = worker.path
        code = self._forget(worker)
        if path is None:
            return []
        if -code in _CRASHES:
            return [Result(path, MeasureResult(None, f"{CRASHES} ({signal.Signals(-code).name})"))]
        why = f"signal {-code}" if code < 0 else f"exit code {code}"
        return [Result(path, MeasureResult(None, f"was not measured: the process ended ({why})"), is_lasting=False)]

    def _end_hung(self) -> list[Result]:
        """End workers that gave no sign of life for too long."""
        now_s, stall_s = self._clock.now().boot_s, self._settings.stall_s
        found = []
        for worker in list(self._workers):
            if worker.path is not None and now_s - worker.heard_s > stall_s:
                why = f"hangs the decoder: nothing for {format_duration(stall_s)}"
                found.append(Result(worker.path, MeasureResult(None, why), is_lasting=False))
                worker.process.kill()
                self._forget(worker)
        return found

    def _forget(self, worker: _Worker) -> int:
        """Release a process that has ended or been killed; returns its exit code."""
        process = worker.process
        assert process.stdin is not None
        assert process.stdout is not None
        self._workers.remove(worker)
        self._selector.unregister(process.stdout)
        process.stdin.close()
        process.stdout.close()
        try:
            return process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return -signal.SIGKILL  # blocked in the kernel by a dead share; it ends when that call returns


def _result(path: str, said: dict[str, Any]) -> Result:
    """The result of a worker for a file; an impossible measurement fails this file and not the scan."""
    try:
        measured = None if said["measured"] is None else from_json(said["measured"])
    except ValueError as error:
        return Result(path, MeasureResult(None, f"was not measured: {error}"), is_lasting=False)
    return Result(path, MeasureResult(measured, said["fault"]))
