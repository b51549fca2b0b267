"""Whether the engine's thread is running: a device or a decoder may block it in one call. Main thread, pure.

A device that takes no sound is noticed by the engine itself. A call into a sound server that does not return is not, so
the main thread checks when the current turn began. A device in an overlong turn counts as lost, until the thread
continues or reports a fault itself.
"""

from __future__ import annotations

import math
from typing import Final

from player.core.events import OutputFound, OutputLost

STUCK_S: Final = 2.8
"""Maximum seconds of a turn: a sink gives a device 2 s, and then 0.3 s to close."""
MARGIN_S: Final = 0.05


class EngineWatch:
    """Reports a turn that does not end, and its end.

    Attributes:
        is_stuck: the current turn was too long at the last check.
    """

    def __init__(self) -> None:
        self.is_stuck = False

    def look(self, began_s: float | None, now_s: float) -> OutputLost | OutputFound | None:
        """The change since the last check: ``began_s`` is when the engine's turn began, None while it rests."""
        was_stuck = self.is_stuck
        self.is_stuck = began_s is not None and now_s - began_s > STUCK_S
        if self.is_stuck == was_stuck:
            return None
        return OutputLost("the sound device does not answer") if self.is_stuck else OutputFound()

    def wait_s(self, began_s: float | None, now_s: float) -> float:
        """Maximum seconds until the next check."""
        if began_s is None or self.is_stuck:
            return math.inf
        return max(0.0, began_s + STUCK_S - now_s) + MARGIN_S
