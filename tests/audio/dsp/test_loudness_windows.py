"""The calm level that a plan uses is that of the examiner: what M usually is while something sounds."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.contract.integrated import calm_level as judged
from player.audio.dsp.hearing import to_power
from player.audio.dsp.loudness_windows import calm_level, calm_with_pauses
from tests.signals import rng_for

SOUND, HUM = 1e-3, 1e-7


def with_pauses(pause_s: float, pause: float) -> np.ndarray:
    """Powers every 10 ms of 30 sounds of 0.6 s, at -30.7 LUFS, and pauses."""
    powers = np.tile(np.concatenate((np.full(60, SOUND), np.full(round(pause_s * 100), pause))), 30)
    return powers * rng_for("calm").uniform(0.9, 1.1, len(powers))


@pytest.mark.parametrize("pause_s", [0.0, 1.0, 4.0])
@pytest.mark.parametrize("pause", [0.0, HUM])
def test_pauses_do_not_count(pause_s: float, pause: float) -> None:
    """Pages that are turned over a hum 40 dB softer are as loud as the pages, for the plan and the examiner."""
    powers = with_pauses(pause_s, pause)
    calm = calm_level(powers, np.zeros(len(powers), np.bool_))
    assert calm == pytest.approx(-31.5, abs=1.5)
    assert calm == pytest.approx(judged(np.repeat(powers, 2)), abs=0.3)


def test_strangers_and_silence_do_not_count() -> None:
    """A bang that is marked changes nothing, and silence has no level."""
    powers = with_pauses(1.0, HUM)
    marks = np.zeros(len(powers), np.bool_)
    before = calm_level(powers, marks)
    powers[1000:1100], marks[1000:1100] = 1.0, True
    assert calm_level(powers, marks) == pytest.approx(before, abs=0.1)
    assert calm_level(np.zeros(1000), np.zeros(1000, np.bool_)) == -np.inf
    assert calm_level(np.zeros(10), np.zeros(10, np.bool_)) == -np.inf


def test_a_gain_counts_pauses_as_ebu_r_128_does() -> None:
    """Half at -20 and half at -26 LUFS are I -22.03; what is 30 LU softer is behind the gate; -72 LUFS has no I."""
    halves = np.repeat([to_power(-20.0), to_power(-26.0)], 20_000)
    assert calm_with_pauses(-20.0, halves) == pytest.approx(-22.03, abs=0.02)
    assert calm_with_pauses(-25.0, halves) == -25.0
    assert calm_with_pauses(-15.0, np.repeat([to_power(-20.0), to_power(-50.0)], 20_000)) == pytest.approx(
        -20.0, abs=0.02
    )
    assert calm_with_pauses(-72.0, np.full(3000, to_power(-72.0))) == -72.0
