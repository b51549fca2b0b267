"""When a command is obeyed, and what commands without arguments share. Standard library; any thread."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Obeyed(Enum):
    """When a command is obeyed; `player.core.states.OBEYED` says it by state."""

    ALWAYS = auto()
    UNLESS_STOPPING = auto()
    WHILE_RUNNING = auto()
    """A session is there, and no stop is fading it."""
    BEFORE_THE_END = auto()
    """A session is there, and neither a stop nor its end is fading it."""


@dataclass(frozen=True, slots=True)
class Bare:
    """A command without arguments, equal to each of its own class.

    The classes below it add no field, so they need no decorator, which takes longer than anything else in an import.
    """
