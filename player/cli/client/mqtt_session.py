"""One connection of a client command to the broker. The caller's thread waits; a second one serves the connection.

Everything that arrives is put into a queue: that the connection is up, then messages, then its end.
"""

from __future__ import annotations

import queue
import secrets
import threading
import time
from collections.abc import Iterable
from typing import Final, TypeAlias

from player.core.settings.mqtt import MqttSettings
from player.mqtt.client import PahoConnection
from player.mqtt.connection import ConnectionPlan
from player.mqtt.identity import read_password
from player.mqtt.incoming import Incoming, LinkDown, LinkUp

LOOK_AROUND_S: Final = 0.7
"""Within this time after the subscription all retained messages have arrived."""
_CLOSE_S: Final = 1.0

Arrival: TypeAlias = Incoming | LinkUp | LinkDown


class MqttSession:
    """A connection with a random client id.

    Args:
        others: filters on which everything is wanted.

    Attributes:
        arrivals: what has come and was not taken yet.
    """

    def __init__(self, settings: MqttSettings, others: Iterable[str]) -> None:
        self.arrivals: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        plan = ConnectionPlan(client_id=f"lull-cli-{secrets.token_hex(6)}", others=tuple(others))
        self._broker = PahoConnection(settings, read_password(settings), plan, self._on_up, self.arrivals.put)
        self._thread = threading.Thread(target=self._serve, name="lull-cli-mqtt", daemon=True)

    def start(self) -> None:
        """Begin to connect; returns at once."""
        self._thread.start()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Send soon, at QoS 1, without waiting."""
        self._broker.publish(topic, payload, retain=retain, qos=1)

    def next_by(self, deadline_s: float) -> Arrival | None:
        """What comes next, None when nothing comes in time (`time.monotonic`)."""
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
