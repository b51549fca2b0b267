"""What a file can make the process of a scan do at worst."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

PROGRAM = """
import sys
from player.library.scan_worker import limit_rights
limit_rights()
try:
    bytearray(2 << 30)
except MemoryError:
    print("no memory")
try:
    with open(sys.argv[1], "w") as file:
        file.write("x")
except OSError:
    print("no writing")
"""


def test_a_worker_takes_bounded_memory_and_writes_no_file(tmp_path: Path) -> None:
    """A playlist of 6 MB made libVLC take 1.3 GB; whatever takes over the decoder cannot write to the disk either."""
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, cwd=ROOT)
    assert done.stdout.split("\n")[:2] == ["no memory", "no writing"]
