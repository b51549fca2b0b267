"""The licence of planned sound: what came in, slowly, and no more than the plan reaches."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from player.audio.dsp.chain import Chain
from player.audio.dsp.guard import Guard
from player.audio.dsp.hearing import CHUNK_HOPS, CHUNK_S, Hearing, to_lufs, to_power
from player.audio.dsp.licence import Licence
from player.audio.dsp.native import Kernel, kernel
from player.core.units import SILENCE_DB
from tests.audio.dsp.listener import TARGET, at_full, at_lufs, powers
from tests.engine_rig import POWER_METER
from tests.signals import Sound, frames_of, in_blocks, pink, silence


def pushed(licence: Licence, levels_lufs: list[float], heard_lufs: float, reached_lufs: float) -> list[float]:
    """The licence in LUFS after each second, for the largest level that came in each second."""
    found = []
    for level in levels_lufs:
        for _ in range(round(1.0 / CHUNK_S)):
            licence.push(to_power(level), to_power(level), to_power(heard_lufs), to_power(reached_lufs))
        found.append(to_lufs(licence.value))
    return found


def test_after_4_5_steady_seconds_it_rises_by_1_75_db_a_second_from_what_passes_anyway() -> None:
    """What came in at -20 from the first moment on, while what is heard is at -40: to 6 dB over that in 14.9 s."""
    found = pushed(Licence(), [-20.0] * 20, -40.0, -10.0)
    assert found[3] == pytest.approx(-40.0, abs=1e-6)
    assert found[5] == pytest.approx(-40.0 + 1.75 * 1.5, abs=0.1)
    assert found[9] == pytest.approx(-40.0 + 1.75 * 5.5, abs=0.1)
    assert found[18] < -14.5
    assert found[19] == pytest.approx(-14.0, abs=1e-6)


def test_it_stays_where_it_is_while_the_volume_rises() -> None:
    """And for 4.5 seconds after that."""
    licence = Licence()
    pushed(licence, [-20.0] * 10, -40.0, -10.0)
    before = licence.value
    for _ in range(round(3.0 / CHUNK_S)):
        licence.push(*map(to_power, (-20.0, -20.0, -40.0, -10.0)), is_rising=True)
    assert pushed(licence, [-20.0] * 6, -40.0, -10.0)[3] == pytest.approx(to_lufs(before), abs=1e-6)
    assert licence.value > before


def test_it_ends_with_the_familiar_level_after_30_s_of_silence() -> None:
    """Not after 29 s: a pause in a track. Then what passes anyway is licensed, and 4.5 s later it rises."""
    licence = Licence()
    pushed(licence, [-20.0] * 30, -30.0, -10.0)
    before = pushed(licence, [SILENCE_DB] * 29, SILENCE_DB, -10.0)[-1]
    assert before > -25.0
    assert pushed(licence, [SILENCE_DB] * 2, SILENCE_DB, -10.0)[-1] == SILENCE_DB
    found = pushed(licence, [-20.0] * 6, -40.0, -10.0)
    assert found[3] == pytest.approx(-40.0)
    assert found[5] == pytest.approx(-40.0 + 1.75 * 1.5, abs=0.1)


def test_it_is_no_more_than_what_the_plan_reaches() -> None:
    """What comes in at -20 where the plan says -26."""
    assert pushed(Licence(), [-20.0] * 30, -40.0, -26.0)[-1] == pytest.approx(-26.0)


def test_it_lasts_for_80_s_and_ends_with_the_plan() -> None:
    """A call at -20, and then rain at -50; then something sounds that nobody has planned."""
    licence = Licence()
    found = pushed(licence, [-20.0] * 30 + [-50.0] * 90, -50.0, -10.0)
    assert found[105] == pytest.approx(-14.0)
    assert found[-1] == pytest.approx(-44.0)
    licence.push(*[to_power(-20.0)] * 3, 0.0)
    assert licence.value == 0.0


@pytest.mark.parametrize("rest_s", [3.0, 14.0])
def test_a_phrase_after_a_pause_is_as_familiar_to_the_output_meter_as_to_the_guard(rest_s: float) -> None:
    """Planned words, one every 1.8 s; a pause; during the rise of 10 s each is 11 dB louder than the one before."""
    word = np.concatenate((at_lufs(pink(0.6), TARGET), silence(1.2)))
    sound = np.concatenate([word] * 33)
    chain = Chain(-1.0, TARGET, POWER_METER)
    chain.set_target(TARGET, None, TARGET + 3.0)
    chain.ramp.to(0.0, 0.0)
    broken = []
    for number, block in enumerate(in_blocks(sound, 4_800)):
        if number == 400:
            chain.ramp.to(SILENCE_DB, 1.0)
        if number == 420:
            for _ in range(round(rest_s * 10)):
                chain.rest(4_800)
            chain.ramp.to(0.0, 10.0)
        chain.process(block)
        broken.append(chain.broken)
    assert set(broken) == {None}


def with_a_call(over_db: float, rises_in_s: float) -> Sound:
    """A track of 20 s, a soft one of 13 s, and in it a call, which is that much louder than the target."""
    sound = at_lufs(pink(34.0), TARGET - 15.0)
    sound[: frames_of(20.0)] = at_lufs(pink(20.0), TARGET + 3.0)
    call = at_lufs(pink(0.7, name="call"), TARGET + over_db)
    call[: frames_of(rises_in_s)] *= np.linspace(0.0, 1.0, frames_of(rises_in_s))[:, np.newaxis]
    sound[frames_of(33.0) : frames_of(33.7)] = call
    return sound


def fasts_of(sound: Sound, less_db: float) -> tuple[list[float], float]:
    """E of each hop behind the chain, at full volume, and what the plan is said to reach; no block breaks a clause.

    After 22 s the sound is planned, and its plan reaches ``less_db`` less than what was heard.
    """
    chain = Chain(-1.0, TARGET, POWER_METER)
    chain.ramp.to(0.0, 0.0)
    hearing, fasts, reached = Hearing(), list[float](), 0.0
    for number, block in enumerate(in_blocks(sound, 4_800)):
        if number == 220:
            reached = to_lufs(max(fasts)) - less_db
            chain.set_target(TARGET, None, reached)
        for power in powers(chain.process(block)):
            hearing.push(power)
            fasts.append(hearing.fast)
        assert chain.broken is None, number
    return fasts, reached


@pytest.mark.parametrize("less_db", [4.0, 8.0])
def test_a_call_up_to_what_was_heard_before_the_plan_does_not_rise_by_10_db_at_once(less_db: float) -> None:
    """It is more than the plan reaches. The familiar level let it rise by 14.8 dB, and the output meter muted (C1b)."""
    fasts, reached = fasts_of(with_a_call(6.0, 0.2), less_db)
    assert to_lufs(max(fasts[33 * 200 :])) > reached + 2.0


def test_a_call_out_of_nothing_may_use_all_of_the_50_ms_that_the_guard_leaves_it() -> None:
    """The guard holds the 50 ms mean at 6 dB over the licence, to 0.1 dB; for the output meter it is no burst."""
    fasts, reached = fasts_of(with_a_call(12.0, 0.0), 0.5)
    assert to_lufs(max(fasts[33 * 200 :])) <= reached + 2.9


def test_what_came_in_silence_and_without_a_plan_is_known_as_far_as_it_passed() -> None:
    """At -20 while -26 passes, without a plan; with one, -26 is licensed at once, and no more."""
    licence = Licence()
    for _ in range(40):
        licence.push(*map(to_power, (-20.0, -20.0, -26.0)), 0.0)
    assert licence.value == 0.0
    licence.rest(round(20.0 / CHUNK_S))
    licence.push(*map(to_power, (-50.0, -50.0, -26.0, -10.0)))
    assert to_lufs(licence.value) == pytest.approx(-26.0)
    assert to_lufs(licence.came_boxes.value) == pytest.approx(-26.0)


def test_what_came_before_a_pause_is_forgotten_after_80_s_of_it() -> None:
    """The first sound after it began with the level of the last one before it, and was known by that for 80 s more."""
    guard = Guard(POWER_METER, TARGET)
    guard.set_target(TARGET, None, TARGET + 3.0)
    loud = at_lufs(pink(5.0), TARGET)
    guard.process(loud, at_full(len(loud)))
    guard.rest(round(100.0 / CHUNK_S) * CHUNK_HOPS)
    soft = at_lufs(pink(5.0), TARGET - 20.0)
    guard.process(soft, at_full(len(soft)))
    assert to_lufs(guard.licence.came.value) <= TARGET - 18.0


def steps_of(sound: Sound, known_lufs: float | None) -> list[float]:
    """Level of each 100 ms behind the guard, LUFS."""
    guard = Guard(POWER_METER, TARGET)
    guard.set_target(TARGET, None, known_lufs)
    out = np.concatenate([guard.process(sound[at : at + 4800], at_full(4800)) for at in range(0, len(sound), 4800)])
    return [to_lufs(float(np.mean(part))) for part in np.array(powers(out)).reshape(-1, 20)]


def test_a_track_that_becomes_25_db_louder_for_good_comes_up_slowly_though_it_is_planned() -> None:
    """A plan that looks ahead calls it habitual: the first second is not more than 13.5 dB over the bed."""
    sound = np.concatenate((at_lufs(pink(40.0), TARGET - 25.0), at_lufs(pink(20.0, name="louder"), TARGET)))
    levels = steps_of(sound, TARGET + 1.0)
    assert max(levels[400:410]) <= TARGET - 25.0 + 13.5
    assert max(b - a for a, b in pairwise(levels[402:481])) <= 1.5
    assert levels[-1] == pytest.approx(TARGET, abs=0.5)


@pytest.mark.parametrize("native", [None, kernel()])
def test_while_a_track_is_faded_in_nothing_is_licensed_that_would_not_pass_anyway(native: Kernel | None) -> None:
    """Words that rise by 6 dB/s, 45 s after the last sound; without being told of the fade the licence rises too."""
    word = np.concatenate((at_lufs(pink(0.5), TARGET), silence(0.7)))
    rise_db = np.minimum(0.0, np.arange(10 * len(word)) / 48_000.0 * 6.0 - 40.0)
    faded = np.concatenate([word] * 10) * np.float32(10.0 ** (rise_db / 20.0))[:, np.newaxis]
    sound = np.concatenate([word] * 20 + [silence(45.0), faded])
    over = []
    for is_told in (True, False):
        chain, hearing, most = Chain(-1.0, TARGET, POWER_METER, native), Hearing(), SILENCE_DB
        chain.set_target(TARGET, None, TARGET + 3.0)
        chain.ramp.to(0.0, 0.0)
        for number, block in enumerate(in_blocks(sound, 4_800)):
            for power in powers(chain.process(block, is_deck_rising=is_told and number >= 690)):
                hearing.push(power)
            if number > 740:
                most = max(most, to_lufs(chain.guard.licence.value) - to_lufs(hearing.familiar))
        over.append(most)
    assert over[0] <= 3.0
    assert over[1] > 3.5


@pytest.mark.parametrize("native", [None, kernel()])
def test_at_the_lowest_volume_planned_words_pass_as_they_are_too(native: Kernel | None) -> None:
    """They leave at -73 LUFS there, which is no silence: what counts as such falls with the volume."""
    words = np.concatenate([at_lufs(pink(0.6), TARGET), silence(5.4)] * 15)
    chain, lowered = Chain(-1.0, TARGET, POWER_METER, native), []
    chain.set_target(TARGET, TARGET - 3.0, TARGET + 3.0)
    chain.ramp.to(-50.0, 0.0)
    for block in in_blocks(words, 4_800):
        chain.process(block)
        lowered.append(chain.guard.reduction_db)
    assert max(lowered[:300]) > 10.0
    assert max(lowered[400:]) < 0.5


def hoots(duration_s: float) -> Sound:
    """A second of sound every six, at the target."""
    sound = silence(duration_s)
    for at_s in np.arange(3.0, duration_s - 2.0, 6.0):
        first = frames_of(float(at_s))
        sound[first : first + frames_of(1.0)] = at_lufs(pink(1.0, name="hoot"), TARGET)
    return sound


def test_a_planned_call_every_six_seconds_passes_as_it_is_once_it_was_introduced() -> None:
    """From the fourth on; until then each is at most 14.5 dB louder than the last. Without a plan it stays lowered."""
    levels = steps_of(hoots(45.0), TARGET + 1.0)
    calls = [max(levels[at : at + 20]) for at in range(30, 420, 60)]
    assert max(b - a for a, b in pairwise(calls)) <= 14.5
    assert min(calls[3:]) >= TARGET - 1.0
    unplanned = steps_of(hoots(45.0), None)
    assert max(unplanned[30 + 180 : 30 + 200]) < calls[3] - 3.0


def test_a_planned_crackle_of_5_ms_passes_as_it_is_once_it_was_introduced() -> None:
    """One every 4.4 s, 33 dB over the rest: its one hop may use what its 50 ms have."""
    sound = at_lufs(pink(60.0), TARGET - 19.0)
    crackle = at_lufs(pink(1.0, name="crackle"), TARGET + 13.0)[: frames_of(0.005)]
    for at_s in np.arange(3.0, 58.0, 4.4):
        sound[frames_of(float(at_s)) : frames_of(float(at_s)) + len(crackle)] = crackle
    guard = Guard(POWER_METER, TARGET)
    guard.set_target(TARGET, None, TARGET + 1.0)
    lowered = []
    for at in range(0, len(sound), 4800):
        guard.process(sound[at : at + 4800], at_full(4800))
        lowered.append(guard.reduction_db)
    assert max(lowered[:100]) > 3.0
    assert max(lowered[400:]) < 0.5


def most_lowered(sound: Sound, known_lufs: float, from_s: float) -> float:
    """The most by which the guard lowers planned sound from that moment on, dB."""
    guard = Guard(POWER_METER, TARGET)
    guard.set_target(TARGET, None, known_lufs)
    most = 0.0
    for at in range(0, len(sound), 4800):
        guard.process(sound[at : at + 4800], at_full(4800))
        most = max(most, guard.reduction_db if at > frames_of(from_s) else 0.0)
    return most


def test_the_first_long_word_after_short_ones_as_loud_passes_as_it_is() -> None:
    """Out of silence: in 0.6 s the fast level comes 5 dB higher than in 50 ms, where the mean of 50 ms is the same."""
    sound = np.tile(np.concatenate((at_lufs(pink(0.6), TARGET - 3.0)[: frames_of(0.05)], silence(1.75))), (20, 1))
    sound[frames_of(34.2) : frames_of(34.8)] = at_lufs(pink(0.6), TARGET - 3.0)
    assert most_lowered(sound, TARGET - 1.0, 30.0) < 0.5


def test_a_long_word_that_becomes_louder_than_any_before_is_not_cut() -> None:
    """By 4 dB after 0.35 s: what was let in falls by 20 dB/s, so it loses 3.4 dB at most and not 3.8."""
    sound = np.tile(np.concatenate((at_lufs(pink(0.6), TARGET - 3.0)[: frames_of(0.05)], silence(1.75))), (20, 1))
    sound[frames_of(34.2) : frames_of(34.8)] = at_lufs(pink(0.6), TARGET - 3.0)
    sound[frames_of(34.55) : frames_of(34.8)] *= np.float32(10.0 ** (4.0 / 20.0))
    assert 2.0 < most_lowered(sound, TARGET + 3.0, 30.0) < 3.6


@pytest.mark.parametrize(("louder_db", "least"), [(2.0, 0.0), (5.0, 1.5)])
def test_a_planned_word_3_db_louder_than_any_50_ms_before_is_held_down(louder_db: float, least: float) -> None:
    """The examiner does not count it as known; neither does the licence."""
    sound = np.tile(np.concatenate((at_lufs(pink(0.6), TARGET - 3.0), silence(1.2))), (20, 1))
    sound[frames_of(34.2) : frames_of(34.8)] *= np.float32(10.0 ** (louder_db / 20.0))
    assert least <= most_lowered(sound, TARGET + louder_db - 2.0, 30.0) <= least + 1.7


def test_how_planned_sound_is_introduced_is_no_surprise_to_tell() -> None:
    """The first calls are held down by far more than 3 dB; without a plan the same is told."""
    told = []
    for known_lufs in (TARGET + 1.0, None):
        guard = Guard(POWER_METER, TARGET - 6.0)
        guard.set_target(TARGET - 6.0, None, known_lufs)
        sound = hoots(30.0)
        for at in range(0, len(sound), 4800):
            guard.process(sound[at : at + 4800], at_full(4800))
        told.append(len(guard.episodes.take()))
    assert told[0] == 0
    assert told[1] > 0


def test_the_output_meter_counts_as_the_guard_does() -> None:
    """Planned calls through the whole chain, the volume at once at full: neither a mute nor a loss."""
    chain = Chain(-1.0, TARGET, POWER_METER)
    chain.set_target(TARGET, None, TARGET + 1.0)
    chain.ramp.to(0.0, 10.0)
    sound = hoots(60.0)
    out = []
    for at in range(0, len(sound), 4800):
        out.append(chain.process(sound[at : at + 4800]))
        assert chain.broken is None, at
    last = np.concatenate(out)[frames_of(40.0) :]
    assert float(np.abs(last).max()) == pytest.approx(float(np.abs(sound).max()), rel=0.05)
