"""A call in one octave of a night is lowered there, and the night goes on."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.gain_planner import GainPlanner
from player.audio.dsp.habit import habitual
from player.audio.dsp.leveller import Section
from player.audio.dsp.loudness_windows import box_levels
from player.audio.dsp.octave_gain import NO_OCTAVE_GAINS, OctaveGain, OctaveGains
from player.audio.dsp.octaves import OctaveMeter
from player.audio.dsp.planned_gain import PlannedGain, encode
from player.audio.dsp.types import Block
from player.core.units import RATE_HZ
from tests.signals import BLOCK_SIZES, rng_for

CALL_S, CALL_LASTS_S = 31.0, 0.8


def insects(seconds: float = 60.0) -> Block:
    """Steady noise from 2.9 to 5.6 kHz, one octave."""
    count = round(seconds * RATE_HZ)
    hz = np.fft.rfftfreq(count, 1.0 / RATE_HZ)
    spectrum = np.fft.rfft(rng_for("insects").normal(0.0, 0.03, (count, 2)), axis=0)
    spectrum[(hz < 2900.0) | (hz > 5600.0)] = 0.0
    hum = rng_for("hum").normal(0.0, 0.0003, (count, 2))
    sound: Block = (np.fft.irfft(spectrum, count, axis=0) + hum).astype(np.float32)
    return sound


def call(seconds: float = 60.0) -> Block:
    """A tone of 260 Hz, once, about as loud as the insects."""
    sound = np.zeros((round(seconds * RATE_HZ), 2), np.float32)
    frames = round(CALL_LASTS_S * RATE_HZ)
    edge = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / (0.05 * RATE_HZ))
    tone = 0.015 * np.sin(2 * np.pi * 260.0 * np.arange(frames) / RATE_HZ) * edge
    sound[round(CALL_S * RATE_HZ) :][:frames] = tone[:, np.newaxis]
    return sound


def plan_of(sound: Block) -> Section:
    """Its plan."""
    planner = GainPlanner()
    powers = OctaveMeter().powers(sound)
    planner.add(powers, np.ones(len(powers), np.float32))
    return planner.finish()


def octave_db(sound: Block, octave: int) -> float:
    """The level of an octave during the call."""
    powers = OctaveMeter().powers(sound)[round(CALL_S * 100) + 10 : round((CALL_S + CALL_LASTS_S) * 100) - 10]
    return float(10 * np.log10(powers[:, 3 + octave].mean()))


def words(high_lasts_s: float) -> Block:
    """Noise of 0.3 s around 1 kHz each two seconds, one of them higher than all others and as long as asked."""
    sound = rng_for("room").normal(0.0, 1e-5, (60 * RATE_HZ, 2))
    for at_s in range(1, 59, 2):
        frames, (low_hz, high_hz) = round(0.3 * RATE_HZ), (700.0, 1400.0)
        if at_s == round(CALL_S):
            frames, (low_hz, high_hz) = round(high_lasts_s * RATE_HZ), (5700.0, 11300.0)
        hz = np.fft.rfftfreq(frames, 1.0 / RATE_HZ)
        spectrum = np.fft.rfft(rng_for(f"word {at_s}").normal(0.0, 0.1, (frames, 2)), axis=0)
        spectrum[(hz < low_hz) | (hz > high_hz)] = 0.0
        word = np.fft.irfft(spectrum, frames, axis=0)
        gain = 0.025 / np.abs(word).mean() * (0.1 if at_s == round(CALL_S) else 1.0)
        sound[at_s * RATE_HZ :][:frames] += gain * word
    return sound.astype(np.float32)


@pytest.mark.parametrize(("lasts_s", "is_lowered"), [(0.3, False), (0.5, False), (0.9, True)])
def test_a_brief_sound_as_loud_as_the_others_may_have_another_spectrum(lasts_s: float, is_lowered: bool) -> None:
    """A hiss among words stays as it is, although its octave is 16 dB over its habit; a longer one is lowered."""
    sound = words(lasts_s)
    levels = box_levels(OctaveMeter().powers(sound))
    over_db = (levels - habitual(levels))[:, -1].max()
    assert 12.0 < over_db < 18.0
    assert bool(plan_of(sound).all_gains_db.any()) == is_lowered


def test_a_click_is_lowered_as_a_whole() -> None:
    """A single sample stands out in octaves alone; a frame of 43 ms would spread it, and nothing could take it away."""
    sound = insects()
    sound[round(CALL_S * RATE_HZ)] = 0.25
    planned = plan_of(sound)
    assert planned.gain_db.min() < -3.0
    assert not len(planned.octaves.hops)


def test_beside_a_click_only_its_moment_is_lowered_as_a_whole() -> None:
    """A click 0.9 s after the call: the whole falls for less than half a second, and the call only in its octave."""
    sound = insects() + call()
    click = CALL_S + CALL_LASTS_S + 0.9
    sound[round(click * RATE_HZ)] = 0.25
    planned = plan_of(sound)
    lowered_s = np.flatnonzero(planned.gain_db) / 100.0
    assert click - 0.25 < lowered_s.min() < click < lowered_s.max() < click + 0.25
    assert CALL_S < planned.octaves.hops.mean() / 100.0 < CALL_S + CALL_LASTS_S


def test_a_short_call_is_no_click() -> None:
    """A tone of 80 ms is lowered in its octave, although it is as short as the boxes in which levels are judged."""
    sound = insects() + call()
    sound[round((CALL_S + 0.08) * RATE_HZ) :] = insects()[round((CALL_S + 0.08) * RATE_HZ) :]
    planned = plan_of(sound)
    assert not planned.gain_db.any()
    assert len(planned.octaves.hops)


def test_only_the_octave_of_the_call_is_lowered() -> None:
    """The call falls by more than 10 dB; the insects stay within half a decibel, and all else bit for bit."""
    sound = insects() + call()
    planned = plan_of(sound)
    assert not planned.gain_db.any()
    out = PlannedGain(encode(planned.gain_db, planned.octaves)).apply(sound, 0, lambda frames: sound[:0])
    assert octave_db(out, 1) < octave_db(sound, 1) - 10.0
    assert octave_db(out, 5) == pytest.approx(octave_db(sound, 5), abs=0.5)
    assert np.array_equal(out[: 30 * RATE_HZ], sound[: 30 * RATE_HZ])
    assert np.array_equal(out[33 * RATE_HZ :], sound[33 * RATE_HZ :])


def test_what_stands_out_in_the_whole_is_lowered_as_a_whole() -> None:
    """The same call 20 dB louder: no octave has a gain of its own."""
    planned = plan_of(insects() + call() * np.float32(10.0))
    assert planned.gain_db.min() < -10.0
    assert not len(planned.octaves.hops)


@pytest.mark.parametrize("cut", BLOCK_SIZES[:6])
def test_a_track_is_the_same_in_whatever_blocks(cut: int) -> None:
    """Also from a place in the middle on; silence is assumed before it."""
    sound = call()
    gains = plan_of(insects() + sound).octaves
    whole = OctaveGain(gains).apply(sound, 0, lambda frames: sound[:0])
    part, at, pieces = OctaveGain(gains), round(30.2 * RATE_HZ), []
    first = at
    while at < 32 * RATE_HZ:
        end = min(at + cut, 32 * RATE_HZ)
        pieces.append(part.apply(sound[at:end], at, lambda frames, end=end: sound[end : end + frames]))  # type: ignore[misc]
        at = end
    assert np.array_equal(np.concatenate(pieces), whole[first:at])


def test_gains_come_back_from_their_bytes() -> None:
    """In steps of 0.25 dB; what rounds to nothing is left out."""
    gain_db = np.zeros((100, 7))
    gain_db[40:60, 2] = -np.hanning(20) * 30.0
    gains = OctaveGains.of(gain_db)
    found = OctaveGains.decode(gains.encode())
    assert np.array_equal(found.hops, gains.hops)
    assert np.abs(found.gain_db - gains.gain_db).max() <= 0.126
    assert OctaveGains.of(np.zeros((9, 7))).encode() == b""


@pytest.mark.parametrize("encoded", [b"nonsense", b"", OctaveGains(np.array([5, 4]), np.ones((2, 7))).encode()])
def test_damaged_gains_lower_nothing(encoded: bytes) -> None:
    """Neither what is no compressed block, nor hops in a wrong order."""
    sound = call()
    assert OctaveGain(OctaveGains.decode(encoded)).apply(sound, 0, lambda frames: sound[:0]) is sound
    assert OctaveGain(NO_OCTAVE_GAINS).apply(sound, 0, lambda frames: sound[:0]) is sound


def test_a_sample_that_is_no_number_spreads_to_no_other() -> None:
    """What repairs it stands behind."""
    sound = insects() + call()
    gains = plan_of(sound).octaves
    at = round((CALL_S + 0.4) * RATE_HZ)
    sound[at, 0] = np.nan
    out = OctaveGain(gains).apply(sound, 0, lambda frames: sound[:0])
    assert np.argwhere(np.isnan(out)).tolist() == [[at, 0]]
