"""A process that has ended and is still listed: its links in /proc can be seen and not followed, by nobody."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def ended_process() -> Iterator[Path]:
    """Its folder in /proc."""
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)
    try:
        yield Path(f"/proc/{ended.pid}")
    finally:
        ended.wait()
