"""Passes messages from a link to the main thread: to the inbox, to the mailbox of the triggers, or to both.

While one link replaces another, both receive the same messages; a command is passed on once.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from player.core.clock import Clock
from player.core.commands import Stop
from player.core.errors import Refused
from player.mqtt.discovery import media_player as media
from player.mqtt.incoming import Arrival, Incoming, Lane, LinkDown, LinkUp
from player.mqtt.topics import Topics, may_stop, parse
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.mailbox import ConnectionBreak, Mailbox, MailboxFilled

SAME_WITHIN_S: Final = 1.0
"""Maximum seconds between the arrivals of one message on two links."""
MAX_COMPARED: Final = 256

_Content: TypeAlias = tuple[str, bytes, bool, str | None, bytes | None, tuple[tuple[str, str], ...]]


class DuplicateFilter:
    """Tells whether a message has already come over the other of two links. Any thread; one lock.

    Each message of one link cancels one equal message of the other, so a command that is sent twice is passed on
    twice. A stop is never held back: to stop twice does no harm.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s = -math.inf
        self._unmatched: deque[tuple[float, int, _Content]] = deque(maxlen=MAX_COMPARED)

    def begin(self) -> None:
        """From now on two links receive the same messages."""
        with self._lock:
            self._until_s = math.inf
            self._unmatched.clear()

    def end(self) -> None:
        """Only one link is left; it may still pass on what the other one has received."""
        with self._lock:
            self._until_s = min(self._until_s, self._clock.now().boot_s + SAME_WITHIN_S)

    def is_new(self, message: Incoming) -> bool:
        """False when the other link has received this message and it has not been matched yet."""
        answer = (message.response_topic, message.correlation)
        content = (message.topic, message.payload, message.retained, *answer, message.marks)
        with self._lock:
            now_s = self._clock.now().boot_s
            if now_s > self._until_s:
                return True
            while self._unmatched and now_s - self._unmatched[0][0] > SAME_WITHIN_S:
                self._unmatched.popleft()
            for place, (_, link, known) in enumerate(self._unmatched):
                if link != message.link and known == content:
                    del self._unmatched[place]
                    return False
            self._unmatched.append((now_s, message.link, content))
            return True


@dataclass(frozen=True, slots=True)
class Route:
    """The data of the router of one link.

    Attributes:
        number: of the link; messages that are passed on carry it.
        topics: the names of the speaker's topics, as this link has subscribed them.
        for_discovery: filters whose messages go to the inbox, even where a trigger waits for them too.
        is_successor: it replaces a link that receives the same until this one is connected; so its first connection
            interrupts nothing that triggers wait for.
    """

    number: int
    topics: Topics
    for_discovery: tuple[str, ...] = ()
    is_successor: bool = False


class MessageRouter:
    """Passes on the messages of one link. Runs on the thread of that link, never blocks.

    Args:
        mailbox: of the triggers.
        duplicates: shared by all links.
        deliver: the inbox.
    """

    def __init__(
        self,
        own: Route,
        mailbox: Mailbox,
        duplicates: DuplicateFilter,
        deliver: Callable[[Arrival | MailboxFilled], None],
    ) -> None:
        self._own = own
        self._mailbox = mailbox
        self._duplicates = duplicates
        self._deliver = deliver
        self._is_seamless = own.is_successor

    def route(self, arrival: Arrival) -> None:
        """Pass a message on."""
        arrival = replace(arrival, link=self._own.number)
        if isinstance(arrival, LinkUp | LinkDown):
            if not self._is_seamless:
                self._post(ConnectionBreak())
            elif isinstance(arrival, LinkUp):
                self._duplicates.begin()  # what the other link received before does not arrive here
                self._is_seamless = False
            self._deliver(arrival)
            return
        lane = lane_of(self._own.topics, arrival)
        if lane is Lane.STOP or arrival.topic == self._own.topics.self_check or self._duplicates.is_new(arrival):
            self._route_message(replace(arrival, lane=lane))

    def _route_message(self, incoming: Incoming) -> None:
        is_for_trigger = self._mailbox.wants(incoming.topic)
        if is_for_trigger:
            self._post(incoming)
        if not is_for_trigger or any(matches(name, incoming.topic) for name in self._own.for_discovery):
            self._deliver(incoming)

    def _post(self, item: Incoming | ConnectionBreak) -> None:
        if self._mailbox.put(item):
            self._deliver(MailboxFilled())


def lane_of(topics: Topics, message: Incoming) -> Lane:
    """How the inbox treats a message; quick for what is not a stop."""
    if message.topic == media.volume_set(topics):
        return Lane.COMMAND
    if topics.verb_of(message.topic) is None or message.topic == topics.self_check:
        return Lane.OTHER
    try:
        request = parse(topics, message) if may_stop(message) else None
    except Refused:
        return Lane.COMMAND
    return Lane.STOP if request is not None and isinstance(request.command, Stop) else Lane.COMMAND
