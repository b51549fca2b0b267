"""Writes the memory in a thread of its own, because a card may take seconds and the main thread must not wait.

`recall`, `write` and `close` are called on the main thread; the thread alone writes. What cannot be written is kept and
tried again, together with later changes, so a disk that is full for an hour costs nothing. A memory that cannot
be opened at the start is opened later, as soon as that works: with the next thing to write, and each `RETRY_S`.

A file that was not read at the start, or that has replaced the earlier one, may have bans and switches
that are not known yet: it is read first, ``found`` is called, and the union of both is written, without what was lifted
since the start. A disk that does not answer at the start is not waited for longer than `RECALL_S`: the night begins
with what `RuntimeCopy` and the copy of the documents have, or with nothing.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from player.core.errors import StoreError
from player.core.threads import has_started
from player.session.memory.ports import MemoryStore
from player.session.memory.records import BY_URI, RECORD, Batch, Documents, RecalledMemory, read_texts, texts
from player.storage.pending_batch import NOTHING, Done, PendingBatch, joined
from player.storage.runtime_copy import RuntimeCopy
from player.system.bounded import BoundedCall, CallHangs

log = logging.getLogger("lull")

RETRY_S: Final = 30.0
RECALL_S: Final = 5.0
"""Maximum wait for the memory at the start; slow cards answer within two seconds."""
COPY_S: Final = 1.0
"""Maximum wait for the copy of the documents, which is only read, and so answers on a disk where writing hangs."""
HANGS_S: Final = 10.0
"""A write that has not returned after so many seconds hangs: a card that fails, or a share that is away."""
HANGS: Final = "the state directory does not answer"
_UNCHANGED: Final = texts(Documents())


@dataclass(frozen=True, slots=True)
class MemorySources:
    """Where the memory is read from.

    Attributes:
        open_store: opens the store, to write it; may raise StoreError.
        look: reads it where it cannot be written; may raise StoreError.
        copy: reads the copy of the documents.
        runtime: what is known without the disk, and what the disk lacks.
    """

    open_store: Callable[[], MemoryStore]
    look: Callable[[], RecalledMemory]
    copy: Callable[[], Mapping[str, str]] = dict
    runtime: RuntimeCopy = field(default_factory=RuntimeCopy)


class WriterThread:
    """`player.session.memory.ports.MemoryWriter` over a memory store.

    Args:
        sources: the store, and what there is without it.
        tell: takes a problem, or None when it is resolved, on any thread; must not block.
        found: takes the documents of a file that could not be read at the start; likewise.
        recall_s: seconds after which `recall` goes on without an answer.
        retry_s: seconds before a failed write is tried again.
        hangs_s: seconds after which a write that does not return is a problem.
    """

    def __init__(
        self,
        sources: MemorySources,
        tell: Callable[[str | None], None],
        found: Callable[[Documents], None] = lambda _: None,
        recall_s: float = RECALL_S,
        retry_s: float = RETRY_S,
        hangs_s: float = HANGS_S,
    ) -> None:
        self._sources = sources
        self._runtime = sources.runtime
        self._tell = tell
        self._found = found
        self._recall_s = recall_s
        self._retry_s = retry_s
        self._hangs_s = hangs_s
        self._hangs = False
        self._under_way: tuple[Done, ...] = ()
        """Those who wait for the write that is being made; whoever answers them takes them out."""
        self._answering = threading.Lock()
        self._pending = PendingBatch()
        self._store: MemoryStore | None = None
        self._generation: int | None = None
        self._documents: dict[str, str] = {}
        self._known = Documents()
        self._is_record_known = False
        self._fault: str | None = None
        self._told: str | None = None
        self._thread: threading.Thread | None = None

    def recall(self) -> RecalledMemory:
        """Open the store and read it; the thread starts. Where it does not answer in time, what is known without it."""
        reading = BoundedCall(self._read, "lull-memory-reading")
        try:
            recalled = self._runtime.completed(reading.answer(self._recall_s))
        except CallHangs:
            self._hangs = True
            self._say(f"nothing that happens is saved: {HANGS}")
            recalled = self._recalled_without_disk()
        else:
            self._is_record_known = True
            if self._fault is None:
                self._say(self._finding)
            if unsaved := self._runtime.unsaved:
                self.write(Batch(unsaved))
        self._documents, self._known = texts(recalled.documents), recalled.documents
        self._thread = threading.Thread(target=self._run, args=(reading,), name="lull-memory", daemon=True)
        self._thread.start()
        return recalled

    def _recalled_without_disk(self) -> RecalledMemory:
        recalled = self._runtime.recalled()
        if recalled.documents != Documents():
            self._is_record_known = True
            return recalled
        with contextlib.suppress(CallHangs):
            documents, _ = read_texts({}, BoundedCall(self._sources.copy, "lull-memory-copy").answer(COPY_S))
            return replace(recalled, documents=documents)
        log.warning("nothing is known of earlier nights: %s", HANGS)
        return recalled

    def _read(self) -> RecalledMemory:
        try:
            self._store = self._sources.open_store()
            recalled = self._store.recall()
            self._generation = self._store.check()
        except StoreError as fault:
            self._fault = str(fault)
            self._say(f"nothing that happens is saved: {fault}")
        else:
            return recalled
        try:
            return self._sources.look()
        except StoreError as fault:
            log.warning("nothing is known of earlier nights: %s", fault)
            return RecalledMemory()

    def write(self, batch: Batch, done: Done | None = None) -> None:
        """Write the batch soon."""
        self._pending.put(batch, self._runtime.note(batch.documents), done)
        if self._hangs:
            self._answer(HANGS)

    def close(self, timeout_s: float) -> None:
        """Write what is left and end the thread, within a number of seconds."""
        if self._thread is None:
            return
        self._pending.close()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("%s; the latest changes are not saved", HANGS)

    def _run(self, reading: BoundedCall[RecalledMemory]) -> None:
        """The life of the thread."""
        try:
            self._finish(reading)
            self._write_until_closed()
        except Exception:  # the thread ends here: a bug in the memory must not end a night
            log.exception("writing the memory failed; nothing is remembered from now on")
            self._say("nothing is remembered any more: writing the memory failed")
            self._refuse_all()
        finally:
            if self._store is not None:
                self._store.close()

    def _finish(self, reading: BoundedCall[RecalledMemory]) -> None:
        """Wait for the store that did not answer at the start; what it has counts as not read."""
        with contextlib.suppress(CallHangs):  # there was no thread for it
            reading.answer(threading.TIMEOUT_MAX)
        if self._hangs:
            self._hangs, self._generation = False, None
            self._fault = self._fault or HANGS  # so that it is tried at once
            self._pending.put()

    def _refuse_all(self) -> None:
        """Answer each request with the reason, until the daemon ends, so that no caller waits in vain."""
        self._answer("writing the memory failed")
        is_closed = False
        while not is_closed:
            taken = self._pending.take(None)
            is_closed = taken.is_closed
            for done in taken.waits:
                done("writing the memory failed")

    def _answer(self, fault: str | None) -> None:
        """Answer those who wait for the present write, once: None for written, or why not. Any thread.

        While that write hangs, those who wait for a later one are answered too.
        """
        with self._answering:
            waits, self._under_way = self._under_way, ()
        for done in (*waits, *(self._pending.take_waits() if self._hangs else ())):
            done(fault)

    def _write_until_closed(self) -> None:
        waiting, is_closed = NOTHING, False
        while not is_closed:
            is_idle = waiting == NOTHING and not self._must_retry
            taken = self._pending.take(None if is_idle else self._retry_s)
            is_closed, self._under_way = taken.is_closed, taken.waits
            waiting = joined(waiting, taken.batch)
            if waiting != NOTHING or self._must_retry:
                with self._watched():
                    self._fault = self._attempt(waiting)
                self._say(self._finding if self._fault is None else f"nothing that happens is saved: {self._fault}")
                waiting = NOTHING if self._fault is None else waiting
            if self._fault is None:
                self._runtime.confirm(taken.change)
            self._answer(self._fault)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Where what is done within does not return, that is told, and those who wait are answered.

        Without a thread for that it is done all the same.
        """
        watch = threading.Timer(self._hangs_s, self._say_that_it_hangs)
        watch.daemon = True
        is_watched = has_started(watch)
        try:
            yield
        finally:
            if is_watched:
                watch.cancel()
                watch.join()  # what it has begun to say comes before what is said next
            self._hangs = False

    def _say_that_it_hangs(self) -> None:
        """On the thread of the timer."""
        self._hangs = True
        self._say(f"nothing that happens is saved: {HANGS}")
        self._answer(HANGS)

    @property
    def _must_retry(self) -> bool:
        """Whether something could not be written, the database or its copy."""
        return self._fault is not None or (self._store is not None and self._store.copy_fault is not None)

    def _attempt(self, batch: Batch) -> str | None:
        """Write a batch; returns the reason where that fails."""
        self._documents |= batch.documents
        self._is_record_known |= RECORD in batch.documents
        try:
            if self._store is None:
                self._store = self._sources.open_store()
            if self._store.check() != self._generation:
                batch = replace(batch, documents=self._merged(self._store))
            losses = len(self._store.losses)
            self._store.write(batch)
            if len(self._store.losses) > losses:  # damaged in the middle of it
                self._store.write(Batch(self._documents))
            self._generation = self._store.check()
        except StoreError as fault:
            return str(fault)
        return None

    def _merged(self, store: MemoryStore) -> dict[str, str]:
        """All documents, with those of a file that was not read before."""
        theirs = store.recall().documents
        ours, _ = read_texts(self._documents)
        left: dict[str, Any] = {}
        for name in BY_URI:  # what was known at the start and is gone was lifted since
            lifted = _uris(self._known, name) - _uris(ours, name)
            left[name] = tuple(one for one in getattr(theirs, name) if one.uri not in lifted)
        theirs = replace(theirs, **left)
        lists = {name: text for name, text in texts(theirs).items() if name in BY_URI}
        kept, _ = read_texts({**self._documents, **lists}, self._documents)
        both = replace(
            kept,
            nights=ours.nights | theirs.nights,
            places=tuple({place.uri: place for place in (*theirs.places, *ours.places)}.values()),
            calibration=ours.calibration or theirs.calibration,
        )
        if not ours.switches.is_changed:
            made = dict.fromkeys((*theirs.switches.made, *ours.switches.made))
            missed = dict.fromkeys((*theirs.switches.missed, *ours.switches.missed))
            told = ours.switches.rest_told or theirs.switches.rest_told
            merged = replace(theirs.switches, made=tuple(made), missed=tuple(missed), rest_told=told)
            both = replace(both, switches=merged)
        for name in ("choices", "night"):  # values that have not changed since the start
            if self._documents.get(name, _UNCHANGED[name]) == _UNCHANGED[name]:
                both = replace(both, **{name: getattr(theirs, name)})
        is_news = not self._is_record_known
        self._found(replace(both, record=theirs.record, tries=theirs.tries) if is_news else replace(both, record=None))
        self._documents = texts(both)
        return self._documents

    @property
    def _finding(self) -> str | None:
        """The problem to report although everything was written."""
        if self._store is None:
            return None
        if self._store.copy_fault is not None:
            return f"bans and settings have no second copy: {self._store.copy_fault}"
        return self._store.losses[-1] if self._store.losses else None

    def _say(self, text: str | None) -> None:
        if text != self._told:
            self._told = text
            self._tell(text)


def _uris(documents: Documents, name: str) -> set[str]:
    return {one.uri for one in getattr(documents, name)}
