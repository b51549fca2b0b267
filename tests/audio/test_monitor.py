"""The decoder and the sink that let an examiner listen: all that goes through them is shown, and nothing is changed."""

from __future__ import annotations

import numpy as np

from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.audio.monitor import MonitoredDecoder, MonitoredSink
from tests.fakes.clock import FakeClock
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeDecoder, Script
from tests.signals import pink, silence


class Notes:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.read: list[Block] = []
        self.left: list[tuple[Block, Rendered | None]] = []

    def hear_source(self, block: Block) -> None:
        self.read.append(block)

    def push(self, out: Block, rendered: Rendered | None) -> None:
        self.left.append((out, rendered))


def test_what_is_read_is_shown_as_it_is() -> None:
    """Each block of a source, and all that the source says of itself."""
    notes, sound = Notes(), pink(1.0)
    source = MonitoredDecoder(FakeDecoder({"one": Script(sound)}), notes).open("one")
    assert source.wait_ready(4_800, 0.0)
    assert source.duration_s == 1.0
    assert source.fault is None
    assert source.frames_ready() > 0
    block = source.read(4_800)
    assert np.array_equal(block, sound[:4_800])
    assert notes.read[0] is block
    assert not source.is_finished() or source.frames_ready() > 0
    source.close()


def test_what_is_written_is_shown_with_what_the_tap_saw_of_it() -> None:
    """A block that did not go through the chain has nothing of the one before it."""
    notes, inner = Notes(), FakeSink(FakeClock())
    sink = MonitoredSink(inner, notes)
    rendered = Rendered(silence(0.1), 0.0, 0.0)
    sink.open()
    sink.tap(rendered)
    sink.write(pink(0.1))
    sink.write(silence(0.1))
    sink.drain()
    sink.close()
    assert [seen for _, seen in notes.left] == [rendered, None]
    assert np.array_equal(np.concatenate([block for block, _ in notes.left]), np.concatenate((pink(0.1), silence(0.1))))
    assert sink.delay_s == inner.delay_s
