"""The memory's file: killed processes, damage, disks that are full or cannot be written, readers beside it."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from player.core.errors import StoreError
from player.session.memory.records import Batch, HeardEntry, HeardHow, RecalledMemory, texts
from player.storage import memory_db
from player.storage import memory_db as memory_file
from player.storage.memory_db import FILE_NAME, MemoryDb, look_into, this_boot
from tests.contracts.test_memory import AT, ENDED, HEARD, KEPT
from tests.paths import ROOT

WRITER = """\
import os, signal, sys
from pathlib import Path
from player.storage.memory_db import MemoryDb
from player.session.memory.records import Batch, texts
from tests.contracts.test_memory import HEARD, KEPT
store = MemoryDb(Path(sys.argv[1]), "this")
for _ in range(5):
    store.write(Batch(texts(KEPT), HEARD))
os.kill(os.getpid(), signal.SIGKILL)
"""


BEGINNER = """\
import os, signal, sys
from pathlib import Path
from player.storage.memory_db import MemoryDb
left = int(sys.argv[2])
def die(event, _arguments):
    global left
    if event in {"open", "os.link", "sqlite3.connect"}:
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(die)
MemoryDb(Path(sys.argv[1]), "this")
"""


def test_whoever_is_killed_at_the_very_first_start_has_lost_nothing(tmp_path: Path) -> None:
    """At each file that is opened on the way: an empty memory.db would be told as one that was lost."""
    for step in range(1, 20):
        folder = tmp_path / str(step)
        folder.mkdir()
        ended = subprocess.run([sys.executable, "-c", BEGINNER, str(folder), str(step)], cwd=ROOT, check=False)
        facts = [path.stat().st_size for path in folder.glob(FILE_NAME)]
        assert 0 not in facts
        store = MemoryDb(folder)
        assert store.losses == ()
        store.close()
        if ended.returncode == 0:
            break
    assert step > 4, "it was killed at some of them"


@pytest.mark.slow
def test_a_new_file_takes_nothing_from_the_journal_of_one_that_was_removed(tmp_path: Path) -> None:
    """Killed, so the journal is still there, and then only the file removed: the new one is empty and not damaged."""
    ended = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -9
    (tmp_path / FILE_NAME).unlink()
    (tmp_path / "memory.json").unlink()
    assert (tmp_path / f"{FILE_NAME}-wal").stat().st_size > 0
    store = MemoryDb(tmp_path)
    assert store.recall() == RecalledMemory()
    assert not list(tmp_path.glob("*.damaged"))
    store.close()


def test_the_reserve_is_made_again_after_a_kill_in_the_middle_of_it(tmp_path: Path) -> None:
    """The table of the reserve is left then; the next start makes pages of the file free again."""
    MemoryDb(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as base:
        base.execute("CREATE TABLE reserve (bytes BLOB)")
        base.commit()
    MemoryDb(tmp_path).close()
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as base:
        assert base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'reserve'").fetchone() == (0,)
        assert base.execute("PRAGMA freelist_count").fetchone() > (10,)


def test_a_file_of_an_older_lull_is_read_and_brought_up_to_date(tmp_path: Path) -> None:
    """Without the counts of problems and dropouts a session had none; the daemon adds the columns, nothing is lost."""
    base = sqlite3.connect(tmp_path / FILE_NAME)
    for step in memory_file.LAYOUT.steps[:3]:
        base.execute(step)
    base.execute("PRAGMA user_version = 3")
    row = (ENDED[0].started.isoformat(), ENDED[0].why, ENDED[0].playlist, ENDED[0].minutes, ENDED[0].reason)
    base.execute("INSERT INTO sessions (started, why, playlist, minutes, reason) VALUES (?, ?, ?, ?, ?)", row)
    base.commit()
    base.close()
    assert look_into(tmp_path)[1] == (replace(ENDED[0], problems=0, dropouts=0),)
    store = MemoryDb(tmp_path)
    store.write(Batch({}, ended=(replace(ENDED[0], problems=2, dropouts=7),)))
    store.close()
    assert [(end.problems, end.dropouts) for end in look_into(tmp_path)[1]] == [(0, 0), (2, 7)]


@pytest.mark.slow
def test_a_process_that_is_killed_loses_nothing_that_was_written(tmp_path: Path) -> None:
    """Ended by SIGKILL behind `write`, without closing."""
    ended = subprocess.run([sys.executable, "-c", WRITER, str(tmp_path)], cwd=ROOT, check=False, timeout=60)
    assert ended.returncode == -9
    store = MemoryDb(tmp_path, "this")
    recalled = store.recall()
    assert recalled.documents == replace(KEPT, tries=1)
    assert len(recalled.heard) == 5 * len(HEARD)
    store.close()


def test_what_is_written_is_flushed_to_the_disk(tmp_path: Path) -> None:
    """WAL with synchronous FULL: a stop by hand outlives the plug that is pulled behind it."""
    store = MemoryDb(tmp_path)
    modes = store._base.ask(
        lambda base: [base.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    )
    assert modes == ["wal", 2]
    store.close()


def test_a_batch_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It fails after the documents and before the log: neither is there."""
    store = MemoryDb(tmp_path, "this")
    monkeypatch.setattr(memory_file, "_heard_row", lambda heard: (None,) * 5)
    with pytest.raises(StoreError):
        store.write(Batch(texts(KEPT), HEARD, ENDED))
    monkeypatch.undo()
    assert store.recall().documents.record is None
    assert store.recall().heard == ()
    store.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_damaged_file_is_set_aside_and_a_new_one_is_begun(tmp_path: Path, damage: bytes) -> None:
    """Its name says what it is, and the new one works."""
    (tmp_path / FILE_NAME).write_bytes(damage)
    store = MemoryDb(tmp_path, "this")
    aside = tmp_path / f"{FILE_NAME}.damaged"
    assert str(aside) in store.losses[0]
    assert aside.read_bytes() == damage
    store.write(Batch(texts(KEPT)))
    assert store.recall().documents.bans == KEPT.bans
    store.close()


def test_a_file_of_a_newer_lull_is_left_alone(tmp_path: Path) -> None:
    """It is neither changed nor set aside; whoever goes back a version loses nothing."""
    base = sqlite3.connect(tmp_path / FILE_NAME)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match="newer lull"):
        MemoryDb(tmp_path)
    assert not list(tmp_path.glob("*.damaged"))


def test_a_full_disk_is_a_fault_and_hands_out_no_record(tmp_path: Path) -> None:
    """What cannot be counted is not handed out: a loop of restarts would be a loop of sounds."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store._base.ask(lambda base: base.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreError):
        store.recall()
    store._base.ask(lambda base: base.execute("PRAGMA query_only = ON"))
    with pytest.raises(StoreError):
        store.write(Batch(texts(KEPT)))
    store.close()


def test_somebody_may_look_while_it_is_open_and_after(tmp_path: Path) -> None:
    """Bans and history, but no record of a session, and nothing is counted."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT), HEARD, ENDED))
    for _ in range(2):
        recalled, ended = look_into(tmp_path)
        assert (recalled.documents.bans, recalled.documents.record, recalled.heard, ended) == (
            KEPT.bans,
            None,
            HEARD,
            ENDED,
        )
    assert store.recall().documents.tries == 1
    store.close()
    assert look_into(tmp_path)[0].documents.bans == KEPT.bans


@pytest.mark.slow
def test_somebody_who_may_not_write_may_look(tmp_path: Path) -> None:
    """A folder and a file without the right to write, closed cleanly, so that there is no index beside it."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.close()
    program = (
        "import sys\nfrom pathlib import Path\nfrom player.storage.memory_db import look_into\n"
        "print(len(look_into(Path(sys.argv[1]))[0].documents.bans))\n"
    )
    for path in (*tmp_path.parents, tmp_path):
        if path.name.startswith(("pytest-", "popen-", tmp_path.name)):
            path.chmod(0o555 if path == tmp_path else 0o755)
    (tmp_path / FILE_NAME).chmod(0o444)
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"] if os.geteuid() == 0 else []
    # a checkout may lie where nobody else can read it; this part of the package needs the standard library alone
    with tempfile.TemporaryDirectory(prefix="lull-test-package-") as folder:
        Path(folder).chmod(0o755)
        shutil.copytree(ROOT / "player", f"{folder}/player")
        python = [os.path.realpath(sys.executable), "-B", "-c", program, str(tmp_path)]
        done = subprocess.run(
            [*as_nobody, *python], cwd=folder, capture_output=True, text=True, check=False, timeout=60
        )
    tmp_path.chmod(0o755)
    assert done.stdout.strip() == "2", done.stderr


def test_where_there_is_none_that_is_said(tmp_path: Path) -> None:
    """Not an empty list: perhaps the wrong config was named."""
    with pytest.raises(StoreError, match="nothing has been remembered yet"):
        look_into(tmp_path)


def test_the_log_does_not_grow_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest entries go at the next start; the order of the rest stays."""
    monkeypatch.setattr(memory_file, "KEPT_HEARD", 3)
    store = MemoryDb(tmp_path)
    entries = tuple(
        HeardEntry(AT + timedelta(minutes=number), "rain", str(number), "", HeardHow.PLAYED) for number in range(8)
    )
    store.write(Batch({}, entries))
    assert store.recall().heard == entries[-3:]
    store.close()


def test_this_boot_has_a_name() -> None:
    """The kernel's own, the same each time."""
    assert len(this_boot()) == 36
    assert this_boot() == this_boot()


def test_another_time_namespace_is_another_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its boot clock says nothing about this one; without an offset, or without the file, it is the same boot."""
    plain = this_boot()
    offsets = tmp_path / "timens_offsets"
    monkeypatch.setattr(memory_db, "TIME_OFFSETS", offsets)
    assert this_boot() == plain
    offsets.write_text("monotonic           0         0\nboottime         5000         0\n")
    assert this_boot() == f"{plain} 5000.0"
    offsets.write_text("monotonic           0         0\nboottime            0         0\n")
    assert this_boot() == plain


def test_a_byte_that_is_not_utf_8_costs_one_value(tmp_path: Path) -> None:
    """In the text of the bans, between two of them: both hold, and what is wrong is said."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(replace(KEPT, record=None)), HEARD))
    store._base.ask(
        lambda base: base.execute(
            "UPDATE documents SET value = CAST(replace(value, '},{', CAST(x'7dff7b' AS TEXT)) AS TEXT)"
            " WHERE name = 'bans'"
        )
    )
    recalled = store.recall()
    assert recalled.documents.bans == KEPT.bans
    assert recalled.documents.switches == KEPT.switches
    assert "'bans'" in recalled.faults[0]
    store.close()


def test_a_byte_that_is_not_utf_8_in_the_schema_is_damage_and_the_documents_are_copied(tmp_path: Path) -> None:
    """The name of a column: SQLite's complaint is itself not UTF-8. The bans are read from another table."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT), HEARD))
    store.close()
    path = tmp_path / FILE_NAME
    path.write_bytes(path.read_bytes().replace(b"minutes REAL", b"minut\xfe\xff REAL"))
    store = MemoryDb(tmp_path, "this")
    recalled = store.recall()
    assert recalled.documents.bans == KEPT.bans
    store.write(Batch({}, ended=ENDED))
    store.close()
    assert look_into(tmp_path)[1] == ENDED


def test_an_empty_file_is_said(tmp_path: Path) -> None:
    """Bans were in it, perhaps: a power cut may leave a file of no bytes."""
    (tmp_path / FILE_NAME).write_bytes(b"")
    store = MemoryDb(tmp_path)
    assert "was empty" in store.losses[0]
    store.close()
    again = MemoryDb(tmp_path)
    assert not again.losses
    again.close()


def test_a_folder_that_is_removed_meanwhile_is_made_again(tmp_path: Path) -> None:
    """SQLite would go on writing into the removed file, and say that all is well."""
    store = MemoryDb(tmp_path / "state", "this")
    generation = store.check()
    shutil.rmtree(tmp_path / "state")
    assert store.check() != generation
    assert "was removed" in store.losses[0]
    store.write(Batch(texts(KEPT)))
    store.close()
    assert look_into(tmp_path / "state")[0].documents.bans == KEPT.bans


@pytest.mark.parametrize("at", ["2026-01-15T22:30:00", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+00:00"])
def test_an_instant_that_nobody_can_compute_with_costs_its_row(tmp_path: Path, at: str) -> None:
    """Without an offset it cannot be compared, at the ends of the calendar it cannot be moved."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT), HEARD))
    store._base.ask(lambda base: base.execute("UPDATE heard SET at = ? WHERE id = 1", (at,)))
    assert store.recall().heard == HEARD[1:]
    store.close()


def test_a_link_to_a_disk_that_is_away_is_named(tmp_path: Path) -> None:
    """Who writes and who looks are told where it leads, and not that nothing has been remembered yet."""
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "stick" / "memory.db")
    for attempt in (lambda: MemoryDb(tmp_path), lambda: look_into(tmp_path)):
        with pytest.raises(StoreError, match=f"it is a link into {tmp_path / 'stick'}, which is missing"):
            attempt()
    (tmp_path / "stick").mkdir()
    MemoryDb(tmp_path).close()
    assert (tmp_path / "stick" / FILE_NAME).stat().st_size > 0


def test_a_pipe_in_its_place_holds_nobody_up(tmp_path: Path) -> None:
    """SQLite would wait for its other end: neither who writes nor who looks does."""
    os.mkfifo(tmp_path / FILE_NAME)
    for attempt in (lambda: MemoryDb(tmp_path), lambda: look_into(tmp_path)):
        with pytest.raises(StoreError, match="it is not a regular file"):
            attempt()
