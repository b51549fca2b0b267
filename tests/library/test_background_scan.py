"""The background scan: progress, priority, stopping. Workers are real processes."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from player.core.clock import SystemClock
from player.core.events import LibraryRead, ScanMoved
from player.core.threads import TOO_MANY
from player.library.background_scan import BackgroundScanner, ScanQueue
from player.library.file_id import mark_of
from tests.audio_files import noise, write_wav
from tests.fakes.store import FakeStore
from tests.fakes.threads import no_more_threads
from tests.library.test_scanner import WORKER, child_processes, files

PATIENCE_S = 20.0


class Rig:
    """A scanner, its store, and what it told."""

    def __init__(self, command: tuple[str, ...] = WORKER) -> None:
        self.store = FakeStore()
        self.told: queue.SimpleQueue[ScanMoved] = queue.SimpleQueue()
        self.scanner = BackgroundScanner(self.store, SystemClock(), self.told.put, command, retry_s=0.05)

    def until_over(self) -> list[ScanMoved]:
        found = [self.told.get(timeout=PATIENCE_S)]
        while not found[-1].is_over:
            found.append(self.told.get(timeout=PATIENCE_S))
        return found


def test_the_first_result_is_told_at_once_and_the_end_too(tmp_path: Path) -> None:
    """The ones between come together, so that the library is not read for each."""
    rig, paths = Rig(), files(tmp_path, *(f"{index}.flac" for index in range(20)))
    rig.scanner.start(tuple(paths))
    told = rig.until_over()
    assert told[0].found >= 1
    assert sum(moved.found for moved in told) == 20
    assert len(told) <= 3
    assert all(rig.store.find(mark_of(path)) for path in paths)


def test_what_is_known_is_no_news(tmp_path: Path) -> None:
    """A scan that finds nothing new says so: nobody needs to look again."""
    rig, paths = Rig(), files(tmp_path, "a.flac")
    rig.scanner.start(tuple(paths))
    rig.until_over()
    rig.scanner.start(tuple(paths))
    assert rig.until_over() == [ScanMoved(0, is_over=True)]


def test_stopping_ends_the_process_and_its_news(tmp_path: Path) -> None:
    """Within two seconds, in the middle of a file."""
    rig = Rig()
    rig.scanner.start(tuple(files(tmp_path, "slow.flac")))
    wait_for(lambda: len(child_processes()) == 1)
    began_s = time.monotonic()
    rig.scanner.stop()
    rig.scanner.stop()
    assert time.monotonic() - began_s < 2.0
    assert not child_processes()
    assert rig.told.empty()


def test_too_many_threads_end_a_scan_and_nothing_else(tmp_path: Path) -> None:
    """The service's limit of tasks: said as a fault, and the next scan measures."""
    rig, paths = Rig(), files(tmp_path, "a.flac")
    with no_more_threads():
        rig.scanner.start(tuple(paths))
    told = rig.until_over()
    assert told[-1].fault is not None
    assert TOO_MANY in told[-1].fault
    rig.scanner.start(tuple(paths))
    assert sum(moved.found for moved in rig.until_over()) == 1


def test_another_start_takes_the_place_of_what_is_under_way(tmp_path: Path) -> None:
    """There is one process, and the end that is told is that of the second."""
    rig = Rig()
    rig.scanner.start(tuple(files(tmp_path, "slow.flac")))
    wait_for(lambda: len(child_processes()) == 1)
    rig.scanner.start(tuple(files(tmp_path, "a.flac")))
    assert sum(moved.found for moved in rig.until_over()) == 1


def test_a_store_that_is_full_is_told_and_tried_again(tmp_path: Path) -> None:
    """Playing goes on; once there is room the file is measured, and nothing is wrong any more."""
    rig, paths = Rig(), files(tmp_path, "a.flac")
    rig.store.is_full = True
    rig.scanner.start(tuple(paths))
    for _ in range(2):
        told = rig.told.get(timeout=PATIENCE_S)
        assert "the disk is full" in str(told.fault)
        assert not told.is_over
    rig.store.is_full = False
    assert rig.until_over()[-1] == ScanMoved(0, is_over=True)
    assert rig.store.find(mark_of(paths[0])) is not None


def test_a_scan_that_waits_for_room_can_be_stopped(tmp_path: Path) -> None:
    """At once; it is not tried again."""
    rig = Rig()
    rig.store.is_full = True
    rig.scanner.start(tuple(files(tmp_path, "a.flac")))
    assert rig.told.get(timeout=PATIENCE_S).fault is not None
    rig.scanner.stop()
    assert not child_processes()


@pytest.mark.live
@pytest.mark.slow
def test_the_real_worker_runs_only_when_nobody_else_wants_to(tmp_path: Path) -> None:
    """In its own process: SCHED_IDLE and nice 19 in every thread, disk class idle, first to go for memory."""
    path = write_wav(tmp_path / "long.wav", np.tile(noise(10.0), (60, 1)))
    rig = Rig((sys.executable, "-m", "player.library.scan_worker"))
    rig.scanner.start((str(path),))
    wait_for(lambda: len(child_processes()) == 1)
    (child,) = child_processes()
    assert child != os.getpid()
    wait_for(lambda: len(os.listdir(f"/proc/{child}/task")) > 2)
    for task in os.listdir(f"/proc/{child}/task"):
        assert os.sched_getscheduler(int(task)) == os.SCHED_IDLE
        assert os.getpriority(os.PRIO_PROCESS, int(task)) == 19
    assert Path(f"/proc/{child}/oom_score_adj").read_text(encoding="ascii").strip() == "800"
    status = Path(f"/proc/{child}/status").read_text(encoding="ascii")
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    print(peak)
    rig.scanner.stop()
    assert not child_processes()


def wait_for(what: Callable[[], object]) -> None:
    """Until a question is answered with yes."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_the_disk_is_everybody_elses_first() -> None:
    """The worker's I/O class is idle; the number of the system call is another on each architecture."""
    code = "import os, player.library.scan_worker as w; w.run_at_idle_priority(); os.execlp('ionice', 'ionice')"
    said = subprocess.check_output([sys.executable, "-c", code], text=True, timeout=PATIENCE_S)
    assert said == "idle\n"


def read(playlist: str, *unmeasured: str) -> LibraryRead:
    return LibraryRead(playlist, (), (), unmeasured)


@pytest.fixture
def measuring() -> ScanQueue:
    """Two playlists with a track in common."""
    measuring = ScanQueue()
    measuring.on_library_read(read("rain", "/r1", "/both"))
    measuring.on_library_read(read("whispers", "/w1", "/both"))
    return measuring


def test_the_playlist_that_plays_next_comes_first(measuring: ScanQueue) -> None:
    """Its tracks in their order, then the others, each file once."""
    assert measuring.next_files("whispers") == ("/w1", "/both", "/r1")


def test_the_track_that_plays_comes_before_all_others(measuring: ScanQueue) -> None:
    """Then the next one, also of another playlist, as in a mix; each replaces a running scan once, and the file that
    the scan began with does not.
    """
    assert measuring.next_files("rain", ("/w1", "/both")) == ("/w1", "/both", "/r1")
    assert measuring.next_files("rain", ("/w1", "/both")) == ()
    assert measuring.next_files("rain", ("/both", "/r1")) == ("/both", "/r1", "/w1")
    assert measuring.next_files("rain", ("/w1", "/r1")) == ()
    assert measuring.next_files("rain", ("/known", "/known too")) == ()


def test_a_scan_that_is_under_way_is_left_alone(measuring: ScanQueue) -> None:
    """Until it is over nothing new is asked for, although its tracks are still unmeasured."""
    measuring.next_files("rain")
    assert measuring.next_files("rain") == ()


def test_another_playlist_takes_precedence(measuring: ScanQueue) -> None:
    """Once, and only where it has something to measure."""
    measuring.next_files("rain")
    assert measuring.next_files("whispers")[0] == "/w1"
    assert measuring.next_files("whispers") == ()
    measuring.on_library_read(read("sea"))
    assert measuring.next_files("sea") == ()


def test_what_could_not_be_measured_is_not_tried_for_ever(measuring: ScanQueue) -> None:
    """A scan is over, its files are as unmeasured as before: there is no next one, however often the library looks."""
    begun = measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True, files=begun))
    for _ in range(3):
        measuring.on_library_read(read("rain", "/r1", "/both"))
        assert measuring.next_files("rain") == ()


def test_new_files_are_measured_and_the_old_ones_are_not_tried_again(measuring: ScanQueue) -> None:
    """A track was added to the folder."""
    begun = measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True, files=begun))
    measuring.on_library_read(read("rain", "/r1", "/both", "/new"))
    assert measuring.next_files("rain") == ("/new",)


def test_a_night_gives_everything_another_chance(measuring: ScanQueue) -> None:
    """A share may have been away when it was tried."""
    begun = measuring.next_files("rain")
    measuring.on_progress(ScanMoved(0, is_over=True, files=begun))
    measuring.retry_failed()
    assert measuring.next_files("rain") == ("/r1", "/both", "/w1")


def test_progress_is_not_the_end(measuring: ScanQueue) -> None:
    """While files are measured one after the other no other scan begins."""
    measuring.next_files("rain")
    measuring.on_progress(ScanMoved(1, is_over=False))
    measuring.on_library_read(read("rain", "/both"))
    assert measuring.next_files("rain") == ()


def test_the_end_of_a_scan_that_was_replaced_is_not_that_of_its_successor(measuring: ScanQueue) -> None:
    """It waited in the inbox while another playlist began: the files of that one still count as under way."""
    replaced = measuring.next_files("rain")
    begun = measuring.next_files("whispers")
    measuring.on_progress(ScanMoved(0, is_over=True, files=replaced))
    measuring.on_library_read(read("rain", "/r1", "/both", "/new"))
    assert measuring.next_files("whispers") == ()
    measuring.on_progress(ScanMoved(0, is_over=True, files=begun))
    assert measuring.next_files("whispers") == ("/new",)


def test_where_all_is_measured_nothing_is_done() -> None:
    """No playlist, or none with anything to measure."""
    measuring = ScanQueue()
    assert measuring.next_files(None) == ()
    measuring.on_library_read(read("rain"))
    assert measuring.next_files("rain") == ()


def test_a_file_that_changed_after_it_was_measured_is_measured_again(measuring: ScanQueue) -> None:
    """It was tried, then known, and is unknown again."""
    begun = measuring.next_files("rain")
    measuring.on_progress(ScanMoved(3, is_over=True, files=begun))
    measuring.on_library_read(read("rain"))
    measuring.on_library_read(read("whispers"))
    measuring.on_library_read(read("rain", "/r1"))
    assert measuring.next_files("rain") == ("/r1",)
