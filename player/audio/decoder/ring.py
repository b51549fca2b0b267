"""The ring between a decoder and its reader: a bounded store of frames that blocks the writer, never the reader.

Threads: one writer (a libVLC decoder thread) calls `reserve` and `commit`, one reader calls `read` and `wait_ready`;
any thread may call `finish`. ``_written`` is set by the writer alone and ``_taken`` by the reader alone; both only
grow, so either side may read the other's number at any time; an old value only makes it too careful. The lock is held
for a few instructions, by a thread that begins to wait, wakes the other one or finishes the ring; never while samples
are copied.

The writer of a full ring is not woken for each block that is read: it sleeps until half of the ring is free. So the
decoder works in bursts and then sleeps for seconds, which costs far fewer wake-ups and lets the core idle.

With the native kernel libVLC's two calls end in C (ring.c) while no thread waits and nothing is to be dropped: they
need neither this lock nor the interpreter's. Both sides then share the counts in `front`. All else is done here.

The writer's samples are written into the ring itself (`reserve` returns an address in it), so each sample is copied
once in and once out. For that the store is a little longer than its capacity: a block may run over the end, and that
overhang is then moved to the beginning.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections import deque
from typing import Final

import numpy as np

from player.audio.dsp.native import RingFront, kernel
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, RATE_HZ, to_frames

FRAME_BYTES: Final = 4 * CHANNELS

OVERHANG_FRAMES: Final = 16_384
"""The largest block that is written in place: 128 KB. An MP3 gives 1 254 frames, FLAC 4 459, a WAV 2 640."""


_FRONTS: Final[deque[RingFront]] = deque()
"""The fronts of deleted rings: libVLC has seen their addresses, so they are reused and never freed."""


class Ring:
    """Frames in order, each once.

    Args:
        capacity_frames: how many frames fit; at least four times `OVERHANG_FRAMES`, so that a block fits after a wait.

    Attributes:
        front: the counts, and the other fields that ring.c needs.
    """

    def __init__(self, capacity_frames: int) -> None:
        assert capacity_frames >= 4 * OVERHANG_FRAMES, "the ring is too short for its blocks"
        self._capacity = capacity_frames
        # own pages go back to the system with the ring; memory from malloc would stay and fragment the heap
        pages = mmap.mmap(-1, (capacity_frames + OVERHANG_FRAMES) * FRAME_BYTES)
        self._store: Block = np.frombuffer(pages, dtype=np.float32).reshape(-1, CHANNELS)
        self._address = self._store.ctypes.data
        self._kernel = kernel()
        self.front = _FRONTS.pop() if _FRONTS else RingFront()
        ctypes.memset(ctypes.addressof(self.front), 0, ctypes.sizeof(self.front))
        self.front.store, self.front.capacity, self.front.overhang = self._address, capacity_frames, OVERHANG_FRAMES
        self.front.rate_hz = RATE_HZ
        self._wanted = 0  # set by the reader: it waits for this many frames, so the writer may not sleep with fewer
        self._left_to_drop = 0  # used by the writer alone, once it writes
        self._dropped = 0
        self._spill: Block | None = None  # used by the writer: a block too long to be written in place
        self._is_finished = False
        self._lock = threading.Lock()
        self._room = threading.Condition(self._lock)
        self._news = threading.Condition(self._lock)
        self.is_writer_waiting = False
        self._look()

    def __del__(self) -> None:
        if hasattr(self, "front"):
            self.front.is_plain = 0
            _FRONTS.append(self.front)

    def _look(self) -> None:
        """Update whether ring.c may work without Python; the lock is held, or no other thread knows this ring."""
        is_plain = not (self._is_finished or self._wanted or self._left_to_drop)
        self.front.is_plain = is_plain and self._kernel is not None

    @property
    def written_frames(self) -> int:
        """All frames that ever came in."""
        written: int = self.front.written
        return written

    @property
    def received_frames(self) -> int:
        """All frames that ever came, including those that were dropped."""
        return self.written_frames + self._dropped

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will come in."""
        return self._is_finished

    def frames_ready(self) -> int:
        """Frames that `read` would return now."""
        ready: int = self.front.written - self.front.taken
        return ready

    # The writer's side.

    def drop(self, frames: int) -> None:
        """Drop the first ``frames`` frames; called before anything is written."""
        with self._lock:
            self._left_to_drop = frames
            self._look()

    def reserve(self, frames: int) -> int:
        """Wait for room for ``frames`` frames and return its address; once finished, of memory that is not read."""
        if frames <= OVERHANG_FRAMES and self._wait_for_room(frames):
            return self._address + (self.written_frames % self._capacity) * FRAME_BYTES
        self._spill = np.empty((frames, CHANNELS), dtype=np.float32)
        return self._spill.ctypes.data

    def commit(self, frames: int) -> None:
        """Publish the reserved frames, now written; a block that did not fit in place is copied, in pieces."""
        spill, self._spill = self._spill, None
        dropped = min(frames, self._left_to_drop)
        self._left_to_drop -= dropped
        self._dropped += dropped
        if spill is None:
            if dropped:
                place = self.front.written % self._capacity
                self._store[place : place + frames - dropped] = self._store[place + dropped : place + frames].copy()
            self._publish(frames - dropped)
            return
        for start in range(dropped, frames, OVERHANG_FRAMES):
            piece = spill[start : start + OVERHANG_FRAMES]
            if not self._wait_for_room(len(piece)):
                return
            place = self.front.written % self._capacity
            self._store[place : place + len(piece)] = piece
            self._publish(len(piece))

    def _publish(self, frames: int) -> None:
        over = self.front.written % self._capacity + frames - self._capacity
        if over > 0:
            self._store[:over] = self._store[self._capacity : self._capacity + over]
        with self._lock:
            if not self._is_finished:
                self.front.written += frames
            self._look()
            self._news.notify_all()

    def _wait_for_room(self, frames: int) -> bool:
        """Sleep while there is no room; False once the ring is finished."""
        if self._capacity - self.frames_ready() < frames:
            with self._lock:
                self.is_writer_waiting = True
                self._news.notify_all()
                self._room.wait_for(lambda: self._may_write(frames))
                self.is_writer_waiting = False
        return not self._is_finished

    def _may_write(self, frames: int) -> bool:
        """Whether a sleeping writer resumes: half of the ring is free, or the reader waits for more than is ready."""
        ready = self.frames_ready()
        is_wanted = ready < self._wanted and self._capacity - ready >= frames
        return self._is_finished or is_wanted or ready <= self._capacity // 2

    # The reader's side.

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames, fewer where fewer are ready; a new array."""
        if self._kernel is not None:
            block = self._kernel.ring_read(self.front, frames, is_to_stay=False)
        else:
            block = self.peek(frames)
            self.front.taken += len(block)
        if self.is_writer_waiting and self.frames_ready() <= self._capacity // 2:
            with self._lock:
                self._room.notify_all()
        return block

    def peek(self, frames: int) -> Block:
        """What `read` would return, without taking it."""
        if self._kernel is not None:
            return self._kernel.ring_read(self.front, frames, is_to_stay=True)
        count = max(0, min(frames, self.frames_ready()))
        block: Block = np.empty((count, CHANNELS), dtype=np.float32)
        place = self.front.taken % self._capacity
        head = min(count, self._capacity - place)
        block[:head] = self._store[place : place + head]
        block[head:] = self._store[: count - head]
        return block

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` (at most what the ring can hold) are ready or nothing more comes; False on timeout."""
        with self._lock:
            self._wanted = min(frames, self._capacity - OVERHANG_FRAMES)
            self._look()
            self._room.notify_all()
            is_ready = self._news.wait_for(lambda: self._is_finished or self.frames_ready() >= self._wanted, timeout_s)
            self._wanted = 0
            self._look()
        return is_ready

    # For any thread.

    def finish(self) -> None:
        """Nothing more comes: a waiting writer is released, what it still writes is dropped; the rest is readable."""
        with self._lock:
            self._is_finished = True
            self._look()
            self._room.notify_all()
            self._news.notify_all()


def ring_of(duration_s: float) -> Ring:
    """A ring for ``duration_s`` seconds, or the shortest one that works."""
    return Ring(max(to_frames(duration_s), 4 * OVERHANG_FRAMES))
