"""A reader of a real pipe who keeps the pace of a fake clock, with the manners of snapserver's pipe stream.

They are those of `posix_stream.cpp` and `pipe_stream.cpp` at v0.26, and of `asio_stream.hpp` since: the end is opened
without waiting; at the end of the file, which is what a pipe without a writer shows, it is closed, and opened again
100 ms later.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from player.core.settings.audio import PipeFormat
from tests.fakes.clock import FakeClock

AGAIN_S: Final = 0.1
TICK_S: Final = 0.02
FRAME_BYTES: Final = {PipeFormat.S16: 4, PipeFormat.S24: 8, PipeFormat.S32: 8, PipeFormat.CD: 4}


class PipeReader:
    """Reads ``rate`` times as fast as the format says.

    Attributes:
        rate: 0 is a reader that is frozen, infinity one that takes all there is.
        heard: all bytes that were read.
        dry_ticks: ticks in which less was there than a tick is long.
    """

    def __init__(self, path: Path, pipe_format: PipeFormat, rate: float = 1.0) -> None:
        self.rate = rate
        self.heard = bytearray()
        self.dry_ticks = 0
        self._path = path
        self._bytes_per_s = int(pipe_format.split(":")[0]) * FRAME_BYTES[pipe_format]
        self._end: int | None = None
        self._is_away = False
        self._again_in_s = 0.0
        self._owed = 0.0

    def leave(self) -> None:
        """Stop reading for good, as a server that is ended."""
        self._is_away = True
        self._close()

    def come(self) -> None:
        """Start reading again."""
        self._is_away = False

    def pass_time(self, duration_s: float) -> None:
        """Read as much as is read in that time."""
        while duration_s > 1e-9:
            tick_s = min(TICK_S, duration_s)
            duration_s -= tick_s
            self._tick(tick_s)

    def _tick(self, tick_s: float) -> None:
        self._again_in_s -= tick_s
        if self._end is None:
            if self._is_away or self._again_in_s > 0.0 or not self._path.exists():
                return
            self._end = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        if self.rate == 0.0:
            return
        if self.rate == float("inf"):
            self._read(1 << 20)
            return
        self._owed += tick_s * self.rate * self._bytes_per_s
        wanted = int(self._owed)
        taken = self._read(wanted)
        self._owed = self._owed - wanted if taken == wanted else 0.0  # what was not there is silence, and is not owed
        self.dry_ticks += taken < wanted

    def _read(self, wanted: int) -> int:
        assert self._end is not None
        taken = 0
        while taken < wanted:
            try:
                data = os.read(self._end, wanted - taken)
            except BlockingIOError:
                return taken
            if not data:
                self._close()
                return taken
            self.heard += data
            taken += len(data)
        return taken

    def _close(self) -> None:
        if self._end is not None:
            os.close(self._end)
        self._end, self._again_in_s, self._owed = None, AGAIN_S, 0.0


class ReadingClock(FakeClock):
    """A fake clock at whose pace somebody reads."""

    reader: PipeReader | None = None

    def advance(self, duration_s: float) -> None:
        """Time passes for the reader as well."""
        super().advance(duration_s)
        if self.reader is not None:
            self.reader.pass_time(duration_s)
