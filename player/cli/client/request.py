"""Requests to one speaker over the broker: find it, ask, wait for the answer. For the client commands.

The caller's thread asks and waits; a second thread serves the connection and only puts what arrives into a queue.

The queue first has the established connection, then messages, then the end of the connection.
"""

from __future__ import annotations

import json
import os
import queue
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, ClassVar, Final, Self, TypeAlias

from player.core.errors import LullError
from player.core.settings.mqtt import MqttSettings
from player.mqtt.client import PahoConnection
from player.mqtt.connection import ConnectionPlan
from player.mqtt.identity import read_password
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.payload_values import as_object
from player.mqtt.topics import OFFLINE, Topics

LOOK_AROUND_S: Final = 0.7
"""Seconds after the subscription within which all retained messages arrive."""
_CLOSE_S: Final = 1.0

Arrival: TypeAlias = Incoming | LinkUp | LinkDown


class MqttSession:
    """A connection with a random client id.

    Args:
        others: filters of which all messages count.

    Attributes:
        arrivals: what has arrived and was not taken yet.
    """

    def __init__(self, settings: MqttSettings, others: Iterable[str]) -> None:
        self.arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        plan = ConnectionPlan(client_id=f"lull-cli-{os.urandom(6).hex()}", others=tuple(others))
        self._broker = PahoConnection(settings, read_password(settings), plan, self._on_up, self.arrivals.put)
        self._thread = threading.Thread(target=self._serve, name="lull-cli-mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send soon, at QoS 1, without waiting."""
        self._broker.publish(topic, payload, retain=retain, qos=1)

    def next_by(self, deadline_s: float) -> Arrival | None:
        """The next arrival, None when nothing arrives by that time (`time.monotonic`)."""
        try:
            return self.arrivals.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except queue.Empty:
            return None

    def close(self) -> None:
        """Disconnect."""
        self._broker.close()
        self._thread.join(_CLOSE_S)

    # The connection's thread.

    def _serve(self) -> None:
        self.arrivals.put(LinkDown(self._broker.serve()))

    def _on_up(self) -> None:
        self.arrivals.put(LinkUp())


OFFLINE_S: Final = 1.0
"""Seconds that a speaker whose availability is offline gets to answer anyway."""


class NoAnswer(LullError):
    """Broker or speaker did not answer; the message says which, where, and what to check.

    Attributes:
        what: the message without what to check.
    """

    def __init__(self, what: str, check: str = "") -> None:
        self.what = what
        super().__init__(f"{what}. Check {check}" if check else what)


class Ambiguous(LullError):
    """Several speakers are online and none was named."""


class SpeakerClient:
    """``with SpeakerClient(settings, device, timeout_s) as speaker: speaker.ask("pause", {})``.

    Args:
        device: the speaker; None takes the only one that is online.
        timeout_s: how long to wait for the broker, and then for each answer.

    Attributes:
        LISTENS_TO: the topics to subscribe, by their names in `Topics`.

    Raises:
        NoAnswer: on entering, when the broker cannot be reached or no speaker is online.
        Ambiguous: on entering, when several are.
    """

    LISTENS_TO: ClassVar[tuple[str, ...]] = ("availability", "state", "event", "reply")

    def __init__(self, settings: MqttSettings, device: str | None, timeout_s: float) -> None:
        self._settings = settings
        self._timeout_s = timeout_s
        self._availability: dict[str, bytes] = {}
        self._came_online: set[str] = set()
        self._device = device
        wanted = Topics(settings.prefix, device or "+")
        self._session = MqttSession(settings, tuple(getattr(wanted, name) for name in self.LISTENS_TO))

    @property
    def where(self) -> str:
        """The broker's address, as it is shown."""
        return self._settings.address

    @property
    def topics(self) -> Topics:
        """The names of the speaker's topics; after entering."""
        assert self._device is not None, "the speaker is known after entering"
        return Topics(self._settings.prefix, self._device)

    def __enter__(self) -> Self:
        self._session.start()
        try:
            self._wait_until_up()
            self._choose()
        except BaseException:
            self._session.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def ask(self, verb: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Send a command and wait for its answer, the object described in docs/mqtt.md. Raises NoAnswer."""
        sender_id = os.urandom(6).hex()
        message = json.dumps({**fields, "command": verb, "id": sender_id, "origin": "cli"})
        self._session.publish(self.topics.command(), message.encode())
        deadline_s = time.monotonic() + self._timeout_s
        while (incoming := self._next_by(deadline_s)) is not None:
            if incoming.topic == self.topics.reply:
                answer = as_object(incoming.payload)
                if answer.get("id") == sender_id:
                    return answer
            elif incoming.topic == self.topics.availability and incoming.payload == OFFLINE:
                deadline_s = min(deadline_s, time.monotonic() + OFFLINE_S)
        raise NoAnswer(self._why_silent())

    def arrivals(self) -> Iterator[Incoming]:
        """Everything that the speaker publishes from now on, retained messages first. Raises NoAnswer at the end."""
        while True:
            incoming = self._next_by(time.monotonic() + 3600)
            if incoming is not None and incoming.topic.startswith(f"{self.topics.root}/"):
                yield incoming

    # Waiting.

    def _next_by(self, deadline_s: float) -> Incoming | None:
        """The next message, None when none arrives in time. Raises NoAnswer when the connection ends."""
        arrival = self._session.next_by(deadline_s)
        if arrival is None:
            return None
        if isinstance(arrival, LinkDown):
            raise _no_connection(arrival.reason)
        assert isinstance(arrival, Incoming), "it comes up once, and that has been waited for"
        self._note(arrival)
        return arrival

    def _wait_until_up(self) -> None:
        """Wait for the first arrival, which is the connection or the reason of its failure."""
        arrival = self._session.next_by(time.monotonic() + self._timeout_s)
        if arrival is None:
            raise _no_connection(f"{self.where}: no answer in {self._timeout_s:g} s")
        if isinstance(arrival, LinkDown):
            raise _no_connection(arrival.reason)
        assert isinstance(arrival, LinkUp), "nothing comes before the connection"

    def _choose(self) -> None:
        """Choose the speaker to ask."""
        if self._device is None:
            self._device = self._only_device()

    def _only_device(self) -> str:
        """The device that is online, when there is exactly one."""
        deadline_s = time.monotonic() + LOOK_AROUND_S
        kept: list[Incoming] = []
        while (incoming := self._next_by(deadline_s)) is not None:
            kept.append(incoming)
        online = sorted(device for device, payload in self._availability.items() if payload != OFFLINE)
        if len(online) > 1:
            raise Ambiguous(f"several speakers are online: {', '.join(online)}; name one with --device")
        if not online:
            raise self._nobody()
        for incoming in kept:
            self._session.arrivals.put(incoming)
        return online[0]

    def _nobody(self) -> NoAnswer:
        offline = ", ".join(sorted(self._availability)) or "none is known"
        return NoAnswer(
            f"no speaker is online under {self._settings.prefix!r} at {self.where} (offline: {offline})",
            "that lull runs (systemctl status lull), and --prefix",
        )

    def _note(self, incoming: Incoming) -> None:
        """Note the availability of the speaker in the topic; an empty payload removes it."""
        prefix, suffix = f"{self._settings.prefix}/", "/availability"
        if incoming.topic.startswith(prefix) and incoming.topic.endswith(suffix):
            device = incoming.topic[len(prefix) : -len(suffix)]
            if incoming.payload:
                if incoming.payload != OFFLINE and self._availability.get(device) == OFFLINE:
                    self._came_online.add(device)
                self._availability[device] = incoming.payload
            else:
                self._availability.pop(device, None)

    def _why_silent(self) -> str:
        known = self._availability.get(self.topics.device)
        if known is None:
            reason = "the broker knows no speaker of that name; check --device and --prefix"
        elif known == OFFLINE:
            reason = "the speaker is offline; check that lull runs there (systemctl status lull)"
        elif self.topics.device in self._came_online:
            reason = "it has only just come online; ask again"
        else:
            reason = f"it is online but said nothing within {self._timeout_s:g} s; see its journal (journalctl -u lull)"
        return f"no answer from {self.topics.root} at {self.where}: {reason}"


def _no_connection(reason: str) -> NoAnswer:
    return NoAnswer(
        f"no connection to the broker at {reason}",
        "that it runs, and --host, --port, --username and --password-file, or mqtt in the config",
    )
