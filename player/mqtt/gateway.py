"""The post: what goes to the broker and how it is kept current there. Main thread.

Holds the link, the names of the topics, the pacing of the state and what is announced to homes. The app hands it what
happened; nothing here waits.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from player.core.clock import Now
from player.core.commands import Request
from player.core.errors import Refused
from player.core.events import Answer, News, Snapshot
from player.core.settings.discovery import Identity
from player.core.settings.mqtt import MqttSettings
from player.mqtt import payloads, topics
from player.mqtt.discovery.announcer import Announcer, Publication
from player.mqtt.discovery.messages import Speaker
from player.mqtt.intake import Intake, IntakeResult
from player.mqtt.lanes import Refusal
from player.mqtt.ports import Link, MakeLink
from player.mqtt.state_throttle import StateThrottle
from player.mqtt.topics import Incoming
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.gate import Arrival, TriggerGate

LINK_STOP_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class _Line:
    """A link and what belongs to it."""

    settings: MqttSettings
    link: Link
    topics: topics.Topics
    homes: Announcer


class Gateway:
    """One speaker's correspondence; without a broker everything here does nothing.

    Args:
        make_link: makes a link.
        identity: what homes know the speaker by.
        desk: reads commands; told the names of the topics.
        triggered: hears what comes first, and which topics it wants is told to the link.
        deliver: the inbox of the main thread.
    """

    def __init__(
        self,
        make_link: MakeLink,
        identity: Identity,
        desk: Intake,
        triggered: TriggerGate,
        deliver: Callable[[Incoming], None],
    ) -> None:
        self._make_link = make_link
        self._identity = identity
        self._desk = desk
        self._triggered = triggered
        self._deliver = deliver
        self._pacer = StateThrottle()
        self._line: _Line | None = None

    def open(self, mqtt: MqttSettings | None, device: str) -> None:
        """Begin to connect, or connect anew with other settings; what the old ones left at a broker is taken back."""
        old = self._line
        if old is not None and (mqtt is None or _place(mqtt) != _place(old.settings)):
            self._publish(old.homes.take_back())
        self.close()
        if mqtt is None:
            return
        names = topics.Topics(mqtt.prefix, device, mqtt.groups, mqtt.discovery.prefix)
        rng = random.Random()  # noqa: S311 - a delay, no secret
        homes = Announcer(Speaker(mqtt.discovery, self._identity, names), rng)
        if old is not None and _place(mqtt) == _place(old.settings):
            homes.inherit(old.homes)
        self._desk.topics = names
        link = self._make_link(mqtt, device, homes.filters, self._ear(homes.filters))
        self._line = _Line(mqtt, link, names, homes)
        self._triggered.attach(link.listen)
        link.start()

    def _ear(self, filters: tuple[str, ...]) -> Callable[[Arrival], None]:
        """What a link calls, on its thread: what homes say is heard here even where a trigger waits for it too."""

        def hear(arrival: Arrival) -> None:
            if isinstance(arrival, Incoming) and any(matches(name, arrival.topic) for name in filters):
                self._triggered.overhear(arrival)
                self._deliver(arrival)
            else:
                self._triggered.deliver(arrival)

        return hear

    def close(self) -> None:
        """Say offline and disconnect."""
        if self._line is not None:
            self._line.link.stop(LINK_STOP_S)
            self._line = None

    def wait_s(self, boot_s: float) -> float:
        """How long nothing is due to go out."""
        waits_s = self._pacer.wait_s(boot_s)
        return waits_s if self._line is None else min(waits_s, self._line.homes.wait_s(boot_s))

    def connected(self, boot_s: float) -> None:
        """The broker is there (again). Brokers forget, so everything is published anew."""
        self._pacer.forget()
        if self._line is not None:
            self._line.homes.connected(boot_s)

    def disconnected(self) -> None:
        """The broker is not there."""
        if self._line is not None:
            self._line.homes.disconnected()

    def take(self, message: Incoming | Refusal, boot_s: float) -> IntakeResult:
        """What becomes of a message from the broker."""
        line = self._line
        if line is None or isinstance(message, Refusal) or line.topics.verb_of(message.topic) is not None:
            return self._desk.take(message, boot_s)
        try:
            command = line.homes.hear(message, boot_s)
        except Refused as refusal:
            news = News("command_rejected", str(refusal), {"reason": str(refusal), "origin": "mqtt"})
            return IntakeResult(events=(news,))
        return IntakeResult() if command is None else IntakeResult(Request(command, "mqtt"))

    def publish_last(self, snapshot: Snapshot, now: Now) -> None:
        """The state once more, whatever was published before."""
        self._pacer.forget()
        self.publish_state(snapshot, now)

    def publish_state(self, snapshot: Snapshot, now: Now) -> None:
        """The announcement where it has to be told, and the state where it is worth it, in this order: a number that is
        larger than a home's maximum is not taken by it.
        """
        line = self._line
        if line is None:
            return
        announced = line.homes.announce(snapshot, now.boot_s)
        if announced:
            self._publish(announced)
            self._pacer.forget()
        if self._pacer.is_due(snapshot, now.boot_s):
            line.link.publish(line.topics.state, payloads.state(snapshot), retain=True, qos=1)
            self._publish(line.homes.player_values(snapshot))

    def tell(self, news: News, wall: datetime) -> None:
        """An event."""
        if self._line is not None:
            self._line.link.publish(self._line.topics.event, payloads.event(news, wall), qos=1)

    def reply(self, answer: Answer, snapshot: Snapshot) -> None:
        """The answer to a request whose sender waits for one."""
        line = self._line
        if answer.reply_to is None or line is None:
            return
        topic = answer.reply_to.topic or line.topics.reply
        payload = payloads.reply(answer, snapshot, line.topics.device)
        line.link.publish(topic, payload, qos=1, correlation=answer.reply_to.correlation)

    def _publish(self, publications: tuple[Publication, ...]) -> None:
        assert self._line is not None, "there is nothing to publish without a link"
        for publication in publications:
            self._line.link.publish(publication.topic, publication.payload, retain=True, qos=1)


def _place(settings: MqttSettings) -> tuple[str, int]:
    """Which broker it is."""
    return settings.host, settings.port
