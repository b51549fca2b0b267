"""The daemon's link to its broker: it connects, and reconnects for as long as it runs. Its thread is ``lull-mqtt``.

A connection is used once, so nothing that was meant for an earlier one is ever sent late. Whatever a connection raises
ends that connection, not the thread. A name server that does not answer blocks this thread and no other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from player.core.clock import SystemClock
from player.core.settings.mqtt import MqttSettings
from player.core.threads import TOO_MANY, has_started
from player.mqtt.client import PahoConnection
from player.mqtt.connection import Connect, Connection, ConnectionPlan
from player.mqtt.identity import Backoff, client_id_of, read_password
from player.mqtt.incoming import Arrival, Incoming, LinkDown, LinkUp
from player.mqtt.payload_values import MAX_PAYLOAD_BYTES
from player.mqtt.payloads import FORMAT
from player.mqtt.topics import OFFLINE, ONLINE, Topics

log = logging.getLogger("lull.mqtt")

MAX_NAMED_TOPICS: Final = 100
MAX_OTHER_BYTES: Final = 64 << 10
"""Messages on other topics are cut to this length, which is more than triggers read and this speaker announces."""


class MqttLink:
    """Keeps a connection to the broker, and passes on what arrives. Used on the main thread; its own is ``lull-mqtt``.

    What is published while not connected is dropped: after a `LinkUp` the app publishes everything again. ``LinkDown``
    is reported once for each new reason, not once for each attempt.

    Args:
        deliver: takes `Incoming`, `LinkUp` and `LinkDown` on the link's thread; must not block.
        connect: makes a connection.
        backoff: how long to wait between attempts.
        others: filters of which all messages count, including retained ones.
    """

    def __init__(
        self,
        topics: Topics,
        client_id: str,
        deliver: Callable[[Arrival], None],
        connect: Connect,
        backoff: Backoff | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        self._topics = topics
        marks = (("v", str(FORMAT)), ("device", topics.device))
        plan_others = (topics.availability, topics.self_check, *others)
        self._plan = ConnectionPlan(client_id, topics.subscriptions, plan_others, topics.availability, marks)
        self._deliver = deliver
        self._connect = connect
        self._backoff = Backoff() if backoff is None else backoff
        self._thread = threading.Thread(target=self._run, name="lull-mqtt", daemon=True)
        self._quit = threading.Event()
        self._connection: Connection | None = None
        self._is_up = False
        self._last_reason: str | None = None
        self._lock = threading.Lock()
        self._wanted: tuple[str, ...] = ()
        self._subscribed: tuple[str, ...] = ()
        self._named: set[str] = set()

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message on this connection."""
        connection = self._connection
        return connection is not None and connection.has_refused

    @property
    def refused(self) -> tuple[str, ...]:
        """The topics of commands and triggers that the broker does not let this connection subscribe."""
        connection = self._connection
        if connection is None or not connection.refused:  # asked at each turn
            return ()
        return tuple(name for name in (*self._plan.commands, *self._wanted) if name in connection.refused)

    def start(self) -> None:
        """Begin to connect; returns at once. Called again, it does nothing, or tries again where it could not begin."""
        if self._thread.ident is None and not has_started(self._thread):
            self._report_down(TOO_MANY)

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        """Publish ``offline`` and disconnect, within about ``timeout_s``; a thread that hangs is left behind."""
        self._quit.set()
        connection = self._connection
        if connection is not None:
            last = (self._topics.availability, OFFLINE) if self._is_up and says_offline else None
            self._is_up = False
            connection.close(last, timeout_s / 2)
        if self._thread.is_alive():
            self._thread.join(timeout_s / 2)

    def listen(self, filters: tuple[str, ...]) -> None:
        """Subscribe these topics of others now and after each connection, instead of the earlier ones."""
        with self._lock:
            self._wanted = tuple(name for name in filters if name not in self._plan.others)
            self._update_subscriptions()

    def _update_subscriptions(self) -> None:
        """Subscribe new topics and unsubscribe old ones; the lock is held."""
        connection = self._connection
        if connection is None or not self._is_up:
            return
        new = tuple(name for name in self._wanted if name not in self._subscribed)
        gone = tuple(name for name in self._subscribed if name not in self._wanted)
        self._subscribed = self._wanted
        if new or gone:
            connection.subscribe(new, gone)

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        """Send soon, or drop while not connected or when the broker has stopped reading; never waits."""
        connection = self._connection
        if connection is not None and self._is_up:
            connection.publish(topic, payload, retain=retain, qos=qos, correlation=correlation)

    # The link's thread.

    def _run(self) -> None:
        clock = SystemClock()
        while not self._quit.is_set():
            began_s = clock.now().boot_s
            reason = self._serve()
            self._is_up = False
            self._report_down(reason)
            self._quit.wait(self._backoff.next_s(clock.now().boot_s - began_s))

    def _serve(self) -> str:
        """Serve one connection to its end."""
        try:
            self._connection = self._connect(self._plan, self._on_up, self._on_message)
            return self._connection.serve()
        except Exception as error:
            # otherwise the thread ends, and a speaker that still plays cannot be controlled any more
            log.exception("broker: unexpected error in the connection")
            return f"{type(error).__name__} in the connection"

    def _report_down(self, reason: str) -> None:
        if reason != self._last_reason and not self._quit.is_set():
            self._last_reason = reason
            self._deliver(LinkDown(reason))

    def _on_up(self) -> None:
        assert self._connection is not None, "a connection comes up while it serves"
        if self._quit.is_set():
            self._connection.close()
            return
        self._connection.publish(self._topics.availability, ONLINE, retain=True, qos=1)
        self._last_reason = None
        self._is_up = True
        with self._lock:
            self._subscribed = ()
            self._update_subscriptions()
        self._deliver(LinkUp(self._connection.fell_back_to))  # what is published from now on follows each subscription

    def _on_message(self, incoming: Incoming) -> None:
        if incoming.topic == self._topics.availability:
            if incoming.payload != ONLINE and not self._quit.is_set():
                # the will of a connection that this one has replaced, another speaker of this name, or a stranger
                self.publish(incoming.topic, ONLINE, retain=True, qos=1)
        elif incoming.topic == self._topics.self_check or self._topics.verb_of(incoming.topic) is None:
            self._deliver(replace(incoming, payload=incoming.payload[:MAX_OTHER_BYTES]))
        elif incoming.retained:
            self._drop_retained(incoming.topic)
        else:
            # a payload of this length is refused for it
            self._deliver(replace(incoming, payload=incoming.payload[: MAX_PAYLOAD_BYTES + 1]))

    def _drop_retained(self, topic: str) -> None:
        """One line for each topic: a broker repeats what it retains at every connection."""
        if topic not in self._named and len(self._named) < MAX_NAMED_TOPICS:
            self._named.add(topic)
            log.warning("dropped a retained message on %r; commands are never retained, send them without", topic)


def make_link(
    settings: MqttSettings,
    device: str,
    deliver: Callable[[Arrival], None],
    others: tuple[str, ...] = (),
    number: int = 0,
    password: Callable[[MqttSettings], str | None] = read_password,
) -> MqttLink:
    """The daemon's link over paho.

    Args:
        settings: the broker.
        device: the name of the speaker.
        deliver: takes what the link reports, on its thread; must not block.
        others: filters of which all messages count, including retained ones.
        number: of the link, see `client_id_of`.
        password: reads it again for each attempt, so that a file can be corrected meanwhile. Never shown.
    """

    def connect(
        plan: ConnectionPlan, on_up: Callable[[], None], on_message: Callable[[Incoming], None]
    ) -> PahoConnection:
        return PahoConnection(settings, password(settings), plan, on_up, on_message)

    topics = Topics(settings.prefix, device, settings.groups)
    client_id = client_id_of(settings.prefix, device, number)
    return MqttLink(topics, client_id, deliver, connect, others=others)
