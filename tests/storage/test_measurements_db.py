"""The store's file: across restarts, power cuts, damage, versions, full and forbidden folders."""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from player.core.errors import StoreError
from player.core.measurement import FileMark, MeasureResult
from player.storage import measurements_db as store_module
from player.storage.measurements_db import FILE_NAME, MeasurementsDb
from player.storage.sqlite import Database
from tests.contracts.test_store import MARK, MEASURED
from tests.paths import ROOT


def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    """Closed and opened again."""
    first = MeasurementsDb(tmp_path)
    first.keep(MARK, MeasureResult(MEASURED))
    first.close()
    second = MeasurementsDb(tmp_path)
    assert second.find(MARK) == MeasureResult(MEASURED)
    second.close()


def test_a_process_that_is_killed_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    """Ended by SIGKILL behind `keep`, without closing: all of it is found."""
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from player.storage.measurements_db import MeasurementsDb\n"
        "from player.core.measurement import FileMark, MeasureResult\n"
        "store = MeasurementsDb(Path(sys.argv[1]))\n"
        "for index in range(20):\n"
        "    store.keep(FileMark(f'/music/{index}', 1, 1), MeasureResult(None, 'is empty'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = ROOT
    ended = subprocess.run([sys.executable, "-c", program, str(tmp_path)], cwd=root, check=False, timeout=60)
    assert ended.returncode == -9
    opened = MeasurementsDb(tmp_path)
    assert all(opened.find(FileMark(f"/music/{index}", 1, 1)) for index in range(20))
    opened.close()


def test_two_processes_may_have_it_open(tmp_path: Path) -> None:
    """What one keeps the other finds at once: a scan by hand beside the daemon."""
    daemon, scan = MeasurementsDb(tmp_path), MeasurementsDb(tmp_path)
    scan.keep(MARK, MeasureResult(MEASURED))
    assert daemon.find(MARK) == MeasureResult(MEASURED)
    daemon.close()
    scan.close()


@pytest.mark.parametrize("damage", [b"no database at all" * 100, b""])
def test_a_file_that_is_no_database_is_set_aside(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is renamed with a warning, a new one is begun; an empty file simply is a new one."""
    (tmp_path / FILE_NAME).write_bytes(damage)
    with caplog.at_level(logging.WARNING):
        opened = MeasurementsDb(tmp_path)
    opened.keep(MARK, MeasureResult(MEASURED))
    assert opened.find(MARK) == MeasureResult(MEASURED)
    opened.close()
    assert (tmp_path / f"{FILE_NAME}.damaged").exists() == bool(damage)
    assert ("damaged" in caplog.text) == bool(damage)


def test_damage_in_the_middle_is_found_when_it_is_met(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Pages that a dying card turned to garbage: the store goes on empty and can keep again."""
    first = MeasurementsDb(tmp_path)
    for index in range(500):
        first.keep(FileMark(f"/music/{index}", 1, 1), MeasureResult(MEASURED))
    first.close()
    path = tmp_path / FILE_NAME
    data = bytearray(path.read_bytes())
    data[4096:] = os.urandom(len(data) - 4096)
    path.write_bytes(data)
    opened = MeasurementsDb(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert opened.find(FileMark("/music/7", 1, 1)) is None
        opened.keep(MARK, MeasureResult(MEASURED))
    assert opened.find(MARK) == MeasureResult(MEASURED)
    opened.close()
    assert "is damaged" in caplog.text


def test_an_older_measuring_counts_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an update that measures better, tracks are measured anew."""
    opened = MeasurementsDb(tmp_path)
    opened.keep(MARK, MeasureResult(MEASURED))
    monkeypatch.setattr(store_module, "MEASURING", store_module.MEASURING + 1)
    assert opened.find(MARK) is None
    opened.close()


def test_a_store_of_a_newer_lull_is_left_alone(tmp_path: Path) -> None:
    """It is refused with both versions named, and not damaged."""
    MeasurementsDb(tmp_path).close()
    base = sqlite3.connect(tmp_path / FILE_NAME)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(StoreError, match=r"newer lull.*99"):
        MeasurementsDb(tmp_path)
    assert not (tmp_path / f"{FILE_NAME}.damaged").exists()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """Where a file is in the way, say."""
    (tmp_path / "state").write_text("", encoding="ascii")
    with pytest.raises(StoreError, match=r"state"):
        MeasurementsDb(tmp_path / "state" / "lull")


def test_a_finding_that_cannot_be_read_counts_as_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Garbage in a row is no crash: the track counts as loud."""
    opened = MeasurementsDb(tmp_path)
    opened.keep(MARK, MeasureResult(MEASURED))
    base = sqlite3.connect(tmp_path / FILE_NAME)
    base.execute("UPDATE measurements SET measured = '{\"surprises\": 3}'")
    base.commit()
    base.close()
    with caplog.at_level(logging.WARNING):
        assert opened.find(MARK) is None
    assert "cannot be read" in caplog.text
    opened.close()


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Keeping in it is an error, asking it gives nothing."""
    opened = MeasurementsDb(tmp_path)
    opened.close()
    with pytest.raises(StoreError, match="closed"):
        opened.keep(MARK, MeasureResult(MEASURED))
    assert opened.find(MARK) is None


@pytest.mark.parametrize("number", ["NaN", "1e308", "-1e308", "Infinity", "null", '"loud"', "true", "[]", "1e400"])
@pytest.mark.parametrize("name", ["programme_lufs", "duration_s", "habitual_lufs", "faults"])
def test_a_number_that_no_measurement_can_have_counts_as_none(tmp_path: Path, name: str, number: str) -> None:
    """It would be a gain that silences a night or ends it; the row counts as none, so the track counts as loud."""
    opened = MeasurementsDb(tmp_path)
    opened.keep(MARK, MeasureResult(MEASURED))
    plain = json.dumps(store_module.as_json(MEASURED) | {name: "@"}).replace('"@"', number)
    opened._base.ask(lambda base: base.execute("UPDATE measurements SET measured = ?", (plain,)))
    assert opened.find(MARK) is None
    opened.close()


def test_a_measurement_without_chapters_is_read_and_a_wrong_chapter_is_no_measurement(tmp_path: Path) -> None:
    """Rows of an older lull have no such key; what somebody else wrote there counts as none."""
    opened = MeasurementsDb(tmp_path)
    opened.keep(MARK, MeasureResult(MEASURED))
    plain = store_module.as_json(MEASURED)
    row = {key: value for key, value in plain.items() if key != "chapters"}
    chapter = {"start_s": 0.0, "title": "x"}
    for chapters in ("x", 3, [3], [{}], [{**chapter, "start_s": -1.0}], [{**chapter, "title": 4}]):
        text = json.dumps({**row, "chapters": chapters})
        opened._base.ask(lambda base, text=text: base.execute("UPDATE measurements SET measured = ?", (text,)))
        assert opened.find(MARK) is None, chapters
    opened._base.ask(lambda base: base.execute("UPDATE measurements SET measured = ?", (json.dumps(row),)))
    assert opened.find(MARK) == MeasureResult(replace(MEASURED, chapters=()))
    opened.close()


def test_a_file_of_a_year_that_sqlite_cannot_hold_is_unknown(tmp_path: Path) -> None:
    """The time of writing may be anything, 64 bits of nanoseconds end in 2262."""
    opened = MeasurementsDb(tmp_path)
    assert opened.find(FileMark("/music/rain.flac", 1, 1 << 64)) is None
    with pytest.raises(StoreError):
        opened.keep(FileMark("/music/rain.flac", 1, 1 << 64), MeasureResult(MEASURED))
    opened.close()


def test_a_disk_that_comes_back_is_used_again(tmp_path: Path) -> None:
    """Where the folder could not be made at first: no fault for whoever is patient, and kept once it can."""
    in_the_way = tmp_path / "state"
    in_the_way.write_text("", encoding="ascii")
    opened = MeasurementsDb(in_the_way, is_patient=True)
    assert opened.find(MARK) is None
    in_the_way.unlink()
    opened.keep(MARK, MeasureResult(MEASURED))
    assert opened.find(MARK) == MeasureResult(MEASURED)
    opened.close()


@pytest.mark.skipif(os.geteuid() != 0, reason="about root")
def test_root_follows_no_link_of_somebody_else(tmp_path: Path) -> None:
    """`sudo lull scan` in a folder of the service's user: what the link names is neither written nor given away."""
    (tmp_path / "precious").write_bytes(b"")
    (tmp_path / FILE_NAME).symlink_to(tmp_path / "precious")
    for path in (tmp_path, tmp_path / FILE_NAME):
        os.chown(path, 65534, 65534, follow_symlinks=False)
    with pytest.raises(StoreError, match="is a link"):
        MeasurementsDb(tmp_path)
    facts = (tmp_path / "precious").stat()
    assert (facts.st_size, facts.st_uid) == (0, 0)


def test_a_disk_that_hangs_is_found_out_once_and_used_again_when_it_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for it a second time; opening waits for the first question, so a start does not."""
    may_open = threading.Event()
    open_it = Database.check

    def check(base: Database) -> int:
        assert may_open.wait(20.0)
        return open_it(base)

    monkeypatch.setattr(Database, "check", check)
    monkeypatch.setattr(store_module, "ANSWER_S", 0.05)
    opened = MeasurementsDb(tmp_path, is_patient=True)
    assert [opened.answers() for _ in range(2)] == [False, False]
    may_open.set()
    give_up_s = time.monotonic() + 20.0
    while not opened.answers():
        assert time.monotonic() < give_up_s
    opened.keep(MARK, MeasureResult(MEASURED))
    assert opened.find(MARK) == MeasureResult(MEASURED)
    opened.close()


def test_a_disk_that_cannot_be_written_answers(tmp_path: Path) -> None:
    """That is a fault that `find` tells, not a disk that hangs."""
    (tmp_path / "state").write_text("", encoding="ascii")
    assert MeasurementsDb(tmp_path / "state", is_patient=True).answers()
