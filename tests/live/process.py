"""What a process holds: memory, file descriptors, threads. Read from /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Held:
    """At one moment."""

    memory_kb: int
    files: int
    threads: int

    def __str__(self) -> str:
        """One line."""
        return f"{self.memory_kb / 1024:.1f} MB, {self.files} file descriptors, {self.threads} threads"


def held_by(pid: int) -> Held:
    """What a process holds now."""
    return Held(_memory_kb(pid, "VmRSS"), len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))


def settled(pid: int, patience_s: float = 10.0) -> Held:
    """What a process holds once no thread of it has ended or begun for a second."""
    give_up_s = time.monotonic() + patience_s
    while True:
        held = held_by(pid)
        time.sleep(1.0)
        after = held_by(pid)
        if (held.files, held.threads) == (after.files, after.threads) or time.monotonic() > give_up_s:
            return after


def most_held_mb() -> float:
    """The most memory that this process has had; `resource.getrusage` counts that of its parent, too."""
    return _memory_kb(os.getpid(), "VmHWM") / 1024


def _memory_kb(pid: int, what: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(what))
