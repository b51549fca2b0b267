"""Contracts of this package, in prose; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from typing import Protocol

from player.audio.dsp.types import Block


class Source(Protocol):
    """One opened track: decoded audio that waits in a bounded ring, in order, each sample once.

    The decoder's own threads fill the ring and are held back when it is full. `read`, `frames_ready`, `is_finished`
    and `close` are called by one thread and never block. Samples come as decoded: they may be out of range or NaN.
    """

    @property
    def duration_s(self) -> float | None:
        """Length of the whole track in seconds as its container states it (may be wrong), None if unknown."""
        ...

    @property
    def fault(self) -> str | None:
        """Why the track ended early or never began, as a sentence; None while there is no fault."""
        ...

    def frames_ready(self) -> int:
        """Frames that `read` would hand over now."""
        ...

    def is_finished(self) -> bool:
        """Whether nothing more will come into the ring; what is ready can still be read."""
        ...

    def read(self, frames: int) -> Block:
        """Up to ``frames`` frames, fewer where fewer are ready; an array of the caller's own."""
        ...

    def peek(self, frames: int) -> Block:
        """What `read` would hand over, without taking it."""
        ...

    def skip(self, frames: int) -> None:
        """Take up to ``frames`` frames and drop them."""
        ...

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """Block until ``frames`` are ready or the source is finished; False after ``timeout_s``. Rehearsals only."""
        ...

    def close(self) -> None:
        """Release the decoder; returns soon; may be called twice and at any time."""
        ...


class Decoder(Protocol):
    """Opens tracks."""

    def open(self, uri: str, start_s: float = 0.0) -> Source:
        """Begin to decode a file path or http(s) address at ``start_s``; returns at once, the source reports faults."""
        ...


class Sink(Protocol):
    """Where the sound goes. It is the clock of the engine: `write` returns when the device has room for more.

    A sink never falls back to another device and has no volume of its own.
    """

    @property
    def buffer_s(self) -> float:
        """How much sound it holds when it is full; 0 where `write` never waits."""
        ...

    @property
    def delay_s(self) -> float:
        """How much sound it holds now, as far as it knows: about the delay of a sample that is written now."""
        ...

    def open(self, buffer_times: int = 1) -> None:
        """Open the device, with ``buffer_times`` times the usual buffer if the device allows it.

        Raises SinkError, and then nothing is held; may be called again.
        """
        ...

    def write(self, block: Block) -> None:
        """Play the block after all that was written before, blocking while there is no room.

        Raises:
            Underrun: a gap was heard before this block; the block was taken, and the sink can still be used.
            SinkError: the device is gone; `close` and `open` again.
        """
        ...

    def drain(self) -> None:
        """Block until all that was written has been heard, at most about a second longer than `delay_s`."""
        ...

    def close(self) -> None:
        """Release the device; may be called twice."""
        ...
