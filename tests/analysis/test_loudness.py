"""Loudness from hop powers: the numbered signals of the EBU, libebur128 as a witness, and I' against events."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.ebur128 import HopMeter, ProgrammeMeter
from player.analysis.loudness import Loudness, Powers, measure_loudness
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S, to_lufs, to_power
from player.audio.dsp.types import Block
from tests import effort, signals


def powers_of(sound: Block) -> Powers:
    """Through the real meter."""
    return np.array(HopMeter(HOP_FRAMES).powers(sound), np.float32)


def levels(*parts: tuple[float, float]) -> Powers:
    """Powers of steady stretches: (LUFS, seconds)."""
    return np.concatenate([np.full(round(s / HOP_S), to_power(lufs), np.float32) for lufs, s in parts])


def sines(*parts: tuple[float, float]) -> Block:
    """1 kHz on both sides: (peak in dBFS, seconds)."""
    return np.concatenate([signals.tone(s, 1000.0, 10 ** (db / 20)) for db, s in parts])


def of(*parts: tuple[float, float]) -> Loudness:
    return measure_loudness(levels(*parts))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "expected"),
    effort.first(
        2,
        [
            ([(-23, 20)], -23),
            ([(-33, 20)], -33),
            ([(-36, 10), (-23, 60), (-36, 10)], -23),
            ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23),
            ([(-26, 20), (-20, 20.1), (-26, 20)], -23),
        ],
    ),
)
def test_integrated_loudness_of_the_numbered_signals(parts: list[tuple[float, float]], expected: float) -> None:
    """Tech 3341, 1 to 5: within 0.1 LU."""
    assert to_lufs(measure_loudness(powers_of(sines(*parts))).integrated) == pytest.approx(expected, abs=0.1)


def test_short_term_and_momentary_maxima_of_the_numbered_signals() -> None:
    """Tech 3341, 9 and 12: S -23 and M -23 at every moment, whatever alternates within."""
    short = measure_loudness(powers_of(sines(*[(-20, 1.34), (-30, 1.66)] * 5)))
    assert to_lufs(short.max_short) == pytest.approx(-23, abs=0.1)
    momentary = measure_loudness(powers_of(sines(*[(-20, 0.18), (-30, 0.22)] * 25)))
    assert to_lufs(momentary.max_momentary) == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("n", [1, 7, 13, 20])
def test_a_tone_of_400_ms_is_caught_wherever_it_begins(n: int) -> None:
    """Tech 3341, 13: after n times 20 ms of silence the largest M is -23."""
    sound = np.concatenate((signals.silence(n * 0.02), sines((-23, 0.4)), signals.silence(1.0)))
    assert to_lufs(measure_loudness(powers_of(sound)).max_momentary) == pytest.approx(-23, abs=0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parts", "expected"),
    effort.first(
        2,
        [
            ([(-20, 20), (-30, 20)], 10),
            ([(-20, 20), (-15, 20)], 5),
            ([(-40, 20), (-20, 20)], 20),
            ([(-50, 20), (-35, 20), (-20, 20), (-35, 20), (-50, 20)], 15),
        ],
    ),
)
def test_the_range_of_the_numbered_signals(parts: list[tuple[float, float]], expected: float) -> None:
    """Tech 3342, 1 to 4: within 1 LU."""
    assert measure_loudness(powers_of(sines(*parts))).range_lu == pytest.approx(expected, abs=1.0)


@pytest.mark.slow
def test_libebur128_says_the_same() -> None:
    """I within 0.05 LU; LRA within 1 LU, since the library looks once a second and this ten times."""
    sound = signals.pink(40.0)
    sound *= np.repeat(10 ** (np.random.default_rng(5).uniform(-1.2, 0, 40)), 48_000).astype(np.float32)[:, None]
    witness = ProgrammeMeter()
    witness.add(sound)
    found = measure_loudness(powers_of(sound))
    assert to_lufs(found.integrated) == pytest.approx(witness.integrated_lufs, abs=0.05)
    assert found.range_lu == pytest.approx(witness.range_lu, abs=1.0)


@pytest.mark.parametrize("scream_lufs", [-30.0, -20.0, -5.0, 5.0])
def test_a_scream_does_not_move_the_programme(scream_lufs: float) -> None:
    """Six seconds of it in twenty minutes of whispers at -45: less than 0.5 LU, while I moves by up to 27."""
    found = of((-45, 600), (scream_lufs, 6), (-45, 594))
    assert to_lufs(found.programme) == pytest.approx(-45, abs=0.5)


def test_the_loud_half_of_a_track_is_its_programme() -> None:
    """Half at -45 and half at -20 counts as -20: rather too quiet in one half than 19 dB too loud in the other."""
    assert to_lufs(of((-45, 300), (-20, 300)).programme) == pytest.approx(-20, abs=0.2)
    assert to_lufs(of((-45, 400), (-20, 200)).programme) == pytest.approx(-20, abs=0.2)


@pytest.mark.parametrize("loud_s", np.arange(30.0, 200.0, 10.0).tolist())
def test_the_border_of_an_event_is_not_a_leap(loud_s: float) -> None:
    """Ten seconds more of the loud part never make the programme quieter."""
    assert of((-40, 600), (-20, loud_s + 10)).programme >= of((-40, 600), (-20, loud_s)).programme * 0.999


def test_pauses_do_not_count() -> None:
    """Words at -30 for a third of the time, silence between them: the programme is the words."""
    assert to_lufs(of(*[(-30, 2.0), (-90, 4.0)] * 40).programme) == pytest.approx(-30, abs=0.7)


def test_silence_has_no_loudness() -> None:
    """Power 0 throughout, and so has a track without a single hop."""
    for found in (of((-100, 30)), measure_loudness(np.zeros(0, np.float32)), measure_loudness(np.zeros(7, np.float32))):
        assert (found.integrated, found.programme, found.range_lu) == (0.0, 0.0, 0.0)


def test_a_long_track_is_worked_on_in_pieces_with_the_same_result() -> None:
    """A window over the seam of two pieces of ten minutes is seen."""
    found = of((-60, 598), (-20, 4), (-60, 700))
    assert to_lufs(found.max_short) == pytest.approx(-20, abs=0.01)
    assert to_lufs(found.max_momentary) == pytest.approx(-20, abs=0.01)
