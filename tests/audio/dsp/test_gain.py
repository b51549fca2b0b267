"""Lines that are straight in dB."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.audio.dsp.gain import RISE_DB_PER_FRAME, DbLine, applied, fall_frames, rise_frames
from tests.signals import rng_for


@given(st.floats(-150, 0), st.floats(-60, 0.000125), st.integers(0, 10**9), st.integers(1, 3000))
@settings(max_examples=100, deadline=None)
def test_a_frame_stands_where_the_line_says(start_db: float, step_db: float, first: int, frames: int) -> None:
    """Each gain is 10^((start + k step) / 20), to the rounding of float64 in k step."""
    step_db /= max(1, first)
    got = DbLine(start_db, step_db).exact(first, frames)
    expected_db = start_db + step_db * np.arange(first, first + frames)
    usable = expected_db > -300
    np.testing.assert_allclose(got[usable], 10 ** (expected_db[usable] / 20), rtol=1e-11)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 700), min_size=1, max_size=8))
@settings(max_examples=100, deadline=None)
def test_a_line_has_the_same_bits_however_it_is_cut(first: int, sizes: list[int]) -> None:
    """Pieces laid end to end are the whole, bit by bit; so are frames in any order."""
    line = DbLine(-60.0, RISE_DB_PER_FRAME)
    whole = line.gains(first, sum(sizes))
    starts = first + np.cumsum([0, *sizes[:-1]])
    pieces = [line.gains(int(start), size) for start, size in zip(starts, sizes, strict=True)]
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    order = rng_for("order").permutation(len(whole))
    assert line.at(first + order).tobytes() == whole[order].tobytes()


def test_a_rise_takes_a_second_for_each_6_db_or_as_long_as_asked() -> None:
    """60 dB are 10 s; 6 dB in half a second become one; 6 dB in 30 s stay so."""
    assert rise_frames(60.0) == 480_000
    assert rise_frames(6.0, 0.5) == 48_000
    assert rise_frames(6.0, 30.0) == 30 * 48_000


def test_a_fall_takes_5_ms_at_least() -> None:
    """240 frames."""
    assert fall_frames(0.0) == 240
    assert fall_frames(4.0) == 192_000


@pytest.mark.parametrize("frames", [0, 1, 777])
def test_each_frame_of_both_channels_gets_its_gain(frames: int) -> None:
    """The same bits as numpy's broadcast product, in a new block."""
    block = rng_for("applied").normal(size=(frames, 2)).astype(np.float32)
    gains = rng_for("gains").random(frames).astype(np.float32)
    before = block.copy()
    assert np.array_equal(applied(block, gains), block * gains[:, None])
    assert np.array_equal(block, before)
