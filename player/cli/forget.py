"""``lull run --forget``: take everything away that this speaker has left at its broker, for one that moves out.

The caller's thread waits; a second one serves the connection. What is retained is asked of the broker itself: the
announcements to homes by the speaker's identity, whatever its name was, and all below its present name.
"""

from __future__ import annotations

import queue
import secrets
import sys
import threading
import time
from typing import Final

from player.adapters.identity import identity_of
from player.adapters.mqtt import Broker, Plan, read_password
from player.broker import MqttSettings
from player.config import Config
from player.errors import LullError
from player.wire.discovery import Speaker
from player.wire.topics import ONLINE, Incoming, LinkUp, Topics

DONE: Final = 0
NO_ANSWER: Final = 3
CONNECT_S: Final = 6.0
LOOK_AROUND_S: Final = 0.7
"""So long after subscribing all retained messages have come."""
CLEARED_S: Final = 5.0
"""A broker that takes longer to acknowledge is stuck."""


def forget(config: Config) -> int:
    """Clear every retained topic of this speaker; returns the exit code.

    Raises:
        LullError: there is no broker in the config, or the speaker is running.
    """
    if config.mqtt is None:
        raise LullError(f"{config.path} has no mqtt, so there is no broker to clear anything at")
    where, device = f"{config.mqtt.host}:{config.mqtt.port}", config.settings.device
    topics = Topics(config.mqtt.prefix, device)
    speaker = Speaker(config.mqtt.discovery, identity_of(config.state_dir), topics)
    visit = _Visit(config.mqtt, (*speaker.filters, f"{topics.root}/#"))
    try:
        found = visit.look_around()
        if found is None:
            print(f"lull: {where}: {visit.reason or 'the broker does not answer'}", file=sys.stderr)
            return NO_ANSWER
        if found.get(topics.availability) == ONLINE:
            raise LullError(f"{device} is running and would publish everything again; stop it first")
        if not visit.clear(found):
            print(f"lull: {where}: the broker did not take everything away; try again", file=sys.stderr)
            return NO_ANSWER
    finally:
        visit.close()
    print(f"{where} has forgotten {device}: {len(found)} retained messages cleared")
    return DONE


class _Visit:
    """One connection that looks and clears."""

    def __init__(self, settings: MqttSettings, filters: tuple[str, ...]) -> None:
        self._heard: queue.SimpleQueue[Incoming | LinkUp | None] = queue.SimpleQueue()
        plan = Plan(client_id=f"lull-cli-{secrets.token_hex(6)}", others=filters)
        up, heard = (lambda: self._heard.put(LinkUp())), self._heard.put
        self._broker = Broker(settings, read_password(settings), plan, up, heard)
        self._thread = threading.Thread(target=self._serve, name="lull-forget", daemon=True)
        self.reason = ""

    def look_around(self) -> dict[str, bytes] | None:
        """What is retained, by topic; None when the broker does not answer."""
        self._thread.start()
        if not isinstance(self._next_by(time.monotonic() + CONNECT_S), LinkUp):
            return None
        found: dict[str, bytes] = {}
        deadline_s = time.monotonic() + LOOK_AROUND_S
        while (incoming := self._next_by(deadline_s)) is not None:
            if isinstance(incoming, Incoming) and incoming.retained and incoming.payload:
                found[incoming.topic] = incoming.payload
        return found if self._thread.is_alive() else None

    def clear(self, found: dict[str, bytes]) -> bool:
        """Publish an empty retained message on each topic; False when the broker did not tell of all of them in time.

        The broker sends what is published to whoever listens there, which is this connection too.
        """
        waiting = set(found)
        for topic in found:
            self._broker.publish(topic, b"", retain=True, qos=1)
        deadline_s = time.monotonic() + CLEARED_S
        while waiting and (incoming := self._next_by(deadline_s)) is not None:
            if isinstance(incoming, Incoming) and not incoming.payload:
                waiting.discard(incoming.topic)
        return not waiting

    def close(self) -> None:
        """Disconnect."""
        self._broker.close()
        self._thread.join(1.0)

    def _next_by(self, deadline_s: float) -> Incoming | LinkUp | None:
        try:
            return self._heard.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except queue.Empty:
            return None

    def _serve(self) -> None:
        self.reason = self._broker.serve().split(": ", 1)[-1]
        self._heard.put(None)
