"""The copy of bans and settings beside the database: written whole, read only whole, and used where it is needed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, texts
from player.storage import document_copy
from player.storage.document_copy import COPIED, read_copy, write_copy
from player.storage.document_copy import FILE_NAME as COPY_NAME
from player.storage.memory_db import FILE_NAME, MemoryDb, look_into
from tests.contracts.test_memory import AT, HEARD, KEPT

DOCUMENTS = {name: text for name, text in texts(KEPT).items() if name in COPIED}
THIRD = RememberedTrack("/music/d", "d", AT)


def test_it_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """All documents but the running session, with names that are no text."""
    write_copy(tmp_path / "state", texts(KEPT))
    assert read_copy(tmp_path / "state") == DOCUMENTS
    assert "record" not in DOCUMENTS
    assert os.listdir(tmp_path / "state") == [COPY_NAME]


def test_any_changed_byte_makes_it_none(tmp_path: Path) -> None:
    """Each tenth byte changed, and each tenth length: nothing of it is believed."""
    write_copy(tmp_path, DOCUMENTS)
    path = tmp_path / COPY_NAME
    whole = path.read_bytes()
    for at in range(0, len(whole) - 1, 10):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert read_copy(tmp_path) in ({}, DOCUMENTS), at
        path.write_bytes(whole[:at])
        assert read_copy(tmp_path) == {}, at


def test_what_is_no_file_is_none(tmp_path: Path) -> None:
    """Nothing there, a link, a pipe, a folder, a list."""
    assert read_copy(tmp_path) == {}
    write_copy(tmp_path, DOCUMENTS)
    path = tmp_path / COPY_NAME
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert read_copy(tmp_path) == {}
    path.unlink()
    os.mkfifo(path)
    assert read_copy(tmp_path) == {}
    path.unlink()
    path.write_text("[" * 100_000, encoding="ascii")
    assert read_copy(tmp_path) == {}


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """Under either name: what it leads to stays as it is."""
    victim = tmp_path / "victim"
    victim.write_text("mine", encoding="ascii")
    for name in (COPY_NAME, f"{COPY_NAME}.new"):
        (tmp_path / name).symlink_to(victim)
    write_copy(tmp_path, DOCUMENTS)
    assert victim.read_text(encoding="ascii") == "mine"
    assert read_copy(tmp_path) == DOCUMENTS


def test_where_it_cannot_be_written_the_database_is_and_the_old_one_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is almost full: a ban is kept, its copy is the one before, and the next write renews it."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(document_copy.os, "fsync", full)
    store.write(Batch(texts(replace(KEPT, bans=(THIRD,)), KEPT)))
    assert store.copy_fault is not None
    assert store.copy_fault == f"the disk of {tmp_path} is full; free some space there, or set another state_dir"
    monkeypatch.undo()
    assert read_copy(tmp_path) == DOCUMENTS
    store.write(Batch({}, HEARD))
    assert store.copy_fault is None
    assert read_copy(tmp_path) == DOCUMENTS | {"bans": texts(replace(KEPT, bans=(THIRD,)))["bans"]}
    assert store.recall().documents.bans == (THIRD,)
    store.close()


def test_a_database_that_is_lost_gets_bans_and_settings_back(tmp_path: Path) -> None:
    """Overwritten, emptied or removed: all documents but the running session are known, and are in the new one."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.close()
    for damage in (b"no database" * 1000, b"", None):
        path = tmp_path / FILE_NAME
        path.unlink() if damage is None else path.write_bytes(damage)
        store = MemoryDb(tmp_path, "this")
        assert store.recall().documents == replace(KEPT, record=None)
        store.close()
        (tmp_path / COPY_NAME).unlink()
        assert look_into(tmp_path)[0].documents == replace(KEPT, record=None)
        store = MemoryDb(tmp_path, "this")
        store.recall()  # which writes the copy again
        store.close()


def test_a_ban_in_either_of_both_is_a_ban(tmp_path: Path) -> None:
    """The power went between the copy and the database, or a byte of a name changed: no ban is lost."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    write_copy(tmp_path, texts(replace(KEPT, bans=(KEPT.bans[0], THIRD))))
    assert store.recall().documents.bans == (*KEPT.bans, THIRD)
    store.close()
    assert read_copy(tmp_path)["bans"] == texts(replace(KEPT, bans=(*KEPT.bans, THIRD)))["bans"]


def test_a_ban_that_was_taken_back_does_not_return(tmp_path: Path) -> None:
    """Once it is written, neither the database nor the copy has it."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.write(Batch(texts(replace(KEPT, bans=()), KEPT)))
    store.close()
    for name in (FILE_NAME, COPY_NAME):
        (tmp_path / name).rename(tmp_path / "away")
        store = MemoryDb(tmp_path, "this")
        assert store.recall().documents.bans == ()
        store.close()
        (tmp_path / "away").replace(tmp_path / name)


def test_a_person_who_looks_is_told_of_a_damaged_database_and_shown_the_bans(tmp_path: Path) -> None:
    """`lull bans` beside a daemon that cannot repair it."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.close()
    (tmp_path / FILE_NAME).write_bytes(b"no database" * 1000)
    recalled, ended = look_into(tmp_path)
    assert (recalled.documents.bans, ended) == (KEPT.bans, ())
    assert "cannot be read" in recalled.faults[0]


@pytest.mark.parametrize("base", [b"no database" * 1000, b"", None])
def test_where_both_are_lost_it_is_said_and_both_are_kept(tmp_path: Path, base: bytes | None) -> None:
    """The database damaged, empty or removed: the copy is set aside, and no fault is told at the next start."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.close()
    (tmp_path / FILE_NAME).unlink()
    if base is not None:
        (tmp_path / FILE_NAME).write_bytes(base)
    (tmp_path / COPY_NAME).write_bytes(b"rubbish")
    store = MemoryDb(tmp_path, "this")
    recalled = store.recall()
    assert recalled.documents == Documents()
    (told,) = recalled.faults
    assert told.startswith(f"{tmp_path / COPY_NAME} was damaged; it is kept as {COPY_NAME}.damaged, and ")
    assert (tmp_path / f"{COPY_NAME}.damaged").read_bytes() == b"rubbish"
    store.close()
    store = MemoryDb(tmp_path, "this")
    assert store.recall().faults == ()
    store.close()


def test_a_damaged_copy_beside_a_good_database_is_written_anew(tmp_path: Path) -> None:
    """Nothing is lost, so nothing is said."""
    store = MemoryDb(tmp_path, "this")
    store.write(Batch(texts(KEPT)))
    store.close()
    (tmp_path / COPY_NAME).write_bytes(b"rubbish")
    store = MemoryDb(tmp_path, "this")
    assert (store.recall().faults, store.losses) == ((), ())
    store.close()
    assert read_copy(tmp_path) == DOCUMENTS
    assert not (tmp_path / f"{COPY_NAME}.damaged").exists()


def test_nothing_is_written_where_there_is_nothing_to_keep(tmp_path: Path) -> None:
    """The first start of a speaker: no copy of defaults."""
    store = MemoryDb(tmp_path, "this")
    assert store.recall().documents == Documents()
    store.close()
    assert not (tmp_path / COPY_NAME).exists()


@pytest.mark.parametrize("what", ["folder", "unreadable"])
def test_what_cannot_be_read_is_told_with_its_reason_and_kept(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No database, and a folder in the place of the copy, or a copy whose owner is another: not a word of damage."""
    path = tmp_path / COPY_NAME
    reason = "was not a regular file"
    if what == "folder":
        path.mkdir()
    else:
        write_copy(tmp_path, DOCUMENTS)
        reason = "could not be read (Permission denied)"
        opened = os.open

        def refuse(name: Path, flags: int, *rest: int) -> int:
            if name == path and not flags & os.O_WRONLY:
                raise PermissionError(13, "Permission denied")
            return opened(name, flags, *rest)

        monkeypatch.setattr(document_copy.os, "open", refuse)
    store = MemoryDb(tmp_path, "this")
    told = f"{path} {reason}; it is kept as {COPY_NAME}.damaged, and bans, likes and settings that only it had are lost"
    assert told in store.recall().faults
    assert (tmp_path / f"{COPY_NAME}.damaged").exists()
    store.write(Batch(texts(KEPT)))
    assert store.copy_fault is None
    assert path.is_file()
