"""The diary: nobody waits for it, and what cannot be written is a problem and not the end of a night."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from player.core.errors import StoreError
from player.session.memory.records import Batch, RecalledMemory, texts
from player.storage.writer_thread import WriterThread
from tests.contracts.test_memory import ENDED, HEARD, KEPT
from tests.fakes.memory import FakeMemoryStore

PATIENCE_S = 5.0
BANS = Batch(texts(replace(KEPT, record=None), replace(KEPT, bans=(), record=None)))


class SlowStore(FakeMemoryStore):
    """A card that takes as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()

    def write(self, batch: Batch) -> None:
        assert self.may_write.wait(PATIENCE_S)
        super().write(batch)


@dataclass
class Desk:
    """A diary over a store, and what it says."""

    store: FakeMemoryStore = field(default_factory=FakeMemoryStore)
    look: Callable[[], RecalledMemory] = RecalledMemory
    is_openable: bool = True
    said: list[str | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.diary = WriterThread(self.open, self.look, self.said.append, retry_s=0.01)

    def open(self) -> FakeMemoryStore:
        if not self.is_openable:
            raise StoreError("the folder cannot be written")
        return self.store

    def wait(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, (self.said, self.store.batches)
            time.sleep(0.002)


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.diary.close(PATIENCE_S)


def test_what_is_handed_over_is_written_before_it_closes(desk: Desk) -> None:
    """Each batch, in order; then the store is closed."""
    desk.diary.recall()
    desk.diary.write(BANS)
    desk.diary.write(Batch({}, HEARD, ENDED))
    desk.diary.close(PATIENCE_S)
    assert [batch.heard for batch in desk.store.batches] == [(), HEARD]
    assert desk.store.is_closed
    assert set(desk.said) <= {None}


def test_nobody_waits_for_a_slow_card() -> None:
    """Writing returns at once while the card is stuck, and closing waits no longer than it was told."""
    desk = Desk(SlowStore())
    desk.diary.recall()
    began_s = time.monotonic()
    for _ in range(100):
        desk.diary.write(BANS)
    desk.diary.close(0.05)
    assert time.monotonic() - began_s < 1.0
    assert isinstance(desk.store, SlowStore)
    desk.store.may_write.set()
    desk.wait(lambda: desk.store.is_closed)


def test_a_full_disk_is_a_problem_and_costs_nothing_once_there_is_room(desk: Desk) -> None:
    """Tried again by itself; documents and log of the whole time are written together, and the problem is cleared."""
    desk.diary.recall()
    desk.store.fault = "the disk is full"
    desk.diary.write(BANS)
    desk.diary.write(Batch({}, HEARD))
    desk.diary.write(Batch({}, (), ENDED))
    desk.wait(lambda: bool(desk.said))
    assert desk.said == ["what happens is not remembered: the disk is full"]
    desk.store.fault = None
    desk.wait(lambda: desk.said[-1] is None)
    assert len(desk.store.batches) <= 3
    assert (tuple(desk.store.heard), tuple(desk.store.ended)) == (HEARD, ENDED)
    assert desk.store.recall().kept.bans == KEPT.bans


def test_what_can_be_read_but_not_written_is_still_known() -> None:
    """A disk that has become read-only: the bans hold tonight, a problem says that nothing new is remembered."""
    desk = Desk(is_openable=False, look=lambda: RecalledMemory(replace(KEPT, record=None)))
    assert desk.diary.recall().kept.bans == KEPT.bans
    assert desk.said == ["nothing new is remembered across restarts: the folder cannot be written"]
    desk.is_openable = True
    desk.diary.write(BANS)
    desk.wait(lambda: desk.said[-1] is None)
    assert desk.store.batches
    desk.diary.close(PATIENCE_S)


def test_what_cannot_be_read_is_not_overwritten() -> None:
    """A night without a memory; whatever is in the file is left for a better day."""

    def look() -> RecalledMemory:
        raise StoreError("cannot be read")

    desk = Desk(is_openable=False, look=look)
    assert desk.diary.recall() == RecalledMemory()
    desk.is_openable = True
    desk.diary.write(BANS)
    desk.diary.close(PATIENCE_S)
    assert not desk.store.batches
    assert "nothing new is remembered" in str(desk.said[0])


def test_a_memory_that_was_damaged_is_said_and_gets_all_documents_again(desk: Desk) -> None:
    """Set aside in the middle of a night: what is known goes into the new file, not only what has changed."""
    desk.store.documents = texts(replace(KEPT, record=None))
    desk.diary.recall()
    desk.store.documents, desk.store.set_aside = {}, "memory.db.damaged"
    desk.diary.write(Batch({}, HEARD))
    desk.wait(lambda: len(desk.store.batches) == 2)
    assert desk.store.recall().kept.bans == KEPT.bans
    assert "memory.db.damaged" in str(desk.said[-1])


def test_a_bug_in_writing_ends_the_diary_and_not_the_night(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its trace and becomes a problem."""
    desk.diary.recall()
    desk.store.write = None  # type: ignore[assignment, method-assign]
    desk.diary.write(BANS)
    desk.wait(lambda: bool(desk.said) and "the diary failed" in str(desk.said[-1]))
    assert "Traceback" in caplog.text
