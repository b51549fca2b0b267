"""The audio output: the one sound device, opened, retried indefinitely, and closed. Runs on the engine thread.

Faults of a device never leave this class as exceptions: `write` returns what happened to the block. No other device is
ever used instead.
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
"""A write that takes this much longer than the device has sound for counts as a gap that was heard."""
WAITED_S: Final = 0.004
"""A write that takes this long had to wait for room."""
LEAST_HELD_S: Final = 0.1
"""At least this much is in the device when the next block is rendered, however short its buffer is."""
LONG_STALL_S: Final = 2.5
"""After a stall that is longer than this, the sound has to start again from silence."""
OFTEN: Final = 3
OFTEN_WITHIN_S: Final = 600.0
"""After this many gaps within this time the device gets twice the buffer."""
MAX_BUFFER_TIMES: Final = 4
"""The largest buffer, as a factor of the usual one; it is also how much later a command is heard."""


class Written(Enum):
    """What happened to a block."""

    HEARD = auto()
    AFTER_A_GAP = auto()
    """The device had run out of sound; `AudioOutput.gap` tells for how long; the block was not heard."""
    LOST = auto()
    """The device is gone."""


class AudioOutput:
    """The device and the attempts to open it.

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
        """How long the next block, ``block_s`` long, may be delayed: until the device has room for it.

        A sound server updates its free room in steps. So a block is due at the latest its own length after the block
        before it was due.
        """
        now_s = self._clock.boot_s()
        missing_s = self._sink.delay_s - max(self._sink.buffer_s - block_s, LEAST_HELD_S)
        self._due_s = min(now_s + missing_s, self._due_s + block_s) if missing_s > 0.0 else now_s
        return max(0.0, self._due_s - now_s)

    def replace(self, sink: Sink) -> None:
        """Release the device and use another from now on."""
        self.close()
        self._sink = sink
        self._retry_at_s = 0.0

    def write(self, block: Block) -> Written:
        """Hand the block over; blocks while the device has no room."""
        began_s, block_s = self._clock.boot_s(), to_seconds(len(block))
        try:
            self._sink.write(block)
        except Underrun:  # now, not when the call began: it may have run dry while this thread waited for room
            return self._after_a_gap(max(0.0, self._clock.boot_s() - self._written_at_s - self._held_s) + block_s)
        except Exception as fault:  # noqa: BLE001 - whatever the device raises, the thread keeps retrying it
            self._lose(fault)
            return Written.LOST
        self._written_at_s = self._clock.boot_s()
        stalled_s = self._written_at_s - began_s - block_s - self._held_s
        self._held_s = min(self._held_s + block_s, self._sink.delay_s)
        if self._written_at_s - began_s >= WAITED_S:
            self._due_s = self._written_at_s
        if stalled_s > LONG_STALL_S:
            return self._after_a_gap(stalled_s)
        if stalled_s > STALL_S:  # a sound server does not report that it was frozen
            self._report(OutputUnderran(stalled_s))
        return Written.HEARD

    def _after_a_gap(self, gap_s: float) -> Written:
        """Record the gap; after repeated gaps the device is reopened with twice the buffer."""
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
        """Open the device if an attempt is due, otherwise wait a moment; returns whether it was just opened."""
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
        """Close the lost device and schedule another attempt, after a pause that grows."""
        self.is_open = False
        if not self._is_lost:
            self._is_lost = True
            self._report(OutputLost(str(fault)))
        with contextlib.suppress(Exception):  # it is lost already; closing it may fail as well
            self._sink.close()
        self._retry_at_s = self._clock.boot_s() + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def close(self) -> None:
        """Release the device once all that it holds has been heard; its buffer has the usual size the next time."""
        self._gaps_at_s.clear()
        self._buffer_times = 1
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(Exception):  # silence was written; a device that fails now is retried
                self._sink.drain()
                self._sink.close()
