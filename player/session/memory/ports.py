"""Contracts of this package, in prose; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from player.session.memory.records import Batch, RecalledMemory


class MemoryStore(Protocol):
    """What survives a crash and a power cut, in a file. One thread at a time."""

    def recall(self) -> RecalledMemory:
        """All that was written. Called once, at the start.

        A record of a session is handed out only if it could be counted first: ``tries`` in the answer includes this
        time, so the next start after another crash finds a higher number.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def write(self, batch: Batch) -> None:
        """Write all of it; when this returns, a power cut cannot take it away. Raises StoreError, and then none is."""
        ...

    def check(self) -> int:
        """Look whether the file is there, and open it where it is not open. Raises StoreError.

        Returns:
            a number that changes when it is another file than the last time: removed, or on a disk that came later.
        """
        ...

    @property
    def losses(self) -> tuple[str, ...]:
        """A sentence for each time that a new file had to be begun in the place of one that was there."""
        ...

    @property
    def copy_fault(self) -> str | None:
        """Why the second copy of bans and settings is not up to date; None where it is. The next write tries again."""
        ...

    def close(self) -> None:
        """Close the file; may be called twice."""
        ...


class MemoryWriter(Protocol):
    """A memory store that nobody waits for. Main thread."""

    def recall(self) -> RecalledMemory:
        """All that was written, or nothing where it cannot be read; then with a fault that says so."""
        ...

    def write(self, batch: Batch, done: Callable[[str | None], None] | None = None) -> None:
        """Write it soon, in another thread; returns at once and never fails: a fault becomes a problem in the state.

        ``done`` is called once, on that thread: with None when it is on the disk, otherwise with why it is not. What
        could not be written is tried again all the same.
        """
        ...

    def close(self, timeout_s: float) -> None:
        """Write what is left, waiting no longer than that."""
        ...
