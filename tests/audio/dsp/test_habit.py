"""What is habitual, on levels by half-seconds whose habit is known by construction."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.habit import habit_of_stretches, habit_so_far
from player.audio.dsp.octaves import STREAMS, BandPowers

RAIN, SHOUT = -40.0, -25.0
AGAIN = RAIN + 9.0
"""What comes back raises the habit of the whole by at most 9 dB."""


def levels(shouts: list[tuple[float, float]], duration_s: float = 80.0, level: float = SHOUT) -> BandPowers:
    """Rain by half-seconds, with shouts: when each begins, and how long it lasts."""
    found = np.full((round(duration_s * 2), len(STREAMS)), RAIN)
    for at_s, lasts_s in shouts:
        found[round(at_s * 2) : round((at_s + lasts_s) * 2)] = level
    return found


def habit(halves: BandPowers) -> set[float]:
    """The habit of the whole, planned ahead and at the end of a track that is heard for the first time."""
    nothing = np.zeros((0, len(STREAMS)))
    return {float(habit_of_stretches(halves)[:, 0].max()), float(habit_so_far(nothing, halves)[0])}


@pytest.mark.parametrize("lasts_s", [1.0, 2.0, 4.0, 8.0])
@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_sound_across_a_border_counts_once(lasts_s: float, share: float) -> None:
    """Two sounds 50 s apart, each in two stretches, count twice and not four times; two more are habitual."""
    first_s = round(2 * (15.0 - share * lasts_s)) / 2
    two = [(first_s, lasts_s), (first_s + 50.0, lasts_s)]
    assert habit(levels(two)) == {RAIN}
    if lasts_s < 5.0:  # four of 8 s are in most stretches
        assert habit(levels([*two, (first_s + 15.0, lasts_s), (first_s + 30.0, lasts_s)])) == {AGAIN}


def test_the_louder_part_of_a_sound_counts() -> None:
    """It grows by 4 dB over the border: neither level is reached four times. Short pauses are part of it."""
    halves = levels([(13.0, 2.0), (63.0, 2.0)])
    for at_s in (15.0, 65.0):
        halves[round(at_s * 2) : round(at_s * 2) + 3] = SHOUT + 4.0
        halves[round(at_s * 2) + 1] = RAIN
    assert habit(halves) == {RAIN}


def test_sounds_on_either_side_of_a_border_count_each() -> None:
    """Two shouts with a second of rain between them are two, so two such pairs come back four times."""
    pairs = [(14.0, 0.5), (15.5, 0.5), (64.0, 0.5), (65.5, 0.5)]
    assert habit(levels(pairs)) == {AGAIN}


def test_sounds_of_different_kinds_are_no_habit_together() -> None:
    """Seven sounds in most stretches, each in an octave of its own, are none; of one spectrum, or in all, they are."""
    times_s = [8.0, 13.0, 28.0, 33.0, 48.0, 53.0, 68.0]
    one, mixed = levels([(at_s, 6.0) for at_s in times_s]), levels([])
    for number, at_s in enumerate(times_s):
        there = slice(round(at_s * 2), round(at_s * 2) + 12)
        mixed[there, :3] = mixed[there, 3 + number] = SHOUT
    assert habit(one) == {SHOUT}
    assert habit(mixed) == {RAIN + 5.0}
    words = mixed.copy()
    words[::4, :3] = SHOUT
    assert habit(words) == {SHOUT}


def test_different_sounds_that_come_back_are_no_habit_together() -> None:
    """Four sounds in a minute raise the habit by 9 dB where they are of one kind, by 5 where each is of its own."""
    halves = levels([])
    for number, at_s in enumerate((11.0, 26.0, 46.0, 66.0)):
        there = slice(round(at_s * 2), round(at_s * 2) + 2)
        halves[there, :3] = halves[there, 3 + number] = SHOUT
    assert habit(halves) == {RAIN + 5.0}


def test_a_voice_that_goes_from_ear_to_ear_is_one_sound() -> None:
    """Each ear has it for 20 s in turns, so in half of the stretches: neither ear is ever surprised by it."""
    halves = levels([(0.0, 120.0)], 120.0)
    for second in range(0, 120, 20):
        halves[second * 2 : second * 2 + 40, 1 + second // 20 % 2] = RAIN - 20.0
    assert (habit_of_stretches(halves)[:, :3] == SHOUT).all()
    nothing = np.zeros((0, len(STREAMS)))
    assert habit_so_far(nothing, halves[:40])[1:3].tolist() == [RAIN - 20.0, SHOUT]
    assert [habit_so_far(nothing, halves[: end_s * 2])[1:3].tolist() for end_s in (25, 90)] == [[SHOUT] * 2] * 2
    excerpts = halves[[0, 50]]
    assert habit_so_far(excerpts, halves[:40])[1:3].tolist() == [SHOUT] * 2


@pytest.mark.parametrize("ear", [1, 2])
def test_an_ear_without_the_voice_has_a_habit_of_its_own(ear: int) -> None:
    """While the voice stays in the other ear, four shouts in this one raise its habit by no more than in any stream."""
    nothing = np.zeros((0, len(STREAMS)))
    for times_s, expected in (((30.0, 60.0), RAIN - 20.0), ((12.0, 30.0, 50.0, 70.0), RAIN - 11.0)):
        halves = levels([])
        halves[:, ear] = RAIN - 20.0
        for at_s in times_s:
            halves[round(at_s * 2), [0, ear]] = RAIN + 4.0
        assert float(habit_of_stretches(halves)[:, ear].max()) == expected
        assert float(habit_so_far(nothing, halves)[ear]) == expected


def test_a_sound_across_a_border_counts_once_among_those_of_its_kind() -> None:
    """Two of one kind, each in two stretches, and two others are no habit together."""
    halves = levels([])
    for octave, at_s, lasts_s in ((0, 13.0, 4.0), (1, 28.0, 1.0), (2, 46.0, 1.0), (0, 63.0, 4.0)):
        there = slice(round(at_s * 2), round((at_s + lasts_s) * 2))
        halves[there, :3] = halves[there, 3 + octave] = SHOUT
    assert habit(halves) == {RAIN + 5.0}


def test_what_is_louder_than_the_habit_of_the_whole_does_not_count_for_an_octave() -> None:
    """Seven sounds in most stretches, each of its own kind and all with 8 kHz; without the whole 8 kHz is habitual."""
    halves = levels([])
    for number, at_s in enumerate((8.0, 13.0, 28.0, 33.0, 48.0, 53.0, 68.0)):
        there = slice(round(at_s * 2), round(at_s * 2) + 12)
        halves[there, :3] = halves[there, 3 + number % 6] = SHOUT
        halves[there, -1] = SHOUT - 1.0
    assert octave_habit(halves) == RAIN
    halves[:, :3] = RAIN
    assert octave_habit(halves) == SHOUT - 1.0


def test_live_the_calls_of_one_kind_count_for_an_octave() -> None:
    """Four calls in a minute, 15 dB over rain: only a plan of the file leaves them out of the habit of an octave."""
    halves = levels([(at_s, 1.0) for at_s in (11.0, 26.0, 46.0, 66.0)])
    assert octave_habit(halves) == RAIN
    assert float(habit_so_far(np.zeros((0, len(STREAMS))), halves)[-1]) == SHOUT


def test_an_octave_has_a_habit_where_every_stretch_is_too_loud_to_count() -> None:
    """One stretch in four is rain, the others are of different kinds: the habit stays a number, and is the rain's."""
    halves = levels([])
    for number in range(16):
        if number % 4:
            there = slice(number * 10, number * 10 + 10)
            halves[there, :3] = halves[there, 3 + number % 7] = SHOUT
    assert octave_habit(halves) == RAIN


def octave_habit(halves: BandPowers) -> float:
    """The habit of the highest octave, planned ahead."""
    return float(habit_of_stretches(halves)[:, -1].max())


def test_what_lasts_longer_than_8_s_counts_in_each_stretch() -> None:
    """Two rings of 9 s, 45 s apart, are reached in four stretches."""
    assert habit(levels([(11.0, 9.0), (61.0, 9.0)])) == {AGAIN}


def test_excerpts_count_for_what_most_stretches_reach_and_not_for_what_comes_back() -> None:
    """Four excerpts with a shout and five stretches of rain: four of nine is not most; four of six is."""
    excerpts = np.full((4, len(STREAMS)), SHOUT)
    assert habit_so_far(excerpts, levels([], 25.0))[0] == RAIN
    assert habit_so_far(excerpts, levels([], 10.0))[0] == SHOUT
    assert habit_so_far(excerpts[:0], levels([], 15.0))[0] == RAIN
    assert habit_so_far(excerpts, levels([], 0.0))[0] == SHOUT


def test_the_loud_half_of_the_first_minute_is_not_habitual() -> None:
    """Eight of 13 stretches are loud, over 55 %, but five are below. What is new is at most 9 dB louder for 50 s."""
    nothing = np.zeros((0, len(STREAMS)))
    assert habit_so_far(nothing, levels([(25.0, 40.0)], 65.0))[0] == RAIN
    assert habit_so_far(nothing, levels([(20.0, 45.0)], 65.0))[0] == AGAIN
    assert habit_so_far(nothing, levels([(25.0, 45.0)], 70.0))[0] == AGAIN
    assert habit_so_far(nothing, levels([(25.0, 55.0)], 80.0))[0] == SHOUT


@pytest.mark.parametrize("lasts_s", [20.0, 30.0, 40.0])
@pytest.mark.parametrize("at_s", [10.0, 25.0])
@pytest.mark.parametrize("level", [RAIN + 25.0, RAIN + 38.0])
def test_what_fills_most_of_a_short_file_is_new_when_it_begins(at_s: float, lasts_s: float, level: float) -> None:
    """An alarm of most of a file, also more than 30 dB over the rain, is limited to 9 dB more, whatever follows."""
    halves = levels([(at_s, lasts_s)], at_s + lasts_s + 5.0, level)
    heard = slice(round(at_s / 5.0), round((at_s + lasts_s) / 5.0))
    assert habit_of_stretches(halves)[heard, 0].max() <= AGAIN


def test_a_louder_part_that_stays_is_let_in() -> None:
    """It is planned from 9 dB over the rain by 3 dB/s, once most of 40 s had it; live it is new for 50 s."""
    found = habit_of_stretches(levels([(30.0, 90.0)], 120.0))[:, 0]
    assert (found[6:9] == AGAIN).all()
    assert (found[11:] == SHOUT).all()
    assert live(80.0) == AGAIN
    assert live(85.0) == SHOUT


def live(at_s: float) -> float:
    """The habit that is known after so much of 30 s of rain and what stays."""
    return float(habit_so_far(np.zeros((0, len(STREAMS))), levels([(30.0, at_s - 30.0)], at_s))[0])


def test_what_was_heard_before_a_pause_is_not_new() -> None:
    """Strokes for 15 s, a pause of 10 s, and strokes again: the habit is theirs at once."""
    found = habit_of_stretches(levels([(0.0, 15.0), (25.0, 60.0)], 85.0))[:, 0]
    assert (found[5:] == SHOUT).all()
