"""Lanes: how the inbox treats a message from the broker, and the refusal of one that is not obeyed. Frozen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from player.core.commands import Request
from player.mqtt.topics import Incoming


class Lane(Enum):
    """How a message is treated."""

    COMMAND = "command"
    STOP = "stop"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A command that is not obeyed, for what else has come; ``is_news`` when it is to be told to everyone."""

    message: Incoming | Request
    reason: str
    is_news: bool = False
