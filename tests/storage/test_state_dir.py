"""The state directory is full, read-only, removed, replaced: nothing that was answered as done is lost.

The real store and its thread on a real file system, of a few kilobytes where it must be full.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from player.core.errors import StoreError
from player.core.measurement import FileMark, MeasureResult
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, RecalledMemory, texts
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb, look_into
from player.storage.writer_thread import MemorySources, WriterThread
from tests.contracts.test_memory import AT
from tests.contracts.test_store import MARK, MEASURED

PATIENCE_S = 20.0
SIZE = 256 << 10


@dataclass
class Keeper:
    """A writer thread over a folder, and what it says."""

    folder: Path
    said: list[str | None] = field(default_factory=list)
    found: list[Documents] = field(default_factory=list)

    def __post_init__(self) -> None:
        sources = MemorySources(lambda: MemoryDb(self.folder, "this"), lambda: look_into(self.folder)[0])
        self.writer = WriterThread(sources, self.said.append, self.found.append, retry_s=0.02)
        self.recalled: RecalledMemory = self.writer.recall()
        self.documents: Documents = self.recalled.documents

    def ban(self, uri: str) -> str | None:
        """Ban a track; returns why that is not kept, None for done."""
        fresh = replace(self.documents, bans=(*self.documents.bans, RememberedTrack(uri, uri, AT)))
        batch = Batch(texts(fresh, self.documents))
        self.documents = fresh
        answers: list[str | None] = []
        answered = threading.Event()

        def done(fault: str | None) -> None:
            answers.append(fault)
            answered.set()

        self.writer.write(batch, done)
        assert answered.wait(PATIENCE_S)
        return answers[0]

    def wait(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, self.said
            time.sleep(0.01)

    def end(self) -> set[str]:
        """Close it; returns the bans that the next start knows."""
        self.writer.close(PATIENCE_S)
        return bans_in(self.folder)


def bans_in(folder: Path) -> set[str]:
    return {ban.uri for ban in look_into(folder)[0].documents.bans}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 kB of its own: too small for a reserve."""
    yield from disk_of(tmp_path, SIZE)


@pytest.fixture
def large_disk(tmp_path: Path) -> Iterator[Path]:
    """One of 4 MB."""
    yield from disk_of(tmp_path, 16 * SIZE)


def disk_of(tmp_path: Path, size: int) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system to fill")
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "lull-test", str(folder)]
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"a file system cannot be mounted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Use up the last byte."""
    path = folder / "others"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return path


def remount(folder: Path, mode: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{mode}", str(folder)], check=True)


def test_full_from_the_start_is_said_and_kept_once_there_is_room(small_disk: Path) -> None:
    """No ban is answered as done meanwhile; all of them are on the disk afterwards."""
    others = fill(small_disk)
    keeper = Keeper(small_disk / "state")
    assert keeper.said[0] is not None
    full = f"the disk of {small_disk / 'state'} is full; free some space there, or set another state_dir"
    assert keeper.ban("/music/a") is not None
    assert keeper.said == [f"nothing that happens is saved: {full}"]
    others.unlink()
    keeper.wait(lambda: keeper.said[-1] is None)
    assert keeper.ban("/music/b") is None
    assert keeper.end() == {"/music/a", "/music/b"}


def test_full_in_the_night_keeps_what_was_there(small_disk: Path) -> None:
    """Bans of before hold, also for who looks; those of meanwhile follow."""
    keeper = Keeper(small_disk / "state")
    assert keeper.ban("/music/a") is None
    others = fill(small_disk)
    done = {"/music/a"}
    for number in range(40):  # the journal may have room for some
        uri = f"/music/{number}"
        done |= {uri} if keeper.ban(uri) is None else set()
    assert len(done) < 41, "the disk is full"
    assert done <= bans_in(small_disk / "state")
    others.unlink()
    keeper.wait(lambda: keeper.said[-1] is None)
    assert keeper.end() == {"/music/a", *(f"/music/{number}" for number in range(40))}


def test_what_happens_on_a_disk_that_became_full_is_kept_in_the_room_that_was_reserved(large_disk: Path) -> None:
    """Forty changes are on the disk, and the bans' second copy follows when there is room, without another change."""
    keeper = Keeper(large_disk / "state")
    others = fill(large_disk)
    names = [f"/music/{number}" for number in range(40)]
    assert [keeper.ban(name) for name in names] == [None] * 40
    assert "bans and settings have no second copy" in str(keeper.said[-1])
    assert bans_in(large_disk / "state") == set(names)
    others.unlink()
    keeper.wait(lambda: keeper.said[-1] is None)
    (large_disk / "state" / "memory.db").unlink()
    assert bans_in(large_disk / "state") == set(names), "from the copy alone"


def test_read_only_at_the_start_and_later_writable(small_disk: Path) -> None:
    """Bans of before are known; the first one that is answered as done comes with those that were not."""
    first = Keeper(small_disk / "state")
    assert first.ban("/music/a") is None
    first.end()
    remount(small_disk, "ro")
    keeper = Keeper(small_disk / "state")
    assert [ban.uri for ban in keeper.recalled.documents.bans] == ["/music/a"]
    reason = f"{small_disk / 'state'} is on a read-only disk; make that writable, or set another state_dir"
    assert keeper.ban("/music/b") == reason
    remount(small_disk, "rw")
    keeper.wait(lambda: keeper.said[-1] is None)
    assert keeper.ban("/music/c") is None
    assert keeper.end() == {"/music/a", "/music/b", "/music/c"}


def test_read_only_in_the_night(small_disk: Path) -> None:
    """As a card does that has had enough."""
    keeper = Keeper(small_disk / "state")
    assert keeper.ban("/music/a") is None
    keeper.writer.write(Batch({}))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=False)  # refused while a file is open to write
    is_read_only = bool(os.statvfs(small_disk).f_flag & os.ST_RDONLY)
    answer = keeper.ban("/music/b")
    assert (answer is not None) is is_read_only
    remount(small_disk, "rw")
    keeper.wait(lambda: not any("nothing that happens is saved" in (text or "") for text in keeper.said[-1:]))
    assert keeper.end() == {"/music/a", "/music/b"}


@pytest.mark.parametrize("is_link", [False, True])
def test_removed_while_it_runs_all_is_written_again(tmp_path: Path, is_link: bool) -> None:
    """The folder is gone, or a link to another one lies in its place: the next ban brings all of them there."""
    folder = tmp_path / "state"
    keeper = Keeper(folder)
    assert keeper.ban("/music/a") is None
    shutil.rmtree(folder)
    if is_link:
        (tmp_path / "elsewhere").mkdir()
        folder.symlink_to(tmp_path / "elsewhere")
    assert keeper.ban("/music/b") is None
    assert any("was removed while lull was running" in (text or "") for text in keeper.said)
    assert keeper.end() == {"/music/a", "/music/b"}
    assert (tmp_path / "elsewhere" / "memory.db").exists() is is_link


def test_replaced_by_a_file_it_is_not_done(tmp_path: Path) -> None:
    """Nothing can be kept below a file; once the folder is back, all of it is."""
    folder, there, file = tmp_path / "state", tmp_path / "there", tmp_path / "file"
    there.mkdir()
    file.touch()

    def lead_to(target: Path) -> None:
        (tmp_path / "link").symlink_to(target)
        (tmp_path / "link").replace(folder)  # at once: the writer tries again at any moment

    lead_to(there)
    keeper = Keeper(folder)
    assert keeper.ban("/music/a") is None
    lead_to(file)
    assert keeper.ban("/music/b") is not None
    lead_to(there)
    keeper.wait(lambda: keeper.said[-1] is None)
    assert keeper.end() == {"/music/a", "/music/b"}


@pytest.mark.parametrize("name", ["memory.db", "memory.json", "memory.db-wal"])
def test_one_of_the_files_removed_while_it_runs_costs_nothing(tmp_path: Path, name: str) -> None:
    """What was answered before and what is answered after it is there."""
    folder = tmp_path / "state"
    keeper = Keeper(folder)
    assert keeper.ban("/music/a") is None
    (folder / name).unlink()
    assert keeper.ban("/music/b") is None
    assert keeper.end() == {"/music/a", "/music/b"}


def test_measurements_on_a_full_disk_are_a_store_error_and_found_later(small_disk: Path) -> None:
    """The scan may go on; what was kept before is still found."""
    store = MeasurementsDb(small_disk / "state", is_patient=True)
    store.keep(MARK, MeasureResult(MEASURED))
    others = fill(small_disk)
    faults = 0
    for number in range(200):
        try:
            store.keep(FileMark(f"/music/{number}", 1, 1), MeasureResult(MEASURED))
        except StoreError:
            faults += 1
    assert faults
    assert store.find(MARK) == MeasureResult(MEASURED)
    others.unlink()
    store.keep(FileMark("/music/200", 1, 1), MeasureResult(MEASURED))
    assert store.find(FileMark("/music/200", 1, 1)) == MeasureResult(MEASURED)
    store.close()
