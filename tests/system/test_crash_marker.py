"""What a crash leaves behind, in a process that really crashes."""

from __future__ import annotations

import faulthandler
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from player.system.crash_marker import FILE_NAME, KEPT_NAME, crash_recorded
from tests.paths import ROOT

PROGRAM = """\
import ctypes, os, signal, sys, threading
from pathlib import Path
from player.system.crash_marker import crash_recorded
with crash_recorded(Path(sys.argv[1])):
    kind = sys.argv[2]
    if kind == "thread":
        crash = threading.Thread(target=ctypes.string_at, args=(1,))
        crash.start()
        crash.join()
    elif kind == "abort":
        crash = threading.Thread(target=os.abort)
        crash.start()
        crash.join()
    elif kind == "native abort":
        libc = ctypes.CDLL(None)
        made = ctypes.c_ulong()
        libc.pthread_create(ctypes.byref(made), None, ctypes.cast(libc.abort, ctypes.c_void_p), None)
        threading.Event().wait(20)
    elif kind != "none":
        os.kill(os.getpid(), signal.Signals[kind])
"""


def ended(folder: Path, kind: str) -> int:
    """How a process ends that is brought to its end in this way."""
    command = [sys.executable, "-X", "utf8", "-c", PROGRAM, str(folder), kind]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)
    assert done.stderr == b"", done.stderr
    return done.returncode


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number", "is_crash"),
    [
        ("thread", signal.SIGSEGV, True),
        ("SIGSEGV", signal.SIGSEGV, True),
        ("SIGABRT", signal.SIGABRT, False),
        ("abort", signal.SIGABRT, True),
        ("native abort", signal.SIGABRT, True),
        ("SIGBUS", signal.SIGBUS, True),
        ("SIGKILL", signal.SIGKILL, False),
        ("SIGTERM", signal.SIGTERM, False),
        ("SIGQUIT", signal.SIGQUIT, False),
        ("none", 0, False),
    ],
)
def test_the_next_start_knows_a_crash_from_any_other_end(
    tmp_path: Path, kind: str, number: int, *, is_crash: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Once: the start after that has nothing to say. The process dies of its signal all the same."""
    assert ended(tmp_path, kind) == -number
    for has_crashed in (is_crash, False):
        caplog.clear()
        with crash_recorded(tmp_path) as found:
            assert found is has_crashed
        assert ("lull crashed: Fatal Python error" in caplog.text) is has_crashed
    assert (tmp_path / KEPT_NAME).exists() is (is_crash or kind == "SIGABRT")


def test_whoever_had_a_handler_before_has_it_again(tmp_path: Path) -> None:
    """Tests have one, and the file is closed by then."""
    before = faulthandler.is_enabled()
    with crash_recorded(tmp_path):
        assert faulthandler.is_enabled()
    assert faulthandler.is_enabled() is before
    assert (tmp_path / FILE_NAME).read_bytes() == b""


def test_without_a_directory_nothing_is_known_and_nothing_fails(tmp_path: Path) -> None:
    """The night is played all the same."""
    with crash_recorded(tmp_path / "nowhere") as has_crashed:
        assert has_crashed is False
    assert os.listdir(tmp_path) == []


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    """Opening it to write would wait for a reader."""
    os.mkfifo(tmp_path / FILE_NAME)
    with crash_recorded(tmp_path) as has_crashed:
        assert has_crashed is False
