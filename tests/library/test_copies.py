"""What a file that is waited for costs."""

from __future__ import annotations

from pathlib import Path

from player.library.copies import EMPTY_S, CopyWatch
from tests.library.test_folders import HandClock


def test_an_empty_file_is_checked_again_now_and_then(tmp_path: Path) -> None:
    """What is left of a copy that failed: in its folder a minute has few reads, and the watch is woken as seldom."""
    clock, path, woken = HandClock(), tmp_path / "a.mp3", list[float]()
    path.touch()
    copies = CopyWatch(clock)
    copies.cover((str(tmp_path),))
    copies.on_waiting = lambda: woken.append(clock.passed_s)
    reads = [0.0]
    assert not copies.is_complete(str(path))
    while clock.passed_s < 4 * EMPTY_S:
        clock.passed_s += 1.0
        if copies.take_due():
            reads.append(clock.passed_s)
            assert not copies.is_complete(str(path))
    assert len(reads) <= 5
    assert woken == reads
    path.write_bytes(b"sound")
    assert not copies.is_complete(str(path))
    clock.passed_s += 10.0
    assert copies.is_complete(str(path))
