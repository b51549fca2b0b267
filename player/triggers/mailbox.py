"""Messages of other people's topics on their way from the link's thread to the main thread, with a bound.

A sensor that goes mad must neither fill the memory nor keep a stop waiting. So the inbox holds at most one `Knock`,
whatever the flood, and behind it lie at most `ROOM` messages. When there are more, the oldest one of the topic that has
the most is given up: the latest word of every sender survives, and one that is quiet is not pushed out by a loud one.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import Final

from player.wire.topics import Incoming

ROOM: Final = 64


@dataclass(frozen=True, slots=True)
class Knock:
    """There is something in the mailbox."""


@dataclass(frozen=True, slots=True)
class Break:
    """The connection was lost or made anew at this place in the row."""


class Mailbox:
    """Put in on the link's thread, taken out on the main thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._row: deque[Incoming | Break] = deque()
        self._has_knocked = False
        self.given_up = 0

    def put(self, item: Incoming | Break) -> bool:
        """Lay something in; True when somebody has to be told that there is something."""
        with self._lock:
            self._row.append(item)
            if len(self._row) > ROOM:
                self._give_up_one()
            has_knocked, self._has_knocked = self._has_knocked, True
            return not has_knocked

    def take(self) -> tuple[Incoming | Break, ...]:
        """All that lies there, the oldest first."""
        with self._lock:
            found = tuple(self._row)
            self._row.clear()
            self._has_knocked = False
            return found

    def _give_up_one(self) -> None:
        senders = Counter(item.topic if isinstance(item, Incoming) else "" for item in self._row)
        loudest = senders.most_common(1)[0][0]
        for place, item in enumerate(self._row):
            if (item.topic if isinstance(item, Incoming) else "") == loudest:
                del self._row[place]
                break
        self.given_up += 1
