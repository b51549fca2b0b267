"""Blocks as bytes: exact where they can be, dithered where they cannot, and never harmful."""

from __future__ import annotations

import math

import numpy as np
import pytest

from player.audio.dsp.types import Block
from player.audio.sinks.pcm_format import PcmEncoder, SampleFormat
from player.core.limits import CEILING_DBTP
from player.core.units import db_to_gain

DTYPE = {
    SampleFormat.FLOAT_LE: "<f4",
    SampleFormat.S32_LE: "<i4",
    SampleFormat.S24_LE: "<i4",
    SampleFormat.S16_LE: "<i2",
}
FULL_SCALE = {
    SampleFormat.FLOAT_LE: 1.0,
    SampleFormat.S32_LE: 2.0**31,
    SampleFormat.S24_LE: 2.0**23,
    SampleFormat.S24_3LE: 2.0**31,
    SampleFormat.S16_LE: 2.0**15,
}
EVERY = pytest.mark.parametrize("sample_format", list(SampleFormat))


def decoded(sample_format: SampleFormat, block: Block, channels: int = 2) -> np.ndarray:
    """What a device would play, as fractions of full scale."""
    data = PcmEncoder(sample_format, channels).encode(block)
    if sample_format is SampleFormat.S24_3LE:  # a zero byte below each three makes them 32 bit
        three = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data = np.concatenate([np.zeros((len(three), 1), np.uint8), three], axis=1).tobytes()
        return np.frombuffer(data, "<i4").reshape(-1, channels) / FULL_SCALE[sample_format]
    return np.frombuffer(data, DTYPE[sample_format]).reshape(-1, channels) / FULL_SCALE[sample_format]


def ramp() -> Block:
    """Both channels over the whole range, in opposite directions."""
    up = np.linspace(-0.99, 0.99, 4_801, dtype=np.float32)
    return np.stack([up, -up], axis=1)


@EVERY
def test_samples_survive(sample_format: SampleFormat) -> None:
    """Float is exact, 32 bit exact to float's own 24 bits, 24 bit to half a step, 16 bit to 1.5 (dither, rounding)."""
    limit = {
        SampleFormat.FLOAT_LE: 0.0,
        SampleFormat.S32_LE: 2.0**-31,
        SampleFormat.S24_LE: 0.5 * 2.0**-23,
        SampleFormat.S24_3LE: 0.5 * 2.0**-23,
        SampleFormat.S16_LE: 1.5 * 2.0**-15,
    }
    assert np.abs(decoded(sample_format, ramp()) - ramp()).max() <= limit[sample_format]


@EVERY
def test_silence_is_zero(sample_format: SampleFormat) -> None:
    """Digital silence is digital silence in every format, dithered or not."""
    assert not any(PcmEncoder(sample_format).encode(np.zeros((100, 2), np.float32)))


@EVERY
@pytest.mark.parametrize("harm", [math.nan, math.inf, -math.inf])
def test_a_block_with_a_broken_number_is_silence(sample_format: SampleFormat, harm: float) -> None:
    """One NaN or infinity makes the block silent: whoever made it cannot be trusted with the rest."""
    block = ramp()
    block[7, 1] = harm
    data = PcmEncoder(sample_format).encode(block)
    assert not any(data)
    assert len(data) == len(block) * 2 * sample_format.width_bytes


@EVERY
def test_nothing_exceeds_or_wraps_around_full_scale(sample_format: SampleFormat) -> None:
    """Overs are held at full scale with their sign; an integer that wraps would be a full-scale click."""
    block = np.array([[1.0, -1.0], [1.5, -1.5], [3e38, -3e38]], np.float32)
    played = decoded(sample_format, block)
    assert np.all(played[:, 0] > 0.9999)
    assert np.all(played[:, 1] < -0.9999)


@EVERY
def test_one_channel_is_the_mean(sample_format: SampleFormat) -> None:
    """Left and right are averaged: half as loud alone, equal when equal, and never louder than the louder one."""
    block = np.array([[0.5, 0.0], [0.5, 0.5], [1.0, -1.0]], np.float32)
    assert decoded(sample_format, block, channels=1)[:, 0] == pytest.approx([0.25, 0.5, 0.0], abs=1e-4)


def test_a_view_is_encoded_in_its_own_order() -> None:
    """Every second frame of a longer array is as good as an array."""
    block = ramp()
    np.testing.assert_array_equal(decoded(SampleFormat.FLOAT_LE, block[::2]), block[::2])


@pytest.mark.parametrize("wrong", [np.zeros(10, np.float32), np.zeros((10, 1), np.float32), np.zeros((10, 2))])
def test_anything_but_a_block_is_a_bug(wrong: np.ndarray) -> None:
    """One channel, one dimension or float64 is not a block."""
    with pytest.raises(AssertionError):
        PcmEncoder(SampleFormat.FLOAT_LE).encode(wrong)


def test_the_dither_is_triangular_and_independent() -> None:
    """The error at a constant 1/3 step has mean 0 and variance 1/4 step² (1/6 of TPDF + 1/12 of rounding)."""
    block = np.full((200_000, 2), (1000 + 1 / 3) / 2.0**15, np.float32)
    error = decoded(SampleFormat.S16_LE, block) * 2.0**15 - (1000 + 1 / 3)
    assert error.mean(axis=0) == pytest.approx([0.0, 0.0], abs=0.01)
    assert error.var(axis=0) == pytest.approx([0.25, 0.25], rel=0.02)
    assert abs(np.corrcoef(error[:, 0], error[:, 1])[0, 1]) < 0.01


def test_another_rate_is_as_long_and_as_loud() -> None:
    """100 ms stay 100 ms, in frames of the device; a gap leaves nothing behind."""
    encoder = PcmEncoder(SampleFormat.FLOAT_LE, rate_hz=44_100)
    block = np.full((4_800, 2), 0.25, np.float32)
    first, second = (np.frombuffer(encoder.encode(block), "<f4").reshape(-1, 2) for _ in range(2))
    assert len(first) == len(second) == 4_410
    assert second == pytest.approx(0.25, abs=1e-5)
    encoder.forget()
    assert not any(encoder.encode(np.zeros((4_800, 2), np.float32)))


@pytest.mark.parametrize("harm", [math.nan, math.inf])
def test_a_broken_number_does_not_spread_to_other_blocks(harm: float) -> None:
    """A resampler looks around itself; the blocks beside a broken one are still heard, and finite."""
    encoder = PcmEncoder(SampleFormat.FLOAT_LE, rate_hz=44_100)
    block = np.full((4_800, 2), 0.25, np.float32)
    broken = block.copy()
    broken[7, 1] = harm
    heard = [np.frombuffer(encoder.encode(one), "<f4") for one in (block, broken, block, block)]
    assert all(np.isfinite(one).all() for one in heard)
    assert heard[3] == pytest.approx(0.25, abs=1e-5)


@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_at_another_rate_the_ceiling_holds_exactly(rate_hz: int) -> None:
    """White noise at the ceiling: taking away what lies above 20 kHz alone would raise its peaks by 0.8 dB."""
    noise = np.random.default_rng(1).uniform(-1.0, 1.0, (48_000, 2)).astype(np.float32)
    ceiling = db_to_gain(CEILING_DBTP)
    data = PcmEncoder(SampleFormat.FLOAT_LE, rate_hz=rate_hz).encode(noise * np.float32(ceiling))
    assert np.abs(np.frombuffer(data, "<f4")).max() <= np.float32(ceiling)
