"""Onsets and startle events: the formulas, and the judge on levels whose onsets are known because they were put there.

Levels are given hop by hop (5 ms), either as powers that the ear gets, or as a course that the fast level is to take,
from which the powers follow exactly (it can fall no faster than 34.7 dB/s).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import pytest

from player.analysis.ebur128 import HopMeter
from player.audio.dsp.hearing import FAST_KEEP, FAST_TAKE, HOP_FRAMES, HOP_S, Hearing, to_lufs, to_power
from player.audio.dsp.startle import Judge, Onset, impulse_adjustment, prominence
from tests.signals import RATE_HZ, Sound, pink, scaled, taps

FLOOR = -80.0
QUIET = -50.0
FADE_FLOOR = -45.0
LONG_S = 40.0
"""Long enough that nothing from before is familiar."""


def steady(level: float, duration_s: float) -> list[float]:
    """A level for each hop."""
    return [level] * round(duration_s / HOP_S)


def line(first: float, rate_db_per_s: float, height_db: float) -> list[float]:
    """From the level up by so much, at a rate, ``first`` itself left out."""
    hops = round(height_db / rate_db_per_s / HOP_S)
    return [first + height_db * (hop + 1) / hops for hop in range(hops)]


def judged(powers: Iterable[float], floor: float = FLOOR) -> list[Onset]:
    """All that the judge finds."""
    judge = Judge(floor)
    found = [onset for power in powers for onset in judge.push(power)]
    return found + judge.finish()


def heard(levels: Iterable[float], floor: float = FLOOR) -> list[Onset]:
    """What is found in sound of these levels, the beginning of it all left out."""
    return [onset for onset in judged(map(to_power, levels), floor) if onset.at_s > 1.0]


def followed(levels: Sequence[float], floor: float = FLOOR) -> list[Onset]:
    """What is found where the fast level takes this course, the beginning of it all left out."""
    wanted = [to_power(level) for level in levels]
    powers = [wanted[0] / FAST_TAKE]
    powers += [(now - FAST_KEEP * before) / FAST_TAKE for before, now in pairwise(wanted)]
    assert min(powers) >= 0.0, "the fast level cannot fall so fast"
    return [onset for onset in judged(powers, floor) if onset.at_s > 1.0]


def fast(onsets: Iterable[Onset]) -> list[Onset]:
    """Those of the fast level."""
    return [onset for onset in onsets if not onset.is_burst]


def powers_of(sound: Sound) -> list[float]:
    """K-weighted power of each hop."""
    return HopMeter(HOP_FRAMES).powers(sound)


class TestFormulas:
    def test_the_example_of_the_standard(self) -> None:
        """NT ACOU 112: 1000 dB/s and 30 dB are a prominence of 11.954."""
        assert prominence(30.0, 1000.0) == pytest.approx(11.954, abs=0.001)

    def test_a_prominence_of_ten_costs_nine_decibels(self) -> None:
        """P 10 is KI 9.0: here 10 dB at 10^(8/3) dB/s."""
        assert prominence(10.0, 10 ** (8 / 3)) == pytest.approx(10.0)
        assert impulse_adjustment(10.0, 10 ** (8 / 3)) == pytest.approx(9.0)

    @pytest.mark.parametrize(("ld_db", "or_db_per_s"), [(100.0, 10.0), (1.0, 46.0), (0.0, 100.0), (-3.0, -50.0)])
    def test_what_is_slow_or_small_costs_nothing(self, ld_db: float, or_db_per_s: float) -> None:
        """No KI up to 10 dB/s whatever the height, nor up to P 5, nor where nothing rises."""
        assert impulse_adjustment(ld_db, or_db_per_s) == 0.0

    def test_three_decibels_at_once_cost_nothing(self) -> None:
        """An instant step of 3 dB scores KI 0, and so does one of 4; from 4.5 dB on it scores."""
        three = max(onset.ki_db for onset in heard(steady(QUIET, 10.0) + steady(QUIET + 3.0, 2.0)))
        more = max(onset.ki_db for onset in heard(steady(QUIET, 10.0) + steady(QUIET + 4.5, 2.0)))
        assert three == 0.0
        assert more > 0.0


class TestOnsets:
    @pytest.mark.parametrize("step_db", [3.0, 6.0, 10.0, 20.0, 40.0])
    def test_a_step_has_its_height(self, step_db: float) -> None:
        """An exponential mean approaches a step of X dB until, 1.25 dB below, it gains less than 10 dB/s."""
        onsets = fast(heard(steady(QUIET, 10.0) + steady(QUIET + step_db, 2.0)))
        assert len(onsets) == 1
        expected = step_db - 10 * math.log10(10 / (10 / math.log(10) / 0.125) + 1.0)
        assert onsets[0].ld_db == pytest.approx(expected, abs=0.25)
        assert onsets[0].at_s == pytest.approx(10.0, abs=0.011)

    @pytest.mark.parametrize("step_db", [6.0, 10.0, 20.0])
    def test_a_step_in_noise_has_its_height_as_well(self, step_db: float) -> None:
        """Real noise through the real meter: the steepest onset is at the step, and as high, within 2 dB."""
        sound = pink(6.0, rms=0.003, name="instruments")
        sound[3 * RATE_HZ :] = scaled(sound[3 * RATE_HZ :], step_db)
        top = max(fast(judged(powers_of(sound)))[1:], key=lambda onset: onset.ki_db)
        assert top.at_s == pytest.approx(3.0, abs=0.06)
        assert top.ld_db == pytest.approx(step_db - 1.25, abs=2.0)

    @pytest.mark.parametrize("rate", [12.0, 15.0, 20.0, 60.0, 200.0, 1000.0])
    def test_a_straight_rise_has_its_slope(self, rate: float) -> None:
        """The fast level climbs 24 dB in a line at r dB/s: LD 24, OR r, and KI by the formula."""
        course = steady(QUIET, 10.0) + line(QUIET, rate, 24.0) + steady(QUIET + 24.0, 1.0)
        (onset,) = fast(followed(course))
        assert onset.ld_db == pytest.approx(24.0, abs=0.1)
        # at its steepest it climbs for two samples and a half: what is left of the corners shows
        assert onset.or_db_per_s == pytest.approx(rate, rel=0.01 if rate < 300 else 0.2)
        expected = 1.8 * (3 * math.log10(onset.or_db_per_s) + 2 * math.log10(24.0) - 5)
        assert onset.ki_db == pytest.approx(expected, abs=0.02)
        assert onset.end_s - onset.at_s == pytest.approx(24.0 / rate, abs=0.021)

    def test_the_slope_is_that_of_least_squares(self) -> None:
        """A climb of three slopes: OR is the line that numpy fits through the same samples, not height over length."""
        climb = line(QUIET, 20.0, 4.0)
        climb += line(climb[-1], 200.0, 10.0) + line(climb[-1] + 10.0, 40.0, 4.0)
        (onset,) = fast(followed(steady(QUIET, 10.0) + climb + steady(climb[-1], 1.0)))
        samples = np.array([QUIET, *climb])[::2]
        expected = np.polyfit(np.arange(len(samples)) * 2 * HOP_S, samples, 1)[0]
        assert onset.or_db_per_s == pytest.approx(expected, rel=1e-3)
        assert abs(expected - onset.ld_db / (onset.end_s - onset.at_s)) > 5.0

    @pytest.mark.parametrize("rate", [2.0, 6.0, 9.9])
    def test_a_slow_rise_is_none(self, rate: float) -> None:
        """Up to 10 dB/s nothing sets in, however far it goes."""
        assert followed(steady(-75.0, 5.0) + line(-75.0, rate, 60.0)) == []

    def test_two_rises_close_together_are_one(self) -> None:
        """40 ms of rest between two rises of 5 dB: one onset of 10 dB."""
        (onset,) = fast(followed(self.stairs(rest_s=0.04)))
        assert onset.ld_db == pytest.approx(10.0, abs=0.1)
        assert onset.end_s - onset.at_s == pytest.approx(0.14, abs=0.001)

    def test_two_rises_further_apart_are_two(self) -> None:
        """60 ms of rest: two onsets of 5 dB."""
        assert [onset.ld_db for onset in fast(followed(self.stairs(rest_s=0.06)))] == pytest.approx([5.0, 5.0], abs=0.1)

    def test_a_rise_that_only_makes_good_is_not_merged(self) -> None:
        """+6 dB, 1.2 lost in 40 ms, 1 dB up: the ends do not climb, so there are two onsets."""
        climb = line(QUIET, 100.0, 6.0)
        fall = [climb[-1] - 0.15 * hop for hop in range(1, 9)]
        again = line(fall[-1], 100.0, 1.0)
        onsets = fast(followed(steady(QUIET, 10.0) + climb + fall + again + steady(again[-1], 1.0)))
        assert [onset.ld_db for onset in onsets] == pytest.approx([6.0, 1.0], abs=0.1)

    def test_a_rise_from_where_the_last_began_is_not_merged(self) -> None:
        """+1 dB, 1.2 lost in 40 ms, +6 at once: the starts do not climb, so there are two onsets."""
        climb = line(QUIET, 100.0, 1.0)
        fall = [climb[-1] - 0.15 * hop for hop in range(1, 9)]
        again = line(fall[-1], 600.0, 6.0)
        onsets = fast(followed(steady(QUIET, 10.0) + climb + fall + again + steady(again[-1], 1.0)))
        assert [onset.ld_db for onset in onsets] == pytest.approx([1.0, 6.0], abs=0.1)

    def test_what_is_under_way_at_the_end_is_told(self) -> None:
        """The sound ends in the middle of a rise: `finish` hands it over."""
        (onset,) = fast(followed(steady(QUIET, 10.0) + line(QUIET, 50.0, 10.0)))
        assert onset.ld_db == pytest.approx(10.0, abs=0.1)

    @staticmethod
    def stairs(rest_s: float) -> list[float]:
        low, high = line(QUIET, 100.0, 5.0), line(QUIET + 5.0, 100.0, 5.0)
        return steady(QUIET, 10.0) + low + steady(low[-1], rest_s) + high + steady(high[-1], 1.0)


def climbing(rate: float, height_db: float, *, before: Sequence[float] = (), low: float = QUIET) -> list[float]:
    """The fast level is long at ``low`` (after what is given before) and climbs."""
    return [*before, *steady(low, LONG_S), *line(low, rate, height_db), *steady(low + height_db, 0.5)]


class TestStartle:
    def test_all_three_together_startle(self) -> None:
        """12 dB over the background and all that is familiar, at 40 dB/s."""
        (onset,) = followed(climbing(40.0, 12.0))
        assert onset.is_startle
        assert onset.is_new
        assert onset.over_background_db == pytest.approx(12.0, abs=0.1)
        assert onset.over_familiar_db == pytest.approx(12.0, abs=0.1)

    def test_a_rise_of_15_db_per_s_does_not(self) -> None:
        """Just below the slope from which an onset is penalised, and just above."""
        assert not any(onset.is_startle for onset in followed(climbing(14.8, 14.0)))
        assert any(onset.is_startle for onset in followed(climbing(15.2, 14.0)))

    @pytest.mark.parametrize(("height_db", "startles"), [(9.8, False), (10.2, True)])
    def test_ten_over_the_background_do_not(self, height_db: float, startles: bool) -> None:
        """Steep and new, and up to 10 dB over what lies under it."""
        (onset,) = fast(followed(climbing(100.0, height_db)))
        assert onset.is_startle == startles

    @pytest.mark.parametrize(("height_db", "startles"), [(12.8, False), (13.2, True)])
    def test_what_is_familiar_does_not(self, height_db: float, startles: bool) -> None:
        """The same steep rise, up to 3 dB over a sound of 20 s ago that stood 10 dB over the rest."""
        course = steady(QUIET, 20.0) + line(QUIET, 8.0, 10.0)
        course += [course[-1] - 0.1 * hop for hop in range(1, 101)] + steady(QUIET, 20.0)
        course += line(QUIET, 100.0, height_db) + steady(QUIET + height_db, 0.5)
        (onset,) = fast(followed(course))
        assert onset.over_background_db > 10.0
        assert onset.is_startle == startles

    def test_what_was_heard_30_s_ago_is_not_familiar(self) -> None:
        """The sound of 20 s ago is familiar, that of 31 s ago is forgotten."""
        peak = line(QUIET, 8.0, 10.0)
        peak += [peak[-1] - 0.1 * hop for hop in range(1, 101)]
        for ago_s, startles in ((29.0, False), (31.5, True)):
            course = [*steady(QUIET, 5.0), *peak, *steady(QUIET, ago_s - 0.5), *line(QUIET, 100.0, 12.0)]
            (onset,) = fast(followed([*course, *steady(QUIET + 12.0, 0.5)]))
            assert onset.is_startle == startles

    def test_the_last_half_second_is_not_familiar_yet(self) -> None:
        """A sound cannot excuse itself: three steps of 6 dB within a second, and what they reach is new."""
        course = steady(QUIET, LONG_S)
        for _ in range(3):
            course += line(course[-1], 100.0, 6.0) + steady(course[-1] + 6.0, 0.2)
        assert any(onset.is_startle for onset in fast(followed(course)))

    def test_a_wobble_of_three_decibels_does_not(self) -> None:
        """2.9 dB of a familiarly slow climb: steep, high over the background, new, and too small."""
        course = climbing(9.0, 18.0)
        course += line(course[-1], 60.0, 2.9) + steady(course[-1] + 2.9, 0.5)
        (onset,) = fast(followed(course))
        assert onset.over_background_db > 10.0
        assert not onset.is_startle

    @pytest.mark.parametrize(("height_db", "startles"), [(38.0, False), (42.0, True)])
    def test_below_the_floor_nothing_startles(self, height_db: float, startles: bool) -> None:
        """From -95 LUFS in a room that hides what is below -65: 8 dB over the room is no event, 12 dB is."""
        onsets = followed(climbing(100.0, height_db, low=-95.0), floor=-65.0)
        assert any(onset.is_startle for onset in onsets) == startles

    def test_the_floor_moves_with_the_volume(self) -> None:
        """The same 12 dB are an event for the loud room once the floor went down."""
        for floor, startles in ((-60.0, False), (-80.0, True)):
            judge, found = Judge(-80.0), []
            judge.move_floor(floor)
            for level in [*steady(-75.0, 20.0), *steady(-55.0, 0.3)]:
                found += judge.push(to_power(level))
            assert any(onset.is_startle and onset.at_s > 1.0 for onset in found + judge.finish()) == startles


class TestBackground:
    def test_a_scream_does_not_lift_it(self) -> None:
        """A second of sound 30 dB up counts as 10 dB over what was, so the background gains 4 dB and not 20."""
        hearing = Hearing()
        for level in [*steady(QUIET, LONG_S), *steady(QUIET + 30.0, 1.0)]:
            hearing.push(to_power(level))
        assert to_lufs(hearing.background) - QUIET == pytest.approx(10 * math.log10(math.exp(0.9)), abs=0.3)

    def test_it_takes_ten_seconds(self) -> None:
        """What is as loud for ten seconds is the background, whatever came before."""
        hearing = Hearing()
        for level in [*steady(QUIET + 20.0, 20.0), *steady(QUIET, 11.0)]:
            hearing.push(to_power(level))
        assert to_lufs(hearing.background) == pytest.approx(QUIET, abs=0.3)


class TestBursts:
    def test_the_box_finds_what_the_fast_level_misses(self) -> None:
        """A pop of 20 ms, 20 dB up, where the fast level is used to as much from 10 s ago and the box is not."""
        swell = line(QUIET, 9.0, 10.0) + steady(QUIET + 10.0, 0.5) + [QUIET + 10 - 0.1 * hop for hop in range(100)]
        course = steady(QUIET, 10.0) + swell + steady(QUIET, 10.0)
        onsets = heard(course + steady(QUIET + 20.0, 0.02) + steady(QUIET, 1.0))
        assert not any(onset.is_startle for onset in fast(onsets))
        (burst,) = [onset for onset in onsets if onset.is_burst]
        assert burst.is_startle
        assert burst.ld_db == pytest.approx(10 * math.log10(1 + 0.4 * 99), abs=0.05)
        assert burst.at_s == pytest.approx(len(course) * HOP_S, abs=0.021)

    @pytest.mark.parametrize(("pop_db", "found"), [(18.5, False), (19.2, True)])
    def test_a_burst_is_more_than_15_db_over_what_is_usual(self, pop_db: float, found: bool) -> None:
        """20 ms of the box's 50: 18.5 dB are 14.5 in the box, 19.2 are 15.2."""
        onsets = heard(steady(QUIET, 10.0) + steady(QUIET + pop_db, 0.02) + steady(QUIET, 1.0))
        assert any(onset.is_burst for onset in onsets) == found

    def test_one_pop_is_one_burst(self) -> None:
        """The ten hops in which the box holds it are one event."""
        onsets = heard(steady(QUIET, 10.0) + steady(QUIET + 30.0, 0.005) + steady(QUIET, 1.0))
        assert len([onset for onset in onsets if onset.is_burst]) == 1

    def test_regular_taps_are_no_bursts_and_a_missing_one_makes_none(self) -> None:
        """The ear is used to the peaks of taps, so neither the next tap nor the one after a pause stands out."""
        tap = steady(QUIET + 25.0, 0.02) + steady(QUIET, 0.313)
        course = [*steady(QUIET, 5.0), *tap * 20, *steady(QUIET, 1.0), *tap * 5]
        late = [onset for onset in heard(course) if onset.at_s > 8.0]
        assert not any(onset.is_startle for onset in late)

    def test_two_taps_do_not_make_a_third_usual(self) -> None:
        """What was there for less than a tenth of five seconds is nothing that one is used to."""
        tap = steady(QUIET + 25.0, 0.02) + steady(QUIET, 1.2)
        onsets = heard([*steady(QUIET, 10.0), *tap * 3])
        assert len([onset for onset in onsets if onset.is_burst]) == 3

    @pytest.mark.parametrize(("rate", "found"), [(12.0, False), (50.0, True)])
    def test_a_rise_that_takes_long_is_none(self, rate: float, found: bool) -> None:
        """25 dB at 12 dB/s have become usual on the way, at 50 dB/s they have not."""
        onsets = heard(steady(QUIET, 10.0) + line(QUIET, rate, 25.0))
        assert any(onset.is_burst for onset in onsets) == found

    def test_below_the_floor_there_is_none(self) -> None:
        """30 dB up from -95 LUFS in a room that hides what is below -75."""
        course = [*steady(-95.0, 10.0), *steady(-61.5, 0.05), *steady(-95.0, 1.0)]
        assert not any(onset.is_burst for onset in heard(course, floor=-75.0))
        assert any(onset.is_burst for onset in heard(course, floor=-80.0))


class TestFades:
    @pytest.mark.parametrize("rate", [2.0, 6.0])
    def test_a_fade_in_of_noise_startles_nobody(self, rate: float) -> None:
        """C2: pink noise that rises in a line from -60 dB is no startle event and scores KI 0.

        Only the first sound after digital silence is an onset, far below what the room hides.
        """
        onsets = judged(powers_of(faded(pink(60.0 / rate + 5.0, rms=0.05, name="fade"), rate)), floor=FADE_FLOOR)
        assert [onset for onset in onsets if onset.is_startle] == []
        assert [onset for onset in onsets if onset.ki_db > 0.0 and onset.level_lufs > FADE_FLOOR] == []
        assert max((onset.ki_db for onset in onsets if onset.at_s > 0.0), default=0.0) == 0.0

    def test_a_slow_fade_in_of_taps_startles_nobody(self) -> None:
        """Taps score KI as they always do, but at 2 dB/s none of them is a startle event.

        At 6 dB/s each tap stands 2 dB over the last, and some are bursts over the 10th percentile of five seconds.
        """
        onsets = judged(powers_of(faded(taps(35.0), 2.0)), floor=FADE_FLOOR)
        assert [onset for onset in onsets if onset.is_startle] == []
        assert max(onset.ki_db for onset in onsets) > 5.0


def faded(sound: Sound, rate_db_per_s: float) -> Sound:
    """The sound rising from 60 dB below, to itself."""
    gain_db = np.minimum(0.0, -60.0 + rate_db_per_s * np.arange(len(sound)) / RATE_HZ)
    return (sound * (10 ** (gain_db / 20))[:, None]).astype(np.float32)


def times_of_bursts(ticks_lufs: dict[float, float], duration_s: float = 40.0) -> list[float]:
    """Times of the startle events in a bed at -50 LUFS with ticks of 20 ms; the room hides what is below -50."""
    course = np.full(round(duration_s / HOP_S), to_power(-50.0))
    for at_s, lufs in ticks_lufs.items():
        first = round(at_s / HOP_S)
        course[first : first + 4] = to_power(lufs)
    judge = Judge(-50.0)
    onsets = [onset for power in course.tolist() for onset in judge.push(power)] + judge.finish()
    return [onset.at_s for onset in onsets if onset.is_startle]


class TestFamiliarBursts:
    def test_of_ticks_every_two_seconds_only_the_first_is_new(self) -> None:
        """It stands 18 dB over the bed; the others stand where it stood."""
        times = times_of_bursts(dict.fromkeys(np.arange(12.0, 38.0, 2.0).tolist(), -28.0))
        assert times
        assert all(11.9 < at_s < 12.2 for at_s in times)

    def test_a_tick_that_is_6_db_louder_is_new_again(self) -> None:
        """Familiar is what was heard, and 3 dB."""
        ticks = {float(at_s): -28.0 for at_s in np.arange(12.0, 38.0, 2.0)}
        assert any(29.9 < at_s < 30.2 for at_s in times_of_bursts({**ticks, 30.0: -22.0}))
        assert not any(29.9 < at_s < 30.2 for at_s in times_of_bursts({**ticks, 30.0: -26.0}))


def test_hops_may_be_pushed_together() -> None:
    """In parts of a chunk of any size: the same onsets, and the judge stands at the same place."""
    random = np.random.default_rng(7)
    for level_db in (1.0, 6.0, 12.0):
        steps = 10.0 ** (random.normal(0.0, level_db, 60) / 10.0)
        powers = (1e-5 * steps.repeat(100)[:6_000] * random.uniform(0.3, 3.0, 6_000)).tolist()
        single, together = Judge(-60.0), Judge(-60.0)
        at = 0
        while at < len(powers):
            part = powers[at : at + min(int(random.integers(1, 11)), together.hearing.hops_left)]
            at += len(part)
            wanted, was_startling = [], False
            for power in part:
                wanted += single.push(power)
                was_startling = was_startling or single.is_startling
            found, is_told = together.push_many(part)
            assert sorted(map(repr, found)) == sorted(map(repr, wanted))
            assert is_told == was_startling
        assert vars(together.hearing).keys() == vars(single.hearing).keys()
        assert (together.hearing.fast, together.hearing.box) == (single.hearing.fast, single.hearing.box)
        assert list(together._boxes) == list(single._boxes)
        assert together.finish() == single.finish()
