"""The gateway: publishes to the broker and keeps it up to date. Main thread; nothing here waits.

When a reload changes the broker or how it is reached, a second link is made. Until that one is connected everything
is sent over the first. Then the new link publishes, and both are heard until the new one has received a message of its
own: so no command is lost on the way, above all no stop. Where the new one is lost before that, the old one is heard
until it is back. A new link that does not connect in time replaces the old one all the same.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from player.core.clock import Clock, Now
from player.core.commands import Request
from player.core.errors import Refused
from player.core.events import Answer, News
from player.core.night_report import NightReport
from player.core.settings.mqtt import Identity, MqttSettings
from player.core.snapshot import Snapshot, TrackList
from player.mqtt import payloads
from player.mqtt.connection import Link, MakeLink
from player.mqtt.discovery.announcer import Announcer, Publication
from player.mqtt.discovery.messages import Speaker
from player.mqtt.incoming import Arrival, Incoming, LinkDown, LinkUp, Refusal
from player.mqtt.intake import Intake, IntakeResult
from player.mqtt.router import DuplicateFilter, MessageRouter, Route
from player.mqtt.self_check import ConnectionFinding, SelfCheck, is_token, new_token
from player.mqtt.state_throttle import StateThrottle, light_throttle, night_throttle, tracks_throttle
from player.mqtt.topics import Topics
from player.mqtt.triggers.gate import TriggerGate
from player.mqtt.triggers.mailbox import MailboxFilled

LINK_STOP_S: Final = 1.0
REPLACE_WITHIN_S: Final = 30.0
"""Maximum seconds that the old link is kept while the new one is not connected (any more)."""
CONFIRM_S: Final = 3.0
"""Seconds that both links are read if the new one does not receive its own message."""
LINGER_S: Final = 0.5
"""Seconds that the old link is read after that, for messages under way."""


@dataclass(slots=True)
class _Line:
    """A link with its topics and state."""

    number: int
    settings: MqttSettings
    topics: Topics
    link: Link
    announcer: Announcer
    check: SelfCheck
    is_up: bool = False

    @property
    def broker(self) -> tuple[str, int]:
        """The identity of a broker."""
        return self.settings.host, self.settings.port

    def publish(self, publications: tuple[Publication, ...]) -> None:
        """Publish retained messages."""
        for publication in publications:
            self.link.publish(publication.topic, publication.payload, retain=True, qos=1)


class Gateway:
    """Publishes and receives; does nothing without a broker. Main thread.

    Args:
        make_link: makes a link.
        identity: the id under which the speaker is announced.
        clock: for telling messages of two links apart.
        intake: reads commands.
        triggers: has the topics that the link subscribes for them.
        deliver: the inbox of the main thread.
    """

    def __init__(
        self,
        make_link: MakeLink,
        identity: Identity,
        clock: Clock,
        intake: Intake,
        triggers: TriggerGate,
        deliver: Callable[[Arrival | MailboxFilled], None],
    ) -> None:
        self._make_link = make_link
        self._identity = identity
        self._intake = intake
        self._triggers = triggers
        self._deliver = deliver
        self._token = new_token()
        self._duplicates = DuplicateFilter(clock)
        self._throttle = StateThrottle()
        self._night_throttle = night_throttle()
        self._tracks_throttle = tracks_throttle()
        self._light_throttle = light_throttle()
        self._links_made = 0
        self._line: _Line | None = None
        self._next: _Line | None = None
        self._replace_by_s = math.inf
        self._old: _Line | None = None
        self._old_until_s = math.inf
        self._withdrawn: list[ConnectionFinding] = []

    # Links.

    def open(self, mqtt: MqttSettings | None, device: str, boot_s: float) -> None:
        """Begin to connect, or replace the connection by one with other settings."""
        if self._next is not None:
            self._next.link.stop(LINK_STOP_S)
            self._next = None
        self._end_old()
        line = self._line
        if mqtt is None or line is None or not line.is_up:
            self._leave(mqtt)
            if mqtt is not None:
                self._line = self._new_line(mqtt, device, line, is_successor=False)
                self._line.link.start()
            return
        self._next = self._new_line(mqtt, device, line, is_successor=True)
        self._replace_by_s = boot_s + REPLACE_WITHIN_S
        self._next.link.start()

    def _new_line(self, mqtt: MqttSettings, device: str, before: _Line | None, *, is_successor: bool) -> _Line:
        names = Topics(mqtt.prefix, device, mqtt.groups, mqtt.discovery.prefix)
        rng = random.Random()  # noqa: S311 - a delay, not a secret
        announcer = Announcer(Speaker(mqtt.discovery, self._identity, names), rng)
        if before is not None and before.broker == (mqtt.host, mqtt.port):
            announcer.inherit(before.announcer)
        number, self._links_made = self._links_made, self._links_made + 1
        route = Route(number, names, announcer.filters, is_successor)
        router = MessageRouter(route, self._triggers.mailbox, self._duplicates, self._deliver)
        others = announcer.filters
        if before is not None and before.topics.root != names.root:
            others += (before.topics.self_check,)  # the marker has to reach both links
        link = self._make_link(mqtt, device, router.route, others, number)
        self._triggers.attach(link.listen)
        return _Line(number, mqtt, names, link, announcer, SelfCheck(self._token, device, names.self_check))

    def _replace(self, old_until_s: float) -> None:
        """Let the new link publish from now on; the old one is only read."""
        assert self._line is not None, "there is a link to be replaced"
        assert self._next is not None, "there is a link that replaces it"
        self._old, self._line, self._next = self._line, self._next, None
        self._old_until_s = old_until_s
        if self._old.broker != self._line.broker:
            self._old.publish(self._old.announcer.take_back())

    def _end_old(self) -> None:
        """Disconnect the link that was replaced."""
        old, line, self._old = self._old, self._line, None
        if old is None or line is None:
            return
        self._withdrawn += old.check.withdrawn()
        is_online_here = line.is_up and old.broker == line.broker and old.topics.root == line.topics.root
        old.link.stop(LINK_STOP_S, says_offline=not is_online_here)
        self._duplicates.end()

    def _leave(self, mqtt: MqttSettings | None) -> None:
        """Disconnect; the announcements are removed from a broker that the speaker does not return to."""
        line = self._line
        if line is not None:
            if mqtt is None or line.broker != (mqtt.host, mqtt.port):
                line.publish(line.announcer.take_back())
            self._withdrawn += line.check.withdrawn()
            line.link.stop(LINK_STOP_S)
            self._line = None

    def close(self) -> None:
        """Say offline and disconnect."""
        self._end_old()
        for line in (self._next, self._line):
            if line is not None:
                line.link.stop(LINK_STOP_S)
        self._line = self._next = None

    def _advance(self, boot_s: float) -> None:
        """End the waits that are over, and begin to connect where that was not possible before."""
        for line in (self._line, self._next):
            if line is not None and not line.is_up:
                line.link.start()
        if self._next is not None and boot_s >= self._replace_by_s:
            self._replace(boot_s)
            self._triggers.connection_lost()
        if self._old is not None and boot_s >= self._old_until_s:
            self._end_old()

    def _line_of(self, number: int) -> _Line | None:
        """The line with this number; None for one that has ended, whose last messages may still be in the inbox."""
        lines = (line for line in (self._line, self._next, self._old) if line is not None)
        return next((line for line in lines if line.number == number), None)

    def wait_s(self, boot_s: float) -> float:
        """Seconds until something is due."""
        waits_s = [self._throttle.wait_s(boot_s)]
        if self._line is not None:
            waits_s += [self._line.announcer.wait_s(boot_s), self._line.check.wait_s(boot_s)]
        if self._next is not None:
            waits_s.append(max(0.0, self._replace_by_s - boot_s))
        if self._old is not None:
            waits_s.append(max(0.0, self._old_until_s - boot_s))
        return min(waits_s)

    # Incoming.

    def connected(self, up: LinkUp, boot_s: float) -> None:
        """Note that the broker is connected (again). Brokers forget, so everything is published anew."""
        line = self._line_of(up.link)
        if line is None:
            return
        line.is_up = True
        line.announcer.connected(boot_s)
        line.check.connected(boot_s)
        if line is self._next:
            self._replace(math.inf)
        if line is self._line and self._old is not None:
            self._old_until_s = boot_s + CONFIRM_S
            line.link.publish(self._old.topics.self_check, self._duplicates.marker, qos=1)
        self._forget_published()
        self._tracks_throttle.forget()

    def disconnected(self, down: LinkDown, boot_s: float) -> None:
        """Note that the broker is not connected."""
        line = self._line_of(down.link)
        if line is None:
            return
        line.is_up = False
        line.announcer.disconnected()
        line.check.disconnected(boot_s, down.reason)
        if line is self._line and self._next is not None:
            self._replace(boot_s)
        elif line is self._old:
            self._old_until_s = boot_s
        elif self._old is not None:
            self._old_until_s = boot_s + REPLACE_WITHIN_S

    def findings(self, boot_s: float) -> tuple[ConnectionFinding, ...]:
        """The changes in the problems of the connection since the last call; also sends the check when it is due.

        With it goes what is retained, because others can overwrite or clear it at the broker.
        """
        self._advance(boot_s)
        withdrawn, self._withdrawn = tuple(self._withdrawn), []
        line = self._line
        if line is None:
            return withdrawn
        if line.check.is_due(boot_s):
            line.link.publish(line.topics.self_check, line.check.token, qos=1)
            if not line.check.has_twin:
                self._forget_published()
                self._tracks_throttle.forget()
        line.check.note_refused(line.link.refused)
        return (*withdrawn, *line.check.findings(boot_s, may_send=not line.link.has_refused))

    def take(self, message: Incoming | Refusal, boot_s: float) -> IntakeResult:
        """Handle a message from the broker."""
        if isinstance(message, Refusal):
            asked = message.message
            line = self._line_of(asked.link) or self._line if isinstance(asked, Incoming) else None
            return self._intake.refuse(message, None if line is None else line.topics)
        line = self._line_of(message.link) or self._line  # of one that has ended, its successor
        if line is None:
            return IntakeResult()
        if message.topic == line.topics.self_check:
            self._hear_check(line, message, boot_s)
            return IntakeResult()
        if line.topics.verb_of(message.topic) is not None:
            return self._intake.take(message, line.topics, boot_s)
        try:
            command = line.announcer.handle(message, boot_s)
        except Refused as refusal:
            news = News("command_rejected", str(refusal), {"reason": str(refusal), "origin": "mqtt"})
            return IntakeResult(events=(news,))
        return IntakeResult() if command is None else IntakeResult(Request(command, "mqtt"))

    def _hear_check(self, line: _Line, message: Incoming, boot_s: float) -> None:
        if message.retained or line.number != message.link or not is_token(message.payload):
            return
        if line.check.heard(message.payload, boot_s) and line is self._line:
            self._old_until_s = min(self._old_until_s, boot_s + LINGER_S)

    # Outgoing.

    def publish_last(self, snapshot: Snapshot, now: Now) -> None:
        """Publish the state once more, whatever was published before."""
        self._forget_published()
        self.publish_state(snapshot, now)

    def _forget_published(self) -> None:
        """Forget what was published, because the broker may have lost it."""
        self._throttle.forget()
        self._night_throttle.forget()
        self._light_throttle.forget()

    def publish_night(self, report: NightReport, boot_s: float) -> None:
        """Publish the report of the night, when it is due."""
        line = self._line
        if line is not None and self._night_throttle.is_due(report, boot_s):
            line.link.publish(line.topics.night, payloads.night(report), retain=True, qos=1)

    def publish_tracks(self, found: TrackList, boot_s: float) -> None:
        """Publish the list of tracks, when it is due."""
        line = self._line
        if line is not None and self._tracks_throttle.is_due(found, boot_s):
            line.link.publish(line.topics.tracks, payloads.tracks(found), retain=True, qos=1)

    def publish_state(self, snapshot: Snapshot, now: Now) -> None:
        """Publish the announcement and the state, each when it is due; in this order, because a home ignores a number
        above the maximum that was announced.
        """
        line = self._line
        if line is None:
            return
        # the old link's name is removed only when it is known to be free
        announced = () if self._old is not None else line.announcer.announce(snapshot, now.boot_s)
        if announced:
            line.publish(announced)
            self._forget_published()
        if self._throttle.is_due(snapshot, now.boot_s):
            line.link.publish(line.topics.state, payloads.state(snapshot), retain=True, qos=1)
            line.publish(line.announcer.media_values(snapshot))
        if self._light_throttle.is_due(snapshot.light, now.boot_s):
            line.link.publish(line.topics.light, f"{snapshot.light:g}".encode(), retain=True, qos=1)

    def publish_event(self, news: News, wall: datetime) -> None:
        """Publish an event."""
        if self._line is not None:
            self._line.link.publish(self._line.topics.event, payloads.event(news, wall), qos=1)

    def reply(self, answer: Answer, snapshot: Snapshot) -> None:
        """Publish the answer to a request that expects one; at both brokers, while one replaces the other."""
        if answer.reply_to is None or self._line is None:
            return
        is_enough = self._line.is_up and self._old is not None and self._old.broker == self._line.broker
        for line in (self._line, None if is_enough else self._old):
            if line is not None:
                topic = answer.reply_to.topic or line.topics.reply
                payload = payloads.reply(answer, snapshot, line.topics.device)
                line.link.publish(topic, payload, qos=1, correlation=answer.reply_to.correlation)
