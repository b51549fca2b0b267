"""The interfaces of this package; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from player.session.memory.records import Batch, RecalledMemory


class MemoryStore(Protocol):
    """What survives a crash and a power cut, in a file. One thread at a time."""

    def recall(self) -> RecalledMemory:
        """Everything that was saved. Called once, at the start.

        A record of a session is handed out only if it could be counted first: ``tries`` in the answer includes this
        time, so the next start after another crash finds a higher number.

        Raises:
            StoreError: it cannot be read.
        """
        ...

    def write(self, batch: Batch) -> None:
        """Write the whole batch durably, so that a power cut cannot undo it. Raises StoreError, and then none is
        written.
        """
        ...

    def check(self) -> int:
        """Look whether the file is there, and open it where it is not open. Raises StoreError.

        Returns:
            a number that changes when it is another file than the last time: removed, or on a disk that came later.
        """
        ...

    @property
    def losses(self) -> tuple[str, ...]:
        """A sentence for each time that a new file replaced an existing one."""
        ...

    @property
    def copy_fault(self) -> str | None:
        """Why the second copy of bans and settings is not up to date; None if it is. The next write tries again."""
        ...

    def close(self) -> None:
        """Close the file; may be called twice."""
        ...


class MemoryWriter(Protocol):
    """A memory store that writes in the background. Main thread."""

    def recall(self) -> RecalledMemory:
        """Everything that was saved, or, where it cannot be read, nothing and a fault that says so."""
        ...

    def write(self, batch: Batch, done: Callable[[str | None], None] | None = None) -> None:
        """Write the batch soon, in another thread; returns at once and never raises: a fault becomes a problem in the
        state.

        ``done`` is called once, on that thread: with None when it is on the disk, otherwise with the reason. What
        could not be written is tried again all the same.
        """
        ...

    def close(self, timeout_s: float) -> None:
        """Write what is left, within a number of seconds."""
        ...
