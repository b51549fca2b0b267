"""The sink that lets an examiner listen: all that goes through it is shown, and nothing is changed."""

from __future__ import annotations

import numpy as np

from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.audio.monitor import MonitoredSink
from tests.fakes.clock import FakeClock
from tests.fakes.sink import FakeSink
from tests.signals import pink, silence


class Notes:
    """Writes down what it hears."""

    def __init__(self) -> None:
        self.left: list[tuple[Block, Rendered | None]] = []

    def push(self, out: Block, rendered: Rendered | None) -> None:
        self.left.append((out, rendered))


def test_what_is_written_is_shown_with_what_the_tap_saw_of_it() -> None:
    """A block that did not go through the chain has nothing of the one before it."""
    notes, inner = Notes(), FakeSink(FakeClock())
    sink = MonitoredSink(inner, notes)
    rendered = Rendered(0.0, 0.0)
    sink.open()
    sink.tap(rendered)
    sink.write(pink(0.1))
    sink.write(silence(0.1))
    sink.drain()
    sink.close()
    assert [seen for _, seen in notes.left] == [rendered, None]
    assert np.array_equal(np.concatenate([block for block, _ in notes.left]), np.concatenate((pink(0.1), silence(0.1))))
    assert sink.delay_s == inner.delay_s
