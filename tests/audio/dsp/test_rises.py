"""Rises of the whole, of an ear and of an octave, on signals whose answer follows from how they were made."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.ebur128 import ProgrammeMeter
from player.audio.dsp.hearing import to_lufs
from player.audio.dsp.octaves import BAND_S, OCTAVES_HZ, STREAMS, OctaveMeter
from player.audio.dsp.rises import NO_RISE_DB, RISE_DB, RiseMeter
from tests import effort
from tests.audio.dsp.listener import at_lufs
from tests.signals import Sound, frames_of, pink, scaled, silence, tone

CALM = -30.0


def rises(sound: Sound, calm_lufs: float = CALM) -> dict[str, float]:
    """The highest rise in each stream."""
    found = RiseMeter(calm_lufs).push(OctaveMeter().powers(sound[: len(sound) // 480 * 480]))
    return dict(zip(STREAMS, found.max(axis=0).tolist(), strict=True))


def louder(sound: Sound, at_s: float, gain_db: float, until_s: float | None = None) -> Sound:
    """The sound, louder from a time on, or between two."""
    out = sound.copy()
    part = slice(frames_of(at_s), None if until_s is None else frames_of(until_s))
    out[part] = scaled(sound[part], gain_db)
    return out


@pytest.mark.parametrize("hz", OCTAVES_HZ)
def test_a_tone_is_measured_in_its_octave(hz: int) -> None:
    """As loud as libebur128 says within 0.2 dB, and so is its octave; 3 dB less in each ear, 12 in others."""
    sound, meter = tone(3.0, float(hz), 0.1), ProgrammeMeter()
    meter.add(sound)
    levels = dict(zip(STREAMS, map(to_lufs, OctaveMeter().powers(sound)[200].tolist()), strict=True))
    wanted = meter.integrated_lufs
    assert levels["all"] == pytest.approx(wanted, abs=0.2)
    assert levels[f"{hz} Hz"] == pytest.approx(wanted, abs=0.4)
    assert levels["left"] == levels["right"] == pytest.approx(levels["all"] - 3.01, abs=0.01)
    assert max(levels[f"{other} Hz"] for other in OCTAVES_HZ if other != hz) < wanted - 12.0


@pytest.mark.parametrize(("gain_db", "is_over"), [(9.0, False), (14.0, True)])
def test_a_step_of_noise_rises_by_what_the_fast_level_has_reached(gain_db: float, is_over: bool) -> None:
    """After 250 ms the fast level has 86 % of a step of 9 or 14 dB: 8.5 and 13.4 dB over both heights."""
    sound = louder(at_lufs(pink(20.0), CALM), 15.0, gain_db)
    found = rises(sound)["all"]
    wanted = 10.0 * np.log10(10 ** (gain_db / 10) * (1 - np.exp(-2.0)) + np.exp(-2.0))
    assert found == pytest.approx(wanted, abs=0.7)
    assert (found > RISE_DB) == is_over


def test_a_slow_rise_is_none() -> None:
    """6 dB/s is 1.5 dB in 250 ms."""
    level_db = np.minimum(0.0, -30.0 + 6.0 * np.maximum(0.0, np.arange(frames_of(20.0)) / 48_000 - 12.0))
    sound = (tone(20.0, 1000.0, 0.1) * (10 ** (level_db / 20))[:, np.newaxis]).astype(np.float32)
    assert rises(sound)["all"] < 2.0


def test_what_was_loud_before_is_no_licence() -> None:
    """A vacuum cleaner that ended 12 s ago leaves a shout as high as without it; the familiar level would excuse it."""
    calm = at_lufs(pink(40.0), CALM)
    alone = louder(calm, 35.0, 25.0, 35.6)
    after = louder(alone, 15.0, 25.0, 23.0)
    assert rises(after[frames_of(24.0) :])["all"] == NO_RISE_DB or rises(after)["all"] > 20.0
    assert rises(after)["all"] == pytest.approx(rises(alone)["all"], abs=0.5)


def test_a_beep_is_seen_in_its_octave_alone() -> None:
    """2 kHz as loud as the noise around it: 3 dB in the whole, far more in its octave, nothing in the others."""
    sound = at_lufs(pink(20.0), CALM)
    sound[frames_of(15.0) : frames_of(16.0)] += at_lufs(tone(1.0, 2000.0), CALM)
    found = rises(sound)
    assert found["all"] < 5.0
    low, high = found["500 Hz"], found["2000 Hz"]
    assert low < 4.0 < high


def test_an_ear_has_a_past_of_its_own() -> None:
    """Sound on the left, then as loud on the right too: the whole gains 3 dB, the right ear 30."""
    sound = at_lufs(pink(20.0), CALM)
    sound[: frames_of(15.0), 1] = 0.0
    sound[: frames_of(15.0), 1] += pink(15.0, name="hiss")[:, 1] * np.float32(1e-4)
    found = rises(sound)
    assert found["all"] < 6.0
    assert found["left"] < 3.0
    assert found["right"] > 25.0


def test_what_the_room_hides_is_no_rise() -> None:
    """A step to 13 dB below calm is none in the whole; a band more than 20 dB below calm is not judged."""
    sound = louder(at_lufs(pink(20.0), CALM - 43.0), 15.0, 30.0)
    assert rises(sound)["all"] == NO_RISE_DB
    assert rises(scaled(sound, -20.0))["1000 Hz"] == NO_RISE_DB


def test_there_is_no_rise_before_ten_seconds() -> None:
    """Without a mean there is nothing to rise over."""
    assert set(rises(np.concatenate((silence(1.0), pink(8.0)))).values()) == {NO_RISE_DB}


@pytest.mark.parametrize("frames", effort.first(1, [480, 4_800, 48_000 * 7]))
def test_the_length_of_blocks_changes_nothing(frames: int) -> None:
    """The same rises from blocks of 10 ms, 100 ms and 7 s."""
    sound = louder(at_lufs(pink(14.0), CALM), 12.0, 20.0)
    octaves, meter = OctaveMeter(), RiseMeter(CALM)
    found = [meter.push(octaves.powers(sound[at : at + frames])) for at in range(0, len(sound), frames)]
    whole = RiseMeter(CALM).push(OctaveMeter().powers(sound))
    np.testing.assert_allclose(np.concatenate(found), whole, rtol=1e-6, atol=1e-6)
    assert len(whole) * BAND_S == pytest.approx(14.0)
