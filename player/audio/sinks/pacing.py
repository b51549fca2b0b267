"""The pace of an ideal sound card, for sinks without one: a buffer that is emptied at 48 kHz of the injected clock.

Runs on the thread that writes to the sink.
"""

from __future__ import annotations

from player.core.clock import Clock
from player.core.units import to_seconds


class Pacing:
    """A simulated device buffer of ``buffer_s`` seconds.

    There are no underruns: when the writer is late, the buffer is empty and time counts from then on.
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
        """Take ``frames`` frames and wait until they fit into the buffer."""
        now_s = self._clock.boot_s()
        self._empty_at_s = max(self._empty_at_s, now_s) + to_seconds(frames)
        over_s = self._empty_at_s - self.buffer_s - now_s
        if over_s > 0.0:
            self._clock.sleep(over_s)

    def drain(self) -> None:
        """Wait until the buffer is empty."""
        if (left_s := self.delay_s) > 0.0:
            self._clock.sleep(left_s)
