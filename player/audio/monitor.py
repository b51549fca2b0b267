"""A sink that lets an examiner listen: for rehearsals, where the night is examined while it is rendered.

Runs on the engine thread. Everything is passed on unchanged.
"""

from __future__ import annotations

from typing import Protocol

from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.audio.ports import Sink


class Monitor(Protocol):
    """What examines the sound: `player.analysis.contract.examiner.Examiner`."""

    def push(self, out: Block, rendered: Rendered | None) -> None:
        """Examine a block as it goes to the output."""
        ...


class MonitoredSink:
    """A `Sink` that shows each block to a monitor before it is written, with what `tap` received for it."""

    def __init__(self, sink: Sink, listener: Monitor) -> None:
        self._sink = sink
        self._listener = listener
        self._rendered: Rendered | None = None

    def tap(self, rendered: Rendered) -> None:
        """The engine's tap: ``rendered`` belongs to the block that is written next."""
        self._rendered = rendered

    @property
    def buffer_s(self) -> float:
        """As the sink says."""
        return self._sink.buffer_s

    @property
    def delay_s(self) -> float:
        """As the sink says."""
        return self._sink.delay_s

    def open(self, buffer_times: int = 1) -> None:
        """As the sink does."""
        self._sink.open(buffer_times)

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
