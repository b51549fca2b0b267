"""The limiter: the bound is exact, the wave between samples is within 0.2 dB, calm sound is untouched."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from player.audio.dsp.limiter import LARGEST_NORM, Limiter
from player.audio.dsp.types import Block
from tests import effort
from tests.audio.dsp.block_cuts import Process, assert_same_bits_however_cut, run
from tests.audio.dsp.true_peak_oracle import true_peak_db
from tests.signals import CALM, HAZARDS, between_samples, both, clipped, in_blocks, pink, rng_for, scaled, silence, tone

LATE = 240
CEILING = 10 ** (-1 / 20)
FINITE_HAZARDS = [name for name in HAZARDS if name != "not finite"]


def limited(sound: Block, ceiling_dbtp: float = -1.0, size: int = 4800) -> Block:
    """The output for the sound, without the latency."""
    padded = np.concatenate((sound, np.zeros((LATE, 2), np.float32)))
    return run(Limiter(ceiling_dbtp).process, in_blocks(padded, size))[LATE:]


def gains_of(sound: Block, out: Block) -> np.ndarray:
    """The gain of each frame, from the channel and frame where there is something to divide by; NaN elsewhere."""
    louder = np.abs(sound).argmax(axis=1)[:, None]
    given_, got = np.take_along_axis(sound, louder, 1)[:, 0], np.take_along_axis(out, louder, 1)[:, 0]
    return np.where(np.abs(given_) > 1e-3, got.astype(np.float64) / np.where(given_ == 0, 1, given_), np.nan)


@pytest.mark.parametrize("name", CALM)
def test_calm_sound_passes_bit_by_bit_240_frames_late(name: str) -> None:
    """Below the ceiling nothing is changed."""
    sound = CALM[name]()
    assert limited(sound).tobytes() == sound.tobytes()


def test_a_tone_just_below_the_ceiling_passes_bit_by_bit() -> None:
    """The interpolation reads a 1 kHz sine at most 0.04 dB high, so 0.05 dB below is below."""
    sound = tone(0.5, 1000.0, peak=CEILING * 10 ** (-0.05 / 20))
    assert limited(sound).tobytes() == sound.tobytes()


@pytest.mark.parametrize("name", FINITE_HAZARDS)
@pytest.mark.parametrize("ceiling_dbtp", [-1.0, -20.0])
def test_no_hazard_exceeds_the_ceiling_by_anything(name: str, ceiling_dbtp: float) -> None:
    """Every sample is at or below the ceiling, compared in float64."""
    out = limited(HAZARDS[name](), ceiling_dbtp)
    assert np.abs(out).astype(np.float64).max() <= 10 ** (ceiling_dbtp / 20)


FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)
NEAR = st.floats(0.8125, 1.125, width=32) | st.floats(-1.125, -0.8125, width=32)


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 500), st.just(2)), elements=NEAR | FINITE),
    st.floats(-40, -1),
    st.integers(1, 600),
)
@settings(max_examples=effort.examples(8, 100), deadline=None)
@pytest.mark.slow
def test_the_ceiling_is_exact_for_any_finite_sound(sound: Block, ceiling_dbtp: float, size: int) -> None:
    """Any finite float32, any ceiling: |y| <= ceiling without tolerance, and the same for two ways of cutting."""
    out = limited(sound, ceiling_dbtp, size)
    assert np.isfinite(out).all()
    assert np.abs(out).astype(np.float64).max() <= 10 ** (ceiling_dbtp / 20)
    assert out.tobytes() == limited(sound, ceiling_dbtp).tobytes()


def band_limited(sound: np.ndarray, highest_hz: float) -> Block:
    """The sound without what lies above a frequency."""
    spectrum = np.fft.rfft(sound, axis=0)
    spectrum[np.fft.rfftfreq(len(sound), 1 / 48_000) > highest_hz] = 0.0
    return np.fft.irfft(spectrum, len(sound), axis=0).astype(np.float32)


def true_peak_material() -> dict[str, Block]:
    """Loud sound with waves far above its samples; all of it begins and ends softly."""
    edge = both(np.sin(np.linspace(0, np.pi / 2, 4800)) ** 2)
    made = {
        "fs/4": between_samples(1.41),
        "fs/4 +6": between_samples(2.82),
        "clipped": clipped(),
        "pink": pink(1.0, rms=0.5, name="true peak"),
        "white": band_limited(rng_for("white").uniform(-1.5, 1.5, (48_000, 2)), 21_600.0),
        "click": np.concatenate((silence(0.2), np.full((1, 2), 3.0, np.float32), silence(0.2))),
    }
    made |= {f"{hz} Hz": tone(0.5, hz, 1.6, 0.3) for hz in (997.0, 6000.0, 11_025.0, 15_000.0, 19_200.0, 20_000.0)}
    for name, sound in made.items():
        if name != "click":
            sound[:4800] *= edge
            sound[-4800:] *= edge[::-1]
    return made


@pytest.mark.slow
@pytest.mark.parametrize("name", effort.first(1, true_peak_material()))
def test_the_wave_between_samples_stays_within_0_2_db_of_the_ceiling(name: str) -> None:
    """Measured by 16 times oversampling through a Fourier transform, independent of the limiter's filter."""
    sound = true_peak_material()[name]
    assert true_peak_db(sound) > -0.5
    assert true_peak_db(limited(sound)) <= -1.0 + 0.2


def test_a_wave_above_the_ceiling_between_low_samples_is_limited() -> None:
    """fs/4 at 45 degrees with a wave of +3 dBTP has samples of 0 dBFS; those of -1 dBTP stand at -4 dBFS."""
    out = limited(between_samples(1.41))
    assert 20 * np.log10(np.abs(out[24_000:40_000]).max()) == pytest.approx(-1.0 - 3.01, abs=0.2)


def test_without_interpolation_no_wave_can_reach_the_ceiling() -> None:
    """The sum of magnitudes of no phase exceeds the norm by which the sample peak is judged: the worst input shows it.

    With signs chosen against a phase's taps, samples of 1 interpolate to the norm and not beyond.
    """
    t = np.arange(16) - 7 - np.arange(1, 8)[:, None] / 8
    taps = np.sinc(t) * np.i0(3 * np.sqrt(1 - (t / 8) ** 2))
    norms = np.abs(taps / taps.sum(axis=1, keepdims=True)).sum(axis=1)
    assert pytest.approx(norms.max(), rel=1e-12) == LARGEST_NORM


def test_the_gain_moves_down_over_5_ms_and_is_down_in_time() -> None:
    """A burst of 2 at the middle of a quiet tone: the gain sinks over the 240 frames before, in steps below 0.1 dB."""
    sound = tone(1.0, 1000.0, peak=0.1)
    sound[24_000:24_010] = 2.0
    gain_db = 20 * np.log10(gains_of(sound, limited(sound)))
    assert np.nanmax(np.abs(gain_db[: 24_000 - LATE])) < 1e-6
    assert gain_db[24_000] <= -1 - 20 * np.log10(2)
    known = np.flatnonzero(np.isfinite(gain_db))
    fall_db = np.abs(np.diff(gain_db[known])) / np.diff(known)
    assert fall_db.max() <= 0.1


def test_the_gain_comes_back_by_no_more_than_6_db_a_second() -> None:
    """After a burst of +18 dB over the ceiling the reduction shrinks by 6 dB/s, and ends."""
    stage = Limiter(-1.0)
    burst = tone(5.0, 1000.0, peak=0.1)
    burst[100:300] = both(10 ** (17 / 20) * np.hanning(200))
    reductions = []
    for block in in_blocks(burst, 480):
        stage.process(block)
        reductions.append(stage.reduction_db)
    top = int(np.argmax(reductions))
    shrinks = -np.diff(reductions[top:])
    assert max(reductions) == pytest.approx(18.0, abs=0.3)
    assert shrinks.max() <= 0.06 + 1e-9
    assert reductions[top + 200] == pytest.approx(max(reductions) - 12.0, abs=0.2)
    assert reductions[-1] == 0.0


def test_both_channels_get_the_same_gain() -> None:
    """Left over the ceiling lowers the whisper on the right by the same factor."""
    sound = tone(0.5, 220.0, peak=0.2)
    sound[:, 0] *= 8
    out = limited(sound)
    loud = np.abs(sound[:, 1]) > 0.01
    np.testing.assert_allclose(
        (out / np.where(sound == 0, 1, sound))[loud, 0], (out[loud, 1] / sound[loud, 1]), rtol=1e-6
    )


def test_a_lower_ceiling_holds_from_the_next_frame_in() -> None:
    """What is held back leaves under the former ceiling, then the new one is exact; the gain has no step."""
    stage = Limiter(-1.0)
    sound = tone(1.0, 1000.0, peak=0.85)
    first = stage.process(sound[:24_000])
    assert first.max() > 0.84
    stage.set_ceiling(-20.0)
    rest = stage.process(sound[24_000:])
    assert stage.bound == pytest.approx(10 ** (-1 / 20), rel=1e-4)
    assert np.abs(rest[LATE:]).astype(np.float64).max() <= 0.1
    stage.process(sound[:100])
    assert stage.bound <= 0.1
    gain_db = 20 * np.log10(gains_of(sound[24_000 - LATE : 24_000], rest[:LATE]))
    assert gain_db[np.isfinite(gain_db)].min() < -15
    known = np.flatnonzero(np.isfinite(gain_db))
    assert (np.abs(np.diff(gain_db[known])) / np.diff(known)).max() <= 0.11


def test_a_higher_ceiling_is_approached_at_6_db_a_second() -> None:
    """From -20 to -8 dBTP under a loud tone takes 2 s: after 1 s the peak stands at -14 dBTP."""
    stage = Limiter(-20.0)
    sound = tone(3.0, 1000.0, peak=0.9)
    stage.process(sound[:24_000])
    stage.set_ceiling(-8.0)
    out = run(stage.process, in_blocks(sound, 4800))
    peak_db = [20 * np.log10(np.abs(part).max()) for part in in_blocks(out, 4800)]
    assert peak_db[10] == pytest.approx(-14.0 + 0.6, abs=0.1)
    assert max(np.diff(peak_db)) <= 0.6 + 0.01
    assert peak_db[-1] == pytest.approx(-8.0, abs=0.04)


def test_a_ceiling_above_the_built_in_one_is_a_bug() -> None:
    """-1 dBTP is the highest."""
    with pytest.raises(AssertionError):
        Limiter(-0.9)
    with pytest.raises(AssertionError):
        Limiter(-1.0).set_ceiling(0.0)


def test_reset_forgets_what_is_held_back() -> None:
    """After a reset a loud sound that had gone in does not come out, and quiet sound is not lowered for it."""
    stage = Limiter(-1.0)
    stage.process(scaled(tone(0.1), 30))
    stage.reset()
    quiet = tone(0.1)
    out = stage.process(quiet)
    assert not out[:LATE].any()
    assert out[LATE:].tobytes() == quiet[:-LATE].tobytes()


def test_silence_in_is_silence_out() -> None:
    """Zeros stay zeros, even while the gain is reduced."""
    stage = Limiter(-1.0)
    stage.process(scaled(tone(0.1), 30))
    assert not stage.process(silence(0.1))[LATE:].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", effort.first(1, ("slam", "peaks between samples", "clipped", "extremes", "far too large", "uneven sides"))
)
def test_the_same_bits_however_it_is_cut(name: str) -> None:
    """Attack, hold, release and interpolation hang on frames alone."""
    sound = HAZARDS[name]()
    middle = len(sound) // 2
    assert_same_bits_however_cut(lambda: Limiter(-6.0).process, sound[max(0, middle - 2_000) : middle + 4_000])


@pytest.mark.thorough
@pytest.mark.slow
def test_moving_ceilings_have_the_same_bits_however_they_are_cut() -> None:
    """A ceiling on its way up is the same at each frame for every block size."""
    sound = rng_for("ceilings").uniform(-0.6, 0.6, (6_000, 2)).astype(np.float32)

    def make() -> Process:
        stage = Limiter(-20.0)
        stage.set_ceiling(-8.0)
        return stage.process

    assert_same_bits_however_cut(make, sound)
