"""The queue of the engine's orders: any thread puts, the engine's thread alone takes.

An order that ends a wait is kept, and comes first at the next turn.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class OrderQueue(Generic[T]):
    """Orders in the sequence in which they came."""

    def __init__(self) -> None:
        self._orders: queue.SimpleQueue[T] = queue.SimpleQueue()
        self._first: list[T] = []

    def put(self, order: T) -> None:
        """Submit an order; never blocks."""
        self._orders.put(order)

    @property
    def has_order(self) -> bool:
        """Whether an order waits."""
        return bool(self._first) or not self._orders.empty()

    @property
    def was_woken(self) -> bool:
        """Whether a wait was ended by an order that was not taken yet."""
        return bool(self._first)

    def wait(self, timeout_s: float | None = None) -> None:
        """Wait until an order comes, or for so long."""
        try:
            self._first.append(self._orders.get(timeout=timeout_s))
        except queue.Empty:
            return

    def take_all(self) -> Iterator[T]:
        """Take the orders that have come, one by one."""
        while self._first:
            yield self._first.pop(0)
        while True:
            try:
                yield self._orders.get_nowait()
            except queue.Empty:
                return
