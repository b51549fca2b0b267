"""What the synthesised beds promise: calm, level, wide, seamless, and the same bits for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from player.core.units import RATE_HZ
from player.library.starter.recipes import BEDS, Texture, render
from player.library.starter.synth import MIN_FRAMES

FRAMES = 20 * RATE_HZ
_CACHE: dict[str, np.ndarray] = {}


def audio(bed: Texture) -> np.ndarray:
    """Twenty seconds of a bed, seed 5, rendered once for all tests."""
    if bed.name not in _CACHE:
        _CACHE[bed.name] = np.concatenate(list(render(bed, 5, FRAMES)))
    return _CACHE[bed.name]


def k_weighted(samples: np.ndarray) -> np.ndarray:
    """K-weighting of ITU-R BS.1770 at 48 kHz, round the circle."""
    z = np.exp(-2j * np.pi * np.arange(len(samples) // 2 + 1) / len(samples))
    shelf = (1.53512485958697 - 2.69169618940638 * z + 1.19839281085285 * z**2) / (
        1 - 1.69065929318241 * z + 0.73248077421585 * z**2
    )
    high_pass = (1 - 2 * z + z**2) / (1 - 1.99004745483398 * z + 0.99007225036621 * z**2)
    return np.fft.irfft(np.fft.rfft(samples, axis=0) * (shelf * high_pass)[:, None], len(samples), axis=0)


def hop_power(samples: np.ndarray) -> np.ndarray:
    """K-weighted power of both channels in each 10 ms."""
    return (k_weighted(samples) ** 2).sum(axis=1).reshape(-1, 480).mean(axis=1)


def level_db(power: np.ndarray, hops: int) -> np.ndarray:
    """Level of a sliding window of so many hops, round the circle."""
    total = np.concatenate(([0.0], np.cumsum(np.concatenate((power, power[:hops])))))
    return -0.691 + 10 * np.log10((total[hops:-1] - total[: -hops - 1]) / hops)


@pytest.fixture(params=BEDS, ids=lambda bed: bed.name)
def bed(request: pytest.FixtureRequest) -> Texture:
    """Each bed in turn."""
    chosen: Texture = request.param
    return chosen


def test_each_bed_has_a_name_of_its_own() -> None:
    """Its name seeds its sound, its title is the name of its file."""
    for field in ("name", "title"):
        assert len({getattr(bed, field) for bed in BEDS}) == len(BEDS)


@pytest.mark.slow
def test_shape_and_type(bed: Texture) -> None:
    """A bed is float32 stereo of exactly the asked length, finite throughout."""
    sound = audio(bed)
    assert sound.dtype == np.float32
    assert sound.shape == (FRAMES, 2)
    assert np.isfinite(sound).all()


@pytest.mark.slow
def test_same_seed_same_bits(bed: Texture) -> None:
    """The same seed gives the same bits, however it is cut into chunks."""
    chunk_frames = 1023
    cut = list(render(bed, 3, MIN_FRAMES, chunk_frames))
    assert all(len(chunk) == chunk_frames for chunk in cut[:-1])
    np.testing.assert_array_equal(np.concatenate(cut), np.concatenate(list(render(bed, 3, MIN_FRAMES))))


def test_another_seed_is_another_night(bed: Texture) -> None:
    """Another seed gives other sound."""
    assert not np.array_equal(next(render(bed, 1, MIN_FRAMES)), next(render(bed, 2, MIN_FRAMES)))


@pytest.mark.parametrize("frames", [0, MIN_FRAMES - 240, MIN_FRAMES + 1])
def test_an_impossible_length_is_refused(frames: int) -> None:
    """Below 10 s, or off the 5 ms grid, the circle cannot be closed: ValueError at the call."""
    with pytest.raises(ValueError, match="frames"):
        render(BEDS[0], 1, frames)


@pytest.mark.slow
def test_level_and_peak(bed: Texture) -> None:
    """A bed lies within 2.5 LU of -26 LUFS and peaks below -8 dBFS, so that its true peak is below -6."""
    sound = audio(bed)
    assert -28.5 < -0.691 + 10 * np.log10(hop_power(sound).mean()) < -23.5
    assert np.abs(sound).max() < 10 ** (-8 / 20)


@pytest.mark.slow
def test_no_seam(bed: Texture) -> None:
    """Across end to start neither the sample step nor the 50 ms level change is larger than elsewhere."""
    sound = audio(bed)
    steps = np.abs(np.diff(sound, axis=0)).max()
    assert np.abs(sound[0] - sound[-1]).max() <= steps
    power = (sound.astype(np.float64) ** 2).sum(axis=1).reshape(-1, 480).mean(axis=1)
    level = level_db(power, 5)
    change = np.abs(level - np.roll(level, 5))
    around = np.r_[-10:10]
    assert change[around].max() <= np.delete(change, around % change.size).max()


@pytest.mark.slow
def test_stereo_is_wide_and_balanced(bed: Texture) -> None:
    """Left and right correlate by less than 0.3 and differ by less than 3 dB over the whole."""
    left, right = audio(bed).T
    assert abs(np.corrcoef(left, right)[0, 1]) < 0.3
    assert abs(10 * np.log10(np.mean(left**2) / np.mean(right**2))) < 3


@pytest.mark.slow
def test_it_moves_but_gently(bed: Texture) -> None:
    """The level of 1 s windows varies by more than 1 dB and rises by less than 5 dB within a second."""
    level = level_db(hop_power(audio(bed)), 100)
    assert np.ptp(level) > 1
    assert (np.roll(level, -100) - level).max() < 5


@pytest.mark.slow
def test_nothing_stands_out(bed: Texture) -> None:
    """No 125 ms level exceeds the mean of the bed by 8 dB, nor a 50 ms level the loudest tenth by 6 dB."""
    power = hop_power(audio(bed))
    mean_db = -0.691 + 10 * np.log10(power.mean())
    assert level_db(power, 12).max() < mean_db + 8
    fast = level_db(power, 5)
    assert fast.max() < np.percentile(fast, 90) + 6
