"""What a message led to: orders, events and look-ups, gathered while it is handled. Main thread, standard library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from player.core.engine_orders import EngineOrder
from player.core.events import Event, News
from player.session.memory.records import Batch, EndedSession


@dataclass(slots=True)
class Outcome:
    """The session's answer to one message.

    Attributes:
        orders: for the engine; carried out first, so that sound never waits for anything else.
        events: for everyone.
        reads: names of playlists that the library should look at (again).
        ended: sessions that are over, for the log.
        writes: what is to be remembered, to be written in this order.
    """

    orders: list[EngineOrder] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    ended: list[EndedSession] = field(default_factory=list)
    writes: list[Batch] = field(default_factory=list)

    def order(self, *orders: EngineOrder) -> None:
        """Add orders, in the order in which they are to be obeyed."""
        self.orders.extend(orders)

    def announce(self, event_type: str, text: str, **data: Any) -> None:
        """Add an event for everyone."""
        self.events.append(News(event_type, text, data))
