"""The outlet: the one sound device, opened, retried for ever, and let go of. Runs on the engine thread.

What a device does wrong never leaves here as an exception: `write` says what became of the block. No other device is
ever taken in its place.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from player.audio.dsp.types import Block
from player.audio.ports import Sink
from player.core.clock import Clock
from player.core.errors import Underrun
from player.core.events import EngineReport, OutputFound, OutputLost, OutputUnderran

FIRST_RETRY_S: Final = 0.5
LAST_RETRY_S: Final = 5.0
"""Pauses between attempts to open the device, doubling from the first to the last."""
RETRY_POLL_S: Final = 0.1


class Written(Enum):
    """What became of a block."""

    HEARD = auto()
    AFTER_A_GAP = auto()
    """It was taken, but the device had run dry before."""
    LOST = auto()
    """The device is gone."""


class AudioOutput:
    """The device and the attempts to have it.

    Args:
        sink: the device; another one may be put in its place with `replace`.
        clock: paces the attempts.
        report: takes each report; must not block.
    """

    def __init__(self, sink: Sink, clock: Clock, report: Callable[[EngineReport], None]) -> None:
        self.is_open = False
        self._sink = sink
        self._clock = clock
        self._report = report
        self._is_lost = False
        self._retry_s = FIRST_RETRY_S
        self._retry_at_s = 0.0

    def replace(self, sink: Sink) -> None:
        """Let go of the device and use another from now on."""
        self.close()
        self._sink = sink
        self._retry_at_s = 0.0

    def write(self, block: Block) -> Written:
        """Hand the block over; blocks while the device has no room."""
        try:
            self._sink.write(block)
        except Underrun:
            self._report(OutputUnderran())
            return Written.AFTER_A_GAP
        except Exception as fault:  # noqa: BLE001 - whatever a device does, the thread goes on looking for it
            self._lose(fault)
            return Written.LOST
        return Written.HEARD

    def open_or_wait(self) -> bool:
        """Open the device when an attempt is due, otherwise wait a moment; whether it has just been opened."""
        if self._clock.now().boot_s < self._retry_at_s:
            self._clock.sleep(RETRY_POLL_S)
            return False
        try:
            self._sink.open()
        except Exception as fault:  # noqa: BLE001 - as in write
            self._lose(fault)
            self._clock.sleep(RETRY_POLL_S)
            return False
        self.is_open = True
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
        self._retry_at_s = self._clock.now().boot_s + self._retry_s
        self._retry_s = min(2 * self._retry_s, LAST_RETRY_S)

    def close(self) -> None:
        """Let go of the device once all that it holds has been heard."""
        if self.is_open:
            self.is_open = False
            with contextlib.suppress(Exception):  # silence was written; a device that fails now is looked for again
                self._sink.drain()
                self._sink.close()
