"""What a process holds: memory, file descriptors, threads. Read from /proc."""

from __future__ import annotations

import os
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
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    memory_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return Held(memory_kb, len(os.listdir(f"/proc/{pid}/fd")), len(os.listdir(f"/proc/{pid}/task")))
