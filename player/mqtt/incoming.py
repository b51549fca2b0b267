"""Messages from a link to the broker, and how the inbox treats them. Frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from player.core.commands import Request


class Lane(Enum):
    """How the inbox treats a message."""

    COMMAND = "command"
    STOP = "stop"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from the broker.

    Attributes:
        retained: the broker kept it, or it was sent to be kept.
        response_topic: MQTT 5: where the sender wants the answer.
        correlation: MQTT 5: data that the answer repeats.
        expires_s: MQTT 5: seconds after its arrival at which it becomes invalid; None: never.
        marks: MQTT 5: user properties, names and values.
        lane, link: how the inbox treats it, and over which link it came; see `player.mqtt.router`.
    """

    topic: str
    payload: bytes
    retained: bool = False
    response_topic: str | None = None
    correlation: bytes | None = None
    expires_s: float | None = None
    marks: tuple[tuple[str, str], ...] = ()
    lane: Lane = field(default=Lane.OTHER, compare=False)
    link: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The broker is connected and the command topics are subscribed.

    Attributes:
        fell_back_to: the older version of MQTT that is spoken because the broker does not speak 5.
        link: which link it is.
    """

    fell_back_to: str | None = None
    link: int = field(default=0, compare=False)

    @property
    def line(self) -> str:
        """One line for the journal."""
        older = self.fell_back_to
        return "connected" if older is None else f"connected with MQTT {older}, because the broker does not speak 5"


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The broker is not connected, for a reason that was not reported before; the link keeps trying."""

    reason: str
    link: int = field(default=0, compare=False)


Arrival: TypeAlias = Incoming | LinkUp | LinkDown
"""All kinds of reports of a link."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that the inbox does not take; ``is_news`` when it is published as an event too."""

    message: Incoming | Request
    reason: str
    is_news: bool = False
