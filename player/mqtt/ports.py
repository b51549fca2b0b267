"""Contracts of this package, in prose; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from player.core.settings.mqtt import MqttSettings
from player.mqtt.topics import Incoming, LinkDown, LinkUp


class Link(Protocol):
    """The broker connection, as the app needs it."""

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message on this connection; MQTT 3.1.1 does not say."""
        ...

    def start(self) -> None:
        """Begin to connect; returns at once."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Say offline and disconnect, within a time."""
        ...

    def listen(self, filters: tuple[str, ...]) -> None:
        """From now on, and after each connection, take these topics of others as well, and no longer any before."""
        ...

    def change(self, settings: MqttSettings) -> None:
        """Other groups from now on, and what else can wait for the next connection; the connection stays."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        """Send, or drop while offline; ``correlation`` goes with an answer over MQTT 5."""
        ...


MakeLink: TypeAlias = Callable[
    [MqttSettings, str, tuple[str, ...], Callable[[Incoming | LinkUp | LinkDown], None]], Link
]
"""Makes a link from its settings, the device's name, what it is to hear beside the command topics, and who is told."""
