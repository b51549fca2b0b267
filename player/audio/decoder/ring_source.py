"""One open track as the reader sees it: `player.audio.ports.Source` over a ring, and the flags that other threads set.

Threads: the methods are called by the reader alone (the engine) and do not use the decoder, so they cannot hang. Each
attribute states which thread writes it; it is one plain value, written atomically, so reading needs no lock.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from player.audio.decoder.pipe_ring import PipeRing
from player.audio.decoder.ring import Ring
from player.audio.dsp.types import Block


class RingSource:
    """A source whose ring another thread fills.

    Attributes:
        ring: filled by the decoder's thread.
        wake: wakes the keeper; set by the reader on `close` and by libVLC at the end.
        is_closed: written by the reader.
        is_error: written by libVLC's input thread: the track ended in an error.
        is_alien: written by libVLC's decoder thread: a block came in a format that was not requested.
        length_s: written by the keeper before decoding, or by libVLC's input thread unless ``is_length_ours``.
        on_close: written by the keeper before decoding: interrupts what the keeper waits for; must be quick.
        is_length_ours: written by the keeper before decoding: libVLC's own value of the length is ignored.
    """

    def __init__(self, ring: Ring | PipeRing) -> None:
        self.ring = ring
        self.wake = threading.Event()
        self.is_closed = False
        self.is_error = False
        self.is_alien = False
        self.length_s: float | None = None
        self.is_length_ours = False
        self._fault: str | None = None
        self.on_close: Callable[[], None] | None = None

    @property
    def duration_s(self) -> float | None:
        """Length of the whole file in seconds, None while unknown and for streams."""
        return self.length_s

    @property
    def fault(self) -> str | None:
        """Why the track never began or ended early, a phrase that follows its name; None without a fault."""
        return self._fault

    def frames_ready(self) -> int:
        """Frames that `read` would return now."""
        return self.ring.frames_ready()

    def is_finished(self) -> bool:
        """Whether nothing more will come into the ring."""
        return self.ring.is_finished

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames; an array of the caller's own."""
        return self.ring.read(frames)

    def peek(self, frames: int) -> Block:
        """What `read` would return, without taking it; not available for a pipe, which is never used for playing."""
        assert isinstance(self.ring, Ring), "a pipe cannot be looked into"
        return self.ring.peek(frames)

    def skip(self, frames: int) -> None:
        """Take up to ``frames`` frames and drop them."""
        self.ring.read(frames)

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` (at most what the ring can hold) are ready or nothing more comes; False on timeout."""
        return self.ring.wait_ready(frames, timeout_s)

    def close(self) -> None:
        """Close the source: a blocked decoder is released, and the keeper stops it."""
        self.is_closed = True
        self.ring.finish()
        if self.on_close is not None:
            self.on_close()
        if isinstance(self.ring, PipeRing):
            self.ring.shut()
        self.wake.set()

    def end(self, fault: str | None) -> None:
        """Called by the keeper: nothing more comes. The fault is set before the end is visible; the first one stays."""
        if self._fault is None and not self.is_closed:
            self._fault = fault
        self.ring.finish()
