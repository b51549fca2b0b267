"""The interface of one connection to the broker, and its plan. No paho.

A connection is used once, so nothing that was meant for an earlier one is ever sent late.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from player.core.settings.mqtt import MqttSettings
from player.mqtt.incoming import Arrival, Incoming


@dataclass(frozen=True, slots=True)
class ConnectionPlan:
    """The plan of one connection.

    Attributes:
        commands: filters of which only new messages of others count: no retained ones and none of this speaker.
        others: filters of which all messages count.
        will: topic whose retained payload becomes ``offline`` when the connection breaks.
        marks: MQTT 5: user properties of all that is published.
    """

    client_id: str
    commands: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    will: str | None = None
    marks: tuple[tuple[str, str], ...] = ()


class Connection(Protocol):
    """One attempt to be connected; used once."""

    @property
    def fell_back_to(self) -> str | None:
        """The older protocol that is spoken because the broker does not speak the newer; None when it does."""
        ...

    def serve(self) -> str:
        """Connect and work on the calling thread until it is over; returns the reason."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> bool:
        """Send soon, from any thread, without waiting; False when it was dropped."""
        ...

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message; MQTT 3.1.1 does not say."""
        ...

    @property
    def refused(self) -> frozenset[str]:
        """The filters that the broker does not let it subscribe, as far as it has said so."""
        ...

    def subscribe(self, new: tuple[str, ...], gone: tuple[str, ...]) -> None:
        """Subscribe new topics and unsubscribe others, from any thread, without waiting."""
        ...

    def close(self, last: tuple[str, bytes] | None = None, timeout_s: float = 0.0) -> None:
        """Disconnect; before that publish a last retained message and wait at most this long until it has arrived."""
        ...


Connect: TypeAlias = Callable[[ConnectionPlan, Callable[[], None], Callable[[Incoming], None]], Connection]
"""Makes a connection from its plan, the callback when it is up, and the callback for each message."""


class Link(Protocol):
    """The broker connection, as the app needs it."""

    @property
    def has_refused(self) -> bool:
        """Whether the broker has refused a message on this connection; MQTT 3.1.1 does not say."""
        ...

    @property
    def refused(self) -> tuple[str, ...]:
        """The topics of commands and triggers that the broker does not let this connection subscribe."""
        ...

    def start(self) -> None:
        """Begin to connect; returns at once. Called again, it does nothing, or tries again where it could not begin."""
        ...

    def stop(self, timeout_s: float, *, says_offline: bool = True) -> None:
        """Disconnect within a time; before that publish ``offline``, unless another link is online under this name."""
        ...

    def listen(self, filters: tuple[str, ...]) -> None:
        """Subscribe these topics of others now and after each connection, instead of the earlier ones."""
        ...

    def publish(
        self, topic: str, payload: bytes, *, retain: bool = False, qos: int = 0, correlation: bytes | None = None
    ) -> None:
        """Send, or drop while offline; ``correlation`` goes with an answer over MQTT 5."""
        ...


MakeLink: TypeAlias = Callable[[MqttSettings, str, Callable[[Arrival], None], tuple[str, ...], int], Link]
"""Makes a link from its settings, the name of the device, the callback for its messages on its thread, its
subscriptions beside the command topics, and its number: two links that follow each other have different client ids.
"""
