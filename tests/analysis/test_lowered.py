"""What a plan lowers is told: where, how long, how far; and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.lowered import Lowered, lowered_stretches
from player.audio.dsp.leveller import encode


def plan(**parts: float) -> bytes:
    """A minute of hops of 10 ms; ``h1000_80=12.0``: 80 hops from the 1000th on are lowered by 12 dB."""
    gains = np.zeros(6000)
    for name, db in parts.items():
        first, count = map(int, name[1:].split("_"))
        gains[first : first + count] = -db
    return encode(gains)


def test_each_stretch_with_its_time_length_and_depth() -> None:
    """Two that are 20 s apart."""
    found = lowered_stretches(plan(h1000_80=12.0, h3000_5=4.0))
    assert found == (Lowered(10.0, 0.8, 12.0), Lowered(30.0, 0.05, 4.0))


@pytest.mark.parametrize(("gap", "count"), [(90, 1), (110, 2)])
def test_stretches_within_a_second_are_one(gap: int, count: int) -> None:
    """The deeper of the two is told."""
    found = lowered_stretches(plan(**{"h1000_80": 12.0, f"h{1080 + gap}_10": 20.0}))
    assert len(found) == count
    assert found[-1].lowered_db == 20.0


@pytest.mark.parametrize("nothing", [b"", plan(h1000_80=0.5), b"damaged"])
def test_what_is_not_lowered_is_not_told(nothing: bytes) -> None:
    """An empty plan, half a decibel, and a plan that cannot be read and so lowers nothing."""
    assert lowered_stretches(nothing) == ()
