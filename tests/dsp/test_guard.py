"""The place of the guard, which so far lets everything pass."""

from __future__ import annotations

from player.dsp.guard import Guard
from tests.signals import HAZARDS


def test_it_passes_the_block_itself_and_reduces_nothing() -> None:
    """No latency, no reduction, the same block, also after a reset."""
    guard, sound = Guard(), HAZARDS["slam"]()
    assert guard.process(sound) is sound
    guard.reset()
    assert guard.process(sound) is sound
    assert guard.latency_frames == 0
    assert guard.reduction_db == 0.0
