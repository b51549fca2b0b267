"""The plan of a track and its application: a stranger is brought down, what recurs and what is calm is left alone."""

from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest

from player.audio.dsp.leveller import PLAN_FRAMES, Leveller
from player.audio.dsp.leveller_plan import make_plan, pack_levels
from player.audio.dsp.octaves import BAND_FRAMES, OctaveMeter
from player.audio.dsp.types import Block

RATE = 48_000


def _rain(seconds: float) -> Block:
    """Steady noise at -40 dBFS rms."""
    noise = np.random.default_rng(1).standard_normal((round(seconds * RATE), 2))
    return (0.01 * noise).astype(np.float32)


def _with_bursts(at_s: list[float], amplitude: float) -> Block:
    """Rain with bursts of 0.3 s of a 1 kHz tone."""
    sound = _rain(90.0)
    burst = (amplitude * np.sin(2.0 * np.pi * 1000.0 * np.arange(round(0.3 * RATE)) / RATE)).astype(np.float32)
    for one_s in at_s:
        first = round(one_s * RATE)
        sound[first : first + len(burst)] += burst[:, np.newaxis]
    return sound


def _plan(sound: Block) -> str:
    return make_plan(pack_levels(OctaveMeter().powers(sound[: len(sound) // BAND_FRAMES * BAND_FRAMES])))


def _rms_db(sound: Block) -> float:
    return float(10.0 * np.log10(np.square(sound, dtype=np.float64).mean()))


def test_a_stranger_in_rain_is_brought_to_a_few_decibels_over_it() -> None:
    """0.3 s of 0.5 full scale, 31 dB over rain at -40 dBFS, leaves no more than 5 dB over the rain."""
    sound = _with_bursts([40.0], 0.5)
    levelled = Leveller(_plan(sound)).process(sound, 0)
    assert _rms_db(levelled[round(40.0 * RATE) : round(40.3 * RATE)]) < -35.0
    assert np.array_equal(levelled[: round(39.0 * RATE)], sound[: round(39.0 * RATE)])
    assert np.array_equal(levelled[round(42.0 * RATE) :], sound[round(42.0 * RATE) :])


def test_five_strangers_within_half_a_minute_are_no_habit() -> None:
    """Each of them is lowered as one alone is."""
    sound = _with_bursts([40.0, 45.0, 51.0, 56.0, 62.0], 0.5)
    levelled = Leveller(_plan(sound)).process(sound, 0)
    for at_s in (40.0, 51.0, 62.0):
        assert _rms_db(levelled[round(at_s * RATE) : round((at_s + 0.3) * RATE)]) < -35.0


def test_what_recurs_all_the_time_is_not_touched() -> None:
    """A burst every 1.7 s, 20 dB over the rain, is what the track is."""
    sound = _with_bursts([2.0 + 1.7 * number for number in range(50)], 0.05)
    levelled = Leveller(_plan(sound)).process(sound, 0)
    assert np.array_equal(levelled, sound)


def test_steady_noise_has_no_plan() -> None:
    """Nothing is stored where nothing is lowered."""
    assert _plan(_rain(60.0)) == ""


@pytest.mark.parametrize("frames", [1, 479, 480, 4800])
def test_the_cutting_into_blocks_does_not_show_and_a_seek_gives_the_same(frames: int) -> None:
    """Gains hang on the place in the track alone, before its first frame and behind its last as well."""
    steps = np.random.default_rng(2).integers(0, 80, 20).astype(np.uint8)
    plan = base64.b64encode(zlib.compress(steps.tobytes())).decode()
    sound = _rain(0.3)
    first, whole = -240, Leveller(plan).process(sound, -240)
    seeking = Leveller(plan)
    parts = [seeking.process(sound[at : at + frames], first + at) for at in range(0, len(sound), frames)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_step_is_a_quarter_decibel() -> None:
    """24 steps are -6 dB at the frame that they stand for."""
    steps = np.array([0, 24, 0], np.uint8)
    leveller = Leveller(base64.b64encode(zlib.compress(steps.tobytes())).decode())
    out = leveller.process(np.ones((3 * PLAN_FRAMES, 2), np.float32), 0)
    assert out[PLAN_FRAMES, 0] == pytest.approx(10 ** (-6.0 / 20.0), abs=1e-6)
    assert out[0, 0] == 1.0
    assert out[2 * PLAN_FRAMES :].min() == 1.0


def test_a_damaged_plan_lowers_nothing() -> None:
    """What the store lost costs the plan, not the track."""
    sound = _rain(0.1)
    assert np.array_equal(Leveller("no plan").process(sound, 0), sound)
