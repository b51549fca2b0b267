"""Runs a stage over a sound, cut into blocks in many ways, and asks for the same bits each time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from player.audio.dsp.types import Block
from tests.signals import BLOCK_SIZES, in_blocks, in_random_blocks

Process = Callable[[Block], Block]


def run(process: Process, blocks: Iterable[Block]) -> Block:
    """All that comes out, as one array; each block must come out as long as it went in."""
    out = [np.zeros((0, 2), np.float32)]
    for block in blocks:
        out.append(process(block))
        assert out[-1].shape == block.shape
        assert out[-1].dtype == np.float32
    return np.concatenate(out)


def assert_same_bits_however_cut(
    make: Callable[[], Process], sound: Block, sizes: tuple[int, ...] = BLOCK_SIZES
) -> None:
    """A new stage from ``make`` for each way of cutting; compares bits, so that NaN equals NaN."""
    expected = run(make(), [sound]).tobytes()
    for size in sizes:
        assert run(make(), in_blocks(sound, size)).tobytes() == expected, f"blocks of {size}"
    for name in ("one", "two"):
        assert run(make(), in_random_blocks(sound, name)).tobytes() == expected, f"random blocks {name}"
