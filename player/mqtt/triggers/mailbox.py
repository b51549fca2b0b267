"""Messages of other people's topics on their way from the link's thread to the main thread, with a bound.

A sensor that goes mad must neither fill the memory nor keep a stop waiting. So the inbox holds at most one
`MailboxFilled`, whatever the flood, and behind it messages have limited room. Where it is too small, the oldest
message of the topic that has the most is given up: the latest word of every sender survives, and one that is quiet is
not pushed out by a loud one. A filter with a wildcard may have hundreds of senders, which all speak when a broker
restarts; so of as many topics one message each is kept, as long as they are of a reasonable length together, and the
longest goes first.

A break of the connection is never given up: it ends what a trigger waits for. Two breaks without a message between
them are one, so there are never more of them than messages, and one.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from player.mqtt.topics import Incoming

ROOM: Final = 64
"""So many messages may wait where some topic has more than one."""
MAX_TOPICS: Final = 256
"""So many may wait where each is from a topic of its own: a large home's, and still judged in a moment."""
MAX_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class MailboxFilled:
    """There is something in the mailbox."""


@dataclass(frozen=True, slots=True)
class Overflow:
    """The connection was lost or made anew at this place in the row."""


class Mailbox:
    """Put in on the link's thread, taken out on the main thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._row: deque[Incoming | Overflow] = deque()
        self._counts: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._messages = self._all_bytes = 0
        self._has_knocked = False
        self.given_up = 0

    def put(self, item: Incoming | Overflow) -> bool:
        """Lay something in; True when somebody has to be told that there is something."""
        with self._lock:
            if isinstance(item, Incoming):
                self._row.append(item)
                self._count(item, 1)
                while self._is_too_full():
                    self._give_up_one()
            elif not (self._row and isinstance(self._row[-1], Overflow)):
                self._row.append(item)
            has_knocked, self._has_knocked = self._has_knocked, True
            return not has_knocked

    def take(self) -> tuple[Incoming | Overflow, ...]:
        """All that lies there, the oldest first."""
        with self._lock:
            found = tuple(self._row)
            self._row.clear()
            self._counts.clear()
            self._bytes.clear()
            self._messages = self._all_bytes = 0
            self._has_knocked = False
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

    def _give_up_one(self) -> None:
        loudest = max(self._counts, key=lambda topic: (self._counts[topic], self._bytes[topic]))
        for place, item in enumerate(self._row):
            if isinstance(item, Incoming) and item.topic == loudest:
                self._count(item, -1)
                del self._row[place]
                self._join_breaks(place)
                break
        self.given_up += 1

    def _join_breaks(self, place: int) -> None:
        """Where two breaks have come to lie side by side they are one."""
        around = [self._row[at] for at in (place - 1, place) if 0 <= at < len(self._row)]
        if len(around) == 2 and all(isinstance(item, Overflow) for item in around):
            del self._row[place]
