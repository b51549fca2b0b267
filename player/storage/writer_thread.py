"""Writes the memory in a thread of its own, because a card may take seconds and the main thread must not wait.

`recall`, `write` and `close` are called on the main thread; the thread alone writes. What cannot be written is kept and
tried again, together with later changes, so a disk that is full for an hour costs nothing. A memory that cannot
be opened at the start is opened later, as soon as that works: with the next thing to write, and each `RETRY_S`.

A file that was not read at the start, or that has replaced the earlier one, may have bans and switches
that are not known yet: it is read first, ``found`` is called, and the union of both is written.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from player.core.errors import StoreError
from player.session.memory.ports import MemoryStore
from player.session.memory.records import Batch, Documents, RecalledMemory, read_texts, texts

log = logging.getLogger("lull")

RETRY_S: Final = 30.0
HANGS_S: Final = 10.0
"""A write that has not returned after so many seconds hangs: a card that fails, or a share that is away."""
HANGS: Final = "the state directory does not answer"
MOST_ENTRIES: Final = 5_000
"""Maximum number of waiting log entries; then the oldest is dropped."""
_NOTHING: Final = Batch({})
_UNCHANGED: Final = texts(Documents())
Done = Callable[[str | None], None]


class _Waiting:
    """Somebody who waits for the end of a write, and is answered once."""

    def __init__(self, done: Done) -> None:
        self._done: list[Done] = [done]

    def answer(self, fault: str | None) -> None:
        """Say why it is not written, None for written; nothing the second time. Any thread."""
        with contextlib.suppress(IndexError):
            self._done.pop()(fault)


class WriterThread:
    """`player.session.memory.ports.MemoryWriter` over a memory store.

    Args:
        open_store: opens the store, to write it; may raise StoreError.
        look: reads it where it cannot be written; may raise StoreError.
        tell: takes a problem, or None when it is resolved, on any thread; must not block.
        found: takes the documents of a file that could not be read at the start; likewise.
        retry_s: seconds before a failed write is tried again.
        hangs_s: seconds after which a write that does not return is a problem.
    """

    def __init__(
        self,
        open_store: Callable[[], MemoryStore],
        look: Callable[[], RecalledMemory],
        tell: Callable[[str | None], None],
        found: Callable[[Documents], None] = lambda _: None,
        retry_s: float = RETRY_S,
        hangs_s: float = HANGS_S,
    ) -> None:
        self._open_store = open_store
        self._look = look
        self._tell = tell
        self._found = found
        self._retry_s = retry_s
        self._hangs_s = hangs_s
        self._hangs = False
        self._waiting: deque[_Waiting] = deque()
        self._batches: queue.SimpleQueue[tuple[Batch, _Waiting | None] | None] = queue.SimpleQueue()
        self._store: MemoryStore | None = None
        self._generation: int | None = None
        self._documents: dict[str, str] = {}
        self._fault: str | None = None
        self._told: str | None = None
        self._thread: threading.Thread | None = None

    def recall(self) -> RecalledMemory:
        """Open the store and read it; the thread starts."""
        recalled = self._read()
        self._documents = texts(recalled.documents)
        self._thread = threading.Thread(target=self._run, name="lull-memory", daemon=True)
        self._thread.start()
        return recalled

    def _read(self) -> RecalledMemory:
        try:
            self._store = self._open_store()
            recalled = self._store.recall()
            self._generation = self._store.check()
        except StoreError as fault:
            self._fault = str(fault)
            self._say(f"nothing new is saved across restarts: {fault}")
        else:
            self._say(self._finding)
            return recalled
        try:
            return self._look()
        except StoreError as fault:
            log.warning("nothing is known of earlier nights: %s", fault)
            return RecalledMemory()

    def write(self, batch: Batch, done: Done | None = None) -> None:
        """Write the batch soon."""
        waits = None if done is None else _Waiting(done)
        if waits is not None:
            self._waiting.append(waits)
            if self._hangs:
                waits.answer(HANGS)
        self._batches.put((batch, waits))

    def close(self, timeout_s: float) -> None:
        """Write what is left and end the thread, within a number of seconds."""
        if self._thread is None:
            return
        self._batches.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("%s; the latest changes are not saved", HANGS)

    def _run(self) -> None:
        """The life of the thread."""
        try:
            self._write_until_closed()
        except Exception:  # the thread ends here: a bug in the memory must not end a night
            log.exception("writing the memory failed; nothing is remembered from now on")
            self._say("nothing is remembered any more: writing the memory failed")
            self._refuse_all()
        finally:
            if self._store is not None:
                self._store.close()

    def _refuse_all(self) -> None:
        """Answer each request with the reason, until the daemon ends, so that no caller waits in vain."""
        for waits in tuple(self._waiting):  # of the write that failed
            waits.answer("writing the memory failed")
        while (asked := self._batches.get()) is not None:
            if asked[1] is not None:
                asked[1].answer("writing the memory failed")

    def _write_until_closed(self) -> None:
        waiting = _NOTHING
        is_closed = False
        while not is_closed:
            is_idle = waiting == _NOTHING and not self._must_retry
            try:
                asked = self._batches.get(timeout=None if is_idle else self._retry_s)
            except queue.Empty:
                asked = (_NOTHING, None)
            is_closed = asked is None
            batch, waits = asked or (_NOTHING, None)
            waiting = _joined(waiting, batch)
            if waiting != _NOTHING or self._must_retry:
                with self._watched():
                    self._fault = self._attempt(waiting)
                self._say(self._finding if self._fault is None else f"nothing that happens is saved: {self._fault}")
                waiting = _NOTHING if self._fault is None else waiting
            if waits is not None:
                waits.answer(self._fault)
                self._waiting.remove(waits)

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        """Where what is done within does not return, that is told, and those who wait are answered."""
        watch = threading.Timer(self._hangs_s, self._say_that_it_hangs)
        watch.daemon = True
        watch.start()
        try:
            yield
        finally:
            watch.cancel()
            watch.join()  # what it has begun to say comes before what is said next
            self._hangs = False

    def _say_that_it_hangs(self) -> None:
        """On the thread of the timer."""
        self._hangs = True
        self._say(f"nothing that happens is saved: {HANGS}")
        for waits in tuple(self._waiting):
            waits.answer(HANGS)

    @property
    def _must_retry(self) -> bool:
        """Whether something could not be written, the database or its copy."""
        return self._fault is not None or (self._store is not None and self._store.copy_fault is not None)

    def _attempt(self, batch: Batch) -> str | None:
        """Write a batch; returns the reason where that fails."""
        self._documents |= batch.documents
        try:
            if self._store is None:
                self._store = self._open_store()
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
        bans = {ban.uri: ban for ban in (*theirs.bans, *ours.bans)}
        deaths = {death.uri: death for death in (*theirs.deaths, *ours.deaths)}
        both = replace(
            ours, bans=tuple(bans.values()), deaths=tuple(deaths.values()), nights=ours.nights | theirs.nights
        )
        for name in ("switches", "choices"):  # values that have not changed since the start
            if self._documents.get(name, _UNCHANGED[name]) == _UNCHANGED[name]:
                both = replace(both, **{name: getattr(theirs, name)})
        self._found(replace(both, record=None))
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


def _joined(first: Batch, second: Batch) -> Batch:
    heard, ended = first.heard + second.heard, first.ended + second.ended
    return Batch({**first.documents, **second.documents}, heard[-MOST_ENTRIES:], ended[-MOST_ENTRIES:])
