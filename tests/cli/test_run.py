"""How the daemon is started: one daemon for a state directory, also where that hangs."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.cli import run
from player.storage import lock

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
