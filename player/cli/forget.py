"""``lull run --forget``: take everything away that this speaker has left at its broker, for one that moves out.

What is retained is asked of the broker itself: the
announcements to homes by the speaker's identity, whatever its name was, and all below its present name.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from player.cli.client.mqtt_session import LOOK_AROUND_S, MqttSession
from player.config import Config
from player.core.errors import LullError
from player.mqtt.discovery.messages import Speaker
from player.mqtt.topics import ONLINE, Incoming, LinkDown, LinkUp, Topics
from player.system.identity import identity_of

DONE: Final = 0
NO_ANSWER: Final = 3
CONNECT_S: Final = 6.0
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
    visit = MqttSession(config.mqtt, (*speaker.filters, f"{topics.root}/#"))
    try:
        found = _look_around(visit)
        if isinstance(found, LinkDown):
            print(f"lull: {where}: {found.reason.removeprefix(f'{where}: ')}", file=sys.stderr)
            return NO_ANSWER
        if found.get(topics.availability) == ONLINE:
            raise LullError(f"{device} is running and would publish everything again; stop it first")
        if not _clear(visit, found):
            print(f"lull: {where}: the broker did not take everything away; try again", file=sys.stderr)
            return NO_ANSWER
    finally:
        visit.close()
    print(f"{where} has forgotten {device}: {len(found)} retained messages cleared")
    return DONE


def _look_around(visit: MqttSession) -> dict[str, bytes] | LinkDown:
    """What is retained, by topic; or why the broker does not answer."""
    visit.start()
    arrival = visit.next_by(time.monotonic() + CONNECT_S)
    if not isinstance(arrival, LinkUp):
        return arrival if isinstance(arrival, LinkDown) else LinkDown("the broker does not answer")
    found: dict[str, bytes] = {}
    deadline_s = time.monotonic() + LOOK_AROUND_S
    while (arrival := visit.next_by(deadline_s)) is not None:
        if isinstance(arrival, LinkDown):
            return arrival
        if isinstance(arrival, Incoming) and arrival.retained and arrival.payload:
            found[arrival.topic] = arrival.payload
    return found


def _clear(visit: MqttSession, found: dict[str, bytes]) -> bool:
    """Publish an empty retained message on each topic; False when the broker did not tell of all of them in time.

    The broker sends what is published to whoever listens there, which is this connection too.
    """
    waiting = set(found)
    for topic in found:
        visit.publish(topic, b"", retain=True)
    deadline_s = time.monotonic() + CLEARED_S
    while waiting and (arrival := visit.next_by(deadline_s)) is not None:
        if isinstance(arrival, Incoming) and not arrival.payload:
            waiting.discard(arrival.topic)
    return not waiting
