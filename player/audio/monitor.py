"""A decoder and a sink that let an examiner listen: for rehearsals, where the night is examined while it is rendered.

Runs on the engine thread. Both hand everything on as it is.
"""

from __future__ import annotations

from typing import Protocol

from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.audio.ports import Decoder, Sink, Source


class Monitor(Protocol):
    """Who listens: `player.analysis.contract.examiner.Examiner`."""

    def hear_source(self, block: Block) -> None:
        """What a track hands over for the block that leaves next."""
        ...

    def push(self, out: Block, rendered: Rendered | None) -> None:
        """A block as it leaves."""
        ...


class MonitoredSource:
    """A `Source` of which each block is shown as it is read."""

    def __init__(self, source: Source, listener: Monitor) -> None:
        self._source = source
        self._listener = listener

    @property
    def duration_s(self) -> float | None:
        """As the source says."""
        return self._source.duration_s

    @property
    def fault(self) -> str | None:
        """As the source says."""
        return self._source.fault

    def frames_ready(self) -> int:
        """As the source says."""
        return self._source.frames_ready()

    def is_finished(self) -> bool:
        """As the source says."""
        return self._source.is_finished()

    def read(self, frames: int) -> Block:
        """The source's frames, shown on the way."""
        block = self._source.read(frames)
        self._listener.hear_source(block)
        return block

    def peek(self, frames: int) -> Block:
        """As the source does; what is only looked at is not shown."""
        return self._source.peek(frames)

    def skip(self, frames: int) -> None:
        """As the source does; what nobody wants is not shown."""
        self._source.skip(frames)

    def wait_ready(self, frames: int, timeout_s: float) -> bool:
        """As the source does."""
        return self._source.wait_ready(frames, timeout_s)

    def close(self) -> None:
        """As the source does."""
        self._source.close()


class MonitoredDecoder:
    """A `Decoder` whose sources are heard."""

    def __init__(self, decoder: Decoder, listener: Monitor) -> None:
        self._decoder = decoder
        self._listener = listener

    def open(self, uri: str, start_s: float = 0.0) -> Source:
        """Begin to decode."""
        return MonitoredSource(self._decoder.open(uri, start_s), self._listener)


class MonitoredSink:
    """A `Sink` of which each block is shown before it is written, with what `tap` was told of it."""

    def __init__(self, sink: Sink, listener: Monitor) -> None:
        self._sink = sink
        self._listener = listener
        self._rendered: Rendered | None = None

    def tap(self, rendered: Rendered) -> None:
        """The engine's tap: belongs to the block that is written next."""
        self._rendered = rendered

    @property
    def delay_s(self) -> float:
        """As the sink says."""
        return self._sink.delay_s

    def open(self) -> None:
        """As the sink does."""
        self._sink.open()

    def write(self, block: Block) -> None:
        """Show the block, then write it."""
        rendered, self._rendered = self._rendered, None
        self._listener.push(block, rendered)
        self._sink.write(block)

    def drain(self) -> None:
        """As the sink does."""
        self._sink.drain()

    def close(self) -> None:
        """As the sink does."""
        self._sink.close()
