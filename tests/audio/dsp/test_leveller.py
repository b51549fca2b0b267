"""The leveller: what is habitual passes bit for bit, what is not is brought to what is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from player.audio.dsp.gain_planner import GainPlanner
from player.audio.dsp.leveller import Section, levelled_powers, plan
from player.audio.dsp.octaves import BAND_FRAMES, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.planned_gain import PlannedGain, encode
from player.audio.dsp.rises import RiseMeter
from player.audio.dsp.types import Block
from player.core.units import RATE_HZ
from tests import effort
from tests.signals import BLOCK_SIZES, rng_for


def rain(seconds: float, level_db: float = -40.0) -> Block:
    """Steady noise, an RMS in each ear."""
    noise = rng_for("rain").normal(0.0, 10 ** (level_db / 20), (round(seconds * RATE_HZ), 2))
    return noise.astype(np.float32)


def with_bursts(
    sound: Block, at_s: list[float], level_db: float, lasts_s: float = 0.5, ears: tuple[float, float] = (1, 1)
) -> Block:
    """The sound with a tone of 1.5 kHz at each time, 20 ms edges; ``level_db`` is its RMS in each ear."""
    frames = round(lasts_s * RATE_HZ)
    edge = np.minimum(1.0, np.minimum(np.arange(frames), np.arange(frames)[::-1]) / (0.02 * RATE_HZ))
    tone = 2**0.5 * 10 ** (level_db / 20) * np.sin(2 * np.pi * 1500 * np.arange(frames) / RATE_HZ) * edge
    out = sound.copy()
    for one_s in at_s:
        first = round(one_s * RATE_HZ)
        out[first : first + frames] += tone[:, np.newaxis].astype(np.float32) * np.array(ears, np.float32)
    return out


def gains_of(sound: Block) -> np.ndarray:
    """The planned gain of each 10 ms, dB."""
    whole = len(sound) // BAND_FRAMES * BAND_FRAMES
    return plan(OctaveMeter().powers(sound[:whole])).gain_db if whole else np.zeros(0)


def lowest_of(planned: Section) -> np.ndarray:
    """The gain of each 10 ms in the octave that is lowered most, dB."""
    found = planned.gain_db.copy()
    found[planned.octaves.hops] += planned.octaves.gain_db.min(axis=1)
    return found


def levelled(sound: Block, gains: np.ndarray) -> Block:
    """The sound as a deck would hand it on."""
    return PlannedGain(encode(gains)).apply(sound, 0, following(sound, len(sound)))


def following(sound: Block, end: int) -> Callable[[int], Block]:
    """The frames behind a place, as a source hands them over."""
    return lambda frames: sound[end : end + frames]


def level_db(sound: Block, at_s: float, lasts_s: float) -> float:
    """RMS of a part."""
    part = sound[round(at_s * RATE_HZ) : round((at_s + lasts_s) * RATE_HZ)]
    return float(10 * np.log10(np.mean(np.square(part.astype(float)))))


def test_steady_sound_is_left_alone() -> None:
    """Not a sample changes, and its plan takes no bytes."""
    sound = rain(60.0)
    gains = gains_of(sound)
    assert encode(gains) == b""
    assert PlannedGain(b"").apply(sound, 0, following(sound, len(sound))) is sound


def test_what_comes_back_every_few_seconds_is_left_alone() -> None:
    """Taps 20 dB over the rain, one every 3 s: as sparse as they are, they are what the track habitually does."""
    sound = with_bursts(rain(90.0), [2.0 + 3.0 * number for number in range(29)], -20.0, 0.05)
    assert encode(gains_of(sound)) == b""


@pytest.mark.parametrize("over_db", effort.first(1, [15.0, 30.0, 38.0]))
def test_a_stranger_is_brought_to_the_habit(over_db: float) -> None:
    """One tone in a minute of rain ends near the level of the rain, however loud it was; nothing else changes."""
    sound = with_bursts(rain(60.0), [31.0], -40.0 + over_db)
    gains = gains_of(sound)
    out = levelled(sound, gains)
    assert -40.0 - 8.0 < level_db(out, 31.05, 0.4) < -40.0 + 5.0
    assert np.array_equal(out[: 30 * RATE_HZ], sound[: 30 * RATE_HZ])
    assert np.array_equal(out[33 * RATE_HZ :], sound[33 * RATE_HZ :])


def test_five_times_in_half_a_minute_is_no_habit() -> None:
    """None of five barks in 45 s stands more than 8 dB over the rain."""
    at_s = [10.0, 16.0, 22.0, 28.0, 34.0]
    sound = with_bursts(rain(45.0), at_s, -15.0)
    out = levelled(sound, gains_of(sound))
    assert max(level_db(out, one_s + 0.05, 0.4) for one_s in at_s) < -40.0 + 8.0


@pytest.mark.thorough
def test_what_comes_back_over_more_than_45_s_is_habit_up_to_a_bound() -> None:
    """A call each 16 s: 8 dB over the rain it passes untouched; 25 dB over it is brought to 11 dB over it at most."""
    at_s = [8.0 + 16.0 * number for number in range(5)]
    assert encode(gains_of(with_bursts(rain(80.0), at_s, -32.0))) == b""
    loud = with_bursts(rain(80.0), at_s, -15.0)
    out = levelled(loud, gains_of(loud))
    assert max(level_db(out, one_s + 0.05, 0.4) for one_s in at_s) < -40.0 + 12.0


@pytest.mark.parametrize("lasts_s", effort.first(2, [0.8, 4.0, 1.6, 7.5]))
def test_a_sound_across_the_border_of_two_stretches_comes_once(lasts_s: float) -> None:
    """Two shouts, 50 s apart: with either in two stretches of 5 s it would have come four times."""
    for at_s in (20.0 - lasts_s / 2.0, 21.0 if lasts_s < 2.0 else 20.4 - lasts_s / 2.0):
        gains = gains_of(with_bursts(rain(120.0), [at_s, at_s + 50.0], -24.0, lasts_s))
        assert gains.min() < -15.0, at_s


def test_what_will_be_habit_is_new_when_it_comes() -> None:
    """Rain that is 20 dB louder from one moment on comes about 9 dB louder, and rises without a step to what it is."""
    sound = np.concatenate((rain(60.0), rain(60.0) * np.float32(10.0)))
    gains = gains_of(sound)
    assert -12.0 < gains[6050:7500].min() < -7.0
    assert np.diff(gains[6100:12000].reshape(-1, 50).mean(axis=1)).max() * 2 < 6.0, "dB/s"
    assert gains[9000:].min() == 0.0
    assert gains[:5900].min() == 0.0


def test_the_loud_third_of_a_short_file_is_no_habit_at_its_beginning() -> None:
    """A bang, another one and noise to the end, in five of eight stretches: each begins at most 12 dB over the rain."""
    sound = with_bursts(rain(40.0), [16.0, 22.0], -15.0)
    sound[28 * RATE_HZ :] *= np.float32(10.0**1.25)
    out = levelled(sound, gains_of(sound))
    assert max(level_db(out, at_s, 0.4) for at_s in (16.05, 22.05, 28.1, 29.0, 31.0, 33.0)) < -40.0 + 12.0


@pytest.mark.parametrize("before_db", effort.first(1, [-200.0, -35.0]))
def test_what_begins_behind_an_empty_room_is_nothing_new(before_db: float) -> None:
    """30 s of silence, or of faint noise 35 dB lower, and rain: that is lowered no more than it is without them."""
    before = rain(30.0) * np.float32(10.0 ** (before_db / 20.0))
    gains = gains_of(np.concatenate((before, rain(60.0))))
    assert gains[3030:].min() == 0.0


def test_a_stranger_is_the_licence_of_no_other() -> None:
    """Six bangs within 6 s, the last one softer than those before: it is lowered as if they had not been."""
    sound = with_bursts(rain(60.0), [30.0, 31.0, 32.0, 33.0, 34.0], -10.0)
    sound = with_bursts(sound, [35.5], -20.0, 0.1)
    out = levelled(sound, gains_of(sound))
    assert level_db(out, 35.52, 0.06) < -40.0 + 5.0


@pytest.mark.thorough
def test_what_stands_barely_over_the_bound_is_lowered_barely() -> None:
    """Half a decibel more at a time: no step of the gain is larger than three."""
    rain_powers = OctaveMeter().powers(rain(30.0))
    deepest = []
    for over_db in np.arange(0.0, 16.0, 0.5):
        powers = rain_powers.copy()
        powers[1500:1550] *= 10.0 ** (over_db / 10.0)
        deepest.append(plan(powers).gain_db.min())
    assert deepest[0] == 0.0
    assert deepest[-1] < -8.0
    assert np.diff(deepest).min() > -3.0


def test_a_stranger_in_one_ear_is_heard_as_one() -> None:
    """A tone on the left, 25 dB over the rain there."""
    sound = with_bursts(rain(60.0), [31.0], -15.0, ears=(1, 0))
    out = levelled(sound, gains_of(sound))
    assert level_db(out[:, :1], 31.05, 0.4) < -40.0 + 5.0


@pytest.mark.thorough
def test_a_long_loud_part_sinks_as_a_whole() -> None:
    """An advert of eight seconds: no second of it stands more than 5 dB over calm."""
    sound = with_bursts(rain(80.0), [40.0], -20.0, 8.0)
    out = levelled(sound, gains_of(sound))
    assert max(level_db(out, 40.0 + second, 1.0) for second in range(8)) < -40.0 + 5.0


def taps_in_rain() -> BandPowers:
    """Powers of the octaves of a minute of rain (-70.7 LUFS, 8 kHz -95.7); each 2.5 s a tap at -40.7 at 500 Hz."""
    octaves = np.full((6000, 7), 1e-7)
    octaves[:, 6] = 10.0**-9.5
    for at in range(100, 6000, 250):
        octaves[at : at + 10, 2] = 1e-4
    return octaves


def streams_of(octaves: BandPowers) -> BandPowers:
    """The same in both ears."""
    whole = octaves.sum(axis=1, keepdims=True)
    return np.concatenate((whole, whole / 2.0, whole / 2.0, octaves), axis=1)


@pytest.mark.parametrize(("over_db", "is_lowered"), [(15.0, False), (22.0, True)])
def test_an_octave_shows_a_stranger_that_is_no_louder_than_what_is_usual(over_db: float, is_lowered: bool) -> None:
    """A tap as loud as all others that has 8 kHz as well, far below what can be heard: it may not rise by 11 dB."""
    octaves = taps_in_rain()
    octaves[3600:3610, 6] *= 10.0 ** (over_db / 10.0)
    gains = plan(streams_of(octaves)).gain_db
    assert (gains[3600:3610].min() < -1.5) == is_lowered
    assert not gains[:3500].any()
    assert not gains[3700:].any()


@pytest.mark.parametrize(("over_db", "least_db", "most_db"), [(7.0, 0.1, 4.0), (17.0, 15.0, 40.0)])
def test_a_stranger_barely_over_its_bound_may_rise_as_its_like(over_db: float, least_db: float, most_db: float) -> None:
    """Taps 30 dB over the rain: one that is 7 dB louder than all others is lowered barely, one of 17 dB far."""
    octaves = taps_in_rain()
    octaves[4100:4110, 2] *= 10 ** (over_db / 10)
    deepest = -float(plan(streams_of(octaves)).gain_db[4050:4200].min())
    assert least_db < deepest < most_db


def test_what_is_loud_beside_a_stranger_keeps_m_too() -> None:
    """A hum of a second, 4 dB over the taps: alone it passes, right behind a stranger it stays within calm + 8 LU."""
    octaves = taps_in_rain()
    octaves[2000:2100, 2] = octaves[4310:4410, 2] = 2.5e-4
    octaves[4010:4310, 3] = 1e-2
    powers = streams_of(octaves)
    planned = plan(powers)
    assert not planned.gain_db[:3900].any()
    momentary = np.convolve(powers[:, 0] * 10.0 ** (planned.gain_db / 10.0), np.ones(40) / 40.0)[4350:4385]
    assert 10.0 * np.log10(momentary.max()) - 0.691 < planned.calm_lufs + 8.0


def test_nothing_is_lowered_below_what_can_be_heard() -> None:
    """10 s of silence, and 7 dB more than a tap: in an octave 24 dB below calm no clause asks for more."""
    octaves = taps_in_rain()
    octaves[3000:4000] = 1e-13
    octaves[4000:4050, 2] = 5e-4
    octaves[4000:4050, :2] = 2e-5
    planned = plan(streams_of(octaves))
    most_db = 10.0 * np.log10(5e-4) - 0.691 - (planned.calm_lufs - 24.0)
    assert -most_db - 0.1 < planned.gain_db.min() < -20.0


def test_an_octave_at_the_edge_of_what_can_be_heard_does_not_rise() -> None:
    """A hum, and ticks and a beep in another octave: also where calm is heard 1 dB lower, it rises by at most 10 dB."""
    at, ticks = STREAMS.index("1000 Hz"), np.arange(100, 6000, 500)[:, np.newaxis] + np.arange(6)
    powers = np.full((6000, len(STREAMS)), 1e-9)
    powers[:, [0, 1, 2, 4]] = 1e-3, 5e-4, 5e-4, 1e-3
    powers[ticks, at] = 1e-3 * 10.0**-2.35
    powers[4000:4100, at] = 1e-2
    powers[4000:4100, :3] += 1e-2, 5e-3, 5e-3
    planned = plan(powers)
    left = levelled_powers(powers, planned)
    assert RiseMeter(planned.calm_lufs - 1.0).push(left)[:, at].max() < 10.0


def test_a_stranger_stays_further_below_the_limit_than_what_is_beside_it() -> None:
    """A bang of 3 s leaves with at most calm + 4.5 LU: a part of the track may be 3.5 LU calmer than the whole."""
    octaves = taps_in_rain()
    octaves[4010:4310, :] = 1e-1
    powers = streams_of(octaves)
    planned = plan(powers)
    momentary = np.convolve(powers[:, 0] * 10.0 ** (planned.gain_db / 10.0), np.ones(40) / 40.0)[4050:4310]
    assert 10.0 * np.log10(momentary.max()) - 0.691 < planned.calm_lufs + 4.6


def test_what_is_beside_a_stranger_is_no_louder_than_the_rest_of_the_track() -> None:
    """The hum right behind a stranger where no other is as loud: calm + 5.5 LU."""
    octaves = taps_in_rain()
    octaves[4310:4410, 2] = 2.5e-4
    octaves[4010:4310, 3] = 1e-2
    powers = streams_of(octaves)
    planned = plan(powers)
    momentary = np.convolve(powers[:, 0] * 10.0 ** (planned.gain_db / 10.0), np.ones(40) / 40.0)[4350:4385]
    assert 10.0 * np.log10(momentary.max()) - 0.691 < planned.calm_lufs + 5.6


@pytest.mark.parametrize(("apart", "most_lu"), [(120, 4.6), (240, 5.6), (400, None)])
def test_what_lies_between_two_strangers_belongs_to_them(apart: int, most_lu: float | None) -> None:
    """The hum between calls 1.2 s apart stays as far below the limit as they do, 2.4 s apart as what is beside them."""
    octaves, half = taps_in_rain(), apart // 2
    octaves[4200 - half - 100 : 4200 - half, 3] = octaves[4200 + half : 4300 + half, 3] = 1e-2
    octaves[4165:4235, 2] = 2.5e-4
    powers = streams_of(octaves)
    planned = plan(powers)
    momentary = np.convolve(powers[:, 0] * 10.0 ** (planned.gain_db / 10.0), np.ones(40) / 40.0)[4204:4235]
    if most_lu is None:
        assert not planned.gain_db[4165:4235].any()
    else:
        assert 10.0 * np.log10(momentary.max()) - 0.691 < planned.calm_lufs + most_lu


def test_what_is_soft_is_not_lowered_for_what_was_loud_before_it() -> None:
    """Half a second of hum behind a stranger is lowered; the rain from 0.1 s behind it on is not, though in M."""
    octaves = taps_in_rain()
    octaves[4310:4360, 2] = 4e-4
    octaves[4010:4310, 3] = 1e-2
    gain_db = plan(streams_of(octaves)).gain_db
    assert gain_db[4340] < -5.0
    assert not gain_db[4370:4590].any()


def test_the_soft_beginning_of_a_stranger_belongs_to_it() -> None:
    """0.8 s in an octave that is 11 dB over its habit: alone it passes, before a moo it may not rise."""
    octaves = taps_in_rain()
    octaves[4000:4080, 5] = 13e-7
    assert not plan(streams_of(octaves)).gain_db.any()
    octaves[4080:4300, 5] = 3e-4
    assert -3.0 < lowest_of(plan(streams_of(octaves)))[4005:4015].max() < -0.7


def test_what_is_reached_is_what_is_not_lowered() -> None:
    """So what is lowered is no licence for itself: taps in rain reach the same with a bang between them."""
    taps = with_bursts(rain(60.0, -60.0), [1.0 + 3.0 * number for number in range(20)], -20.0, 0.05)
    reached = []
    for sound in (taps, with_bursts(taps, [32.0], -5.0)):
        planner = GainPlanner()
        powers = OctaveMeter().powers(sound)
        planner.add(powers, np.ones(len(powers), np.float32))
        reached.append(planner.finish().reached_lufs)
    assert reached[1] == pytest.approx(reached[0], abs=0.1)


def test_a_planned_track_is_the_same_in_whatever_blocks() -> None:
    """And from a place in the middle on it is as it would have been there."""
    sound = with_bursts(rain(50.0), [20.0], -15.0)
    encoded = encode(gains_of(sound))
    whole = PlannedGain(encoded).apply(sound, 0, following(sound, len(sound)))
    for cut in BLOCK_SIZES[:6]:
        part = PlannedGain(encoded)
        at, pieces = 19 * RATE_HZ, []
        for frames in [cut] * 40:
            pieces.append(part.apply(sound[at : at + frames], at, following(sound, at + frames)))
            at += frames
        assert np.array_equal(np.concatenate(pieces), whole[19 * RATE_HZ : at])


def test_a_plan_takes_few_bytes_and_comes_back() -> None:
    """Ten hours with a stranger each minute take under 300 kB, in steps of 0.25 dB."""
    gains = np.zeros(3_600_000)
    for minute in range(600):
        gains[minute * 6000 : minute * 6000 + 80] = -np.hanning(80) * (10 + minute % 30)
    encoded = encode(gains)
    assert len(encoded) < 300_000
    found = PlannedGain(encoded)._steps * -0.25
    assert np.abs(found - gains).max() <= 0.126


def test_a_damaged_plan_lowers_nothing() -> None:
    """The guard is behind it."""
    sound, whole = rain(1.0), encode(-np.arange(100.0))
    assert PlannedGain(whole).apply(sound, 0, following(sound, len(sound))) is not sound
    for damaged in (b"nonsense", whole[:-1], whole[:-5], whole[:-1] + b"x"):
        assert PlannedGain(damaged).apply(sound, 0, following(sound, len(sound))) is sound


@pytest.mark.thorough
def test_a_long_track_is_planned_in_sections_without_seams() -> None:
    """Half an hour in pieces: a gain for each hop, and the strangers at the borders of sections are found."""
    powers = np.tile(OctaveMeter().powers(rain(60.0)), (30, 1))
    loud = powers.copy()
    for minute in (5, 10, 20, 29):
        loud[minute * 6000 + 3000 : minute * 6000 + 3050] *= 1000.0
    planner = GainPlanner()
    for at in range(0, len(loud), 777):
        planner.add(loud[at : at + 777], np.ones(len(loud[at : at + 777]), np.float32))
    found = planner.finish()
    assert len(found.gain_db) == len(loud)
    lowered = np.flatnonzero(found.gain_db < -3.0) // 6000
    assert set(lowered.tolist()) == {5, 10, 20, 29}
    assert found.gain_db.min() > -45.0


def test_silence_and_next_to_nothing_have_plans_too() -> None:
    """No division by nothing; a track of silence is content."""
    for seconds in (0.0, 0.05, 0.3, 20.0):
        sound = np.zeros((round(seconds * RATE_HZ), 2), np.float32)
        assert encode(gains_of(sound)) == b""
