"""The measurements of tests/contract_check.py, proven on sound whose faults are known because they were put there."""

from __future__ import annotations

import numpy as np
import pytest

from tests import calm_material as calm
from tests import contract_check
from tests.contract_check import clicks, figures, floor_of, onsets_of, powers_of, raised_ki, touch
from tests.signals import RATE_HZ, Sound, frames_of, full_scale_sample, level_step, not_finite, pink, rng_for, scaled

CALM_LUFS = -26.0
SMALLEST = 10 ** (floor_of(CALM_LUFS) / 20)

pytestmark = [pytest.mark.slow, pytest.mark.thorough]
"""They prove an instrument that only soaks, live tests and a whole night use."""


def quiet(kind: str, duration_s: float = 20.0) -> Sound:
    return calm.at_lufs(calm.KINDS[kind](duration_s, f"check {kind}"), CALM_LUFS)


def pop(length_s: float = 0.002, peak: float = 1.0) -> Sound:
    return rng_for("pop").uniform(-peak, peak, (frames_of(length_s), 2)).astype(np.float32)


class TestClicks:
    @pytest.mark.parametrize("kind", calm.KINDS)
    def test_calm_sound_has_none(self, kind: str) -> None:
        """A minute of whispers, taps, brushing, pages, rain, a bowl."""
        assert clicks(quiet(kind, 60.0), SMALLEST) == ()

    def test_whispers_without_a_voice_have_none(self) -> None:
        """Nor does the shaped noise that stands in where no voice is installed."""
        murmur = np.stack([calm._murmured()] * 2, axis=1).astype(np.float32)
        assert clicks(calm.at_lufs(murmur, CALM_LUFS), SMALLEST) == ()

    @pytest.mark.parametrize("kind", calm.KINDS)
    def test_a_full_scale_sample_is_found_in_all_of_them(self, kind: str) -> None:
        """One sample, one click, where it is."""
        sound = quiet(kind)
        sound[10 * RATE_HZ] = 1.0
        (click,) = clicks(sound, SMALLEST)
        assert click.at_s == pytest.approx(10.0, abs=0.001)

    @pytest.mark.parametrize("channel", [0, 1])
    def test_one_channel_is_enough(self, channel: int) -> None:
        """And both together are one."""
        sound = quiet("whisper")
        sound[10 * RATE_HZ, channel] = 1.0
        assert len(clicks(sound, SMALLEST)) == 1

    def test_a_pop_of_two_milliseconds_is_found(self) -> None:
        """It is short enough to stand alone."""
        sound = quiet("tapping")
        sound[10 * RATE_HZ :][: frames_of(0.002)] = pop()
        assert len(clicks(sound, SMALLEST)) == 1

    @pytest.mark.parametrize("kind", ["whisper", "bowl", "tapping"])
    def test_a_step_of_the_constant_is_found(self, kind: str) -> None:
        """An offset of 0.3 that comes at once, between two syllables: in a sharp one nobody would hear it."""
        sound = quiet(kind)
        near = sound[9 * RATE_HZ : 11 * RATE_HZ, 0].reshape(-1, RATE_HZ // 20)
        at = 9 * RATE_HZ + (int(np.square(near).mean(axis=1).argmin()) * 2 + 1) * RATE_HZ // 40
        sound[at:] += np.float32(0.3)
        assert [click.at_s for click in clicks(sound, SMALLEST) if click.at_s < 19.9] == [
            pytest.approx(at / RATE_HZ, abs=0.005)
        ]

    def test_a_cut_in_a_tone_is_found(self) -> None:
        """A crest that breaks off."""
        sound = quiet("bowl")
        at = 10 * RATE_HZ + int(np.argmax(sound[10 * RATE_HZ :][:240, 0]))
        sound[at:] = 0
        assert [round(click.at_s, 2) for click in clicks(sound, SMALLEST / 10)] == [
            pytest.approx(at / RATE_HZ, abs=0.006)
        ]

    def test_a_beginning_in_the_midst_of_sound_is_no_click(self) -> None:
        """Noise that sets in goes on, so it does not stand alone; as an onset it is found."""
        sound = pink(4.0, rms=0.05)
        sound[: 2 * RATE_HZ] *= np.float32(0.001)
        assert clicks(sound, SMALLEST) == ()
        assert figures(sound, CALM_LUFS).startles != ()

    def test_what_is_smaller_than_asked_is_none(self) -> None:
        """20 dB below what the room hides nobody hears a click."""
        sound = quiet("bowl")
        sound[10 * RATE_HZ] += np.float32(0.1 * SMALLEST)
        assert clicks(sound, SMALLEST) == ()
        assert [round(click.at_s) for click in clicks(sound, 0.05 * SMALLEST) if 0.1 < click.at_s < 19.9] == [10]

    def test_the_minutes_are_joined(self) -> None:
        """A click on the border of two minutes is one, and none is lost behind it."""
        sound = pink(125.0, rms=0.01)
        for at in (60 * RATE_HZ - 1, 60 * RATE_HZ + 9600, 120 * RATE_HZ):
            sound[at] = 1.0
        assert [round(click.at_s, 1) for click in clicks(sound, SMALLEST)] == [60.0, 60.2, 120.0]


class TestFigures:
    def test_a_step_of_20_db_is_a_startle_event(self) -> None:
        """And a new onset, and steep; one of 3 dB is neither."""
        bad, good = (figures(_settled(level_step(step)), -45.0) for step in (20, 3))
        assert [round(onset.at_s, 1) for onset in bad.startles if onset.at_s > 1.0] == [9.0]
        assert bad.new_onsets != ()
        assert bad.rise_db_per_s > 100.0
        assert not [one for one in (*good.startles, *good.bursts, *good.new_onsets) if one.at_s > 1.0]

    def test_peaks_are_those_of_the_samples_and_between_them(self) -> None:
        """fs/4 at 45 degrees: samples at 0.707 of the wave."""
        t = np.arange(RATE_HZ)
        sound = np.stack([0.5 * np.sin(np.pi / 2 * t + np.pi / 4)] * 2, axis=1).astype(np.float32)
        found = figures(sound, CALM_LUFS)
        assert found.peak == pytest.approx(0.3536, abs=1e-3)
        assert found.true_peak_dbtp == pytest.approx(-6.0, abs=0.3)

    def test_loudness_is_the_loudest_window(self) -> None:
        """One second 10 dB up: all of it in M, a third of it in S."""
        sound = calm.at_lufs(pink(10.0), -30.0)
        sound[5 * RATE_HZ : 6 * RATE_HZ] = scaled(sound[5 * RATE_HZ : 6 * RATE_HZ], 10.0)
        found = figures(sound, -30.0)
        assert found.max_momentary_lufs == pytest.approx(-20.0, abs=0.7)
        assert found.max_short_lufs == pytest.approx(-30.0 + 10 * np.log10(12 / 3), abs=0.7)

    def test_what_is_not_finite_is_told(self) -> None:
        """And the rest is measured all the same."""
        assert not figures(not_finite(), CALM_LUFS).is_finite
        assert figures(full_scale_sample(), CALM_LUFS).is_finite


class TestTouch:
    def test_the_same_is_untouched(self) -> None:
        """Nothing reduced, nothing changed, and a gain of -0.4 dB throughout is still calm."""
        sound = quiet("whisper")
        same = touch(sound, sound)
        assert (same.reduced_share, same.most_db, same.range_change_lu, same.loudness_change_lu) == (0, 0, 0, 0)
        assert touch(sound, scaled(sound, -0.4)).is_calm
        assert not touch(sound, scaled(sound, -0.6)).is_calm

    @pytest.mark.parametrize(("held_s", "is_calm"), [(0.15, True), (0.3, False)])
    def test_one_per_cent_of_the_time_may_be_reduced(self, held_s: float, is_calm: bool) -> None:
        """3 dB for 0.15 s of 20 are little, for 0.3 s they are too much."""
        sound = quiet("rain")
        held = sound.copy()
        held[RATE_HZ : RATE_HZ + frames_of(held_s)] = scaled(held[RATE_HZ : RATE_HZ + frames_of(held_s)], -3.0)
        found = touch(sound, held)
        assert found.is_calm == is_calm
        assert found.most_db == pytest.approx(3.0, abs=0.01)

    def test_a_compressor_is_found_out(self) -> None:
        """Halving the level differences of taps narrows the 50 ms level by decibels."""
        sound = quiet("tapping")
        envelope = np.sqrt(np.convolve(np.square(sound).mean(axis=1), np.full(2400, 1 / 2400), "same") + 1e-9)
        found = touch(sound, (sound * (envelope.max() / envelope)[:, None] ** 0.5 * 0.1).astype(np.float32))
        assert found.spread_change_db < -3.0
        assert not found.is_calm

    def test_an_onset_that_was_made_steeper_is_found(self) -> None:
        """+6 dB over the second half scores where the flat original does not; the original itself raises nothing."""
        sound = calm.at_lufs(pink(8.0), CALM_LUFS)
        raised = sound.copy()
        raised[4 * RATE_HZ :] = scaled(raised[4 * RATE_HZ :], 6.0)
        before, after = (onsets_of(powers_of(one), floor_of(CALM_LUFS)) for one in (sound, raised))
        ((onset, most),) = raised_ki(before, after)
        assert onset.at_s == pytest.approx(4.0, abs=0.1)
        assert most == 0.0
        assert raised_ki(before, before) == []


def _settled(sound: Sound) -> Sound:
    """The sound behind 8 s of its own first second."""
    return np.concatenate([*[sound[:RATE_HZ]] * 8, sound])


def test_the_floor_is_what_the_room_hides() -> None:
    """12 dB below calm: sound that stays below it has no onsets."""
    assert floor_of(-23.0) == -35.0
    assert figures(scaled(_settled(level_step(20)), -30.0), -30.0).startles == ()
    assert contract_check.spread_db(quiet("rain")) < 2.0 < contract_check.spread_db(quiet("tapping"))
