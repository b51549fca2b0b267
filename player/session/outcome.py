"""The result of a message: orders, events and look-ups, collected while it is handled. Main thread."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Final

from player.core.engine_orders import EngineOrder
from player.core.events import Event, News
from player.session.memory.records import Batch, EndedSession

LAST_PAUSE_S: Final = 300.0


class EventPace:
    """The pace of events of one kind: the first one at once, and growing pauses while more come.

    Args:
        first_pause_s: after the first one; it doubles up to five minutes, and is reset by a pause without events.

    Attributes:
        next_s: from when on the next one may be announced, on the boot clock.
    """

    def __init__(self, first_pause_s: float) -> None:
        self.next_s = -math.inf
        self._first_pause_s = self._pause_s = first_pause_s

    def begin(self, now_s: float) -> None:
        """Note an event while nothing else waits to be announced."""
        if now_s >= self.next_s:
            self._pause_s = self._first_pause_s

    def take(self, now_s: float) -> bool:
        """Whether the waiting events may be announced now; if so, they count as announced."""
        if now_s < self.next_s:
            return False
        self.next_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)
        return True


@dataclass(slots=True)
class Outcome:
    """The result of one message.

    Attributes:
        orders: for the engine; carried out first, so that sound never waits for other work.
        events: for everyone.
        reads: names of playlists that the library should look at (again).
        ended: sessions that are over, for the log.
        writes: batches for the memory, in this order.
    """

    orders: list[EngineOrder] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    ended: list[EndedSession] = field(default_factory=list)
    writes: list[Batch] = field(default_factory=list)

    def order(self, *orders: EngineOrder) -> None:
        """Add orders, in the order in which they are carried out."""
        self.orders.extend(orders)

    def announce(self, event_type: str, text: str, **data: Any) -> None:
        """Add an event for everyone."""
        self.events.append(News(event_type, text, data))
