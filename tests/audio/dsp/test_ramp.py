"""The output ramp: never faster up than 6 dB/s, never a step, exactly silent when silent."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.audio.dsp.ramp import Ramp
from player.audio.dsp.types import Block
from player.core.limits import fallen_db
from tests import effort
from tests.audio.dsp.block_cuts import Process, assert_same_bits_however_cut, run
from tests.signals import dc, in_blocks, pink, rng_for, silence

FLOAT_DB = 1.1e-6
"""Two roundings to float32, 2^-24 each, in dB."""


def at_level(level_db: float) -> Ramp:
    """A ramp that stands at a level."""
    ramp = Ramp()
    ramp.to(level_db, 0.0)
    while ramp.is_moving:
        ramp.process(np.zeros((48_000, 2), np.float32))
    return ramp


def levels_db(out: Block) -> np.ndarray:
    """Gain in dB of each frame of what was full scale, -inf for silence."""
    gains = out[:, 0].astype(np.float64)
    return np.where(gains > 0, 20 * np.log10(np.where(gains > 0, gains, 1.0)), -np.inf)


def assert_rises_gently(gain_db: np.ndarray, over: int = 4_800) -> None:
    """Between silences, over any stretch of 100 ms and from any frame to the next, no rise is faster than 6 dB/s."""
    edges = np.flatnonzero(np.diff(np.isfinite(gain_db), prepend=False, append=False))
    for first, end in zip(edges[0::2], edges[1::2], strict=True):
        for frames in (1, over):
            rise = gain_db[first + frames : end] - gain_db[first : max(first, end - frames)]
            assert (rise <= frames * 6 / 48_000 + FLOAT_DB).all()


def test_it_starts_at_silence() -> None:
    """Before any target, whatever comes in comes out as exact zeros, NaN included."""
    ramp = Ramp()
    assert ramp.is_silent
    assert ramp.level_db == -math.inf
    assert not ramp.process(np.full((500, 2), np.nan, np.float32)).any()


def test_a_rise_from_silence_starts_60_db_below_and_takes_10_s_at_least() -> None:
    """60 dB at 6 dB/s are 480000 frames: the first stands 1/8000 dB above -60 dB re target, the last at the target."""
    ramp = Ramp()
    ramp.to(-10.0, 0.0)
    assert ramp.frames_left == 480_000
    gain_db = levels_db(run(ramp.process, in_blocks(dc(10.0, 1.0), 4800)))
    assert gain_db[0] == pytest.approx(-70 + 1 / 8000, abs=2e-6)
    assert gain_db[240_000 - 1] == pytest.approx(-40.0, abs=2e-6)
    assert gain_db[-1] == pytest.approx(-10.0, abs=2e-6)
    assert not ramp.is_moving
    assert ramp.level_db == -10.0
    assert_rises_gently(gain_db)


@pytest.mark.parametrize("over_s", [2.0, 30.0, 40.0, 120.0])
def test_a_fade_out_is_heard_for_as_long_as_it_lasts(over_s: float) -> None:
    """At each eighth of its time it stands where `fallen_db` says, and it is exactly silent at its end."""
    ramp = at_level(-10.0)
    ramp.to(-math.inf, over_s)
    for part in range(1, 8):
        ramp.process(dc(over_s / 8))
        assert ramp.level_db == pytest.approx(-10.0 - fallen_db(part / 8, over_s), abs=1e-3)
    ramp.process(dc(over_s / 8 + 0.01))
    assert ramp.level_db == -math.inf


def test_a_rise_that_is_held_back_goes_on_as_ordered_afterwards() -> None:
    """A rise of 3 dB/s, held to 1 dB/s for 2 s, loses 4 dB; it is never faster than it was ordered."""
    ramp = at_level(-30.0)
    ramp.to(0.0, 10.0)
    levels = []
    for second in range(12):
        ramp.hold_back(1.0 if 2 <= second < 4 else 6.0)
        ramp.process(dc(1.0))
        levels.append(ramp.level_db)
    steps = np.diff([-30.0, *levels])
    expected = [3, 3, 1, 1, 3, 3, 3, 3, 3, 3, 3, 1]
    assert steps == pytest.approx(expected, abs=1e-3)


def test_a_slow_rise_takes_as_long_as_asked() -> None:
    """60 dB over 30 s: 30 dB below the target after 5 s at 6 dB/s, and from there straight: -18 dB after 15 s."""
    ramp = Ramp()
    ramp.to(0.0, 30.0)
    ramp.process(dc(5.0))
    assert ramp.level_db == pytest.approx(-30.0)
    ramp.process(dc(10.0))
    assert ramp.level_db == pytest.approx(-18.0)
    assert ramp.frames_left == 15 * 48_000


def test_a_fall_to_a_level_is_straight_in_db() -> None:
    """From -10 to -30 dB in 2 s: 10 dB a second, and there it stands."""
    ramp = at_level(-10.0)
    ramp.to(-30.0, 2.0)
    gain_db = levels_db(ramp.process(dc(3.0, 1.0)))
    assert gain_db[48_000 - 1] == pytest.approx(-20.0, abs=2e-6)
    np.testing.assert_allclose(gain_db[96_000:], -30.0, atol=2e-6)
    assert not ramp.is_moving


def test_a_fall_is_never_a_cut() -> None:
    """Asked for in no time, a fall takes 5 ms."""
    ramp = at_level(0.0)
    ramp.to(-20.0, 0.0)
    assert ramp.frames_left == 240
    ramp.to(-math.inf, 0.0)
    assert ramp.frames_left == 240


def test_silence_is_reached_through_66_db_below() -> None:
    """From -10 dB in 1 s: the last frame that sounds stands at -76 dB, then exact zeros."""
    ramp = at_level(-10.0)
    ramp.to(-math.inf, 1.0)
    out = ramp.process(dc(1.5, 1.0))
    assert levels_db(out)[48_000 - 1] == pytest.approx(-76.0, abs=1e-5)
    assert not out[48_000:].any()
    assert ramp.is_silent


def test_silence_counts_once_what_is_held_back_has_been_flushed() -> None:
    """With 240 frames to settle, silence is reported only after 240 zeros."""
    ramp = Ramp(settle_frames=240)
    assert ramp.is_silent
    ramp.to(0.0, 0.0)
    ramp.process(dc(10.0))
    ramp.to(-math.inf, 1.0)
    assert ramp.frames_left == 48_240
    ramp.process(dc(1.0))
    assert not ramp.is_silent
    ramp.process(np.ones((239, 2), np.float32))
    assert not ramp.is_silent
    ramp.process(np.ones((1, 2), np.float32))
    assert ramp.is_silent


def test_a_target_that_is_taken_back_at_once_leaves_silence() -> None:
    """A rise that was ordered and taken back before a frame was heard is nothing."""
    ramp = Ramp()
    ramp.to(-10.0, 0.0)
    assert not ramp.is_silent
    ramp.to(-math.inf, 5.0)
    assert ramp.is_silent
    assert not ramp.process(dc(0.1)).any()


def test_full_level_passes_the_block_itself() -> None:
    """At 0 dB nothing is computed and nothing changes."""
    ramp = at_level(0.0)
    block = pink(0.1)
    assert ramp.process(block) is block


def test_hush_silences_the_next_frame_and_stays() -> None:
    """After a fault the next frame is zero, and only a new target brings sound back, from silence."""
    ramp = at_level(0.0)
    ramp.hush()
    assert ramp.is_silent
    assert not ramp.process(dc(0.1)).any()
    ramp.to(0.0, 0.0)
    assert levels_db(ramp.process(dc(0.1, 1.0)))[0] == pytest.approx(-60.0, abs=1e-3)


def test_a_rise_that_waits_stands_where_it_is_and_goes_on_from_there() -> None:
    """Five seconds up, one second of waiting, and the whole rise has taken a second longer, without a step."""
    ramp = Ramp()
    ramp.to(0.0, 0.0)
    assert ramp.is_rising
    parts = [ramp.process(dc(5.0, 1.0)), ramp.wait(dc(1.0, 1.0)), ramp.process(dc(5.0, 1.0))]
    gain_db = [levels_db(part) for part in parts]
    np.testing.assert_allclose(gain_db[1], gain_db[0][-1], atol=1e-6)
    assert_rises_gently(np.concatenate(gain_db))
    assert ramp.level_db == 0.0
    assert not ramp.is_rising


def test_only_a_way_up_is_a_rise() -> None:
    """Falling, standing and silent ramps are not rising."""
    ramp = at_level(-10.0)
    assert not ramp.is_rising
    ramp.to(-20.0, 5.0)
    assert not ramp.is_rising
    ramp.to(-math.inf, 5.0)
    assert not ramp.is_rising
    assert not Ramp().is_rising


def test_silence_in_is_silence_out() -> None:
    """A moving gain makes nothing out of nothing."""
    ramp = at_level(-20.0)
    ramp.to(0.0, 1.0)
    assert not ramp.process(silence(0.5)).any()


@pytest.mark.parametrize(("target_db", "over_s"), [(0.1, 1.0), (math.nan, 1.0), (-10.0, -1.0)])
def test_a_target_above_full_level_or_a_negative_time_is_a_bug(target_db: float, over_s: float) -> None:
    """No caller can ask for more than full level."""
    with pytest.raises(AssertionError):
        Ramp().to(target_db, over_s)


TARGETS = st.one_of(st.just(-math.inf), st.floats(-120, 0))
ORDERS = st.lists(st.tuples(TARGETS, st.floats(0, 30), st.integers(0, 30_000)), min_size=1, max_size=8)


@given(ORDERS)
@settings(max_examples=effort.examples(15, 50), deadline=None)
@pytest.mark.slow
def test_no_sequence_of_targets_rises_fast_or_steps(orders: list[tuple[float, float, int]]) -> None:
    """Whatever is asked at whatever moment: at most 6 dB/s up, out of silence at -60 dB re target, down within 0.28 dB.

    66 dB in 5 ms are 0.275 dB a frame, the steepest fall there is.
    """
    ramp = Ramp()
    parts, starts_db = [], []
    for target_db, over_s, frames in orders:
        was_silent = ramp.level_db == -math.inf
        ramp.to(target_db, over_s)
        part = levels_db(ramp.process(np.ones((frames, 2), np.float32)))
        parts += [np.full(int(was_silent), -np.inf), part]
        if was_silent and frames and target_db > -math.inf:
            starts_db.append((part[0], target_db))
    gain_db = np.concatenate(parts)
    assert_rises_gently(gain_db)
    assert all(first_db <= target_db - 60 + 0.001 for first_db, target_db in starts_db)
    with np.errstate(invalid="ignore"):
        falls = gain_db[:-1] - gain_db[1:]
    sounding = np.isfinite(gain_db[1:])
    assert (falls[sounding] <= 0.275 + 1e-4).all()


@pytest.mark.slow
def test_the_same_bits_however_it_is_cut() -> None:
    """Rise, retarget and fall through silence are the same for every block size."""
    orders = {0: (-20.0, 0.0), 7_001: (-40.0, 1.0), 9_999: (-math.inf, 0.05), 20_000: (-3.0, 20.0)}
    sound = rng_for("cut").uniform(-1, 1, (30_000, 2)).astype(np.float32)

    def make() -> Process:
        """A ramp that gets each order at its frame, cutting the block there."""
        ramp, at = Ramp(settle_frames=240), 0

        def process(block: Block) -> Block:
            nonlocal at
            out = []
            edges = [0, *(frame - at for frame in orders if at < frame < at + len(block)), len(block)]
            for first, end in pairwise(edges):
                if at in orders and end > first:
                    ramp.to(*orders[at])
                out.append(ramp.process(block[first:end]))
                at += end - first
            return np.concatenate(out)

        return process

    assert_same_bits_however_cut(make, sound)
