"""``lull run --forget``: remove the retained messages of this speaker from its broker, when it is no longer used.

The retained messages are read from the broker: announcements by the speaker's identity, whatever its name was,
and everything below its present name.
"""

from __future__ import annotations

import sys
import time
from typing import Final

from player.cli.client.request import LOOK_AROUND_S, MqttSession
from player.cli.exit_codes import DONE, NO_ANSWER
from player.config import Config
from player.core.errors import LullError
from player.mqtt.discovery.messages import Speaker, device_last
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.topics import ONLINE, Topics
from player.system.identity import identity_of

CONNECT_S: Final = 6.0
CLEARED_S: Final = 5.0
"""Maximum seconds for the broker to acknowledge."""


def forget(config: Config) -> int:
    """Clear every retained topic of this speaker; returns the exit code.

    Raises:
        LullError: there is no broker in the config, or the speaker is running.
    """
    if config.mqtt is None:
        raise LullError(f"{config.path} has no mqtt section, so there is no broker to clear")
    where, device = config.mqtt.address, config.settings.device
    topics = Topics(config.mqtt.prefix, device)
    speaker = Speaker(config.mqtt.discovery, identity_of(config.state_dir), topics)
    visit = MqttSession(config.mqtt, (*speaker.filters, f"{topics.root}/#"))
    try:
        found = _look_around(visit)
        if isinstance(found, LinkDown):
            print(f"lull: {where}: {found.reason.removeprefix(f'{where}: ')}", file=sys.stderr)
            return NO_ANSWER
        if found.get(topics.availability) == ONLINE:
            raise LullError(f"{device} is running; stop it first, otherwise it publishes everything again")
        if not _clear(visit, found):
            print(f"lull: {where}: the broker did not confirm that everything is cleared; try again", file=sys.stderr)
            return NO_ANSWER
    finally:
        visit.close()
    print(f"{where}: {len(found)} retained messages of {device} cleared")
    return DONE


def _look_around(visit: MqttSession) -> dict[str, bytes] | LinkDown:
    """The retained messages by topic; or why the broker does not answer."""
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

    The broker sends the published messages back, because this connection subscribes to these topics.
    """
    waiting = set(found)
    for topic in device_last(found):
        visit.publish(topic, b"", retain=True)
    deadline_s = time.monotonic() + CLEARED_S
    while waiting and (arrival := visit.next_by(deadline_s)) is not None:
        if isinstance(arrival, Incoming) and not arrival.payload:
            waiting.discard(arrival.topic)
    return not waiting
