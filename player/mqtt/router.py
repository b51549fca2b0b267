"""Passes messages from a link to the main thread: to the inbox, to the mailbox of the triggers, or to both.

While one link replaces another, both receive the same messages; a command is passed on once.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from player.core.clock import Clock
from player.core.commands import Stop
from player.core.errors import Refused
from player.mqtt.discovery import media_player as media
from player.mqtt.incoming import Arrival, Incoming, Lane, LinkDown, LinkUp
from player.mqtt.self_check import new_token
from player.mqtt.topics import Topics, may_stop, parse
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.mailbox import ConnectionBreak, Mailbox, MailboxFilled

SAME_WITHIN_S: Final = 1.0
"""Maximum seconds between the arrivals of one message on two links."""
MAX_COMPARED: Final = 256


@dataclass(frozen=True, slots=True)
class _Unmatched:
    """A message that one link has passed on and the other has not received yet; ``is_after`` the marker on its link."""

    at_s: float
    is_after: bool
    message: Incoming


class DuplicateFilter:
    """Tells whether a message has already come over the other of two links. Any thread; one lock.

    Each message of one link cancels one equal message of the other, so a command that is sent twice is passed on
    twice. A stop is never held back: to stop twice does no harm.

    The old link also receives what was sent before the new one had subscribed. That must not cancel a later command.
    So the new link, when it has subscribed, publishes a marker that both receive. What one link received before the
    marker is compared only with what the other received before it. At two different brokers the old link never
    receives the marker: then nothing is compared any more as soon as the new link has received it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._until_s = -math.inf
        self._unmatched: deque[_Unmatched] = deque(maxlen=MAX_COMPARED)
        self._stem = new_token()
        self._numbers = itertools.count()
        self._marker = b""
        self._successor: int | None = None
        self._have_marker: set[int] = set()

    @property
    def marker(self) -> bytes:
        """The payload of the marker, which no other process has; no `player.mqtt.self_check` takes it for a speaker."""
        return self._marker

    def connected(self, link: int, *, is_successor: bool) -> None:
        """From now on two links receive the same messages, if this one is the successor; before it has subscribed.

        Also when the successor connects again while the old link is read: it has missed messages meanwhile.
        """
        with self._lock:
            if is_successor or (link == self._successor and self._until_s == math.inf):
                self._successor = link
                self._until_s = math.inf
                self._marker = b"%s-%d" % (self._stem, next(self._numbers))
                self._have_marker.clear()
                self._unmatched.clear()

    def end(self) -> None:
        """Only one link is left; it may still pass on what the other one has received."""
        with self._lock:
            self._until_s = min(self._until_s, self._clock.now().boot_s + SAME_WITHIN_S)

    def is_marker(self, message: Incoming) -> bool:
        """Whether it is the marker; if so, also note that its link has received it."""
        with self._lock:
            is_marker = message.payload == self._marker != b""
            if is_marker:
                self._have_marker.add(message.link)
            return is_marker

    def is_new(self, message: Incoming) -> bool:
        """False when the other link has received this message and it has not been matched yet."""
        with self._lock:
            now_s = self._clock.now().boot_s
            if now_s > self._until_s:
                return True
            while self._unmatched and now_s - self._unmatched[0].at_s > SAME_WITHIN_S:
                self._unmatched.popleft()
            is_after = message.link in self._have_marker
            for place, known in enumerate(self._unmatched):
                if known.is_after is is_after and _are_copies(known.message, message):
                    del self._unmatched[place]
                    return False
            self._unmatched.append(_Unmatched(now_s, is_after, message))
            return True


def _are_copies(one: Incoming, other: Incoming) -> bool:
    """Whether two links have received the same message; over MQTT 3.1.1 it comes without its properties."""
    if one.link == other.link or (one.topic, one.payload, one.retained) != (other.topic, other.payload, other.retained):
        return False
    details = [(copy.response_topic, copy.correlation, copy.marks) for copy in (one, other)]
    return details[0] == details[1] or (None, None, ()) in details


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
            if isinstance(arrival, LinkUp):
                self._duplicates.connected(self._own.number, is_successor=self._is_seamless)
                self._is_seamless = False
            self._deliver(arrival)
            return
        if self._duplicates.is_marker(arrival):
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
