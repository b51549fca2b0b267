"""Messages for triggers on their way from a link's thread to the main thread, with a bound. Both threads, one lock.

A faulty sensor must neither fill the memory nor delay a stop. So the inbox holds at most one `MailboxFilled`, and the
mailbox has limited room. When it is full, the oldest message of the topic that has the most messages is dropped: the
latest message of every sender is kept, and a quiet sender is not displaced by a loud one. A filter with a wildcard may
have hundreds of senders, which all publish when a broker restarts; so one message each of as many topics is kept, up to
a total length, and the longest is dropped first.

A break of the connection is never dropped: it ends what a trigger waits for. Two breaks without a message between
them are one, so there is at most one more of them than there are messages.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from player.mqtt.incoming import Incoming
from player.mqtt.triggers.filters import matches

ROOM: Final = 64
"""Maximum number of waiting messages while some topic has more than one."""
MAX_TOPICS: Final = 256
"""Maximum number while each message is from a topic of its own: enough for a large home, and quick to evaluate."""
MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MailboxFilled:
    """Tells the inbox that there is something in the mailbox."""


@dataclass(frozen=True, slots=True)
class ConnectionBreak:
    """The connection was lost or made anew at this place in the queue."""


class Mailbox:
    """A bounded queue; the threads of links put, the main thread takes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: deque[Incoming | ConnectionBreak] = deque()
        self._counts: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._messages = self._all_bytes = 0
        self._is_announced = False
        self._filters: tuple[str, ...] = ()
        self.dropped = 0

    def accept(self, filters: tuple[str, ...]) -> None:
        """Accept messages that match these filters from now on."""
        with self._lock:
            self._filters = filters

    def wants(self, topic: str) -> bool:
        """Whether a trigger waits for messages on this topic."""
        with self._lock:
            filters = self._filters
        return any(matches(name, topic) for name in filters)

    def put(self, item: Incoming | ConnectionBreak) -> bool:
        """Add an item; True when the inbox has to be told that there is something."""
        with self._lock:
            if isinstance(item, Incoming):
                self._queue.append(item)
                self._count(item, 1)
                while self._is_too_full():
                    self._drop_one()
            elif not (self._queue and isinstance(self._queue[-1], ConnectionBreak)):
                self._queue.append(item)
            was_announced, self._is_announced = self._is_announced, True
            return not was_announced

    def take(self) -> tuple[Incoming | ConnectionBreak, ...]:
        """All items, the oldest first."""
        with self._lock:
            found = tuple(self._queue)
            self._queue.clear()
            self._counts.clear()
            self._bytes.clear()
            self._messages = self._all_bytes = 0
            self._is_announced = False
            return found

    # With the lock held.

    def _count(self, item: Incoming, by: int) -> None:
        self._counts[item.topic] += by
        self._bytes[item.topic] += by * len(item.payload)
        self._messages += by
        self._all_bytes += by * len(item.payload)
        if not self._counts[item.topic]:
            del self._counts[item.topic], self._bytes[item.topic]

    def _is_too_full(self) -> bool:
        topics = len(self._counts)
        room = MAX_TOPICS if self._messages == topics else max(ROOM, topics)
        return self._messages > room or self._all_bytes > MAX_BYTES

    def _drop_one(self) -> None:
        loudest = max(self._counts, key=lambda topic: (self._counts[topic], self._bytes[topic]))
        for place, item in enumerate(self._queue):
            if isinstance(item, Incoming) and item.topic == loudest:
                self._count(item, -1)
                del self._queue[place]
                self._join_breaks(place)
                break
        self.dropped += 1

    def _join_breaks(self, place: int) -> None:
        """Merge neighbouring breaks."""
        around = [self._queue[at] for at in (place - 1, place) if 0 <= at < len(self._queue)]
        if len(around) == 2 and all(isinstance(item, ConnectionBreak) for item in around):
            del self._queue[place]
