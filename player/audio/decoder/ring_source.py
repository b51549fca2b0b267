"""One open track as the reader sees it: `player.audio.ports.Source` over a ring, and the notes its other threads leave
on it.

Threads: the methods are called by the reader alone (the engine), touch no decoder and so cannot hang. The attributes
say who writes them; each is one plain value, written whole, so that nobody needs a lock to look.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from player.audio.decoder.pipe_ring import PipeRing
from player.audio.decoder.ring import Ring
from player.audio.dsp.types import Block


class RingSource:
    """A source whose ring somebody else fills.

    Attributes:
        ring: filled by the decoder's thread.
        wake: set by whoever has news for the keeper: the reader on `close`, libVLC at the end.
        is_closed: the reader writes it.
        is_error: libVLC's input thread writes it: the track ended in an error.
        is_alien: libVLC's decoder thread: a block came in a format that was not asked for.
        length_s: the keeper, before anything is decoded, or libVLC's input thread where ``is_length_ours`` is not set.
        on_close: the keeper, before anything is decoded: ends what it waits for; must be quick.
        is_length_ours: the keeper, before anything is decoded: libVLC's own idea of the length is not wanted.
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
        """Whole length in seconds as the file tells it, None while unknown and for streams."""
        return self.length_s

    @property
    def fault(self) -> str | None:
        """Why the track never began or ended early, to be read after its name; None while all is well."""
        return self._fault

    def frames_ready(self) -> int:
        """Frames that `read` would hand over now."""
        return self.ring.frames_ready()

    def is_finished(self) -> bool:
        """Whether nothing more will come into the ring."""
        return self.ring.is_finished

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames; an array of the caller's own."""
        return self.ring.read(frames)

    def peek(self, frames: int) -> Block:
        """What `read` would hand over, without taking it; not of a pipe, which nobody plays from."""
        assert isinstance(self.ring, Ring), "a pipe cannot be looked into"
        return self.ring.peek(frames)

    def skip(self, frames: int) -> None:
        """Take up to ``frames`` frames that nobody wants."""
        self.ring.read(frames)

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` are ready or nothing more comes; asks for at most what the ring holds."""
        return self.ring.wait_ready(frames, timeout_s)

    def close(self) -> None:
        """Let go: a blocked decoder is released, and the keeper takes it down."""
        self.is_closed = True
        self.ring.finish()
        if self.on_close is not None:
            self.on_close()
        if isinstance(self.ring, PipeRing):
            self.ring.shut()
        self.wake.set()

    def end(self, fault: str | None) -> None:
        """The keeper's: nothing more comes. The fault is in place before the end shows; the first one stays."""
        if self._fault is None and not self.is_closed:
            self._fault = fault
        self.ring.finish()
