"""When a command is obeyed. Standard library; any thread."""

from __future__ import annotations

from enum import Enum, auto


class Obeyed(Enum):
    """When a command is obeyed; `player.core.states.OBEYED` says it by state."""

    ALWAYS = auto()
    UNLESS_STOPPING = auto()
    WHILE_RUNNING = auto()
    """A session is there, and no stop is fading it."""
    BEFORE_THE_END = auto()
    """A session is there, and neither a stop nor its end is fading it."""
