"""The guard: nothing new stands out, whatever comes in, and calm sound passes as it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest

from player.analysis.ebur128 import HopMeter
from player.audio.dsp.guard import Guard
from player.audio.dsp.hearing import HOP_FRAMES
from tests import effort
from tests.audio.dsp.listener import (
    TARGET,
    at_full,
    at_lufs,
    emergence_db,
    faded_in,
    guarded,
    highest_ki,
    loudness,
    onsets,
    played,
    rain,
    reduction_db,
    startles,
    whispers,
)
from tests.engine_rig import POWER_METER
from tests.signals import Sound, dc, frames_of, pink, rng_for, scaled, silence, taps, tone, with_part

pytestmark = pytest.mark.slow


def noise(duration_s: float, name: str = "noise") -> Sound:
    """White noise at full scale."""
    return rng_for(name).uniform(-1, 1, (frames_of(duration_s), 2)).astype(np.float32)


def bell(duration_s: float = 2.0) -> Sound:
    """A struck bell at full scale."""
    t = np.arange(frames_of(duration_s)) / 48_000
    return np.stack([np.exp(-2 * t) * np.sin(2 * np.pi * 880 * t)] * 2, axis=1).astype(np.float32)


PARTS: dict[str, Callable[[], Sound]] = {
    "slam of 200 ms": lambda: noise(0.2),
    "airhorn": lambda: tone(3.0, 700.0, 0.9),
    "one full-scale sample": lambda: np.ones((1, 2), np.float32),
    "pop of 2 ms": lambda: noise(0.002),
    "constant that comes at once": lambda: dc(4.0, 0.5),
    "advert 20 LU up": lambda: at_lufs(pink(8.0, name="advert"), TARGET + 20.0),
    "clipped section": lambda: np.clip(scaled(pink(2.0, rms=0.25, name="clipped"), 12.0), -1, 1),
    "bell": bell,
    "one side alone": lambda: noise(1.0) * np.array([1.0, 0.0], np.float32),
    "step of 10 dB": lambda: at_lufs(pink(6.0, name="ten"), TARGET + 10.0),
    "step of 40 dB": lambda: noise(6.0, "forty"),
}


@cache
def peak_of_whispers(fade_in_s: float) -> float:
    """The largest sample of the whispers alone, through the chain."""
    return float(np.abs(played(whispers(50.0), fade_in_s)).max())


@pytest.mark.parametrize("at_s", effort.first(1, [40.0, 1.0]))
@pytest.mark.parametrize("name", effort.first(1, PARTS))
def test_no_hazard_in_whispers_startles(name: str, at_s: float) -> None:
    """No startle event, no new onset, no peak far over the whispers; before the guard there were some."""
    sound = with_part(whispers(50.0), at_s, PARTS[name]())
    heard = played(sound, 10.0 if at_s < 10 else 30.0)
    assert not startles(heard)
    assert not [onset for onset in onsets(heard) if onset.is_new]
    assert emergence_db(heard, TARGET - 12.0) <= 0.0
    assert np.abs(heard).max() <= 4.0 * peak_of_whispers(10.0 if at_s < 10 else 30.0)


@pytest.mark.parametrize("name", ["slam of 200 ms", "airhorn", "advert 20 LU up", "step of 40 dB", "bell"])
def test_the_hazards_are_hazards(name: str) -> None:
    """Without the guard they startle, so that the test above can fail."""
    assert startles(with_part(whispers(50.0), 40.0, PARTS[name]()))


@pytest.mark.parametrize("name", effort.first(1, ["slam of 200 ms", "bell", "airhorn"]))
def test_after_a_long_silence_nothing_is_familiar(name: str) -> None:
    """35 s of digital silence, then a hazard: it comes up as gently as from the start."""
    sound = np.concatenate((whispers(32.0), silence(35.0), PARTS[name](), whispers(5.0, "again")))
    assert not startles(played(sound))


def test_calm_sound_that_begins_at_once_after_silence_is_let_in_gently() -> None:
    """Whispers after a minute of silence: no startle, and within ten seconds they pass untouched."""
    sound = np.concatenate((silence(40.0), whispers(40.0)))
    heard, _ = guarded(sound)
    assert not startles(heard)
    late = reduction_db(sound[frames_of(50.0) :], heard[frames_of(50.0) :])
    assert np.mean(late > 0.5) < 0.01


CALM_PARTS: dict[str, Callable[[float], Sound]] = {
    "whispers": whispers,
    "rain": rain,
    "taps": lambda duration_s: at_lufs(taps(duration_s), TARGET),
    "sharp taps": lambda duration_s: at_lufs(taps(duration_s, 0.5), TARGET),
    "noise": lambda duration_s: at_lufs(pink(duration_s), TARGET),
    "tone": lambda duration_s: at_lufs(tone(duration_s), TARGET),
}


@pytest.mark.parametrize("name", effort.first(1, ("whispers", "sharp taps", "rain", "taps", "noise", "tone")))
def test_calm_sound_passes_untouched(name: str) -> None:
    """C9 from the first second of a night on: reduction at most 0.5 dB for 99 % of the time, I and LRA within 0.5."""
    sound = faded_in(CALM_PARTS[name](60.0))
    assert not startles(sound), "or it would not be calm"
    heard, guard = guarded(sound)
    assert np.mean(reduction_db(sound, heard) > 0.5) <= 0.01
    before, after = loudness(sound), loudness(heard)
    assert after.integrated_lufs == pytest.approx(before.integrated_lufs, abs=0.5)
    assert after.range_lu == pytest.approx(before.range_lu, abs=0.5)
    assert not guard.episodes.take()


def test_a_second_pass_changes_nothing_audible() -> None:
    """What has passed once passes again as it is."""
    once, _ = guarded(with_part(whispers(50.0), 40.0, noise(0.2)))
    twice, _ = guarded(once)
    assert np.mean(reduction_db(once, twice) > 0.5) <= 0.01


def test_a_swell_of_25_db_over_20_s_passes() -> None:
    """It is slow, so it is music; only the contract's ceiling over the target ends it."""
    swell = 10 ** (np.interp(np.arange(frames_of(60.0)) / 48_000, [0, 35, 55, 60], [-20, -20, 4, 4]) / 20)
    sound = (at_lufs(pink(60.0), TARGET) * swell[:, np.newaxis]).astype(np.float32)
    heard, _ = guarded(sound)
    assert reduction_db(sound, heard)[frames_of(35.0) // HOP_FRAMES :].max() < 1.0


@pytest.mark.thorough
def test_momentary_and_short_term_loudness_are_bounded_by_the_target() -> None:
    """C3 for a minute of full-scale noise and tones: M at most 8, S at most 5 LU over the target."""
    for sound in (noise(30.0), tone(30.0, peak=1.0), np.concatenate((whispers(35.0), noise(10.0), whispers(5.0)))):
        heard = loudness(guarded(sound)[0])
        assert heard.max_momentary_lufs <= TARGET + 8.0
        assert heard.max_short_lufs <= TARGET + 5.0


def test_a_loud_sound_is_held_at_the_limit_and_not_chopped() -> None:
    """Once it is familiar, full-scale noise comes out steady: the fast level stays within 3 dB."""
    heard, _ = guarded(noise(60.0))
    meter = HopMeter(HOP_FRAMES * 25)
    levels = 10 * np.log10(meter.powers(heard[frames_of(30.0) :]))
    assert np.ptp(levels) < 3.0


def random_sound(seed: int, duration_s: float = 30.0) -> Sound:
    """Noise and tones around the target whose level jumps, swells and falls silent at random, up to 6 dB over it."""
    rng = rng_for(f"random {seed}")
    carrier = pink(duration_s, name=f"carrier {seed}") if seed % 2 else tone(duration_s, 300.0)
    times = np.sort(rng.uniform(0, duration_s, 40))
    levels = np.where(rng.random(40) < 0.1, -120.0, rng.uniform(-60, 6, 40))
    at = np.arange(len(carrier)) / 48_000
    held = levels[np.clip(np.searchsorted(times, at), 0, 39)]
    level = np.interp(at, times, levels) if seed % 3 == 0 else held
    return (at_lufs(carrier, TARGET) * (10 ** (level / 20))[:, np.newaxis]).astype(np.float32)


@pytest.mark.parametrize("strict", [False, True], ids=["gentle", "strict"])
@pytest.mark.parametrize("louder_db", effort.first(1, [20.0, 0.0]))
@pytest.mark.parametrize("seed", effort.first(1, range(6)))
def test_whatever_comes_in_nothing_emerges_and_nothing_is_raised(seed: int, louder_db: float, *, strict: bool) -> None:
    """For random sound: no hop of the fast level over its excuses, no startle, no sample larger, KI no higher.

    What is 20 dB over the target must be held down to C3 too, and its rise ends more sharply than it came; no KI then.
    """
    sound = scaled(random_sound(seed), louder_db)
    heard, _ = guarded(sound, strict=strict)
    sound = sound[: len(heard)]
    assert (np.abs(heard) <= np.abs(sound)).all()
    assert emergence_db(heard, TARGET - 12.0) <= 0.0
    assert not startles(heard)
    assert louder_db or highest_ki(heard) <= highest_ki(sound)


def test_silence_stays_silence() -> None:
    """Zeros in, zeros out."""
    assert not guarded(silence(5.0))[0].any()


def test_strict_holds_down_more() -> None:
    """A sound that emerges by itself gets less far within a second in strict mode, by 1 dB here."""
    sound = with_part(at_lufs(pink(30.0), TARGET - 15.0), 20.0, at_lufs(pink(1.0, name="louder"), TARGET))
    part = slice(frames_of(20.9), frames_of(21.0))
    gentle, strict = (np.mean(np.square(guarded(sound, strict=strict)[0][part])) for strict in (False, True))
    assert 10 * np.log10(gentle / strict) >= 0.8


def test_what_was_held_down_is_told_once() -> None:
    """A slam in whispers: one episode, with its depth and length; nothing is told before it is over."""
    sound = faded_in(with_part(whispers(50.0), 40.0, noise(0.2)))
    episodes = guarded(sound)[1].episodes.take()
    assert len(episodes) == 1
    assert episodes[0].reduction_db > 10.0
    assert 0.15 < episodes[0].duration_s < 0.5


def test_the_same_bits_however_many_chunks_come_at_once() -> None:
    """One chunk at a time, three, or twenty."""
    sound = with_part(whispers(6.0), 3.0, noise(0.2))

    def process(guard: Guard) -> Callable[[Sound], Sound]:
        return lambda hops: guard.process(hops, at_full(len(hops)))

    sizes = (10 * HOP_FRAMES, 30 * HOP_FRAMES, 200 * HOP_FRAMES)
    outs = []
    for size in sizes:
        run = process(Guard(POWER_METER, TARGET))
        outs.append(b"".join(run(sound[at : at + size]).tobytes() for at in range(0, len(sound), size)))
    assert outs[0] == outs[1] == outs[2]


def test_rest_and_forget_make_sound_new_again() -> None:
    """After 31 s of silence elsewhere, or of unknown length, whispers have to be let in again."""
    sound = at_lufs(pink(32.0), TARGET)
    again = sound[: frames_of(1.0)]
    reductions = []
    for wait in (lambda _guard: None, lambda guard: guard.rest(31 * 200), lambda guard: guard.forget()):
        _, guard = guarded(sound)
        wait(guard)
        guard.process(again, at_full(len(again)))
        reductions.append(guard.reduction_db)
    assert reductions[0] < 1.0
    assert min(reductions[1:]) > 6.0
