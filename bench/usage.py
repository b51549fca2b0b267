"""What a process and its children use, read from /proc: processor time, memory, wake-ups, threads.

Linux only, any thread. Nothing here runs inside what is measured. Reading the memory walks its page tables and so
disturbs it for about a millisecond; do it once, behind the measured stretch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_PROC: Final = Path("/proc")


@dataclass(frozen=True, slots=True)
class Sample:
    """Counters of a process tree at one moment.

    Attributes:
        at_s: time.monotonic.
        cpu_s: processor time of each living thread, and below minus its number that of a process's waited-for children.
        wakes: voluntary context switches of each living thread.
    """

    at_s: float
    cpu_s: dict[int, float]
    wakes: dict[int, int]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree used.

    Attributes:
        cpu_percent: of one core.
        wakes_per_s: voluntary context switches of all threads. Of both, what a thread did that ended meanwhile is lost.
        threads: at the end.
        pss_mb: memory, each shared page divided by the number of processes that share it, in 10^6 bytes.
        own_mb: the part of it that is no file's: heaps, stacks, shared buffers.
        rss_mb: shared pages counted in full. Unlike PSS these two do not depend on what else runs on the machine.
    """

    cpu_percent: float
    wakes_per_s: float
    threads: int
    pss_mb: float
    own_mb: float
    rss_mb: float


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes, as `Usage` explains them."""

    pss: int
    own: int
    rss: int


def measure(pid: int, duration_s: float) -> Usage:
    """Watch a process and its children for so long. Raises ProcessLookupError when it ends before."""
    before = sample(pid)
    time.sleep(duration_s)
    after = sample(pid)
    if pid not in after.cpu_s or pid not in before.cpu_s:
        raise ProcessLookupError(f"process {pid} ended while it was measured")
    elapsed_s = after.at_s - before.at_s
    memory = memory_bytes(pid)
    return Usage(
        cpu_percent=100 * spent_s(before, after) / elapsed_s,
        wakes_per_s=sum(value - before.wakes.get(one, 0) for one, value in after.wakes.items()) / elapsed_s,
        threads=len(after.wakes),
        pss_mb=memory.pss / 1e6,
        own_mb=memory.own / 1e6,
        rss_mb=memory.rss / 1e6,
    )


def sample(pid: int) -> Sample:
    """The counters now; a process that ends while they are read is left out."""
    cpu_s: dict[int, float] = {}
    wakes: dict[int, int] = {}
    at_s = time.monotonic()
    for one in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            cpu_s[-one] = sum(map(int, _stat(_PROC / str(one))[13:15])) / _TICKS_PER_S
            for task in (_PROC / str(one) / "task").iterdir():
                with suppress(FileNotFoundError, ProcessLookupError):
                    cpu_s[int(task.name)] = _cpu_s(task)
                    wakes[int(task.name)] = int(_fields(task / "status")["voluntary_ctxt_switches"])
    return Sample(at_s, cpu_s, wakes)


def spent_s(before: Sample, after: Sample) -> float:
    """Processor time between two samples."""
    return sum(value - before.cpu_s.get(one, 0.0) for one, value in after.cpu_s.items())


def memory_bytes(pid: int) -> Memory:
    """The memory of the tree now."""
    pss = own = rss = 0
    for one in tree(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            rows = _fields(_PROC / str(one) / "smaps_rollup")
            pss += _kib(rows["Pss"])
            own += _kib(rows["Pss_Anon"]) + _kib(rows["Pss_Shmem"])
            rss += _kib(rows["Rss"])
    return Memory(pss * 1024, own * 1024, rss * 1024)


def tree(pid: int) -> Iterator[int]:
    """A process and all below it."""
    children: dict[int, list[int]] = {}
    for folder in _PROC.iterdir():
        if folder.name.isdigit():
            with suppress(FileNotFoundError, ProcessLookupError):
                children.setdefault(int(_stat(folder)[1]), []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        yield one
        waiting += children.get(one, [])


def is_running(pid: int) -> bool:
    """Whether the process is there and has not ended."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return _stat(_PROC / str(pid))[0] not in {"Z", "X"}
    return False


def _stat(folder: Path) -> list[str]:
    """The fields of stat behind the name, which may hold anything: proc_pid_stat(5), from field 3 on."""
    return (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()


def _cpu_s(task: Path) -> float:
    """Seconds that a thread ran: from the scheduler, in nanoseconds, or else in ticks of 10 ms."""
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        return sum(map(int, _stat(task)[11:13])) / _TICKS_PER_S


def _fields(path: Path) -> dict[str, str]:
    rows = (line.partition(":") for line in path.read_text(errors="replace").splitlines())
    return {name: value.strip() for name, _, value in rows}


def _kib(value: str) -> int:
    return int(value.removesuffix("kB"))
