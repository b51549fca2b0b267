"""One daemon for one state directory, held against real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from player.storage.lock import InUse, only_daemon

pytestmark = pytest.mark.slow

HOLD = """
import sys, time
from pathlib import Path
from player.storage.lock import only_daemon
with only_daemon(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@contextmanager
def holder(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the folder."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_daemon_is_refused_and_told_who_has_the_folder(tmp_path: Path) -> None:
    """The message names the folder, the process, and the way out."""
    folder = tmp_path / "state"
    with holder(folder) as process, pytest.raises(InUse) as refused, only_daemon(folder):
        pass
    for part in (str(folder), f"process {process.pid}", "state_dir"):
        assert part in str(refused.value)


def test_a_killed_daemon_locks_nobody_out(tmp_path: Path) -> None:
    """The kernel lets go, so that the service manager can start it again at once."""
    with holder(tmp_path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with only_daemon(tmp_path):
            pass


def test_it_is_let_go_at_the_end(tmp_path: Path) -> None:
    """Again and again, and a refusal keeps nothing open."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        with only_daemon(tmp_path), pytest.raises(InUse), only_daemon(tmp_path):
            pass
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_folder_that_cannot_be_written_is_a_warning_and_a_night(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No lock, no refusal."""
    (tmp_path / "file").write_text("no folder")
    with only_daemon(tmp_path / "file" / "state"):
        pass
    assert "cannot be kept for one daemon alone" in caplog.text
