"""The heartbeat: when the service manager's watchdog is fed, and when it is left to bite.

Main thread, standard library, pure: `now_s` is an argument. A watchdog that is fed from a timer calls a frozen audio
thread healthy. Here it is fed only if `blocks_rendered`, which the audio thread alone counts up, has moved since the
last feeding, or if silence is what is expected. Feeding is due every quarter of the period and looked at at least as
often, so a healthy daemon is never closer than half a period to its end, and a thread that froze is found within one
and a quarter.
"""

from __future__ import annotations

import math
from typing import Final

FEEDS_PER_PERIOD: Final = 4


class Heartbeat:
    """Decides on each look whether the watchdog is fed.

    Args:
        watchdog_s: the watchdog's period, None where there is none: then nothing is ever due.
    """

    def __init__(self, watchdog_s: float | None) -> None:
        assert watchdog_s is None or watchdog_s > 0, watchdog_s
        self._every_s = math.inf if watchdog_s is None else watchdog_s / FEEDS_PER_PERIOD
        self._has_watchdog = watchdog_s is not None
        self._fed_s = -math.inf
        self._fed_at_block: int | None = None

    def wait_s(self) -> float:
        """The longest pause between two looks; infinite without a watchdog."""
        return self._every_s

    def is_due(self, now_s: float, blocks_rendered: int, *, is_silence_expected: bool) -> bool:
        """Whether to feed now; after True the feeding counts as done.

        The first look of all feeds: nothing can have moved yet, and the period begins when the service manager says.
        """
        if not self._has_watchdog or now_s - self._fed_s < self._every_s:
            return False
        if blocks_rendered == self._fed_at_block and not is_silence_expected:
            return False
        self._fed_s = now_s
        self._fed_at_block = blocks_rendered
        return True
