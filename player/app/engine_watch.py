"""Whether the engine's thread goes on: a device or a decoder may keep it in one call. Main thread, pure.

A device that takes no sound is noticed by the engine itself. A call into a sound server that does not return is not, so
the main thread looks at when the turn under way began. From then on the device counts as lost, until the thread goes on
or says itself what is wrong.
"""

from __future__ import annotations

import math
from typing import Final

from player.core.events import OutputFound, OutputLost

STUCK_S: Final = 2.8
"""The longest turn: a sink gives a device 2 s, and then 0.3 s to be closed."""
MARGIN_S: Final = 0.05


class EngineWatch:
    """Turns a turn that does not end into a report, and its end into another.

    Attributes:
        is_stuck: the turn under way had lasted for too long when it was looked at last.
    """

    def __init__(self) -> None:
        self.is_stuck = False

    def look(self, began_s: float | None, now_s: float) -> OutputLost | OutputFound | None:
        """What has changed: ``began_s`` is when the engine's turn began, None while it rests."""
        was_stuck = self.is_stuck
        self.is_stuck = began_s is not None and now_s - began_s > STUCK_S
        if self.is_stuck == was_stuck:
            return None
        return OutputLost("the sound device does not answer") if self.is_stuck else OutputFound()

    def wait_s(self, began_s: float | None, now_s: float) -> float:
        """How long to wait at most until the next look."""
        if began_s is None or self.is_stuck:
            return math.inf
        return max(0.0, began_s + STUCK_S - now_s) + MARGIN_S
