"""A broker connection whose fate the test decides, and that remembers what was published on it."""

from __future__ import annotations

import queue
from collections.abc import Callable

from player.mqtt.connection import ConnectionPlan
from player.mqtt.incoming import Incoming

WAIT_S = 5.0


class FakeConnection:
    """Serves until the test says `end` or `fail`; comes `up` and receives `message` when the test says so."""

    fell_back_to: str | None = None
    has_refused: bool = False
    refused: frozenset[str] = frozenset()

    def __init__(self, plan: ConnectionPlan, on_up: Callable[[], None], on_message: Callable[[Incoming], None]) -> None:
        self.plan = plan
        self.published: queue.SimpleQueue[tuple[str, bytes, bool, int, bytes | None]] = queue.SimpleQueue()
        self.subscribed: queue.SimpleQueue[tuple[tuple[str, ...], tuple[str, ...]]] = queue.SimpleQueue()
        self.closed: queue.SimpleQueue[tuple[tuple[str, bytes] | None, float]] = queue.SimpleQueue()
        self._on_up = on_up
        self._on_message = on_message
        self._steps: queue.SimpleQueue[Callable[[], str | None]] = queue.SimpleQueue()

    # What the test says.

    def up(self) -> None:
        """The broker accepts."""
        self._steps.put(self._on_up)  # type: ignore[arg-type]

    def message(self, incoming: Incoming) -> None:
        """A message arrives."""
        self._steps.put(lambda: self._on_message(incoming))  # type: ignore[arg-type,func-returns-value]

    def end(self, reason: str) -> None:
        """The connection is over."""
        self._steps.put(lambda: reason)

    def fail(self) -> None:
        """Something unforeseen happens while it serves."""

        def raise_it() -> str | None:
            raise KeyError("a packet that nobody foresaw")

        self._steps.put(raise_it)

    # What the link does.

    def serve(self) -> str:
        while (reason := self._steps.get(timeout=WAIT_S)()) is None:
            pass
        return reason

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> bool:
        self.published.put((topic, payload, retain, qos, correlation))
        return True

    def subscribe(self, new: tuple[str, ...], gone: tuple[str, ...]) -> None:
        self.subscribed.put((new, gone))

    def close(self, last: tuple[str, bytes] | None = None, timeout_s: float = 0.0) -> None:
        self.closed.put((last, timeout_s))
        self.end("closed")


class FakeBroker:
    """Hands out connections in the order in which the link asks for them."""

    def __init__(self) -> None:
        self._made: queue.SimpleQueue[FakeConnection] = queue.SimpleQueue()

    def connect(
        self, plan: ConnectionPlan, on_up: Callable[[], None], on_message: Callable[[Incoming], None]
    ) -> FakeConnection:
        connection = FakeConnection(plan, on_up, on_message)
        self._made.put(connection)
        return connection

    def next(self) -> FakeConnection:
        """The next connection that the link has asked for."""
        return self._made.get(timeout=WAIT_S)
