"""The high-pass: DC goes, what is heard stays."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.highpass import CORNER_HZ, HighPass
from tests.audio.dsp.block_cuts import run
from tests.signals import dc, in_blocks, pink, silence, tone

HOP = 240


def test_it_is_the_one_pole_filter_that_it_claims_to_be() -> None:
    """Against the same filter written as a loop over samples."""
    sound = pink(0.5) + np.float32(0.2)
    keep, mean, expected = np.exp(-2 * np.pi * CORNER_HZ / 48_000), np.zeros(2), np.empty_like(sound)
    for frame, sample in enumerate(sound):
        mean = keep * mean + (1 - keep) * sample
        expected[frame] = sample - mean
    assert np.allclose(run(HighPass().process, in_blocks(sound, 20 * HOP)), expected, atol=3e-7)


def test_a_constant_is_gone_within_a_quarter_of_a_second() -> None:
    """A step of half of full scale decays by 54 dB in 250 ms, in each channel by itself."""
    step = dc(1.0, 0.5) * np.array([1.0, -0.5], np.float32)
    left = np.abs(HighPass().process(step)[12_000:])
    assert left[:, 0].max() < 0.5 * 10 ** (-54 / 20)
    assert left[:, 1].max() < 0.25 * 10 ** (-54 / 20)


@pytest.mark.parametrize(("hz", "most_db"), [(20.0, 0.2), (50.0, 0.03), (1000.0, 0.003)])
def test_what_can_be_heard_keeps_its_level(hz: float, most_db: float) -> None:
    """0.17 dB less at 20 Hz, nothing at 1 kHz."""
    sound = tone(2.0, hz)
    level_db = 10 * np.log10(
        np.mean(np.square(HighPass().process(sound)[48_000:])) / np.mean(np.square(sound[48_000:]))
    )
    assert -most_db <= level_db <= 0.001


def test_the_same_bits_however_many_hops_come_at_once() -> None:
    """One, three or all."""
    sound = pink(1.0) + np.float32(0.1)
    outs = {run(HighPass().process, in_blocks(sound, hops * HOP)).tobytes() for hops in (1, 3, 20, 200)}
    assert len(outs) == 1


def test_silence_becomes_exact_silence() -> None:
    """What it remembers of a constant ends as zero, and not as ever smaller numbers."""
    stage = HighPass()
    stage.process(dc(1.0, 0.5))
    run(stage.process, in_blocks(silence(2.0), 4_800))
    assert not stage.process(silence(0.1)).any()
