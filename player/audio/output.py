"""The audio output: the one sound device, opened, retried indefinitely, and closed. Runs on the engine thread.

What a device does wrong never leaves here as an exception: `write` says what became of the block. No other device is
ever taken in its place.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from player.audio.dsp.types import Block
from player.audio.ports import Sink
from player.core.clock import Clock
from player.core.errors import Underrun
from player.core.events import EngineReport, OutputFound, OutputLost, OutputUnderran
from player.core.units import to_seconds

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 5.0
"""Pauses between attempts to open the device, doubling from the first to the last."""
RETRY_POLL_S: Final = 0.1
STALL_S: Final = 0.2
"""A write that takes so much longer than the device has sound for is a gap that was heard."""
WAITED_S: Final = 0.004
"""A write that takes so long had to wait for room."""
LEAST_HELD_S: Final = 0.1
"""So much is in the device when the next block is rendered, however short its buffer is."""
LONG_STALL_S: Final = 2.5
"""After so much longer the sound has to come back from silence."""
OFTEN: Final = 3
OFTEN_WITHIN_S: Final = 600.0
"""So many gaps within such a time, and the device gets twice the buffer."""
MAX_BUFFER_TIMES: Final = 4
"""The largest buffer, as a factor of the usual one; it is also how much later a command is heard."""


class Written(Enum):
    """What became of a block."""

    HEARD = auto()
    AFTER_A_GAP = auto()
    """The device had run dry; `AudioOutput.gap` says for how long, and the block was not heard."""
    LOST = auto()
    """The device is gone."""


class AudioOutput:
    """The device and the attempts to have it.

    Args:
        sink: the device; another one may be put in its place with `replace`.
        clock: paces the attempts.
        report: takes each report; must not block.

    Attributes:
        gap: the last gap; valid after `write` has returned `Written.AFTER_A_GAP`.
    """

    def __init__(self, sink: Sink, clock: Clock, report: Callable[[EngineReport], None]) -> None:
        self.is_open = False
        self.gap = OutputUnderran(0.0)
        self._sink = sink
        self._written_at_s = 0.0
        self._held_s = 0.0
        self._due_s = 0.0
        self._gaps_at_s: deque[float] = deque(maxlen=OFTEN)
        self._buffer_times = 1
        self._clock = clock
        self._report = report
        self._is_lost = False
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = 0.0

    @property
    def buffer_s(self) -> float:
        """How much sound the device holds when it is full."""
        return self._sink.buffer_s

    def spare_s(self, block_s: float) -> float:
        """How long the next block of so many seconds may be put off: until the device has room for it.

        A sound server has room in steps, and says nothing between them. So a block is never due later than its own
        length after the one before it was.
        """
        now_s = self._clock.boot_s()
        missing_s = self._sink.delay_s - max(self._sink.buffer_s - block_s, LEAST_HELD_S)
        self._due_s = min(now_s + missing_s, self._due_s + block_s) if missing_s > 0.0 else now_s
        return max(0.0, self._due_s - now_s)

    def replace(self, sink: Sink) -> None:
        """Let go of the device and use another from now on."""
        self.close()
        self._sink = sink
        self._retry_at_s = 0.0

    def write(self, block: Block) -> Written:
        """Hand the block over; blocks while the device has no room."""
        began_s, block_s = self._clock.boot_s(), to_seconds(len(block))
        try:
            self._sink.write(block)
        except Underrun:
            return self._after_a_gap(max(0.0, began_s - self._written_at_s - self._held_s) + block_s)
        except Exception as fault:  # noqa: BLE001 - whatever a device does, the thread goes on looking for it
            self._lose(fault)
            return Written.LOST
        self._written_at_s = self._clock.boot_s()
        stalled_s = self._written_at_s - began_s - block_s - self._held_s
        self._held_s = min(self._held_s + block_s, self._sink.delay_s)
        if self._written_at_s - began_s >= WAITED_S:
            self._due_s = self._written_at_s
        if stalled_s > LONG_STALL_S:
            return self._after_a_gap(stalled_s)
        if stalled_s > STALL_S:  # a sound server that stood still says nothing of it
            self._report(OutputUnderran(stalled_s))
        return Written.HEARD

    def _after_a_gap(self, gap_s: float) -> Written:
        """Note the gap; where they go on, the device is opened anew with twice the buffer."""
        now_s = self._clock.boot_s()
        self.gap = OutputUnderran(gap_s)
        self._written_at_s, self._held_s = now_s, 0.0
        self._gaps_at_s.append(now_s)
        is_often = len(self._gaps_at_s) == OFTEN and now_s - self._gaps_at_s[0] < OFTEN_WITHIN_S
        if not is_often or self._buffer_times == MAX_BUFFER_TIMES:
            return Written.AFTER_A_GAP
        self._gaps_at_s.clear()
        self._buffer_times *= 2
        try:
            self._sink.close()
            self._sink.open(self._buffer_times)
        except Exception as fault:  # noqa: BLE001 - as in write
            self._lose(fault)
            return Written.LOST
        self.gap = OutputUnderran(self.gap.gap_s + self._clock.boot_s() - now_s, self._buffer_times)
        return Written.AFTER_A_GAP

    def open_or_wait(self) -> bool:
        """Open the device when an attempt is due, otherwise wait a moment; whether it has just been opened."""
        if self._clock.boot_s() < self._retry_at_s:
            self._clock.sleep(RETRY_POLL_S)
            return False
        try:
            self._sink.open(self._buffer_times)
        except Exception as fault:  # noqa: BLE001 - as in write
            self._lose(fault)
            self._clock.sleep(RETRY_POLL_S)
            return False
        self.is_open = True
        self._written_at_s = self._due_s = self._clock.boot_s()
        self._held_s = 0.0
        self._retry_s = FIRST_RETRY_S
        if self._is_lost:
            self._is_lost = False
            self._report(OutputFound())
        return True

    def _lose(self, fault: Exception) -> None:
        """The device is gone: another attempt after a growing pause."""
        self.is_open = False
        if not self._is_lost:
            self._is_lost = True
            self._report(OutputLost(str(fault)))
        with contextlib.suppress(Exception):  # it is lost already; letting go of it may fail as well
            self._sink.close()
        self._retry_at_s = self._clock.boot_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def close(self) -> None:
        """Let go of the device once all that it holds has been heard; the next time its buffer is the usual one."""
        self._gaps_at_s.clear()
        self._buffer_times = 1
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(Exception):  # silence was written; a device that fails now is looked for again
                self._sink.drain()
                self._sink.close()
