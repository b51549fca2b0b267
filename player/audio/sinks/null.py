"""The sink without output: paced like a device, writes nothing. For a dry run of the daemon.

Runs on the engine thread.
"""

from __future__ import annotations

from player.audio.dsp.types import Block
from player.audio.sinks.pacing import Pacing
from player.core.clock import Clock
from player.core.errors import SinkError


class SilentSink:
    """A `Sink` that discards sound at the rate at which a sound card would play it."""

    def __init__(self, clock: Clock, buffer_s: float) -> None:
        self._clock = clock
        self._buffer_s = buffer_s
        self._pace: Pacing | None = None

    @property
    def buffer_s(self) -> float:
        """The simulated buffer, in seconds; 0 when closed."""
        return self._pace.buffer_s if self._pace else 0.0

    @property
    def delay_s(self) -> float:
        """What is in the simulated buffer, in seconds; 0 when closed."""
        return self._pace.delay_s if self._pace else 0.0

    def open(self, buffer_times: int = 1) -> None:
        """Always succeeds."""
        self._pace = Pacing(self._clock, self._buffer_s * buffer_times)

    def write(self, block: Block) -> None:
        """Wait as long as a full device would.

        Raises:
            SinkError: the sink is closed.
        """
        if self._pace is None:
            raise SinkError("the silent output is not open")
        self._pace.admit(len(block))

    def drain(self) -> None:
        """Wait until the simulated buffer is empty."""
        if self._pace:
            self._pace.drain()

    def close(self) -> None:
        """Discard what was in the buffer."""
        self._pace = None
