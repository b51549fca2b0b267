"""The copy in memory: what the disk lacks when lull ends is known at the next start on the same boot, and only then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Documents, RecalledMemory, texts
from player.storage.runtime_copy import RuntimeCopy, runtime_file
from tests.contracts.test_memory import AT, KEPT

TONIGHT = RememberedTrack("/music/tonight", "tonight", AT)
SAVED = RecalledMemory(replace(KEPT, tries=1), boot="this")
"""What the disk has: a session that can be resumed for the first time."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lull_1.json"


def ended_with(path: Path, documents: Documents, *, is_saved: bool = False, boot: str = "this") -> None:
    """A run of lull that knew the disk's content, made a change, and ended."""
    copy = RuntimeCopy(path, boot)
    copy.completed(SAVED)
    change = copy.note(texts(documents, SAVED.documents))
    if is_saved:
        copy.confirm(change)


def test_a_stop_that_the_disk_lacks_is_not_resumed(path: Path) -> None:
    """The disk still has the session; it remains unsaved until the disk has taken it."""
    ended_with(path, replace(SAVED.documents, record=None))
    copy = RuntimeCopy(path, "this")
    found = copy.completed(SAVED)
    assert found.documents == replace(SAVED.documents, record=None)
    assert copy.unsaved == {"record": "null"}
    copy.confirm(copy.note({"record": "null"}))
    assert RuntimeCopy(path, "this").unsaved == {}


def test_what_was_saved_is_the_disks(path: Path) -> None:
    """A backup that was put back, or a memory that was removed by hand, is what it is."""
    ended_with(path, replace(SAVED.documents, record=None, bans=(TONIGHT,)), is_saved=True)
    assert RuntimeCopy(path, "this").completed(SAVED) == SAVED
    assert RuntimeCopy(path, "this").completed(RecalledMemory()) == RecalledMemory()


def test_a_change_after_the_one_that_was_saved_is_unsaved(path: Path) -> None:
    """Whoever confirms names what was saved."""
    copy = RuntimeCopy(path, "this")
    saved = copy.note({"tries": "1"})
    copy.note({"tries": "2"})
    copy.confirm(saved)
    assert RuntimeCopy(path, "this").unsaved == {"tries": "2"}


def test_bans_are_those_of_both(path: Path) -> None:
    """One too many is a smaller fault than one too few."""
    ended_with(path, replace(SAVED.documents, bans=(TONIGHT,)))
    assert set(RuntimeCopy(path, "this").completed(SAVED).documents.bans) == {*KEPT.bans, TONIGHT}


def test_without_the_disk_everything_is_known_and_a_session_is_counted(path: Path) -> None:
    """A crash loop counts here as well."""
    ended_with(path, SAVED.documents, is_saved=True)
    assert RuntimeCopy(path, "this").recalled().documents == replace(KEPT, tries=2)
    assert RuntimeCopy(path, "this").recalled().documents == replace(KEPT, tries=3)


def test_a_session_that_only_the_copy_has_is_counted(path: Path) -> None:
    """It began while the disk hung; the disk's own count is of an earlier one."""
    copy = RuntimeCopy(path, "this")
    copy.note(texts(replace(KEPT, tries=0)))
    idle = RecalledMemory(Documents(), boot="this")
    assert RuntimeCopy(path, "this").completed(idle).documents == replace(KEPT, tries=1)
    assert RuntimeCopy(path, "this").completed(idle).documents.tries == 2


def test_a_session_that_cannot_be_counted_is_left_out(path: Path) -> None:
    """Otherwise a loop of crashes would be a loop of sounds."""
    ended_with(path, SAVED.documents)
    copy = RuntimeCopy(path, "this")
    path.with_suffix(".new").mkdir()
    assert copy.recalled().documents.record is None


@pytest.mark.parametrize("damage", [b"", b"{}", b"[]", b"\xff", b'{"boot": "this", "unsaved": [], "documents": 5}'])
def test_a_damaged_copy_is_none(path: Path, damage: bytes) -> None:
    """The disk alone counts."""
    path.write_bytes(damage)
    assert RuntimeCopy(path, "this").recalled() == RecalledMemory(boot="this")
    assert RuntimeCopy(path, "this").completed(SAVED) == SAVED


@pytest.mark.parametrize(("boot", "later"), [("this", "other"), ("", "")])
def test_a_copy_of_another_boot_is_none(path: Path, boot: str, later: str) -> None:
    """A run-time directory that survives boots, as in some containers; and a machine that does not name its boots."""
    ended_with(path, replace(SAVED.documents, record=None), boot=boot)
    assert RuntimeCopy(path, later).completed(SAVED) == SAVED


def test_without_a_run_time_directory_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where lull is no service. systemd names several with colons between them."""
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert runtime_file("lull_1") is None
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/lull:/run/other")
    assert runtime_file("lull_1") == Path("/run/lull/lull_1.json")
    copy = RuntimeCopy()
    copy.confirm(copy.note(texts(KEPT)))
    assert copy.completed(SAVED) == SAVED
