"""The writer: nobody waits for it, and what cannot be written is a problem and not the end of a night."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from player.core.errors import StoreError
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, RecalledMemory, Switches, texts
from player.storage.memory_db import MemoryDb
from player.storage.runtime_copy import RuntimeCopy
from player.storage.writer_thread import HANGS, MemorySources, WriterThread
from tests.contracts.test_memory import AT, ENDED, HEARD, KEPT, RECORD
from tests.fakes.memory import FakeMemoryStore
from tests.fakes.threads import no_more_threads

PATIENCE_S = 20.0
BANS = Batch(texts(replace(KEPT, record=None), replace(KEPT, bans=(), record=None)))


class SlowStore(FakeMemoryStore):
    """A card that takes as long as the test wants."""

    def __init__(self) -> None:
        super().__init__()
        self.may_write = threading.Event()

    def write(self, batch: Batch) -> None:
        assert self.may_write.wait(PATIENCE_S)
        super().write(batch)


class HangingStore(FakeMemoryStore):
    """A share whose server is away at the start."""

    def __init__(self) -> None:
        super().__init__()
        self.may_answer = threading.Event()

    def recall(self) -> RecalledMemory:
        assert self.may_answer.wait(PATIENCE_S)
        return super().recall()


@dataclass
class Desk:
    """A writer over a store, and what it says."""

    store: FakeMemoryStore = field(default_factory=FakeMemoryStore)
    look: Callable[[], RecalledMemory] = RecalledMemory
    is_openable: bool = True
    said: list[str | None] = field(default_factory=list)
    found: list[Documents] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = WriterThread(
            MemorySources(self.open, self.look), self.said.append, self.found.append, retry_s=0.01
        )

    def open(self) -> FakeMemoryStore:
        if not self.is_openable:
            raise StoreError("the folder cannot be written")
        return self.store

    def wait(self, what: Callable[[], bool]) -> None:
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, (self.said, self.store.batches)
            time.sleep(0.002)


def test_a_copy_that_cannot_be_written_is_told_of_while_it_is_so(tmp_path: Path) -> None:
    """Everything else is written, the running session too, and the answer is "done"."""
    said, done = list[str | None](), list[str | None]()
    writer = WriterThread(MemorySources(lambda: MemoryDb(tmp_path, "this"), RecalledMemory), said.append)
    (tmp_path / "memory.json.new").mkdir()
    writer.recall()
    written = threading.Event()
    writer.write(Batch(texts(KEPT)), lambda fault: (done.append(fault), written.set())[0])
    assert written.wait(PATIENCE_S)
    assert done == [None]
    (told,) = said
    assert told is not None
    assert told.startswith("bans and settings have no second copy: ")
    (tmp_path / "memory.json.new").rmdir()
    writer.write(Batch(texts(replace(KEPT, bans=()), KEPT)))
    writer.close(PATIENCE_S)
    assert said == [told, None]
    store = MemoryDb(tmp_path, "this")
    assert store.recall().documents == replace(KEPT, bans=(), tries=1)
    store.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk()
    yield made
    made.writer.close(PATIENCE_S)


def test_what_is_handed_over_is_written_before_it_closes(desk: Desk) -> None:
    """All of it, in order; then the store is closed."""
    desk.writer.recall()
    desk.writer.write(BANS)
    desk.writer.write(Batch({}, HEARD, ENDED))
    desk.writer.close(PATIENCE_S)
    assert [heard for batch in desk.store.batches for heard in batch.heard] == list(HEARD)
    assert desk.store.is_closed
    assert set(desk.said) <= {None}


def test_at_the_limit_of_threads_it_still_writes(desk: Desk) -> None:
    """Whether a write hangs cannot be told then; the write is made, and nothing ends."""
    desk.writer.recall()
    with no_more_threads() as refused:
        desk.writer.write(BANS)
        desk.wait(lambda: bool(desk.store.batches))
    desk.writer.write(Batch({}, HEARD, ENDED))
    desk.wait(lambda: len(desk.store.batches) == 2)
    assert refused == ["timer"]
    assert set(desk.said) <= {None}


def test_a_memory_for_whose_reading_there_is_no_thread_is_read_later() -> None:
    """The night begins without it; then it is read and merged, as after a disk that hung."""
    desk = Desk()
    desk.store.write(Batch(texts(KEPT)))
    with no_more_threads("lull-memory-reading", "lull-memory-copy"):
        assert desk.writer.recall() == RecalledMemory()
    desk.wait(lambda: bool(desk.found))
    assert desk.found[0].bans == KEPT.bans
    desk.writer.close(PATIENCE_S)
    assert desk.said[-1] is None


def test_nobody_waits_for_a_slow_card() -> None:
    """Writing returns at once while the card is stuck, and closing waits no longer than it was told."""
    desk = Desk(SlowStore())
    desk.writer.recall()
    began_s = time.monotonic()
    for _ in range(100):
        desk.writer.write(BANS)
    desk.writer.close(0.05)
    assert time.monotonic() - began_s < PATIENCE_S / 2
    assert isinstance(desk.store, SlowStore)
    desk.store.may_write.set()
    desk.wait(lambda: desk.store.is_closed)


@pytest.mark.slow
def test_a_disk_that_does_not_answer_is_a_problem_and_nobody_waits_for_it() -> None:
    """Neither who waited when it began to hang, nor who asks meanwhile; all of it is written once it answers."""
    store, said, answers = SlowStore(), list[str | None](), list[str | None]()
    writer = WriterThread(MemorySources(lambda: store, RecalledMemory), said.append, hangs_s=0.3)
    writer.recall()
    writer.write(BANS)
    writer.write(Batch({}), answers.append)
    wait_for(lambda: answers == [HANGS])
    assert said == [f"nothing that happens is saved: {HANGS}"]
    writer.write(Batch({}, HEARD), answers.append)
    assert answers == [HANGS, HANGS]
    store.may_write.set()
    wait_for(lambda: said[-1] is None)
    writer.write(Batch({}), answers.append)
    wait_for(lambda: answers == [HANGS, HANGS, None])
    assert (tuple(store.heard), store.recall().documents.bans) == (HEARD, KEPT.bans)
    writer.close(PATIENCE_S)


@pytest.mark.slow
def test_a_disk_that_answers_while_it_is_told_that_it_hangs_is_no_problem_in_the_end() -> None:
    """The problem is told on a thread of its own, and its end must not come before it."""
    store, said, may_tell = SlowStore(), list[str | None](), threading.Event()

    def tell(text: str | None) -> None:
        if text is not None:
            store.may_write.set()
            assert may_tell.wait(PATIENCE_S)
        said.append(text)

    writer = WriterThread(MemorySources(lambda: store, RecalledMemory), tell, hangs_s=0.3)
    writer.recall()
    writer.write(BANS)
    wait_for(lambda: store.recall().documents.bans == KEPT.bans)
    time.sleep(0.05)  # time in which the end could be told too early
    may_tell.set()
    wait_for(lambda: len(said) == 2)
    assert said == [f"nothing that happens is saved: {HANGS}", None]
    writer.close(PATIENCE_S)


@dataclass
class HangingStart:
    """A start while the disk hangs, and what is known then and later."""

    copy: dict[str, str] = field(default_factory=dict)
    runtime: RuntimeCopy = field(default_factory=RuntimeCopy)
    store: HangingStore = field(default_factory=HangingStore)
    said: list[str | None] = field(default_factory=list)
    found: list[Documents] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store.documents = texts(KEPT)
        sources = MemorySources(lambda: self.store, RecalledMemory, lambda: self.copy, self.runtime)
        self.writer = WriterThread(sources, self.said.append, self.found.append, recall_s=0.1, retry_s=0.01)
        self.recalled = self.writer.recall()

    def answer(self) -> None:
        """The disk answers."""
        self.store.may_answer.set()
        wait_for(lambda: self.said[-1] is None)


@pytest.mark.slow
def test_a_disk_that_hangs_at_the_start_is_not_waited_for_and_taken_in_later() -> None:
    """The problem is told, bans of tonight are answered at once; everything is known and written once it answers."""
    start, answers = HangingStart(), list[str | None]()
    assert start.recalled == RecalledMemory()
    assert start.said == [f"nothing that happens is saved: {HANGS}"]
    tonight = RememberedTrack("/music/tonight", "tonight", AT)
    start.writer.write(Batch(texts(Documents(bans=(tonight,)), Documents())), answers.append)
    assert answers == [HANGS]
    start.answer()
    (found,) = start.found
    both = replace(KEPT, bans=(*KEPT.bans, tonight))
    assert found == replace(both, tries=found.tries), "the session that was interrupted too"
    assert found.tries > 0
    assert start.store.recall().documents == replace(both, record=None), "the session's owner writes it"
    start.writer.close(PATIENCE_S)


@pytest.mark.slow
def test_a_start_that_was_made_while_the_disk_hung_does_not_undo_what_was_changed_before() -> None:
    """An entry that is switched off stays so."""
    start = HangingStart()
    made, missed = ("night", AT.time(), AT.date()), ("evening", AT.time(), AT.date())
    start.writer.write(Batch(texts(Documents(switches=Switches(made=(made,), missed=(missed,))), Documents())))
    start.answer()
    start.writer.close(PATIENCE_S)
    kept = KEPT.switches
    switches = replace(kept, made=(*kept.made, made), missed=(*kept.missed, missed))
    assert start.found[0].switches == start.store.recall().documents.switches == switches


@pytest.mark.slow
def test_a_ban_that_was_lifted_while_the_disk_hung_does_not_come_back() -> None:
    """It is on the disk, but it was known from the copy; and it is not the first change that waits."""
    start = HangingStart(copy=texts(replace(KEPT, record=None)))
    start.writer.write(Batch(texts(replace(KEPT, record=None, nights=frozenset()), Documents())))
    start.writer.write(Batch(texts(Documents(), Documents(bans=KEPT.bans))))
    start.answer()
    start.writer.close(PATIENCE_S)
    assert start.found[0].bans == start.store.recall().documents.bans == ()
    assert start.found[0].likes == KEPT.likes


@pytest.mark.slow
def test_a_session_that_began_while_the_disk_hung_is_not_replaced_by_the_one_on_the_disk() -> None:
    """What is known of the running one is newer."""
    start = HangingStart()
    record = replace(RECORD, playlist="sea")
    start.writer.write(Batch(texts(Documents(record=record), Documents())))
    start.answer()
    wait_for(lambda: len(start.store.batches) > 0)
    assert start.found[0].record is None
    assert start.store.recall().documents.record == record
    start.writer.close(PATIENCE_S)


@pytest.mark.slow
def test_bans_are_known_from_the_copies_where_the_disk_hangs_at_the_start(tmp_path: Path) -> None:
    """The copy on the disk is only read, which works where writing hangs; the one in memory has the session too."""
    start = HangingStart(copy=texts(replace(KEPT, record=None)))
    assert start.recalled.documents == replace(KEPT, record=None)
    start.answer()
    assert start.found[0].record is not None
    start.writer.close(PATIENCE_S)
    RuntimeCopy(tmp_path / "copy", "this").note(texts(KEPT))
    start = HangingStart(runtime=RuntimeCopy(tmp_path / "copy", "this"))
    assert start.recalled.documents == replace(KEPT, tries=1)
    start.answer()
    start.writer.close(PATIENCE_S)
    assert start.found[0].record is None, "it is known already"
    assert RuntimeCopy(tmp_path / "copy", "this").unsaved == {}


def test_what_the_disk_lacks_is_written_at_the_next_start(tmp_path: Path) -> None:
    """A stop into a disk that hung until lull ended."""
    runtime = RuntimeCopy(tmp_path / "copy", "this")
    runtime.note({"record": "null"})
    store = FakeMemoryStore()
    store.documents = texts(KEPT)
    writer = WriterThread(MemorySources(lambda: store, RecalledMemory, runtime=runtime), lambda _: None)
    assert writer.recall().documents.record is None
    writer.close(PATIENCE_S)
    assert store.recall().documents.record is None
    assert runtime.unsaved == {}


def wait_for(what: Callable[[], bool]) -> None:
    give_up_s = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < give_up_s
        time.sleep(0.01)


def test_a_full_disk_is_a_problem_and_costs_nothing_once_there_is_room(desk: Desk) -> None:
    """Tried again by itself; documents and log of the whole time are written together, and the problem is cleared."""
    desk.writer.recall()
    desk.store.fault = "the disk is full"
    desk.writer.write(BANS)
    desk.writer.write(Batch({}, HEARD))
    desk.writer.write(Batch({}, (), ENDED))
    desk.wait(lambda: bool(desk.said))
    assert desk.said == ["nothing that happens is saved: the disk is full"]
    desk.store.fault = None
    desk.wait(lambda: desk.said[-1] is None and bool(desk.store.ended))
    assert len(desk.store.batches) <= 3
    assert (tuple(desk.store.heard), tuple(desk.store.ended)) == (HEARD, ENDED)
    assert desk.store.recall().documents.bans == KEPT.bans


def test_what_can_be_read_but_not_written_is_still_known() -> None:
    """A disk that has become read-only: the bans hold tonight, a problem says that nothing new is remembered."""
    desk = Desk(is_openable=False, look=lambda: RecalledMemory(replace(KEPT, record=None)))
    assert desk.writer.recall().documents.bans == KEPT.bans
    refused: list[str | None] = []
    desk.writer.write(BANS, refused.append)
    desk.wait(lambda: bool(refused))
    assert desk.said == ["nothing that happens is saved: the folder cannot be written"]  # once, and never "resolved"
    desk.is_openable = True
    desk.wait(lambda: desk.said[-1] is None)
    assert desk.store.batches
    desk.writer.close(PATIENCE_S)


def test_what_cannot_be_read_at_the_start_is_read_later_and_nothing_of_it_is_lost() -> None:
    """Bans of the file and bans of tonight: both are in it afterwards, and the session is told of those of the file."""

    def look() -> RecalledMemory:
        raise StoreError("cannot be read")

    desk = Desk(is_openable=False, look=look)
    desk.store.documents = texts(replace(KEPT, record=None))
    assert desk.writer.recall() == RecalledMemory()
    desk.wait(lambda: "nothing that happens is saved" in str(desk.said[-1:]))
    tonight = RememberedTrack("/music/tonight", "tonight", AT)
    tried: list[str | None] = []
    desk.writer.write(Batch(texts(Documents(bans=(tonight,)), Documents())), tried.append)
    desk.wait(lambda: tried == ["the folder cannot be written"])  # so that the try that succeeds has the ban of tonight
    desk.is_openable = True
    desk.wait(lambda: desk.said[-1] is None)
    recalled = desk.store.recall().documents
    assert set(recalled.bans) == {*KEPT.bans, tonight}
    assert replace(recalled, bans=()) == replace(KEPT, bans=(), record=None)
    assert desk.found[0].bans == recalled.bans
    desk.writer.close(PATIENCE_S)


def test_a_file_that_comes_back_is_used_again_without_anything_to_write() -> None:
    """Tried again by itself, and the problem is cleared."""
    desk = Desk(is_openable=False)
    desk.writer.recall()
    desk.is_openable = True
    desk.wait(lambda: desk.said[-1] is None)
    desk.writer.close(PATIENCE_S)


def test_whoever_asks_hears_whether_it_was_written(desk: Desk) -> None:
    """None once it is on the disk; the reason while it is not, at once, and it is tried again all the same."""
    desk.writer.recall()
    answers: list[str | None] = []
    desk.store.fault = "the disk is full"
    desk.writer.write(BANS, answers.append)
    desk.wait(lambda: answers == ["the disk is full"])
    desk.store.fault = None
    desk.writer.write(Batch({}, HEARD), answers.append)
    desk.wait(lambda: answers == ["the disk is full", None])
    assert desk.store.recall().documents.bans == KEPT.bans


def test_a_file_that_was_removed_gets_all_documents_again(desk: Desk) -> None:
    """Not only those that have changed since."""
    desk.store.documents = texts(replace(KEPT, record=None))
    desk.writer.recall()
    desk.store.documents, desk.store.generation, desk.store.losses = {}, 2, ("memory.db was removed",)
    desk.writer.write(Batch({}, HEARD))
    desk.wait(lambda: desk.said[-1:] == ["memory.db was removed"])
    assert desk.store.recall().documents.bans == KEPT.bans


def test_a_memory_that_was_damaged_gets_all_documents_again(desk: Desk) -> None:
    """Set aside in the middle of a night: what is known goes into the new file, not only what has changed."""
    desk.store.documents = texts(replace(KEPT, record=None))
    desk.writer.recall()
    write = desk.store.write

    def write_into_a_new_file(batch: Batch) -> None:
        if not desk.store.losses:
            desk.store.documents, desk.store.losses = {}, ("it is kept as memory.db.damaged",)
        write(batch)

    desk.store.write = write_into_a_new_file  # type: ignore[method-assign]
    desk.writer.write(Batch({}, HEARD))
    desk.wait(lambda: "memory.db.damaged" in str(desk.said[-1:]))
    assert desk.store.recall().documents.bans == KEPT.bans


def test_a_bug_in_writing_ends_the_diary_and_not_the_night(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its trace and becomes a problem; whoever waited for that write, or for a later one, is told."""
    desk.writer.recall()
    desk.store.write = None  # type: ignore[assignment, method-assign]
    answers = list[str | None]()
    desk.writer.write(BANS, answers.append)
    desk.wait(lambda: len(answers) == 1)
    desk.writer.write(BANS, answers.append)
    desk.wait(lambda: answers == ["writing the memory failed"] * 2)
    desk.wait(lambda: bool(desk.said) and "writing the memory failed" in str(desk.said[-1]))
    assert "Traceback" in caplog.text
