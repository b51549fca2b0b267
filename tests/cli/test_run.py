"""How the daemon is started and ends: one daemon for a state directory, also where that hangs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.app import daemon
from player.app.parts import Terminate
from player.cli import run
from player.cli.main import build_parser
from player.core.errors import LullError
from player.storage import lock
from tests.paths import ROOT

PATIENCE_S = 20.0


@pytest.mark.parametrize("is_in_use", [True, False])
def test_a_lock_that_comes_late_ends_the_second_daemon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, is_in_use: bool
) -> None:
    """The directory hangs, so both start; once it answers, the one without the lock ends as by SIGTERM."""
    may_answer, answered, ended = threading.Event(), threading.Event(), list[int]()

    @contextlib.contextmanager
    def hanging(folder: Path) -> Iterator[None]:
        assert may_answer.wait(PATIENCE_S)
        answered.set()
        if is_in_use:
            raise lock.InUse(f"{folder} is in use by another lull")
        yield

    monkeypatch.setattr(lock, "only_daemon", hanging)
    monkeypatch.setattr(run, "HELD_S", 0.01)
    before = signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
    try:
        with run._held(tmp_path) as has_crashed:
            assert not has_crashed
            assert not ended
            may_answer.set()
            assert answered.wait(PATIENCE_S)
            until_s = time.monotonic() + (PATIENCE_S if is_in_use else 0.2)
            while not ended and time.monotonic() < until_s:
                time.sleep(0.01)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert ended == ([signal.SIGTERM] if is_in_use else [])
    assert any("is in use by another lull" in message for message in caplog.messages) == is_in_use


CONFIG = """\
device: bedroom
audio: {output: silent}
volume: {default: 30, max: 60}
playlists: {noise: {paths: ["noise:white"]}}
"""


def test_a_stop_during_the_start_is_obeyed_when_the_daemon_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The session that was to be resumed is ended by it; ended at once, the next start would resume that session."""
    taken = list[object]()

    class Starting:
        """A daemon that is told to end while it is made."""

        def __init__(self, *_: object) -> None:
            os.kill(os.getpid(), signal.SIGTERM)
            self.inbox = self

        def put(self, message: object) -> None:
            taken.append(message)

        def run(self) -> None:
            raise LullError("the test ends here")

    config = tmp_path / "lull.yaml"
    config.write_text(f"{CONFIG}state_dir: {tmp_path}\n", encoding="utf-8")
    monkeypatch.setattr(daemon, "Daemon", Starting)
    monkeypatch.setattr("player.system.native_logs.take_over_stderr", lambda: None)
    monkeypatch.setattr("player.system.logging_setup.set_up", lambda **_: None)
    parser = build_parser("run")
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
    before = [signal.signal(number, lambda *_: None) for number in numbers]
    try:
        with pytest.raises(LullError):
            run.run(parser.parse_args(["run", "--config", str(config)]))
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    assert taken == [Terminate()]
    assert signal.alarm(0) == 0


def test_a_start_that_hangs_is_ended_all_the_same() -> None:
    """A folder may not answer; the service manager would wait for longer, and then kill it."""
    program = """
import os, signal, time
from player.cli import run

run.STOP_S = 1
run._stops_during_the_start()
os.kill(os.getpid(), signal.SIGTERM)
time.sleep(60)
os._exit(3)
"""
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False, timeout=50).returncode == 0


def test_the_process_ends_with_the_daemon(tmp_path: Path) -> None:
    """What is logged last is there, but the interpreter takes nothing down, while threads still run."""
    config = tmp_path / "lull.yaml"
    config.write_text(CONFIG, encoding="utf-8")
    program = f"""
import atexit, logging, os
from player.cli import main, run

def serve(config, stops):
    for _ in range(3):
        logging.getLogger("libVLC").warning("a text")

run.serve = serve
atexit.register(os._exit, 3)
main.main(["run", "--config", {str(config)!r}])
"""
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=False, capture_output=True, text=True, timeout=60
    )
    assert (ended.returncode, ended.stdout) == (0, "")
    assert "a text (came 2 more times" in ended.stderr
