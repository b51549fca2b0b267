"""What waits to be written, joined into one batch: however long a disk hangs, what waits does not grow without bound.

The main thread puts, the writer takes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from player.session.memory.records import Batch

MOST_WAITING: Final = 5_000
"""Maximum number of waiting log entries; then the oldest is dropped."""
NOTHING: Final = Batch({})
Done = Callable[[str | None], None]


@dataclass(frozen=True, slots=True)
class TakenBatch:
    """All that was put since the last time.

    Attributes:
        waits: those who wait for the end of this write.
        change: the number of the latest change in it.
        is_closed: nothing comes after it.
    """

    batch: Batch
    waits: tuple[Done, ...]
    change: int
    is_closed: bool


class PendingBatch:
    """The one batch that waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_new = self._is_closed = False
        self._batch, self._change = NOTHING, 0
        self._waits: list[Done] = []

    def put(self, batch: Batch = NOTHING, change: int = 0, done: Done | None = None) -> None:
        """Add a batch, and who waits for its write; an empty one wakes the writer."""
        with self._changed:
            self._batch = joined(self._batch, batch)
            self._change = max(self._change, change)
            self._waits += [] if done is None else [done]
            self._is_new = True
            self._changed.notify()

    def close(self) -> None:
        """Nothing is added any more."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()

    def take(self, timeout_s: float | None) -> TakenBatch:
        """Take all of it as soon as there is something, or nothing where nothing comes within the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_new or self._is_closed, timeout_s)
            taken = TakenBatch(self._batch, tuple(self._waits), self._change, self._is_closed)
            self._is_new = False
            self._batch, self._waits = NOTHING, []
        return taken

    def take_waits(self) -> tuple[Done, ...]:
        """Take those who wait, to answer them before the write."""
        with self._changed:
            waits, self._waits = tuple(self._waits), []
        return waits


def joined(first: Batch, second: Batch) -> Batch:
    """Both in one; of the logs the latest entries."""
    heard, ended = first.heard + second.heard, first.ended + second.ended
    return Batch({**first.documents, **second.documents}, heard[-MOST_WAITING:], ended[-MOST_WAITING:])
