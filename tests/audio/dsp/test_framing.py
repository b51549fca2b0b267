"""Hops: blocks of any size become whole chunks and blocks again."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.framing import Hops
from tests.signals import BLOCK_SIZES, in_blocks, in_random_blocks, pink


@pytest.mark.parametrize("size", [*BLOCK_SIZES, 2399, 2400, 2401, None])
def test_what_goes_in_comes_out_one_chunk_later(size: int | None) -> None:
    """Bit by bit, whatever the sizes; what is taken is always whole chunks."""
    sound, hops, parts = pink(1.0), Hops(), []
    for block in in_random_blocks(sound, "hops") if size is None else in_blocks(sound, size):
        taken = hops.take(block)
        assert len(taken) % 2400 == 0
        parts.append(hops.give(taken, len(block)))
        assert len(parts[-1]) == len(block)
    out = np.concatenate(parts)
    assert not out[:2400].any()
    assert np.array_equal(out[2400:], sound[:-2400])


def test_reset_forgets_both_sides() -> None:
    """After a reset nothing of what came before comes out."""
    hops, sound = Hops(), pink(0.1)
    hops.give(hops.take(sound[:1000]), 1000)
    hops.reset()
    assert not hops.give(hops.take(np.zeros((5000, 2), np.float32)), 5000).any()
