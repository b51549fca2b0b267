"""The interface of a link, which the real class and the fakes of the tests implement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from player.core.settings.mqtt import MqttSettings
from player.mqtt.incoming import Arrival


class Link(Protocol):
    """The broker connection, as the app needs it."""

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message on this connection; MQTT 3.1.1 does not say."""
        ...

    def start(self) -> None:
        """Begin to connect; returns at once."""
        ...

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        """Disconnect within a time; before that publish ``offline``, unless another link is online under this name."""
        ...

    def listen(self, filters: tuple[str, ...]) -> None:
        """Subscribe these topics of others now and after each connection, instead of those named before."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        """Send, or drop while offline; ``correlation`` goes with an answer over MQTT 5."""
        ...


MakeLink: TypeAlias = Callable[[MqttSettings, str, Callable[[Arrival], None], tuple[str, ...], int], Link]
"""Makes a link from its settings, the name of the device, who takes what it hears on its thread, what it subscribes
beside the command topics, and its number: two links that follow each other have different client ids."""
