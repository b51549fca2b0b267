"""A ring in the form of a pipe: libVLC writes raw frames into it, without a call into Python for each packet.

For the scan, which reads as fast as it can. The two callbacks of `player.audio.decoder.ring` cost up to 5 ms of a
second of sound, half as much again as decoding it; they give exact control over when the decoder sleeps, which playing
needs and scanning does not. Threads: libVLC's decoder thread writes, one reader calls `read` and `wait_ready`; any
thread may ask for counts and call `finish`. The lock is held while the pipe is inspected or read, never while
a thread waits.

The writer's end stays open as long as this object lives: libVLC uses its file descriptor's number, which must not be
reused for another file in that time.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import termios
import threading
from typing import Final

import numpy as np

from player.audio.decoder.ring import FRAME_BYTES
from player.audio.dsp.types import Block
from player.core.units import CHANNELS

PIPE_BYTES: Final = 1 << 20
"""2.7 s; the most that Linux allows unprivileged users by default."""
NAP_S: Final = 0.002
"""Interval at which a waiting reader polls: a wake-up for each packet would cost more than decoding it."""
LONGEST_NAP_S: Final = 0.032
"""The interval doubles up to this while nothing comes: libVLC takes 0.1 s to notice the end of a file."""


class PipeRing:
    """Frames in order, each once.

    Attributes:
        written_frames: all frames that ever came in.
        is_finished: whether nothing more will come in.
        write_fd: the file descriptor that raw float32 stereo frames are written to.
    """

    def __init__(self) -> None:
        self._read_fd, self.write_fd = os.pipe()
        os.set_blocking(self._read_fd, False)
        with contextlib.suppress(OSError):  # a user with very many pipes gets small ones
            fcntl.fcntl(self.write_fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._capacity_bytes = fcntl.fcntl(self.write_fd, fcntl.F_GETPIPE_SZ)
        self._taken = 0
        self._left_to_drop = 0
        self._dropped = 0
        self._lock = threading.Lock()
        self._finished = threading.Event()

    def __del__(self) -> None:
        self.shut()
        if hasattr(self, "write_fd"):
            os.close(self.write_fd)

    @property
    def written_frames(self) -> int:
        """All frames that ever came in."""
        with self._lock:
            return self._taken + self._ready()

    @property
    def received_frames(self) -> int:
        """All frames that ever came, including those that were dropped."""
        with self._lock:
            return self._taken + self._ready() + self._dropped

    def drop(self, frames: int) -> None:
        """Drop the first ``frames`` frames; called before anything is written."""
        self._left_to_drop = frames

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come in."""
        return self._finished.is_set()

    @property
    def is_writer_waiting(self) -> bool:
        """Whether the pipe is so full that the writer may have to wait; packets do not fill its pages completely."""
        with self._lock:
            return self._waiting_bytes() >= self._capacity_bytes // 4

    def frames_ready(self) -> int:
        """Frames that `read` would return now."""
        with self._lock:
            return self._ready()

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames, fewer where fewer are ready; a new array."""
        with self._lock:
            count = max(0, min(frames, self._ready()))
            block: Block = np.empty((count, CHANNELS), np.float32)
            if count:
                got_bytes = os.readv(self._read_fd, [block.data])
                assert got_bytes == count * FRAME_BYTES, "what waits in a pipe can be read"
            self._taken += count
        return block

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` (at most what the pipe can hold) are ready or nothing more comes; False on timeout."""
        wanted = min(frames, self._capacity_bytes // 4 // FRAME_BYTES)
        nap_s, waited_s, seen = NAP_S, 0.0, -1
        while waited_s < timeout_s:
            ready = self.frames_ready()
            if self.is_finished or ready >= wanted:
                return True
            nap_s = min(2 * nap_s, LONGEST_NAP_S) if ready == seen else NAP_S
            self._finished.wait(nap_s)
            waited_s, seen = waited_s + nap_s, ready
        return self.is_finished or self.frames_ready() >= wanted

    def finish(self) -> None:
        """Nothing more comes in; what is in the pipe can still be read."""
        self._finished.set()

    def shut(self) -> None:
        """The reader needs no more: a waiting writer is released with an error."""
        with self._lock:
            if self._read_fd >= 0:
                os.close(self._read_fd)
                self._read_fd = -1

    def _ready(self) -> int:
        """Frames that are ready, without those to be dropped; the lock is held."""
        while count := min(self._left_to_drop, self._waiting_bytes() // FRAME_BYTES):
            os.read(self._read_fd, count * FRAME_BYTES)
            self._left_to_drop -= count
            self._dropped += count
        return self._waiting_bytes() // FRAME_BYTES

    def _waiting_bytes(self) -> int:
        if self._read_fd < 0:
            return 0
        (count,) = struct.unpack("i", fcntl.ioctl(self._read_fd, termios.FIONREAD, b"\0" * 4))
        return int(count)
