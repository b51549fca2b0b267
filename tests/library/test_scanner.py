"""The scan: what is measured, what is remembered, and that no file can stop it. Workers are real processes."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from player.core.clock import SystemClock
from player.core.errors import StoreError
from player.core.measurement import MeasureResult
from player.library.file_id import mark_of
from player.library.ports import Store
from player.library.scan_pool import ScanError, ScanSettings
from player.library.scanner import Scan, Scanned
from player.storage.measurements_db import MeasurementsDb
from tests.fakes.store import FakeStore
from tests.paths import ROOT

WORKER = (sys.executable, str(ROOT / "tests" / "fakes" / "worker.py"))
SETTINGS = ScanSettings(jobs=2, stall_s=10.0, command=WORKER)


def files(folder: Path, *names: str) -> list[str]:
    """Files of 60 bytes."""
    for name in names:
        (folder / name).write_bytes(b"x" * 60)
    return [str(folder / name) for name in names]


def scan(paths: list[str], store: Store, settings: ScanSettings = SETTINGS) -> dict[str, Scanned]:
    """A whole scan."""
    return {found.path: found for found in Scan(paths, store, SystemClock(), settings).run() if found is not None}


def test_each_file_is_measured_and_kept(tmp_path: Path) -> None:
    """With its length, as new, under its mark."""
    store, paths = FakeStore(), files(tmp_path, "a.flac", "b.flac", "c.flac")
    found = scan(paths, store)
    assert set(found) == set(paths)
    for path in paths:
        assert found[path].is_new
        assert found[path].finding.measured is not None
        assert found[path].finding.measured.duration_s == 60.0
        assert store.find(mark_of(path)) == found[path].finding


def test_what_is_known_is_not_decoded_again(tmp_path: Path) -> None:
    """No process is even started: this one could not be."""
    store, paths = FakeStore(), files(tmp_path, "a.flac", "text.mp3")
    first = scan(paths, store)
    again = scan(paths, store, replace(SETTINGS, command=("/nowhere",)))
    assert [found.is_new for found in again.values()] == [False, False]
    assert {path: found.finding for path, found in again.items()} == {
        path: found.finding for path, found in first.items()
    }


def test_a_file_that_changed_is_measured_again(tmp_path: Path) -> None:
    """Longer by a byte."""
    store, paths = FakeStore(), files(tmp_path, "a.flac", "b.flac")
    scan(paths, store)
    Path(paths[0]).write_bytes(b"x" * 61)
    found = scan(paths, store)
    assert (found[paths[0]].is_new, found[paths[1]].is_new) == (True, False)


def test_all_are_measured_anew_when_that_is_asked_for(tmp_path: Path) -> None:
    """Known or not."""
    store, paths = FakeStore(), files(tmp_path, "a.flac")
    scan(paths, store)
    assert scan(paths, store, replace(SETTINGS, is_anew=True))[paths[0]].is_new


def test_a_file_with_many_names_is_decoded_once(tmp_path: Path) -> None:
    """Symbolic links, hard links and repetitions: one decoding, a result for each name."""
    (original,) = files(tmp_path, "a.flac")
    os.symlink(original, tmp_path / "soft.flac")
    os.link(original, tmp_path / "hard.flac")
    store = FakeStore()
    job = Scan(
        [original, str(tmp_path / "soft.flac"), str(tmp_path / "hard.flac"), original], store, SystemClock(), SETTINGS
    )
    found = [one for one in job.run() if one is not None]
    assert len(found) == 3
    assert job.tally.measured_s == 60.0
    again = scan([str(tmp_path / "hard.flac"), str(tmp_path / "soft.flac")], store, replace(SETTINGS, command=("/no",)))
    assert not any(one.is_new for one in again.values())


@pytest.mark.slow
def test_a_crash_costs_one_file(tmp_path: Path) -> None:
    """The decoder dies of it: that file is unplayable, remembered as such, and the others are measured."""
    store, paths = FakeStore(), files(tmp_path, "a.flac", "crash.mp3", "b.flac", "c.flac")
    found = scan(paths, store, replace(SETTINGS, jobs=1))
    assert found[paths[1]].finding == MeasureResult(None, "crashes the decoder (SIGSEGV)")
    assert store.find(mark_of(paths[1])) is not None
    assert all(found[path].finding.measured for path in (paths[0], paths[2], paths[3]))


@pytest.mark.slow
def test_a_process_that_somebody_ended_proves_nothing_against_its_file(tmp_path: Path) -> None:
    """It is reported, and tried again the next time."""
    store, paths = FakeStore(), files(tmp_path, "killed.mp3", "leaves.mp3", "a.flac")
    found = scan(paths, store)
    assert found[paths[0]].finding.fault == "was not measured: the process ended (signal 9)"
    assert found[paths[1]].finding.fault == "was not measured: the process ended (exit code 3)"
    assert found[paths[2]].finding.measured
    assert store.find(mark_of(paths[0])) is None


@pytest.mark.slow
def test_a_measurement_that_cannot_be_costs_one_file(tmp_path: Path) -> None:
    """A number that no file can have is reported with its name, and the other files are measured."""
    store, paths = FakeStore(), files(tmp_path, "absurd.wav", "a.flac")
    found = scan(paths, store, replace(SETTINGS, jobs=1))
    assert found[paths[0]].finding.fault == "was not measured: true_peak_dbtp is -798.9"
    assert found[paths[1]].finding.measured
    assert store.find(mark_of(paths[0])) is None


@pytest.mark.slow
def test_a_decoder_that_hangs_is_given_up(tmp_path: Path) -> None:
    """After the time that it has; the file is tried again the next time, since a share may have been to blame."""
    store, paths = FakeStore(), files(tmp_path, "hang.mp3", "a.flac")
    found = scan(paths, store, replace(SETTINGS, stall_s=4.0))
    assert found[paths[0]].finding.fault == "hangs the decoder: nothing for 4s"
    assert found[paths[1]].finding.measured
    assert store.find(mark_of(paths[0])) is None


def test_files_that_are_not_there_are_told_and_not_remembered(tmp_path: Path) -> None:
    """Missing, empty, a folder: with the reason; streams are no business of a scan."""
    (tmp_path / "empty.flac").touch()
    store = FakeStore()
    paths = [str(tmp_path / "missing.mp3"), str(tmp_path / "empty.flac"), str(tmp_path), "http://radio/stream"]
    found = scan(paths, store, replace(SETTINGS, command=("/nowhere",)))
    assert [found[path].finding.fault for path in paths[:3]] == ["does not exist", "is empty", "is a folder"]
    assert paths[3] not in found
    assert not store.kept


def test_an_interrupted_scan_keeps_what_it_has_done(tmp_path: Path) -> None:
    """Closed in the middle of a file: the finished ones are in the store, and no process is left."""
    store, paths = FakeStore(), files(tmp_path, "a.flac", "b.flac", "slow.flac")
    job = Scan(paths, store, SystemClock(), replace(SETTINGS, jobs=1))
    steps = job.run()
    while job.tally.measured_s <= 120.0:
        next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert [store.find(mark_of(path)) is not None for path in paths] == [True, True, False]
    assert not child_processes()


def test_a_scan_can_be_stopped(tmp_path: Path) -> None:
    """It ends by itself soon."""
    job = Scan(files(tmp_path, "slow.flac", "slow.mp3"), FakeStore(), SystemClock(), SETTINGS)
    for _ in job.run():
        job.stop()
    assert job.tally.done == 0
    assert not child_processes()


def child_processes() -> list[int]:
    """Ids of the workers of this process that live."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # a thread, or a child, that ended meanwhile
            for child in (task / "children").read_text(encoding="ascii").split():
                if b"worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def test_a_library_that_is_missing_ends_the_scan_with_its_name(tmp_path: Path) -> None:
    """No file is to blame for it."""
    with pytest.raises(ScanError, match="a library is missing"):
        scan(files(tmp_path, "a.flac"), FakeStore(), replace(SETTINGS, command=(*WORKER, "--cannot-work")))


def test_a_store_that_cannot_keep_ends_the_scan(tmp_path: Path) -> None:
    """Hours of measuring for nothing help nobody."""
    store = FakeStore()
    store.is_full = True
    with pytest.raises(StoreError, match="full"):
        scan(files(tmp_path, "a.flac"), store)
    assert not child_processes()


@pytest.mark.thorough
@pytest.mark.slow
def test_ten_thousand_known_tracks_take_seconds(tmp_path: Path) -> None:
    """Looked up in the real store without decoding any."""
    store = MeasurementsDb(tmp_path / "state")
    folder = tmp_path / "music"
    folder.mkdir()
    paths = [str(folder / f"{index}.flac") for index in range(10_000)]
    for path in paths:
        Path(path).write_bytes(b"x")
        store.keep(mark_of(path), MeasureResult(None, "is empty"))
    began_s = time.perf_counter()
    found = scan(paths, store, replace(SETTINGS, command=("/nowhere",)))
    took_s = time.perf_counter() - began_s
    print(f"10 000 known tracks in {took_s:.2f} s")
    assert len(found) == 10_000
    assert took_s < 10.0
    store.close()


def test_a_file_that_is_removed_meanwhile_does_not_end_the_scan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported, and the others are measured."""
    monkeypatch.setattr("player.library.scanner.unreadable", lambda _path: None)
    paths = [str(tmp_path / "gone.flac"), *files(tmp_path, "a.flac")]
    scan = Scan(paths, FakeStore(), SystemClock(), ScanSettings(command=WORKER))
    found = {one.path: one.finding.fault for one in scan.run() if one is not None}
    assert found[paths[0]] == "cannot be read: No such file or directory"
    assert found[paths[1]] is None
