"""The diary: writes the memory in a thread of its own, because a card may take seconds and nobody may wait for it.

`recall`, `write` and `close` are called on the main thread; the thread alone writes. What cannot be written is kept and
tried again, together with what comes after it, so that a disk that is full for an hour costs nothing. A file that turns
out to be damaged has been set aside by then, and all documents are written into the new one. A file that could not be
read at the start is not written either: what is in it would be lost, and it may well be readable the next time.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final, Protocol

from player.core.errors import StoreError
from player.session.memory.ports import MemoryStore
from player.session.memory.records import Batch, RecalledMemory, texts

log = logging.getLogger("lull")

RETRY_S: Final = 60.0
MOST_ENTRIES: Final = 5_000
"""So much of the log waits at most; then the oldest is forgotten."""
_NOTHING: Final = Batch({})


class OpenedStore(MemoryStore, Protocol):
    """A memory store that tells whether it had to begin anew."""

    @property
    def set_aside(self) -> object | None:
        """Where a damaged file went; None where all was well."""
        ...


class WriterThread:
    """`player.session.memory.ports.MemoryWriter` over a memory store.

    Args:
        open_store: opens the store, to write it; may raise StoreError.
        look: what is in it, where it can be read but not written; may raise StoreError.
        tell: takes what is wrong, None when all is well again, from any thread; must not block.
        retry_s: how long to wait before what could not be written is tried again.
    """

    def __init__(
        self,
        open_store: Callable[[], OpenedStore],
        look: Callable[[], RecalledMemory],
        tell: Callable[[str | None], None],
        retry_s: float = RETRY_S,
    ) -> None:
        self._open_store = open_store
        self._look = look
        self._tell = tell
        self._retry_s = retry_s
        self._batches: queue.SimpleQueue[Batch | None] = queue.SimpleQueue()
        self._store: OpenedStore | None = None
        self._documents: dict[str, str] = {}
        self._told: str | None = None
        self._begun_anew: object | None = None
        self._thread: threading.Thread | None = None

    def recall(self) -> RecalledMemory:
        """Open the store and read it; the thread starts."""
        recalled = self._read()
        if recalled is None:
            return RecalledMemory()
        self._documents = texts(recalled.kept)
        self._thread = threading.Thread(target=self._run, name="lull-diary", daemon=True)
        self._thread.start()
        return recalled

    def _read(self) -> RecalledMemory | None:
        try:
            self._store = self._open_store()
            recalled = self._store.recall()
        except StoreError as fault:
            self._say(f"nothing new is remembered across restarts: {fault}")
        else:
            self._notice_a_new_beginning(self._store)
            return recalled
        try:
            return self._look()
        except StoreError as fault:
            log.warning("and nothing is known of earlier nights: %s", fault)
            return None

    def write(self, batch: Batch) -> None:
        """Write it soon."""
        if self._thread is not None:
            self._batches.put(batch)

    def close(self, timeout_s: float) -> None:
        """Write what is left and end the thread, waiting no longer than that."""
        if self._thread is None:
            return
        self._batches.put(None)
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.warning("the state directory does not answer; what happened last is not remembered")

    def _run(self) -> None:
        """The life of the thread."""
        try:
            self._write_until_closed()
        except Exception:  # the thread ends here: a bug in remembering must not end a night
            log.exception("the diary failed; nothing is remembered from here on")
            self._say("nothing is remembered any more: the diary failed")
        finally:
            if self._store is not None:
                self._store.close()

    def _write_until_closed(self) -> None:
        waiting = _NOTHING
        is_closed = False
        while not is_closed:
            try:
                batch = self._batches.get(timeout=None if waiting == _NOTHING else self._retry_s)
            except queue.Empty:
                batch = _NOTHING
            is_closed = batch is None
            waiting = _joined(waiting, batch or _NOTHING)
            if waiting != _NOTHING and self._has_written(waiting):
                waiting = _NOTHING

    def _has_written(self, batch: Batch) -> bool:
        self._documents |= batch.documents
        try:
            if self._store is None:
                self._store = self._open_store()
            self._store.write(batch)
            if self._notice_a_new_beginning(self._store):
                self._store.write(Batch(self._documents))
        except StoreError as fault:
            self._say(f"what happens is not remembered: {fault}")
            return False
        if self._begun_anew is None:
            self._say(None)
        return True

    def _notice_a_new_beginning(self, store: OpenedStore) -> bool:
        """Whether the store has set a damaged file aside since the last time."""
        if store.set_aside == self._begun_anew:
            return False
        self._begun_anew = store.set_aside
        self._say(f"the memory was damaged; it is kept as {store.set_aside}, and a new one has been begun")
        return True

    def _say(self, text: str | None) -> None:
        if text != self._told:
            self._told = text
            self._tell(text)


def _joined(first: Batch, second: Batch) -> Batch:
    heard, ended = first.heard + second.heard, first.ended + second.ended
    return Batch({**first.documents, **second.documents}, heard[-MOST_ENTRIES:], ended[-MOST_ENTRIES:])
