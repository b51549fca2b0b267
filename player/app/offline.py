"""A night on a virtual clock: the real session and the real engine in one thread, as fast as the CPU allows.

The sink's `write` moves the clock by the length of the block, and nothing else does; so every timer, fade and start
falls on the same sample each time. `player.app.wiring.real_rehearsal` brings the real parts together.
"""

from __future__ import annotations

import queue
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from player.core.clock import Now
from player.core.engine_orders import EngineOrder
from player.core.errors import SinkError
from player.core.events import EngineReport, Event, OutputLost
from player.core.settings.session import Settings
from player.core.states import State
from player.library.ports import Library
from player.session.controller import Controller
from player.session.messages import Message

REHEARSAL_BEGINS: Final = datetime(2026, 1, 1, 22, 30, tzinfo=UTC)


class VirtualClock:
    """A clock that is advanced by rendering; starts at a given aware local time."""

    def __init__(self, wall: datetime) -> None:
        self._start = wall
        self._passed_s = 0.0

    def now(self) -> Now:
        """The virtual time; the wall time counts real seconds, also through changes of the clocks."""
        wall = (self._start.astimezone(UTC) + timedelta(seconds=self._passed_s)).astimezone(self._start.tzinfo)
        return Now(boot_s=self._passed_s, wall=wall)

    def boot_s(self) -> float:
        """Seconds that have passed."""
        return self._passed_s

    def sleep(self, duration_s: float) -> None:
        """Advance the time."""
        self._passed_s += duration_s


class Stepper(Protocol):
    """The engine, rendering one block at a time."""

    def order(self, order: EngineOrder) -> None:
        """Take an order."""
        ...

    def step(self) -> None:
        """Render one block and move the clock."""
        ...

    def finish(self) -> None:
        """Close the output."""
        ...


class Rehearsal:
    """Session and engine in one thread; ``on_event`` is called with each event and its virtual time."""

    def __init__(
        self,
        settings: Settings,
        session: Controller,
        library: Library,
        clock: VirtualClock,
        on_event: Callable[[Now, Event], None],
    ) -> None:
        self._settings = settings
        self._session = session
        self._library = library
        self._clock = clock
        self._on_event = on_event
        self._reports: queue.SimpleQueue[EngineReport] = queue.SimpleQueue()
        self._engine: Stepper | None = None

    def report(self, report: EngineReport) -> None:
        """Keep a report of the engine until the block is done. Raises SinkError when the file cannot be written."""
        if isinstance(report, OutputLost):
            raise SinkError(report.reason)
        self._reports.put(report)

    def attach(self, engine: Stepper) -> None:
        """The engine that was built with `report`."""
        self._engine = engine

    def tell(self, message: Message | None) -> None:
        """Hand a message to the session now, and carry out the orders and reads that follow."""
        assert self._engine is not None
        out = self._session.handle(message, self._clock.now())
        for order in out.orders:
            self._engine.order(order)
        for event in out.events:
            self._on_event(self._clock.now(), event)
        for name in out.reads:
            playlist = self._settings.playlist(name)
            if playlist is not None:
                self.tell(self._library.read(playlist))

    def step(self) -> None:
        """Render one block, then handle everything that it reported."""
        assert self._engine is not None
        self._engine.step()
        while not self._reports.empty():
            self.tell(self._reports.get())
        self.tell(None)

    def finish(self) -> None:
        """Close the output."""
        assert self._engine is not None
        self._engine.finish()

    @property
    def now_s(self) -> float:
        """Seconds rendered so far."""
        return self._clock.now().boot_s

    @property
    def is_idle(self) -> bool:
        """Whether no session is running."""
        return self._session.state is State.IDLE
