"""What decoders hand over, made fit to be heard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from player.audio.dsp.dropouts import DropoutFinder
from player.audio.dsp.sanitise import Sanitiser
from player.audio.dsp.types import Block
from tests import effort
from tests.audio.dsp.block_cuts import assert_same_bits_however_cut, run
from tests.audio.dsp.test_ramp import assert_rises_gently, levels_db
from tests.signals import CALM, HAZARDS, dc, in_blocks, pink, tone

LATE = 240


def sanitised(sound: Block, size: int = 4800) -> tuple[Block, Sanitiser]:
    """The output for the sound and 240 more frames of its last one, so that output frame n + 240 is input frame n."""
    stage = Sanitiser()
    padded = np.concatenate((sound, np.repeat(sound[-1:], LATE, axis=0)))
    return run(stage.process, in_blocks(padded, size))[LATE:], stage


@pytest.mark.parametrize("name", CALM)
def test_good_audio_passes_bit_by_bit_240_frames_late(name: str) -> None:
    """Nothing is computed on what is good, and nothing is counted."""
    sound = CALM[name]()
    out, stage = sanitised(sound)
    assert out.tobytes() == sound.tobytes()
    assert stage.faults == 0
    assert stage.latency_frames == LATE


def test_legitimate_overs_pass() -> None:
    """+12 dBFS, four times full scale, is still taken for music."""
    sound = tone(0.2, peak=4.0)
    assert sanitised(sound)[0].tobytes() == sound.tobytes()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 4.001, -4.001, 17783.0])
@pytest.mark.parametrize("channel", [0, 1])
def test_a_bad_sample_is_silence_entered_and_left_softly(bad: float, channel: int) -> None:
    """One bad sample at frame 10000 of a constant of 1, in either channel.

    Untouched until 9760; at half in the middle of the look-ahead; zero from 10000 to 12400 (50 ms); then from -60 dB
    by 6 dB/s: 5 s later at -30 dB; 10 s later as it was, bit by bit.
    """
    sound = dc(11.0, 1.0)
    sound[10_000, channel] = bad
    out, stage = sanitised(sound)
    assert (out[: 9_760 + 1] == 1.0).all()
    assert out[9_880, 0] == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(out[9_760:10_001, 0]) <= 0).all()
    assert not out[10_000 : 12_400 + 1].any()
    gain_db = levels_db(out)
    assert gain_db[9_999] < -60
    assert gain_db[12_401] == pytest.approx(-60.0, abs=2e-4)
    assert gain_db[12_400 + 240_000] == pytest.approx(-30.0, abs=2e-4)
    assert_rises_gently(gain_db)
    assert (out[12_400 + 480_000 :] == 1.0).all()
    assert stage.faults == 1


def test_the_way_down_has_no_corner() -> None:
    """On a constant no step of the fall exceeds pi / 480, the steepest point of a raised cosine over 240 frames."""
    sound = dc(0.5, 1.0)
    sound[10_000] = np.nan
    out, _ = sanitised(sound)
    assert np.abs(np.diff(out[:12_000, 0])).max() <= np.pi / 480 + 1e-6


def test_bursts_within_50_ms_are_one_fault() -> None:
    """2400 frames apart is one fault, 2401 are two."""
    sound = dc(0.3, 1.0)
    sound[[2_000, 2_000 + 2_400]] = np.nan
    assert sanitised(sound)[1].faults == 1
    sound[2_000 + 2_400 + 2_401] = np.nan
    assert sanitised(sound)[1].faults == 2


def test_a_fault_on_the_way_back_falls_from_where_it_is() -> None:
    """A second bad sample 5 s into the recovery: the gain sinks from -30 dB to 0 without a step, and starts over."""
    sound = dc(12.0, 1.0)
    sound[[1_000, 241_000]] = np.nan
    out, stage = sanitised(sound)
    assert not out[241_000:243_401].any()
    assert np.abs(np.diff(out[200_000:242_000, 0])).max() < 0.001
    assert levels_db(out)[243_401 + 240_000] == pytest.approx(-30.0, abs=2e-4)
    assert stage.faults == 2


def test_a_stream_that_stays_broken_stays_silent() -> None:
    """A second of NaN is a second of zeros, and one fault."""
    sound = pink(2.0)
    sound[24_000:72_000] = np.nan
    out, stage = sanitised(sound)
    assert not out[24_000:74_400].any()
    assert stage.faults == 1


@pytest.mark.parametrize("name", HAZARDS)
def test_no_hazard_comes_out_broken(name: str) -> None:
    """Finite and within the fault level, whatever comes in."""
    out, _ = sanitised(HAZARDS[name]())
    assert (np.abs(out) <= 4.0).all()


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 400), st.just(2)), elements=st.floats(width=32)),
    st.integers(1, 300),
)
@settings(max_examples=effort.examples(20, 80), deadline=None)
@pytest.mark.slow
def test_whatever_comes_in_what_goes_out_is_finite_and_cut_independently(sound: Block, size: int) -> None:
    """Any float32 at all: finite out, within the fault level, the same for two ways of cutting."""
    whole, _ = sanitised(sound)
    assert (np.abs(whole) <= 4.0).all()
    assert sanitised(sound, size)[0].tobytes() == whole.tobytes()


@pytest.mark.slow
@pytest.mark.parametrize("bad", effort.first(1, [np.nan, -np.inf, 17_783.0]))
def test_the_same_bits_however_it_is_cut(bad: float) -> None:
    """Falls, holds and rises hang on frames alone: a burst, a sample in the hold, one on the way back."""
    sound = pink(0.3)
    sound[1_000:1_500] = bad
    sound[[2_400, 8_000], [0, 1]] = bad
    assert_same_bits_however_cut(lambda: Sanitiser().process, sound)


def holed(cut_s: float, hole_s: float) -> np.ndarray:
    """Four seconds and more of noise with a hole of exact zeros cut out of it."""
    sound = np.random.default_rng(5).normal(0, 0.1, (round((cut_s + hole_s + 12) * 48_000), 2)).astype(np.float32)
    sound[round(cut_s * 48_000) : round((cut_s + hole_s) * 48_000)] = 0.0
    return sound


@pytest.mark.parametrize("hole_s", [16 / 48_000, 576 / 48_000, 0.05, 0.1])
@pytest.mark.parametrize("size", effort.first(1, [1023, 48_000, 64, 4800]))
def test_a_hole_cut_into_sound_has_soft_edges_and_a_slow_way_back(size: int, hole_s: float) -> None:
    """A decoder makes zeros of NaN or of a damaged frame: the sound falls before them and rises from -60 dB behind."""
    sound = holed(1.0, hole_s)
    sanitiser = Sanitiser()
    out = np.concatenate([sanitiser.process(sound[at : at + size]) for at in range(0, len(sound), size)])
    cut = 48_000 + sanitiser.latency_frames
    assert np.abs(out[cut - 3 : cut]).max() < 0.01
    assert np.abs(out[cut - 480 : cut - 260]).max() > 0.1
    back = cut + round(hole_s * 48_000)
    assert np.abs(out[cut : back + 2_400]).max() == 0.0
    assert 0.0 < np.abs(out[back + 2_500 : back + 7_200]).max() < 0.1 * 5 * 10 ** (-58 / 20)
    assert np.abs(out[-4_800:]).max() > 0.2
    assert sanitiser.faults == 1
    reference = Sanitiser().process(sound)
    assert np.array_equal(out, reference), "the same bits for every block size"


@pytest.mark.parametrize("pause_s", [0.11, 1.0, 4.0])
@pytest.mark.parametrize("size", effort.first(1, [1023, 64, 4800]))
def test_a_pause_that_an_editor_cut_in_is_content(size: int, pause_s: float) -> None:
    """Only 5 ms at each edge are softened; nothing is counted, and nothing has to rise."""
    sound = holed(1.0, pause_s)
    sanitiser = Sanitiser()
    padded = np.concatenate((sound, np.zeros((LATE, 2), np.float32)))
    out = np.concatenate([sanitiser.process(padded[at : at + size]) for at in range(0, len(padded), size)])[LATE:]
    back = 48_000 + round(pause_s * 48_000)
    assert np.array_equal(out[: 48_000 - LATE], sound[: 48_000 - LATE])
    assert np.array_equal(out[back + LATE : -LATE], sound[back + LATE : -LATE])
    assert np.abs(out[48_000 - 3 : 48_000]).max() < 0.01
    assert np.abs(out[back : back + 3]).max() < 0.01
    assert sanitiser.faults == 0
    assert not sanitiser.is_recovering


def coarse(seed: int, level: float, bits: int = 8) -> np.ndarray:
    """Noise of a few steps of a coarse recording."""
    sound = np.random.default_rng(seed).normal(0, level, (10 * 48_000, 2))
    return (np.round(sound * 2 ** (bits - 1)) / 2 ** (bits - 1)).astype(np.float32)


@pytest.mark.parametrize("level", [0.0008, 0.0015, 0.003, 0.006])
def test_the_zeros_of_a_recording_of_8_bits_are_content(level: float) -> None:
    """A step of it is -42 dBFS, and most of what is soft is zero: bit by bit the same."""
    sound = coarse(3, level)
    out, sanitiser = sanitised(sound)
    assert np.array_equal(out, sound)
    assert sanitiser.faults == 0


def test_a_recording_with_many_gaps_is_what_it_is() -> None:
    """Every fifth of a second 20 ms of zeros: silenced for the first ones, and left as it is from then on."""
    sound = holed(30.0, 0.05)
    for at in range(48_000, len(sound) - 48_000, 9_600):
        sound[at : at + 960] = 0.0
    out, _ = sanitised(sound)
    assert np.abs(out[-12 * 48_000 : -48_000]).max() > 0.2


def test_the_gap_between_two_taps_is_content() -> None:
    """A tap of 80 ms that is cut at -26 dB, 40 ms of zeros, the attack of the next: bit by bit but for the edges."""
    t = np.arange(3_840) / 48_000
    tap = 0.3 * np.minimum(t / 0.002, 1.0) * np.exp(-t * 38) * np.random.default_rng(6).normal(0, 1, len(t))
    sound = np.zeros((12 * 48_000, 2), np.float32)
    for at in (48_000, 48_000 + 5_760, 300_000, 300_000 + 5_760):
        sound[at : at + len(tap)] = tap[:, np.newaxis]
    out, sanitiser = sanitised(sound)
    assert sanitiser.faults == 0
    assert np.abs(out).max() == np.abs(sound).max()


def test_a_gap_in_a_recording_that_is_often_cut_is_content() -> None:
    """A noise gate: 0.3 s of zeros every 5 s, then 50 ms; the pauses are known to be its way before the gap comes."""
    sound = holed(21.0, 0.05)
    for second in (5, 10, 15):
        sound[second * 48_000 : second * 48_000 + 14_400] = 0.0
    out, sanitiser = sanitised(sound)
    assert sanitiser.faults == 0
    assert np.abs(out[22 * 48_000 : 23 * 48_000]).max() > 0.2


def find_none(sound: np.ndarray) -> None:
    """Look for holes in blocks of 100 ms; there are none."""
    finder = DropoutFinder()
    for at in range(4_800, len(sound) - 4_800, 4_800):
        assert finder.find(sound[at - 240 : at], sound[at : at + 4_800]) is None


def test_looking_for_holes_in_quiet_zeros_costs_little() -> None:
    """Ten thousand runs of zeros in a second below -54 dBFS are not looked at one by one: 20 times what none cost."""
    without_zeros = np.random.default_rng(5).normal(0, 0.1, (10 * 48_000, 2)).astype(np.float32)
    quiet = coarse(4, 0.6 / 32_768, bits=16)
    cost_s, without_s = (effort.least_cpu_s(lambda it=sound: find_none(it), 5) for sound in (quiet, without_zeros))
    assert cost_s < 20.0 * without_s


def test_silence_that_was_faded_into_is_no_hole() -> None:
    """A decay to one step of 16 bit and then zeros, and a low tone through its zero crossings: untouched."""
    t = np.arange(48_000) / 48_000
    decay = np.round(0.3 * np.exp(-t * 14)[:, None] * np.sin(2 * np.pi * 300 * t)[:, None] * 32768) / 32768
    low = np.round(0.003 * np.sin(2 * np.pi * 40 * t)[:, None] * 32768) / 32768
    sound = np.repeat(np.concatenate([decay, np.zeros((24_000, 1)), decay, low]), 2, axis=1).astype(np.float32)
    sanitiser = Sanitiser()
    out = sanitiser.process(np.concatenate([sound, np.zeros((240, 2), np.float32)]))
    assert np.array_equal(out[240:], sound)
    assert sanitiser.faults == 0


@pytest.mark.parametrize("is_turned", [False, True], ids=["before the zeros", "after the zeros"])
@pytest.mark.parametrize("size", [240, 4_800])
def test_a_short_gap_that_the_sound_fades_into_or_out_of_is_content(size: int, is_turned: bool) -> None:
    """Noise that falls by 60 dB within 0.3 ms, 24 zeros, then noise at once: no silence of 12 s follows."""
    sound = holed(1.0, 24 / 48_000)
    sound[48_000 - 16 : 48_000] *= np.logspace(0, -3, 16, dtype=np.float32)[:, np.newaxis]
    out, sanitiser = sanitised(sound[::-1] if is_turned else sound, size)
    assert sanitiser.faults == 0
    assert np.abs(out[-11 * 48_000 :]).max() > 0.2
