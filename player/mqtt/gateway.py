"""The post: what goes to the broker and how it is kept current there. Main thread.

Holds the link, the names of the topics, the pacing of the state and what is announced to homes. The app hands it what
happened; nothing here waits.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from player.core.clock import Now
from player.core.commands import Request
from player.core.errors import Refused
from player.core.events import Answer, News
from player.core.settings.discovery import Identity
from player.core.settings.mqtt import MqttSettings
from player.core.snapshot import Snapshot
from player.mqtt import payloads, topics
from player.mqtt.discovery.announcer import Announcer, Publication
from player.mqtt.discovery.messages import Speaker
from player.mqtt.intake import Intake, IntakeResult
from player.mqtt.lanes import Refusal
from player.mqtt.ports import Link, MakeLink
from player.mqtt.self_check import ConnectionFinding, SelfCheck
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
    check: SelfCheck


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
        self._filters: tuple[str, ...] = ()
        self._is_announced_anew = False

    def open(self, mqtt: MqttSettings | None, device: str) -> None:
        """Begin to connect, or connect anew with other settings; what the old ones left at a broker is taken back."""
        old = self._line
        if old is not None and mqtt is not None and _needs_no_new_connection(old.settings, mqtt, device, old.topics):
            self._change(old, mqtt, device)
            return
        if old is not None and (mqtt is None or _place(mqtt) != _place(old.settings)):
            self._publish(old.homes.take_back())
        self.close()
        if mqtt is None:
            return
        names, homes = self._named(mqtt, device, old)
        self._desk.topics = names
        self._filters = homes.filters
        link = self._make_link(mqtt, device, homes.filters, self._ear)
        check = SelfCheck(secrets.token_hex(8).encode(), device, names.self_check)
        self._line = _Line(mqtt, link, names, homes, check)
        self._triggered.attach(link.listen)
        link.start()

    def _change(self, old: _Line, mqtt: MqttSettings, device: str) -> None:
        """Other settings on the living connection, so that no command of this moment is lost."""
        names, homes = self._named(mqtt, device, None)
        homes.succeed(old.homes)
        self._desk.topics = names
        self._filters = homes.filters
        old.link.change(mqtt)
        self._line = _Line(mqtt, old.link, names, homes, old.check)
        self._triggered.attach(lambda filters: old.link.listen((*filters, *homes.filters)))
        self._is_announced_anew = True

    def _named(self, mqtt: MqttSettings, device: str, old: _Line | None) -> tuple[topics.Topics, Announcer]:
        """The names of the topics, and who announces the speaker; what was announced before is taken over."""
        names = topics.Topics(mqtt.prefix, device, mqtt.groups, mqtt.discovery.prefix)
        rng = random.Random()  # noqa: S311 - a delay, no secret
        homes = Announcer(Speaker(mqtt.discovery, self._identity, names), rng)
        if old is not None and _place(mqtt) == _place(old.settings):
            homes.inherit(old.homes)
        return names, homes

    def _ear(self, arrival: Arrival) -> None:
        """What a link calls, on its thread: what homes say is heard here even where a trigger waits for it too."""
        if isinstance(arrival, Incoming) and any(matches(name, arrival.topic) for name in self._filters):
            self._triggered.overhear(arrival)
            self._deliver(arrival)
        else:
            self._triggered.deliver(arrival)

    def close(self) -> None:
        """Say offline and disconnect."""
        if self._line is not None:
            self._line.link.stop(LINK_STOP_S)
            self._line = None

    def wait_s(self, boot_s: float) -> float:
        """How long nothing is due to go out."""
        waits_s = self._pacer.wait_s(boot_s)
        line = self._line
        return waits_s if line is None else min(waits_s, line.homes.wait_s(boot_s), line.check.wait_s(boot_s))

    def connected(self, boot_s: float) -> None:
        """The broker is there (again). Brokers forget, so everything is published anew."""
        self._pacer.forget()
        if self._line is not None:
            self._line.homes.connected(boot_s)
            self._line.check.connected(boot_s)

    def disconnected(self, reason: str, boot_s: float) -> None:
        """The broker is not there."""
        if self._line is not None:
            self._line.homes.disconnected()
            self._line.check.disconnected(boot_s, reason)

    def findings(self, boot_s: float) -> tuple[ConnectionFinding, ...]:
        """What is wrong with the connection, or right again, since the last call; the check is sent when it is due."""
        line = self._line
        if line is None:
            return ()
        if line.check.is_due(boot_s):
            line.link.publish(line.topics.self_check, line.check.token, qos=1)
        return line.check.findings(boot_s, may_send=not line.link.has_refused)

    def take(self, message: Incoming | Refusal, boot_s: float) -> IntakeResult:
        """What becomes of a message from the broker."""
        line = self._line
        if line is not None and isinstance(message, Incoming) and message.topic == line.topics.self_check:
            if not message.retained:
                line.check.heard(message.payload, boot_s)
            return IntakeResult()
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
        if self._is_announced_anew:
            self._is_announced_anew = False
            line.homes.announce_again(now.boot_s)
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


def _needs_no_new_connection(old: MqttSettings, new: MqttSettings, device: str, names: topics.Topics) -> bool:
    """Whether the two differ only in what the living connection can take over, or what can wait for the next one."""
    same = replace(new, groups=old.groups, keepalive_s=old.keepalive_s, discovery=old.discovery)
    return same == old and device == names.device
