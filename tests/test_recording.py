"""The measurements of tests/recording.py, proven on signals whose faults are known because they were put there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.recording import (
    RATE_HZ,
    Samples,
    beginning_s,
    box_level,
    clicks,
    ending,
    fast_level,
    fastest_rise,
    gaps,
)

FULL_SCALE_SINE_DB = 10 * math.log10(0.5)


def tone(duration_s: float = 2.0, peak: float = 0.1, hz: float = 220.0) -> Samples:
    """A steady sine on both channels."""
    at_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    wave = (peak * np.sin(2 * np.pi * hz * at_s)).astype(np.float32)
    return np.stack([wave, wave], axis=1)


def with_gain_db(samples: Samples, gain_db: np.ndarray) -> Samples:
    """The samples under a gain for each frame."""
    return (samples * (10 ** (gain_db / 20))[:, None]).astype(np.float32)


def crest_after(samples: Samples, at_s: float) -> int:
    """The frame of the first positive crest after an instant."""
    wave = samples[:, 0]
    start = round(at_s * RATE_HZ)
    return start + int(np.argmax(wave[start : start + 480]))


class TestLevel:
    def test_a_full_scale_sine_is_at_minus_three(self) -> None:
        """A full-scale sine has a mean square of one half, in the box and, after 1 s, with time weighting F."""
        signal = tone(peak=1.0, hz=1000.0)
        assert box_level(signal).level_db == pytest.approx(FULL_SCALE_SINE_DB, abs=0.01)
        assert fast_level(signal).level_db[-1] == pytest.approx(FULL_SCALE_SINE_DB, abs=0.01)

    def test_silence_after_sound_is_minus_infinity(self) -> None:
        """Digital silence is -inf dB even behind a full-scale sound."""
        signal = np.concatenate([tone(peak=1.0), np.zeros((RATE_HZ, 2), np.float32)])
        assert box_level(signal).level_db[-1] == -math.inf

    def test_one_silent_channel_costs_three_decibels(self) -> None:
        """The level is the mean over both channels."""
        signal = tone()
        half = signal * np.array([1, 0], np.float32)
        assert box_level(signal).level_db[0] - box_level(half).level_db[0] == pytest.approx(3.01, abs=0.01)

    def test_the_box_ends_at_its_time(self) -> None:
        """A value knows nothing of what follows its time: silence until 1 s is silence at 1 s."""
        signal = np.concatenate([np.zeros((RATE_HZ, 2), np.float32), tone()])
        curve = box_level(signal)
        assert np.all(curve.level_db[curve.at_s <= 1.0] == -math.inf)
        assert np.all(curve.level_db[curve.at_s >= 1.01] > -60)

    def test_fast_falls_as_the_standard_says(self) -> None:
        """After a sound ends, F falls by 10 lg(e) / 0.125 = 34.7 dB/s (IEC 61672)."""
        signal = np.concatenate([tone(), np.zeros((RATE_HZ, 2), np.float32)])
        levels = fast_level(signal).level_db
        assert levels[209] - levels[229] == pytest.approx(0.2 * 10 * math.log10(math.e) / 0.125, abs=0.01)


class TestRise:
    @pytest.mark.parametrize("hz", [200.0, 220.0, 441.0, 997.0])
    def test_a_steady_tone_does_not_rise(self, hz: float) -> None:
        """The ripple of a steady tone stays below 1 dB/s."""
        assert fastest_rise(tone(hz=hz), floor_db=-90).db_per_s < 1.0

    @pytest.mark.parametrize("rate", [3.0, 6.0, 12.0, 60.0])
    def test_a_ramp_has_its_slope(self, rate: float) -> None:
        """A dB-linear ramp is measured as steep as it is."""
        signal = tone(4.0)
        ramp_db = np.clip((np.arange(len(signal)) / RATE_HZ - 1.0) * rate, 0, 12) - 20
        assert fastest_rise(with_gain_db(signal, ramp_db), floor_db=-90).db_per_s == pytest.approx(rate, rel=0.1)

    @pytest.mark.parametrize("step_db", [1.0, 3.0, 10.0])
    def test_a_step_is_no_ramp(self, step_db: float) -> None:
        """A step of x dB shows as x dB in 0.1 s, and where it is."""
        signal = tone()
        rise = fastest_rise(with_gain_db(signal, np.where(np.arange(len(signal)) < RATE_HZ, -20, step_db - 20)), -90)
        assert rise.db_per_s == pytest.approx(step_db / 0.1, rel=0.1)
        assert rise.at_s == pytest.approx(1.1, abs=0.06)

    def test_small_steps_of_a_staircase_pass(self) -> None:
        """6 dB/s in steps of 0.1 dB is a legal fade and stays below 7 dB/s."""
        signal = tone(3.0)
        stairs_db = np.floor(np.arange(len(signal)) / RATE_HZ * 60) / 10 - 20
        assert 5.5 < fastest_rise(with_gain_db(signal, stairs_db), floor_db=-90).db_per_s < 7.0

    def test_a_start_from_60_db_below_passes(self) -> None:
        """From digital silence to the floor is free; above it the slope counts."""
        signal = tone(11.0)
        ramp_db = np.minimum(np.arange(len(signal)) / RATE_HZ * 6 - 60, 0)
        faded = np.concatenate([np.zeros((RATE_HZ, 2), np.float32), with_gain_db(signal, ramp_db)])
        floor_db = FULL_SCALE_SINE_DB - 20 - 60 + 1
        assert fastest_rise(faded, floor_db).db_per_s < 6.5
        assert fastest_rise(faded, floor_db - 20).db_per_s > 100

    def test_a_return_at_full_level_after_a_short_gap_is_a_rise(self) -> None:
        """20 ms of nothing and back at once: the box loses 2.2 dB and gains them again, more than 20 dB/s."""
        signal = tone()
        signal[RATE_HZ : RATE_HZ + 960] = 0
        assert fastest_rise(signal, floor_db=-90).db_per_s > 20

    def test_too_short_is_refused(self) -> None:
        """A recording in which no rise can be seen is an error, not a pass."""
        with pytest.raises(ValueError, match="too short"):
            fastest_rise(tone(0.1), floor_db=-90)


class TestClicks:
    @pytest.mark.parametrize("hz", [200.0, 220.0, 997.0])
    def test_a_tone_and_its_fade_have_none(self, hz: float) -> None:
        """A sample-smooth fade over 60 dB and back is no click."""
        signal = tone(4.0, hz=hz)
        fade_db = -30 + 30 * np.cos(2 * np.pi * np.arange(len(signal)) / len(signal))
        assert clicks(with_gain_db(signal, fade_db)) == ()

    def test_noise_has_none(self) -> None:
        """Rain is no series of clicks."""
        noise = np.random.default_rng(7).normal(0, 0.05, (5 * RATE_HZ, 2)).astype(np.float32)
        assert clicks(noise) == ()

    def test_one_sample_is_found(self) -> None:
        """One sample that is 0.01 off is found where it is, on either channel."""
        for channel in (0, 1):
            signal = tone()
            signal[60_000, channel] += 0.01
            (click,) = clicks(signal)
            assert click.at_s == pytest.approx(60_000 / RATE_HZ, abs=0.0001)

    @pytest.mark.parametrize(("hz", "step_db"), [(220.0, 0.1), (220.0, -3.0), (997.0, 1.0)])
    def test_a_step_at_the_crest_is_found(self, hz: float, step_db: float) -> None:
        """A gain that jumps is a kink: 0.1 dB are found at 220 Hz, 1 dB at 1 kHz."""
        signal = tone(hz=hz)
        at = crest_after(signal, 1.0)
        signal[at:] *= 10 ** (step_db / 20)
        (click,) = clicks(signal)
        assert click.at_s == pytest.approx(at / RATE_HZ, abs=0.0001)

    @pytest.mark.parametrize("offset", [0, 55, 109])
    def test_a_cut_is_found_wherever_it_falls(self, offset: int) -> None:
        """A cut to silence is found at a crest and at a zero crossing too."""
        signal = tone()
        at = crest_after(signal, 1.0) + offset
        signal[at:] = 0
        assert [round(click.at_s, 3) for click in clicks(signal)] == [round(at / RATE_HZ, 3)]

    def test_a_lost_block_boundary_is_found(self) -> None:
        """A block that is missing in the middle makes a kink at the joint."""
        signal = tone()
        joined = np.concatenate([signal[:48_000], signal[48_000 + 4_800 + 37 :]])
        assert len(clicks(joined)) == 1

    def test_a_snap_from_sixty_below_does_not_count(self) -> None:
        """An end at 60 dB below the programme is allowed at once, when the caller says how loud the programme is."""
        signal = tone(peak=0.5 * 1e-3)
        signal[crest_after(signal, 1.0) :] = 0
        assert clicks(signal, smallest=1.1e-3 * 0.5) == ()
        assert len(clicks(signal)) == 1


class TestGaps:
    def test_steady_sound_has_none(self) -> None:
        """Zero crossings are no gaps, and silence before and after is none either."""
        silence = np.zeros((RATE_HZ, 2), np.float32)
        assert gaps(np.concatenate([silence, tone(), silence])) == ()

    def test_a_gap_is_found_with_its_length(self) -> None:
        """A hole of 30 ms is 30 ms long, give or take the zero crossing at its edge."""
        signal = tone()
        signal[RATE_HZ : RATE_HZ + 1440] = 0
        (gap,) = gaps(signal)
        assert gap.at_s == pytest.approx(1.0, abs=0.001)
        assert gap.length_s == pytest.approx(0.03, abs=0.001)

    def test_shorter_than_asked_is_none(self) -> None:
        """4 ms are no gap when 5 ms are asked for, and one when 3 are."""
        signal = tone()
        signal[RATE_HZ : RATE_HZ + 192] = 0
        assert gaps(signal) == ()
        assert len(gaps(signal, longer_than_s=0.003)) == 1

    def test_silence_on_one_channel_is_none(self) -> None:
        """A gap is silence on both channels."""
        signal = tone()
        signal[RATE_HZ : RATE_HZ + 4800, 0] = 0
        assert gaps(signal) == ()


class TestEnding:
    def test_a_cut_is_seen(self) -> None:
        """A cut at full level ends at 0 dB re programme."""
        signal = np.concatenate([tone(), np.zeros((RATE_HZ, 2), np.float32)])
        end = ending(signal, programme_peak=0.1)
        assert end.last_db == pytest.approx(0.0, abs=0.1)
        assert end.silent_from_s == pytest.approx(2.0, abs=0.001)

    def test_a_fade_to_sixty_below_passes(self) -> None:
        """A dB-linear fade over 61 dB ends below -60 dB; quiet comes where it crosses -60, silence where it ends."""
        signal = tone(2.0)
        faded = with_gain_db(signal, np.linspace(0, -61, len(signal)))
        end = ending(np.concatenate([faded, np.zeros((RATE_HZ, 2), np.float32)]), programme_peak=0.1)
        assert end.last_db < -60
        assert end.quiet_from_s == pytest.approx(2.0 * 60 / 61, abs=0.005)
        assert end.silent_from_s == pytest.approx(2.0, abs=0.001)

    def test_a_blip_after_the_end_is_seen(self) -> None:
        """A level that is restored for 10 ms after the fade is the end, and a loud one."""
        signal = with_gain_db(tone(2.0), np.linspace(0, -61, 2 * RATE_HZ))
        tail = np.zeros((RATE_HZ, 2), np.float32)
        tail[24_000:24_480] = tone(0.01)
        end = ending(np.concatenate([signal, tail]), programme_peak=0.1)
        assert end.last_db > -1
        assert end.silent_from_s == pytest.approx(2.51, abs=0.001)

    def test_silence_alone_ends_at_the_start(self) -> None:
        """Nothing but silence has no last sound and no beginning."""
        silence = np.zeros((RATE_HZ, 2), np.float32)
        assert ending(silence, programme_peak=0.1).last_db == -math.inf
        assert beginning_s(silence) == math.inf

    def test_the_beginning_is_the_first_sound(self) -> None:
        """Sound that sets in after a second begins there."""
        signal = np.concatenate([np.zeros((RATE_HZ, 2), np.float32), tone()])
        assert beginning_s(signal) == pytest.approx(1.0, abs=0.0002)
