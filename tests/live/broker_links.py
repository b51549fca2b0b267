"""A real mosquitto with links of a speaker on it, and what the links tell."""

from __future__ import annotations

import queue
import subprocess
import time
from typing import Any

from player.core.settings.mqtt import MqttProtocol, MqttSettings
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import MqttLink, make_link
from tests.live.broker import RealBroker

WAIT_S = 10.0


class House:
    """A broker, links of a speaker, and what they tell; ``with House() as house``."""

    def __init__(self) -> None:
        self.broker = RealBroker()
        self.told: queue.SimpleQueue[Incoming | LinkUp | LinkDown] = queue.SimpleQueue()
        self.links: list[MqttLink] = []

    def __enter__(self) -> House:
        return self

    def __exit__(self, *_error: object) -> None:
        for link in self.links:
            link.stop(1.0)
        self.broker.close()

    def link(self, settings: MqttSettings | None = None, password: str | None = None) -> MqttLink:
        """A started link of the speaker ``bedroom``."""
        link = make_link(settings or self.settings(), "bedroom", self.told.put, password=lambda _: password)
        self.links.append(link)
        link.start()
        return link

    def settings(self, protocol: MqttProtocol = MqttProtocol.V5, **more: object) -> MqttSettings:
        asked: dict[str, Any] = {"port": self.broker.port, **more}
        return MqttSettings(host="127.0.0.1", protocol=protocol, **asked)

    def next(self) -> Incoming | LinkUp | LinkDown:
        return self.told.get(timeout=WAIT_S)

    def send(self, topic: str, *more: str) -> None:
        self.run("mosquitto_pub", "-t", topic, "-q", "1", *more)

    def retained(self, topic: str) -> str:
        """What the broker has retained there."""
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", topic, "-C", "1", "-W", "1"]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT_S).stdout.strip()

    def run(self, program: str, *args: str) -> str:
        command = [program, "-h", "127.0.0.1", "-p", str(self.broker.port), *args]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_S).stdout

    def wait_retained(self, topic: str, payload: str) -> None:
        """Wait until the broker has this; whatever passes by before is no failure."""
        deadline_s = time.monotonic() + WAIT_S
        while self.retained(topic) != payload:
            assert time.monotonic() < deadline_s, f"{topic} never became {payload}"
