"""Measuring decoded audio: block by block, broken samples, the ends, and the gain that follows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from player.analysis import track_measurement as measure
from player.analysis.ebur128 import ProgrammeMeter
from player.analysis.track_measurement import Measurer
from player.audio.dsp import native
from player.audio.dsp.types import Block
from player.core.measurement import Measured
from player.storage.measurements_db import as_json, from_json
from tests import effort, signals

CEILING_DBTP, TARGET_LUFS = -1.0, -23.0


def measured(sound: Block, size: int = 48_000) -> Measured:
    """Fed in blocks of one size."""
    measurer = Measurer()
    for block in signals.in_blocks(sound, size):
        measurer.add(np.ascontiguousarray(block))
    return measurer.finish()


def test_libebur128_says_the_same() -> None:
    """Pink noise: I, LRA and true peak as the library finds them."""
    sound = signals.pink(12.0)
    witness = ProgrammeMeter(true_peak=True)
    witness.add(sound)
    found = measured(sound)
    assert found.duration_s == pytest.approx(12.0)
    assert found.integrated_lufs == pytest.approx(witness.integrated_lufs, abs=0.05)
    assert found.programme_lufs == pytest.approx(found.integrated_lufs, abs=0.1)
    assert found.range_lu == pytest.approx(witness.range_lu, abs=0.3)
    assert found.true_peak_dbtp == pytest.approx(witness.true_peak_dbtp, abs=0.05)
    assert (found.surprises, found.faults) == ((), 0)


@pytest.mark.parametrize("size", effort.first(1, [64, 1023, 4800]))
def test_the_size_of_the_blocks_does_not_matter(size: int) -> None:
    """Any cutting gives the same measurements, but for the last bits of float32."""
    sound = signals.with_part(signals.pink(4.0, rms=0.01), 2.0, signals.between_samples()[:4800])
    one, other = measured(sound), measured(sound, size)
    assert other.integrated_lufs == pytest.approx(one.integrated_lufs, abs=1e-4)
    assert other.true_peak_dbtp == pytest.approx(one.true_peak_dbtp, abs=1e-4)
    assert [s.at_s for s in other.surprises] == [s.at_s for s in one.surprises]


def test_a_machine_without_a_kernel_measures_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels to a thousandth of a decibel; the plan, which is what is played by, to the last bit."""
    sound = signals.with_part(signals.pink(6.0, rms=0.01), 3.0, signals.between_samples()[:4800])
    native.kernel.cache_clear()
    with_one = measured(sound)
    monkeypatch.setattr(native, "_FOLDER", tmp_path)
    native.kernel.cache_clear()
    try:
        without = measured(sound)
    finally:
        native.kernel.cache_clear()
    assert (without.plan, without.planned_peak_dbtp) == (with_one.plan, with_one.planned_peak_dbtp)
    levels = [(one.integrated_lufs, one.max_short_lufs, one.habitual_lufs) for one in (without, with_one)]
    assert levels[0] == pytest.approx(levels[1], abs=1e-3)


def test_broken_samples_are_counted_and_silenced_as_in_playing() -> None:
    """NaN, infinities and +85 dBFS: finite measurements, and the number of stretches."""
    found = measured(signals.not_finite())
    assert found.faults == 3
    assert math.isfinite(found.integrated_lufs)
    assert measured(signals.far_too_large()).true_peak_dbtp < 0


def test_silence_has_measurements_too() -> None:
    """Minus infinity, no surprises, and a gain that is a number."""
    found = measured(signals.silence(1.0))
    assert found.programme_lufs == found.true_peak_dbtp == found.habitual_lufs == -math.inf
    assert found.gain_db(TARGET_LUFS, CEILING_DBTP) == 6.0


@pytest.mark.parametrize("frames", [0, 1, 100, 240, 500, 5000])
def test_a_track_of_hardly_anything_can_be_measured(frames: int) -> None:
    """Down to nothing at all."""
    found = measured(signals.pink(1.0)[:frames])
    assert found.duration_s == pytest.approx(frames / 48_000)
    assert found.range_lu == 0.0


def test_a_constant_is_not_measured() -> None:
    """An offset of 0.1, which is 14 dB over the sound, changes the calm level and the gain by less than 0.1 dB."""
    found = [measured(signals.pink(30.0, rms=0.02) + np.float32(offset)) for offset in (0.0, 0.1)]
    assert found[1].calm_lufs == pytest.approx(found[0].calm_lufs, abs=0.1)
    gains = [one.gain_db(TARGET_LUFS, CEILING_DBTP) for one in found]
    assert gains[1] == pytest.approx(gains[0], abs=0.1)


def test_a_scream_does_not_make_the_whispers_inaudible() -> None:
    """A second of full-scale noise in a minute of whispers: the gain is held by the true peak alone, not by I."""
    whisper = signals.pink(60.0, rms=0.005)
    scream = np.random.default_rng(1).uniform(-0.7, 0.7, (48_000, 2)).astype(np.float32)
    found = measured(signals.with_part(whisper, 30.0, scream))
    alone = measured(whisper)
    assert found.programme_lufs == pytest.approx(alone.programme_lufs, abs=0.5)
    assert found.calm_short_lufs == pytest.approx(alone.calm_short_lufs, abs=0.5)
    assert found.gain_db(TARGET_LUFS, CEILING_DBTP) >= 0.0
    assert len(found.surprises) == 1


@pytest.mark.parametrize(
    ("sample_peak", "true_peak", "gain_db"),
    [(-5.0, -4.9, 4.0), (-0.4, 0.3, -1.3), (-0.1, 4.0, -3.0), (-0.1, -0.5, -0.9)],
)
def test_peaks_take_a_planned_track_below_its_own_level_by_3_db_at_most(
    sample_peak: float, true_peak: float, gain_db: float
) -> None:
    """Calm 20 dB below the target, ceiling -1: what comes over it otherwise is lowered one by one."""
    found = replace(measured(signals.pink(1.0)), calm_lufs=TARGET_LUFS - 20.0, planned_peak_dbtp=sample_peak)
    found = replace(found, true_peak_dbtp=true_peak, planned_momentary_lufs=-50.0, planned_short_lufs=-50.0)
    assert found.gain_db(TARGET_LUFS, -1.0) == pytest.approx(gain_db)


def test_a_file_without_an_end_is_measured_on_its_first_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    """It says when it has enough."""
    monkeypatch.setattr(measure, "LONGEST_S", 2.0)
    measurer = Measurer()
    measurer.add(signals.pink(1.0))
    assert not measurer.is_enough
    measurer.add(signals.pink(1.0))
    assert measurer.is_enough


@pytest.mark.parametrize("peak", [1e-44, 1e-38, 1e-30, 1e-20, 1e-15, 1e-11, 1e-9])
def test_sound_that_no_device_can_play_counts_as_silence_and_can_be_kept(peak: float) -> None:
    """Float files hold samples down to 1e-45: each level is -inf or above -200 dB, so the database accepts it."""
    sound = np.random.default_rng(1).uniform(-peak, peak, (96_000, 2)).astype(np.float32)
    found = measured(sound)
    assert found.true_peak_dbtp == -math.inf or found.true_peak_dbtp >= measure.LOWEST_DB
    assert from_json(as_json(found)) == found
