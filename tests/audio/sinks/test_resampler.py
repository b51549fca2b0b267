"""What the resampler passes, what it stops, and that it does nothing else."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from player.audio.sinks.resampler import RATES_HZ, Resampler
from player.core.units import RATE_HZ

OTHERS = [rate_hz for rate_hz in RATES_HZ if rate_hz != RATE_HZ]
Floats = npt.NDArray[np.float64]
STOPPED_DB = -115.0
"""Below the noise of 16 bit by 19 dB for a tone of full scale."""


def sine(hz: float, duration_s: float = 1.0, rate_hz: int = RATE_HZ) -> npt.NDArray[np.float32]:
    """Full scale on the left, silence on the right."""
    wave = np.sin(2 * np.pi * hz * np.arange(round(duration_s * rate_hz)) / rate_hz)
    return np.stack([wave, np.zeros_like(wave)], axis=1).astype(np.float32)


def resampled(samples: npt.NDArray[np.float32], rate_hz: int, sizes: int = 4_800) -> npt.NDArray[np.float32]:
    """All of it, in blocks of so many frames."""
    resampler = Resampler(rate_hz)
    parts = [resampler.process(samples[at : at + sizes]) for at in range(0, len(samples), sizes)]
    return np.concatenate(parts)


def spectrum_db(samples: npt.NDArray[np.float32]) -> Floats:
    """One bin per hertz of the last 0.9 s padded to a second, a sine of full scale at 0 dB; 120 dB between bins."""
    tail = samples[len(samples) // 10 :, 0].astype(np.float64)
    window = np.kaiser(len(tail), 20)
    found = np.abs(np.fft.rfft(tail * window, len(samples))) * 2 / window.sum()
    return np.asarray(20 * np.log10(found + 1e-12))


@pytest.mark.parametrize("rate_hz", OTHERS)
@pytest.mark.parametrize("hz", [20, 997, 10_000, 18_000, 19_987])
def test_what_people_hear_passes(rate_hz: int, hz: int) -> None:
    """Up to 20 kHz the level is right to 0.01 dB, and nothing else is there."""
    found = spectrum_db(resampled(sine(hz), rate_hz))
    assert found[hz] == pytest.approx(0.0, abs=0.01)
    assert np.max(found[np.abs(np.arange(len(found)) - hz) > 20]) < STOPPED_DB


@pytest.mark.parametrize("hz", [22_061, 22_087, 23_000, 23_911])
def test_what_would_fold_back_is_stopped(hz: int) -> None:
    """A tone above 22.05 kHz would come back mirrored at 44.1 kHz less its own; it is gone before that.

    A stretch of the resampler holds whole waves of every 25 Hz, and those would be stopped by a poorer low-pass too.
    """
    assert np.max(spectrum_db(resampled(sine(hz), 44_100))) < STOPPED_DB


@pytest.mark.parametrize("hz", [997, 19_987])
def test_a_faster_device_hears_no_image(hz: int) -> None:
    """At 96 kHz a tone at 48 kHz less its own would be new; it is not there."""
    assert np.max(spectrum_db(resampled(sine(hz), 96_000))[22_000:]) < STOPPED_DB


@pytest.mark.parametrize("rate_hz", OTHERS)
def test_a_tenth_of_a_second_stays_one(rate_hz: int) -> None:
    """Each block of the engine becomes the same number of frames, from the first one on."""
    resampler = Resampler(rate_hz)
    for _ in range(5):
        assert len(resampler.process(np.ones((4_800, 2), np.float32))) == rate_hz // 10


@pytest.mark.parametrize("sizes", [1, 64, 159, 1_023, 4_801])
def test_the_size_of_blocks_does_not_matter(sizes: int) -> None:
    """The same samples come out, to the last bit, however they went in."""
    samples = np.random.default_rng(1).uniform(-0.5, 0.5, (9_600, 2)).astype(np.float32)
    whole, pieces = resampled(samples, 44_100), resampled(samples, 44_100, sizes)
    np.testing.assert_array_equal(pieces, whole[: len(pieces)])
    assert len(whole) - len(pieces) <= 1_470


def test_the_channels_are_strangers() -> None:
    """Nothing of the left is on the right, and they swap with their input."""
    left = resampled(sine(1_000.0), 44_100)
    right = resampled(sine(1_000.0)[:, ::-1].copy(), 44_100)
    assert not left[:, 1].any()
    np.testing.assert_array_equal(left, right[:, ::-1])


def test_a_constant_stays_a_constant() -> None:
    """No ripple at the rate of the stretches, 30 Hz: it would be a hum under every silence that has an offset."""
    settled = resampled(np.full((9_600, 2), 0.5, np.float32), 44_100)[300:]
    assert np.abs(settled - 0.5).max() < 1e-6


def test_silence_is_silence_and_soon_exactly_zero() -> None:
    """A tail of 3 ms that belongs to the sound, then nothing that 24 bits could show, and zeros in the next block."""
    resampler = Resampler(44_100)
    resampler.process(np.ones((4_800, 2), np.float32))
    tail = resampler.process(np.zeros((4_800, 2), np.float32))
    assert tail[:100].any()
    assert np.abs(tail[300:]).max() < 2.0**-20
    assert not resampler.process(np.zeros((4_800, 2), np.float32)).any()


def test_after_a_gap_nothing_of_before_is_heard() -> None:
    """The tail is forgotten: it belongs to sound that was lost."""
    resampler = Resampler(44_100)
    resampler.process(np.ones((4_800, 2), np.float32))
    resampler.forget()
    assert not resampler.process(np.zeros((4_800, 2), np.float32)).any()


def test_a_peak_between_samples_stays_where_it_is() -> None:
    """A tone whose samples stand at 0.71 of its true peak comes out at the true peak and no higher."""
    at = np.arange(48_000)
    wave = np.sin(2 * np.pi * at / 4 + np.pi / 4).astype(np.float32)
    found = resampled(np.stack([wave, wave], axis=1), 44_100)[500:-500]
    assert np.abs(found).max() == pytest.approx(1.0, abs=2e-3)
