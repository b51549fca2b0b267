"""Surprises: the quick search finds what the judge finds, and what is calm without them."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.loudness import Powers, measure_loudness
from player.analysis.startle_search import LEAD_HOPS, PRIME_HOPS, _Search, fast_powers, find_surprises, habitual
from player.audio.dsp.hearing import HOP_S, Hearing, to_lufs, to_power
from player.audio.dsp.startle import Judge, Onset
from tests import effort
from tests.analysis.test_loudness import levels


def wandering(seed: int, duration_s: float) -> Powers:
    """Powers as a night might have them: a level that drifts, noise on it, and now and then something sudden."""
    rng = np.random.default_rng(seed)
    hops = round(duration_s / HOP_S)
    drift = np.cumsum(rng.normal(0, 0.02, hops))
    level = -40 + drift - np.linspace(drift[0], drift[-1], hops) + rng.normal(0, 1.5, hops)
    for at in rng.integers(0, hops, 12):
        level[at : at + int(rng.integers(4, 900))] += rng.uniform(5, 35)
    quiet = int(rng.integers(0, hops - 9000))
    level[quiet : quiet + 8000] -= 50
    return np.asarray(10 ** ((level + 0.691) / 10), np.float32)


def by_the_judge_alone(powers: Powers, before: float, floor_lufs: float) -> list[Onset]:
    """The judge hears every hop."""
    judge = Judge(floor_lufs)
    heard = [before] * PRIME_HOPS + powers.tolist()
    found = [onset for power in heard for onset in judge.push(power)] + judge.finish()
    return [onset for onset in found if onset.is_startle and onset.end_s > PRIME_HOPS * HOP_S]


@pytest.mark.slow
@pytest.mark.parametrize("seed", effort.first(1, range(6)))
def test_the_search_misses_nothing_that_the_judge_hears(seed: int) -> None:
    """On wandering levels with sudden events: the same events at the same times."""
    powers = wandering(seed, 400.0)
    before = float(np.float32(to_power(-40.0)))
    expected = by_the_judge_alone(powers, before, -52.0)
    found = _Search(powers, before, -52.0).events()
    assert expected, "there is something to find"
    times = [round(onset.at_s - PRIME_HOPS * HOP_S, 3) for onset in expected]
    assert [round(onset.at_s, 3) for onset in found] == times
    for one, other in zip(found, expected, strict=True):
        assert one.level_lufs == pytest.approx(other.level_lufs, abs=0.01)
        assert one.over_background_db == pytest.approx(other.over_background_db, abs=0.1)


def test_the_fast_level_is_that_of_the_hearing() -> None:
    """Hop by hop, from any start."""
    powers = wandering(1, 60.0)
    hearing = Hearing()
    expected = []
    for power in powers.tolist():
        hearing.push(power)
        expected.append(hearing.fast)
    assert fast_powers(powers, 0.0) == pytest.approx(expected, rel=1e-6)


def test_calm_has_no_surprises() -> None:
    """Nor has its begin: a track is heard after a fade-in."""
    powers = levels((-30, 90))
    found = find_surprises(powers, measure_loudness(powers))
    assert found.surprises == ()
    assert to_lufs(found.max_short) == pytest.approx(-30, abs=0.01)
    assert to_lufs(found.habitual) == pytest.approx(-30, abs=0.11)


def test_a_slam_is_one_surprise_at_its_place() -> None:
    """200 ms at -5 in a whisper at -45, after a minute: one, 40 dB high, and calm is the whisper."""
    powers = levels((-45, 60), (-5, 0.2), (-45, 60))
    loudness = measure_loudness(powers)
    found = find_surprises(powers, loudness)
    (surprise,) = found.surprises
    assert surprise.at_s == pytest.approx(60, abs=0.1)
    assert surprise.ld_db == pytest.approx(39, abs=2.0)
    assert surprise.ki_db > 5
    assert to_lufs(found.max_short) == pytest.approx(-45, abs=0.1)
    assert to_lufs(found.habitual) == pytest.approx(-45, abs=0.2)
    assert to_lufs(loudness.max_short) > -20


def test_an_advert_is_left_out_of_the_calm() -> None:
    """Twenty seconds 20 LU up in ten minutes: its begin is the surprise, all of it is not calm."""
    powers = levels((-40, 300), (-20, 20), (-40, 280))
    found = find_surprises(powers, measure_loudness(powers))
    assert len(found.surprises) == 1
    assert to_lufs(found.max_short) == pytest.approx(-40, abs=0.1)


def test_the_loud_half_of_a_track_is_not_left_out() -> None:
    """What is a quarter of the track or more belongs to its calm part, whatever it began with."""
    powers = levels((-45, 120), (-20, 120))
    found = find_surprises(powers, measure_loudness(powers))
    assert to_lufs(found.max_short) == pytest.approx(-20, abs=0.1)


def test_a_slow_swell_is_no_surprise() -> None:
    """25 dB within 20 s climbs slower than any onset; its loudest part is calm too, and C3 is planned with it."""
    swell = np.repeat(np.linspace(-45, -20, 200), 20)
    powers = np.concatenate((levels((-45, 60)), 10 ** ((swell + 0.691) / 10), levels((-20, 5), (-45, 300))))
    found = find_surprises(np.asarray(powers, np.float32), measure_loudness(np.asarray(powers, np.float32)))
    assert found.surprises == ()
    assert to_lufs(found.max_short) == pytest.approx(-20, abs=0.3)


def test_taps_are_no_surprise() -> None:
    """Knocks of 40 ms, 25 dB over the pauses, three a second: the ear is used to them."""
    powers = levels(*[(-55, 0.29), (-30, 0.04)] * 240)
    assert find_surprises(powers, measure_loudness(powers)).surprises == ()


def test_a_loud_part_after_a_long_silence_is_a_surprise() -> None:
    """After 40 s of digital silence nothing is familiar."""
    powers = levels((-30, 60), (-120, 40), (-30, 60))
    (surprise,) = find_surprises(powers, measure_loudness(powers)).surprises
    assert surprise.at_s == pytest.approx(100, abs=0.1)


def test_surprises_far_apart_are_judged_alone() -> None:
    """Minutes apart, over the seam of two pieces: each at its place."""
    apart_s = LEAD_HOPS * HOP_S + 20
    powers = levels(*[(-45, apart_s), (-10, 0.3)] * 12, (-45, 10))
    found = find_surprises(powers, measure_loudness(powers)).surprises
    assert [s.at_s for s in found] == pytest.approx([(k + 1) * apart_s + k * 0.3 for k in range(12)], abs=0.1)


def test_the_habitual_level_is_what_a_twentieth_exceeds() -> None:
    """Steps to -20 for a tenth of the time: it is -20; for a fiftieth: it is not. Silence does not count."""
    nothing = np.zeros(10_000, np.bool_)
    assert to_lufs(habitual(levels((-40, 90), (-20, 10), (-100, 500)), nothing)) == pytest.approx(-20, abs=0.2)
    assert to_lufs(habitual(levels((-40, 98), (-20, 2)), nothing)) == pytest.approx(-40, abs=0.2)
    assert habitual(levels((-100, 30)), nothing) == 0.0


def test_silence_holds_no_surprise() -> None:
    """And nothing is habitual in it."""
    powers = levels((-110, 30))
    found = find_surprises(powers, measure_loudness(powers))
    assert (found.surprises, found.habitual) == ((), 0.0)
