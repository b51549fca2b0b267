"""The level of the last second."""

from __future__ import annotations

import math

import numpy as np
import pytest

from player.audio.dsp.level_meter import LevelMeter
from tests.signals import both, dc, in_blocks, pink, silence, tone


def measured(*sounds: np.ndarray, size: int = 4800) -> LevelMeter:
    """A meter that has heard the sounds."""
    meter = LevelMeter()
    for sound in sounds:
        for block in in_blocks(sound, size):
            meter.measure(block)
    return meter


def test_nothing_heard_is_silence() -> None:
    """Before the first block, and after a second of zeros, -inf."""
    for meter in (LevelMeter(), measured(tone(1.0), silence(1.0)), measured(np.zeros((0, 2), np.float32))):
        assert meter.level_db == -math.inf
        assert meter.peak_db == -math.inf


def test_a_full_scale_sine_reads_minus_3_and_a_constant_its_own_level() -> None:
    """The mean square of a sine is half of its peak's square: -3.01 dB; peaks are 0 and -12.04 dBFS."""
    sine = measured(tone(1.0, 1000.0, peak=1.0))
    assert sine.level_db == pytest.approx(-3.0103, abs=1e-3)
    assert sine.peak_db == pytest.approx(0.0, abs=1e-6)
    assert measured(dc(1.0, -0.25)).level_db == pytest.approx(-12.041, abs=1e-3)
    assert measured(dc(1.0, -0.25)).peak_db == pytest.approx(-12.041, abs=1e-3)


def test_both_channels_count() -> None:
    """One silent channel halves the mean square: 3.01 dB less."""
    sound = both(np.full(48_000, 0.5))
    sound[:, 1] = 0.0
    assert measured(sound).level_db == pytest.approx(-6.0206 - 3.0103, abs=1e-3)


def test_only_the_last_second_counts() -> None:
    """Half a second of a constant after a long loud one: mean of both halves, then only the quiet one."""
    half = measured(dc(3.0, 0.5), dc(0.5, 0.1))
    assert half.level_db == pytest.approx(10 * math.log10((0.25 + 0.01) / 2), abs=1e-3)
    assert half.peak_db == pytest.approx(20 * math.log10(0.5), abs=1e-3)
    quiet = measured(dc(3.0, 0.5), dc(1.0, 0.1))
    assert quiet.level_db == pytest.approx(-20.0, abs=1e-3)
    assert quiet.peak_db == pytest.approx(-20.0, abs=1e-3)


@pytest.mark.parametrize("size", [64, 1023])
def test_other_block_sizes_read_the_same(size: int) -> None:
    """On steady noise within 0.2 dB, though the parts of the second are not quite tenths."""
    sound = pink(3.0)
    assert measured(sound, size=size).level_db == pytest.approx(measured(sound).level_db, abs=0.2)
