"""The pace of an ideal sound card, for sinks that have none: so much buffer, emptied at 48 kHz of the injected clock.

Runs on the thread that writes to the sink.
"""

from __future__ import annotations

from player.core.clock import Clock
from player.core.units import to_seconds


class Pacing:
    """An imagined device buffer of ``buffer_s`` seconds.

    An ideal device does not underrun: when the writer was late, its buffer is empty and counts from now.
    """

    def __init__(self, clock: Clock, buffer_s: float) -> None:
        self._clock = clock
        self.buffer_s = buffer_s
        self._empty_at_s = clock.boot_s()

    @property
    def delay_s(self) -> float:
        """Seconds until all that was admitted has been played."""
        return max(0.0, self._empty_at_s - self._clock.boot_s())

    def admit(self, frames: int) -> None:
        """Take so many frames and wait until they fit into the buffer."""
        now_s = self._clock.boot_s()
        self._empty_at_s = max(self._empty_at_s, now_s) + to_seconds(frames)
        over_s = self._empty_at_s - self.buffer_s - now_s
        if over_s > 0.0:
            self._clock.sleep(over_s)

    def drain(self) -> None:
        """Wait until the buffer is empty."""
        if (left_s := self.delay_s) > 0.0:
            self._clock.sleep(left_s)
