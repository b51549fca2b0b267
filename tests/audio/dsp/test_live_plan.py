"""A track that nobody measured is levelled while it plays, from its past and from what the ring holds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from player.analysis.track_measurement import Measurer
from player.audio.dsp.live_plan import BEGIN_FRAMES, LOOK_FRAMES, LivePlan
from player.audio.dsp.planned_gain import PlannedGain, encode
from player.audio.dsp.types import Block
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.measurement import programme_gain_db
from player.core.units import RATE_HZ
from tests import effort

LEVEL = 0.02
ONES = np.ones((4_800, 2), np.float32)


def noise(duration_s: float) -> Block:
    """Steady noise."""
    return np.random.default_rng(5).normal(0.0, LEVEL, (round(duration_s * RATE_HZ), 2)).astype(np.float32)


def louder(sound: Block, at_s: float, duration_s: float, by_db: float = 20.0) -> Block:
    """The sound with a part of it that much louder."""
    changed = sound.copy()
    changed[round(at_s * RATE_HZ) : round((at_s + duration_s) * RATE_HZ)] *= np.float32(10.0 ** (by_db / 20.0))
    return changed


def played(sound: Block, block: int = 4_800, ring_frames: int = LOOK_FRAMES) -> Block:
    """The sound as it leaves, read block by block from a ring that holds so much more than a block."""
    live, parts = LivePlan(), []
    for at in range(0, len(sound), block):
        ring = sound[at : at + (block + ring_frames if at else max(ring_frames, BEGIN_FRAMES))]
        peek: Callable[[int], Block] = lambda frames, ring=ring: ring[:frames].copy()  # noqa: E731
        live.look(peek, at, block)
        parts.append(live.apply(sound[at : at + block], at, behind(sound, at + block)))
    return np.concatenate(parts)


def behind(sound: Block, end: int) -> Callable[[int], Block]:
    """The frames after a place, as a source hands them over."""
    return lambda frames: sound[end : end + frames]


def level_db(sound: Block, at_s: float, duration_s: float) -> float:
    """Its level over that of the steady noise."""
    part = sound[round(at_s * RATE_HZ) : round((at_s + duration_s) * RATE_HZ)]
    return float(10.0 * np.log10(np.mean(np.square(part.astype(np.float64)))) - 20.0 * np.log10(LEVEL))


@pytest.mark.parametrize(("at_s", "duration_s"), effort.first(1, [(15.0, 0.1), (30.0, 0.5), (31.7, 8.0)]))
def test_a_stranger_comes_out_little_above_what_is_usual_and_nothing_else_changes(
    at_s: float, duration_s: float
) -> None:
    """20 dB up for so long: 2 dB over the usual from its first to its last hop, by 1.5 dB; elsewhere bit for bit."""
    sound = louder(noise(45.0), at_s, duration_s)
    out = played(sound)
    for part in np.arange(0.0, duration_s - 0.04, 0.05):
        assert level_db(out, at_s + part, 0.05) < 3.5
    assert level_db(out, at_s, duration_s) > 0.5
    before, after = round((at_s - 0.3) * RATE_HZ), round((at_s + duration_s + 1.0) * RATE_HZ)
    assert np.array_equal(out[:before], sound[:before])
    assert np.array_equal(out[after:], sound[after:])


@pytest.mark.thorough
def test_five_strangers_in_half_a_minute_are_no_habit() -> None:
    """C1c: the fifth is lowered as much as the first."""
    sound = noise(60.0)
    for at_s in (20.0, 26.0, 32.0, 38.0, 44.0):
        sound = louder(sound, at_s, 0.4)
    out = played(sound)
    first, fifth = level_db(out, 20.0, 0.4), level_db(out, 44.0, 0.4)
    assert first < 3.5
    assert fifth - first < 1.0


def test_what_comes_back_every_few_seconds_is_habit() -> None:
    """C9: taps every 2 s, 20 dB up, pass untouched from the beginning."""
    sound = noise(40.0)
    for at_s in np.arange(1.0, 39.0, 2.0):
        sound = louder(sound, float(at_s), 0.05)
    assert np.array_equal(played(sound), sound)


def test_what_came_back_over_more_than_45_s_is_habit_up_to_a_bound() -> None:
    """A call each 16 s, 9 dB up: the second is lowered, the sixth passes; one 25 dB up ends at most 12 dB up."""
    sound = noise(120.0)
    for at_s in 10.0 + 16.0 * np.arange(6):
        sound = louder(sound, float(at_s), 0.5, 9.0)
    out = played(louder(sound, 106.0, 0.5, 16.0))
    assert level_db(out, 26.0, 0.5) < 6.0
    assert level_db(out, 90.0, 0.5) == pytest.approx(9.0, abs=0.3)
    assert level_db(out, 106.0, 0.5) < 12.0


def test_what_is_lowered_waits_until_the_trim_has_sunk() -> None:
    """What becomes habit while it is 30 dB louder: its gain does not rise as long as the trim is on its way down."""
    sound = louder(noise(120.0), 30.0, 90.0, 30.0)
    live, trims, gains = LivePlan(), [], []
    for at in range(0, len(sound), RATE_HZ):
        ring = sound[at : at + max(RATE_HZ + LOOK_FRAMES, BEGIN_FRAMES)]
        live.look(lambda frames, ring=ring: ring[:frames].copy(), at, RATE_HZ)
        one = np.ones((RATE_HZ, 2), np.float32)
        gains.append(float(live.apply(one, at, behind(one, 0)).min()))
        trims.append(live.trim_db)
    sinks = np.flatnonzero(np.diff(trims) < -2.9)
    assert len(sinks) > 5
    assert max(gains[at] for at in sinks[:-2]) < 0.1
    assert gains[-1] > 0.9


@pytest.mark.thorough
def test_what_comes_anew_and_stays_comes_up_at_6_db_a_second() -> None:
    """C2: after 48 s it is habit; until then it is 2 dB over what was before, and then it rises slowly."""
    sound = louder(noise(160.0), 80.0, 80.0)
    out = played(sound)
    assert level_db(out, 80.0, 40.0) < 3.5
    assert level_db(out, 155.0, 4.0) == pytest.approx(20.0, abs=0.1)
    levels = np.array([level_db(out, at_s, 0.5) for at_s in np.arange(80.0, 159.0, 0.5)])
    assert np.diff(levels).max() < MAX_RISE_DB_PER_S * 0.5 + 0.5


@pytest.mark.thorough
def test_how_it_is_cut_into_blocks_plays_no_part() -> None:
    """The same samples come out of blocks of 100 ms, of 23 ms and of 1 s."""
    sound = louder(noise(30.0), 20.0, 1.5)
    usual = played(sound)
    assert not np.array_equal(usual, sound)
    assert np.array_equal(played(sound, 1_111), usual)
    assert np.array_equal(played(sound, RATE_HZ), usual)


def test_bad_samples_in_the_ring_do_no_harm() -> None:
    """What is no number is left to the sanitiser, and what is planned behind it is finite."""
    sound = louder(noise(30.0), 25.0, 0.5)
    sound[20 * RATE_HZ : 20 * RATE_HZ + 9] = np.nan
    sound[20 * RATE_HZ + 9] = np.inf
    out = played(sound)
    assert np.isfinite(out[21 * RATE_HZ :]).all()
    assert level_db(out, 25.0, 0.5) < 3.5


def test_an_almost_empty_ring_still_shows_what_comes_next() -> None:
    """A slow line: with a second in the ring a stranger is lowered all the same."""
    sound = louder(noise(30.0), 20.0, 0.5)
    assert level_db(played(sound, ring_frames=RATE_HZ + 4_800), 20.0, 0.5) < 6.0


@pytest.mark.parametrize("block", effort.first(1, [4_800, 1_111]))
def test_a_plan_keeps_step_with_a_ring_that_was_empty(block: int) -> None:
    """For 4 s the line gives no more than what is read: what comes 2 s later is lowered at its own place."""
    sound, live, parts = louder(noise(35.0), 28.0, 0.5), LivePlan(), []
    for at in range(0, len(sound), block):
        is_empty = 22.0 <= at / RATE_HZ < 26.0
        ring = sound[at : at + block + (0 if is_empty else LOOK_FRAMES if at else BEGIN_FRAMES)]
        live.look(lambda frames, ring=ring: ring[:frames].copy(), at, block)  # type: ignore[misc]
        parts.append(live.apply(sound[at : at + block], at, behind(sound, at + block)))
    out = np.concatenate(parts)
    assert max(level_db(out, 28.0 + part, 0.05) for part in np.arange(0.0, 0.46, 0.05)) < 3.5
    assert np.array_equal(out[: 27 * RATE_HZ], sound[: 27 * RATE_HZ])
    assert np.array_equal(out[30 * RATE_HZ :], sound[30 * RATE_HZ :])


def test_silence_is_no_level() -> None:
    """Of a track of zeros nothing habitual is told, and it stays as it is."""
    live, sound = LivePlan(), np.zeros((20 * RATE_HZ, 2), np.float32)
    for at in range(0, len(sound), 4_800):
        live.look(lambda frames, at=at: sound[at : at + frames], at, 4_800)  # type: ignore[misc]
        assert not live.apply(sound[at : at + 4_800], at, behind(sound, at + 4_800)).any()
    assert live.habitual_lufs is None
    assert live.reached_lufs is None


def trimmed(live: LivePlan, sound: Block, block: int = 4_800) -> Block:
    """The sound with its trim alone."""
    parts = []
    for at in range(0, len(sound), block):
        live.look(lambda frames, at=at: sound[at : at + frames].copy(), at, block)  # type: ignore[misc]
        part = sound[at : at + block]
        trims = live.trims(at, len(part))
        parts.append(part * (np.float32(trims) if isinstance(trims, float) else trims[:, np.newaxis]))
    return np.concatenate(parts)


@pytest.mark.parametrize("by_db", effort.first(1, [-20.0, 0.0, 10.0]))
def test_the_trim_is_what_a_measurement_would_give(by_db: float) -> None:
    """From the first sample on the gain of steady noise is within 0.3 dB of that of its measurement, and stands."""
    sound = noise(20.0) * np.float32(10.0 ** (by_db / 20.0))
    measurer = Measurer()
    measurer.add(sound)
    unmeasured_db = programme_gain_db(None, -23.0, -1.0)
    wanted_db = measurer.finish().gain_db(-23.0, -1.0) - unmeasured_db
    out = trimmed(LivePlan(unmeasured_db), sound)
    gains_db = 20.0 * np.log10(np.abs(out[sound != 0.0] / sound[sound != 0.0]))
    assert np.ptp(gains_db) < 1e-3
    assert gains_db[0] == pytest.approx(wanted_db, abs=0.3)


@pytest.mark.thorough
def test_a_trim_that_was_wrong_creeps_up_and_sinks_quickly() -> None:
    """A stream begins 10 dB more quietly than it goes on: the gain sinks by 3 dB/s, and never rises over 0.5 dB/s."""
    sound = noise(100.0)
    sound[: 20 * RATE_HZ] *= np.float32(10.0**-0.5)
    out = trimmed(LivePlan(-15.0), sound)
    gains_db = 20.0 * np.log10(np.abs(out[::480, 0] / sound[::480, 0]))
    steps = np.diff(gains_db)
    assert steps.max() <= 0.5 / 100.0 + 1e-3
    assert steps.min() >= -3.0 / 100.0 - 1e-3
    assert gains_db[0] - gains_db[-1] == pytest.approx(10.0, abs=2.0)


@pytest.mark.thorough
def test_the_trim_is_the_same_in_blocks_of_any_size() -> None:
    """Bit for bit, while it moves."""
    sound = noise(40.0)
    sound[: 12 * RATE_HZ] *= np.float32(0.3)
    usual = trimmed(LivePlan(-15.0), sound)
    assert np.array_equal(trimmed(LivePlan(-15.0), sound, 1_111), usual)


def test_excerpts_tell_what_is_habitual_and_how_loud_it_is() -> None:
    """A file that begins 20 dB softer than it goes on: its gain fits the whole; a stranger in second 3 is lowered."""
    sound = noise(30.0)
    sound[: 2 * RATE_HZ] *= np.float32(0.1)
    sound = louder(sound, 3.0, 0.5)
    alone, told = LivePlan(-15.0), LivePlan(-15.0)
    for _ in range(4):
        told.look_into(noise(5.0))
    for live in (alone, told):
        live.look(lambda frames: sound[:frames].copy(), 0, 4 * RATE_HZ)
    assert told.is_known
    assert not alone.is_known
    assert level_db(told.apply(sound[: 4 * RATE_HZ], 0, behind(sound, 4 * RATE_HZ)), 3.0, 0.5) < 3.5
    whole = LivePlan(-15.0)
    whole.begin(lambda frames: noise(5.0)[:frames])
    assert told.trim_db == pytest.approx(whole.trim_db, abs=0.5)


@pytest.mark.parametrize("began_s", effort.first(1, [0.0, 12.345]))
def test_a_file_that_is_measured_while_it_plays_follows_its_plan(began_s: float) -> None:
    """A shout is let through by a plan that lowers nothing else than one second elsewhere; the gain moves by C2.

    The measurement comes 10 s after the beginning, which may lie anywhere in the file, and is 2.5 dB louder.
    """
    sound = louder(noise(50.0), 40.0, 1.0)
    reductions = np.zeros(5_000)
    reductions[3_000:3_100] = 12.0
    live, gains, trims = LivePlan(-15.0), [], []
    began = round(began_s * RATE_HZ)
    for at in range(0, len(sound) - began, 4_800):
        if at == 10 * RATE_HZ:
            trim_db = live.trim_db
            live.know(PlannedGain(encode(-reductions)), began, -15.0 + trim_db + 2.5, -20.0)
        live.look(lambda frames, at=at: sound[began + at : began + at + frames].copy(), at, 4_800)  # type: ignore[misc]
        gains.append(live.apply(ONES, at, behind(ONES, 0))[:, 0])
        trims.append(np.broadcast_to(live.trims(at, 4_800), 4_800))
    gain_db, trim_dbs = (20.0 * np.log10(np.concatenate(one)[: len(sound) - began]) for one in (gains, trims))
    lowered = np.flatnonzero(gain_db < -11.0) + began
    assert lowered[0] / RATE_HZ == pytest.approx(30.0, abs=0.02)
    assert lowered[-1] / RATE_HZ == pytest.approx(31.0, abs=0.02)
    assert not gain_db[32 * RATE_HZ - began :].any()
    assert trim_dbs[-1] == pytest.approx(trim_db + 2.5, abs=0.01)
    assert np.diff(trim_dbs[::480]).max() <= 0.5 / 100.0 + 1e-3
    assert live.reached_lufs == -20.0


def test_a_stranger_that_is_lowered_when_the_measurement_comes_rises_slowly() -> None:
    """Its plan says that it is habitual: the gain comes up by at most 6 dB/s."""
    sound = louder(noise(45.0), 20.0, 20.0)
    live, gains = LivePlan(), []
    for at in range(0, len(sound), 4_800):
        if at == 25 * RATE_HZ:
            live.know(PlannedGain(b""), 0, 0.0, -20.0)
        live.look(lambda frames, at=at: sound[at : at + frames].copy(), at, 4_800)  # type: ignore[misc]
        gains.append(live.apply(ONES, at, behind(ONES, 0))[: len(sound) - at, 0])
    gain_db = 20.0 * np.log10(np.concatenate(gains))
    assert gain_db[25 * RATE_HZ] < -15.0
    assert gain_db[40 * RATE_HZ] == 0.0
    assert np.diff(gain_db[24 * RATE_HZ :: 480]).max() <= MAX_RISE_DB_PER_S / 100.0 + 1e-3


def test_a_file_that_follows_itself_stays_known() -> None:
    """The second turn of a loop begins with the trim and the habit that the first one ended with."""
    first, second = LivePlan(-15.0), LivePlan(-15.0)
    sound = louder(noise(25.0), 20.0, 0.5)
    trimmed(first, sound)
    second.follow(first)
    second.look(lambda frames: louder(noise(5.0), 2.0, 0.5)[:frames], 0, 4_800)
    assert second.trim_db == first.trim_db
    assert second.is_known
