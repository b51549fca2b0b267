"""An ideal sound device on a fake clock, which breaks on demand."""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from player.audio.dsp.types import Block
from player.core.clock import Clock
from player.core.errors import SinkError, Underrun
from player.core.units import CHANNELS, to_seconds


class FakeSink:
    """A `Sink` with a buffer of ``buffer_s``, emptied at 48 kHz of the clock. `write` sleeps on that clock.

    It underruns by itself when the clock shows that the buffer ran dry between two writes. As in every sink, silence
    takes the place of a block that follows a gap. All counts are of calls since it was made.

    Args:
        clock: a fake one, or the test takes as long as the night.
        on_block: takes each block as it is heard, instead of recording; a whole night does not fit into memory.

    Attributes:
        underrun_at: numbers of the writes (from 0) before which a gap is heard.
        stall_s: how long each stalled write takes, by its number.
        fails_on_write: numbers of the writes that lose the device.
        fails_on_open: how many more times `open` fails.
        is_open: whether the device is held.
        buffer_times: how much larger a buffer was asked for than usual.
        opens, writes: how often `open` succeeded and `write` was called.
    """

    def __init__(self, clock: Clock, buffer_s: float = 0.3, on_block: Callable[[Block], None] | None = None) -> None:
        self.underrun_at: Collection[int] = ()
        self.stall_s: dict[int, float] = {}
        self.fails_on_write: Collection[int] = ()
        self.fails_on_open = 0
        self.is_open = False
        self.buffer_times = 1
        self.opens = 0
        self.writes = 0
        self._clock = clock
        self._buffer_s = buffer_s
        self._blocks: list[Block] = []
        self._take = on_block or self._blocks.append
        self._empty_at_s: float | None = None

    @property
    def buffer_s(self) -> float:
        """What the buffer holds when it is full, in seconds."""
        return self._buffer_s * self.buffer_times

    @property
    def delay_s(self) -> float:
        """What is in the buffer, in seconds."""
        if self._empty_at_s is None:
            return 0.0
        return max(0.0, self._empty_at_s - self._clock.now().boot_s)

    def open(self, buffer_times: int = 1) -> None:
        """Take the device, unless it is told to be missing."""
        self.close()
        self.buffer_times = buffer_times
        if self.fails_on_open > 0:
            self.fails_on_open -= 1
            raise SinkError("the fake device is missing")
        self.opens += 1
        self.is_open = True

    def write(self, block: Block) -> None:
        """Hear the block, or what the faults make of it."""
        number = self.writes
        self.writes += 1
        if not self.is_open:
            raise SinkError("the fake device is not open")
        if number in self.fails_on_write:
            self.close()
            raise SinkError("the fake device is gone")
        if number in self.stall_s:
            self._clock.sleep(self.stall_s[number])
        assert block.dtype == np.float32, block.dtype
        assert block.shape[1:] == (CHANNELS,), block.shape
        has_gap = number in self.underrun_at or self._has_run_dry()
        self._take(np.zeros_like(block) if has_gap else block.copy())
        self._admit(len(block))
        if has_gap:
            raise Underrun("the fake device ran dry")

    def drain(self) -> None:
        """Wait until the buffer is empty."""
        self._clock.sleep(self.delay_s)
        self._empty_at_s = None

    def close(self) -> None:
        """Let go of the device; what was not heard yet counts as heard in the recording."""
        self.is_open = False
        self._empty_at_s = None

    def recorded(self) -> Block:
        """All that was written and taken, in order: float32, shape (frames, 2)."""
        return np.concatenate([np.zeros((0, CHANNELS), np.float32), *self._blocks])

    def _has_run_dry(self) -> bool:
        # a microsecond of tolerance: sums of floats may end a little past the exact time
        return self._empty_at_s is not None and self._clock.now().boot_s > self._empty_at_s + 1e-6

    def _admit(self, frames: int) -> None:
        now_s = self._clock.now().boot_s
        empty_at_s = max(self._empty_at_s or 0.0, now_s) + to_seconds(frames)
        self._empty_at_s = empty_at_s
        self._clock.sleep(max(0.0, empty_at_s - self._buffer_s * self.buffer_times - now_s))
