"""Mono, one speaker, exchanged sides and balance: what each speaker gets, and that nothing becomes louder by it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from player.audio.dsp.ears import Ears
from player.core.settings.audio import Channels


@pytest.mark.parametrize(
    ("channels", "balance", "out"),
    [
        (Channels.STEREO, 0, (0.5, -0.25)),
        (Channels.MONO, 0, (0.125, 0.125)),
        (Channels.LEFT, 0, (0.125, 0.0)),
        (Channels.RIGHT, 0, (0.0, 0.125)),
        (Channels.SWAP, 0, (-0.25, 0.5)),
        (Channels.STEREO, 50, (0.25, -0.25)),
        (Channels.STEREO, -100, (0.5, 0.0)),
        (Channels.SWAP, -50, (-0.25, 0.25)),
        (Channels.MONO, 100, (0.0, 0.125)),
    ],
)
def test_what_the_speakers_get(channels: Channels, balance: int, out: tuple[float, float]) -> None:
    """From 0.5 on the left and -0.25 on the right; balance is of the speakers and attenuates one of them alone."""
    block = np.array([[0.5, -0.25]] * 3, np.float32)
    shared = Ears(channels, balance).share_out(block)
    assert shared.dtype == np.float32
    assert shared.tolist() == [list(out)] * 3


def test_stereo_is_the_same_block() -> None:
    """Not a bit is changed."""
    block = np.random.default_rng(1).standard_normal((480, 2)).astype(np.float32)
    assert Ears().share_out(block) is block


def test_nothing_is_ever_louder() -> None:
    """No peak and no power of both speakers together, for any way and any recording, in phase or against it."""
    rng = np.random.default_rng(2)
    for channels, balance in itertools.product(Channels, (-100, -30, 0, 70, 100)):
        for _ in range(50):
            block = rng.standard_normal((64, 2)).astype(np.float32) * rng.uniform(0, 1, 2).astype(np.float32)
            shared = Ears(channels, balance).share_out(block)
            assert np.all(np.abs(shared).max(axis=1) <= np.abs(block).max(axis=1))
            assert np.all((shared**2).sum(axis=1) <= (block**2).sum(axis=1) * 1.000001)
