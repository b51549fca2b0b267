"""The A-weighting against the table of the standard, and the meter on signals whose level is known."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.a_weighting import AWeightedMeter, a_weighting_db
from player.core.units import RATE_HZ

TABLE = {
    10: -70.4, 12.5: -63.4, 16: -56.7, 20: -50.5, 25: -44.7, 31.5: -39.4, 40: -34.6, 50: -30.2, 63: -26.2, 80: -22.5,
    100: -19.1, 125: -16.1, 160: -13.4, 200: -10.9, 250: -8.6, 315: -6.6, 400: -4.8, 500: -3.2, 630: -1.9, 800: -0.8,
    1000: 0.0, 1250: 0.6, 1600: 1.0, 2000: 1.2, 2500: 1.3, 3150: 1.2, 4000: 1.0, 5000: 0.5, 6300: -0.1, 8000: -1.1,
    10000: -2.5, 12500: -4.3, 16000: -6.6, 20000: -9.3,
}  # fmt: skip
"""IEC 61672-1:2013, table 3; the frequencies are nominal, the exact ones are 1000 * 10^(n/10) Hz."""


def test_the_weighting_is_that_of_the_standard() -> None:
    """At each frequency of the table, to the tenth that it is rounded to."""
    exact = np.array([1000.0 * 10 ** (n / 10) for n in range(-20, 14)])
    assert np.max(np.abs(a_weighting_db(exact) - np.array(list(TABLE.values())))) < 0.0501


@pytest.mark.parametrize("hz", [63, 250, 1000, 4000, 12500])
@pytest.mark.parametrize("frames", [480, 9600, 10_007])
def test_a_sine_reads_its_level_and_its_weight(hz: int, frames: int) -> None:
    """In blocks of any length; at -20 dBFS in both channels, -23 dB mean square."""
    exact_hz = 1000.0 * 10 ** (round(10 * np.log10(hz / 1000)) / 10)
    sound = np.repeat(0.1 * np.sin(2 * np.pi * exact_hz * np.arange(12 * RATE_HZ) / RATE_HZ)[:, np.newaxis], 2, axis=1)
    meter = AWeightedMeter()
    for start in range(0, len(sound), frames):
        meter.measure(sound[start : start + frames].astype(np.float32))
    assert meter.level_db == pytest.approx(-23.01 + TABLE[hz], abs=0.3)


def test_silence_is_minus_infinity_and_a_reset_forgets() -> None:
    """Also before the first window is full."""
    meter = AWeightedMeter()
    meter.measure(np.zeros((RATE_HZ, 2), np.float32))
    assert meter.level_db == float("-inf")
    meter.measure(np.full((RATE_HZ, 2), 0.1, np.float32) * np.resize([1, -1], (RATE_HZ, 1)).astype(np.float32))
    assert meter.level_db > -100.0
    meter.reset()
    assert meter.level_db == float("-inf")
