"""Contracts of this package, in prose; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from typing import Protocol

from player.session.memory.records import Batch, RecalledMemory


class MemoryStore(Protocol):
    """What survives a crash and a power cut, in a file. One thread at a time."""

    def recall(self) -> RecalledMemory:
        """All that was written. Called once, at the start.

        A record of a session is handed out only if it could be counted first: ``tries`` in the answer includes this
        time, so whoever dies again with it finds a higher number.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def write(self, batch: Batch) -> None:
        """Write all of it; when this returns, a power cut cannot take it away. Raises StoreError, and then none is."""
        ...

    def close(self) -> None:
        """Let go of the file; may be called twice."""
        ...


class MemoryWriter(Protocol):
    """A memory store that nobody waits for. Main thread."""

    def recall(self) -> RecalledMemory:
        """All that was written, or nothing where it cannot be read; then with a fault that says so."""
        ...

    def write(self, batch: Batch) -> None:
        """Write it soon, in another thread; returns at once and never fails: what is wrong becomes a problem."""
        ...

    def close(self, timeout_s: float) -> None:
        """Write what is left, waiting no longer than that."""
        ...
