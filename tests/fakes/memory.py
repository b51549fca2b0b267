"""A memory in a dictionary: `player.session.memory.ports.MemoryStore` without a file, which can be told to fail."""

from __future__ import annotations

from collections.abc import Callable

from player.core.errors import StoreError
from player.session.memory.records import (
    RECORD,
    TRIES,
    Batch,
    EndedSession,
    HeardEntry,
    RecalledMemory,
    read_texts,
    tries_after,
)


class FakeMemoryStore:
    """Remembers as long as it lives; ``boot`` may be changed between two recalls: the machine was switched off.

    Attributes:
        batches: all that was written.
        fault: why neither `write` nor `recall` works, None while they do.
        losses: what the real one says after it had to begin anew.
        copy_fault: what it says when its second copy cannot be written.
        generation: changes when it is another file.
    """

    def __init__(self, boot: str = "this") -> None:
        self.boot = boot
        self.batches: list[Batch] = []
        self.fault: str | None = None
        self.losses: tuple[str, ...] = ()
        self.copy_fault: str | None = None
        self.generation = 1
        self.is_closed = False
        self.documents: dict[str, str] = {}
        self.heard: list[HeardEntry] = []
        self.ended: list[EndedSession] = []

    def recall(self) -> RecalledMemory:
        self._check()
        if self.documents.get(RECORD, "null") != "null":
            self.documents[TRIES] = str(tries_after(int(self.documents.get(TRIES, "0"))))
        kept, faults = read_texts(self.documents)
        return RecalledMemory(kept, tuple(self.heard), self.boot, faults)

    def write(self, batch: Batch) -> None:
        self._check()
        self.batches.append(batch)
        self.documents |= batch.documents
        self.heard += batch.heard
        self.ended += batch.ended

    def check(self) -> int:
        self._check()
        return self.generation

    def close(self) -> None:
        self.is_closed = True

    def _check(self) -> None:
        if self.fault is not None:
            raise StoreError(self.fault)


class FakeMemoryWriter:
    """`player.session.memory.ports.MemoryWriter` that writes at once, on the same thread."""

    def __init__(self, store: FakeMemoryStore) -> None:
        self.store = store
        self.is_closed = False

    def recall(self) -> RecalledMemory:
        return self.store.recall()

    def write(self, batch: Batch, done: Callable[[str | None], None] | None = None) -> None:
        assert not self.is_closed, "the last words come before the end"
        try:
            self.store.write(batch)
        except StoreError as fault:
            if done is None:
                raise
            done(str(fault))
        else:
            if done is not None:
                done(None)

    def close(self, timeout_s: float) -> None:
        self.is_closed = timeout_s > 0
