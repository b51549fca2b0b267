"""A link over a fake connection, and what it tells its app."""

from __future__ import annotations

import queue

from player.mqtt.identity import Backoff
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import MqttLink
from player.mqtt.topics import Topics
from tests.fakes.connection import WAIT_S, FakeBroker


class NoWait(Backoff):
    """Tries again at once."""

    def next_s(self, lasted_s: float) -> float:
        assert lasted_s >= 0
        return 0.0


class House:
    """A link, its broker, and its app."""

    def __init__(self, topics: Topics) -> None:
        self.broker = FakeBroker()
        self.told: queue.SimpleQueue[Incoming | LinkUp | LinkDown] = queue.SimpleQueue()
        self.link = MqttLink(topics, "id", self.told.put, self.broker.connect, NoWait())

    def next(self) -> Incoming | LinkUp | LinkDown:
        return self.told.get(timeout=WAIT_S)
