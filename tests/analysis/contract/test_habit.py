"""What the examiner accuses and what it does not, on signals whose answer follows from how they were made."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from player.analysis.contract.examiner import Findings
from player.analysis.contract.figures import Volume
from player.analysis.contract.loudness import LoudnessClauses
from player.analysis.ebur128 import HopMeter
from player.audio.dsp.output_meter import OutputMeter
from tests import effort
from tests.analysis.contract.test_examiner import BLOCK, Night, examined
from tests.audio.dsp.listener import TARGET, at_lufs, rain, whispers
from tests.signals import Sound, frames_of, pink, rng_for, tone, with_part

LENGTH_S = 64.0
SUDDEN = {"C1", "C1b", "C1d", "C3"}
FADE_DB = [min(0.0, -50.0 + 0.5 * block) for block in range(1, 101)]
"""A fade-in of 10 s, by block."""

pytestmark = pytest.mark.slow


def bed(duration_s: float = LENGTH_S, level_lufs: float = TARGET - 20.0) -> Sound:
    """Soft noise."""
    return at_lufs(pink(duration_s, name="bed"), level_lufs)


def every(period_s: float, part: Callable[[int], Sound], duration_s: float = LENGTH_S) -> Sound:
    """Soft noise with something in it again and again, up to a third of the period late."""
    sound, rng = bed(duration_s), rng_for("late")
    for number, at_s in enumerate(np.arange(1.0, duration_s - 4.0, period_s)):
        part_now = part(number)
        first = frames_of(float(at_s + rng.uniform(0.0, period_s / 3.0)))
        sound[first : first + len(part_now)] += part_now
    return sound


def burst(duration_s: float, level_lufs: float, name: str) -> Sound:
    """Noise that begins at once and dies away."""
    noise = at_lufs(pink(1.0, name=name), level_lufs)[: frames_of(duration_s)]
    return noise * np.exp(-np.linspace(0.0, 3.0, len(noise)))[:, np.newaxis].astype(np.float32)


def waves() -> Sound:
    """Noise that swells by 20 dB within 4 s and falls again, every 9 s."""
    level_db = 10.0 * np.cos(np.arange(frames_of(LENGTH_S)) / 48_000 * 2 * np.pi / 9.0) - 10.0
    return (at_lufs(pink(LENGTH_S, name="waves"), TARGET) * 10 ** (level_db / 20)[:, np.newaxis]).astype(np.float32)


CALM: dict[str, Callable[[], Sound]] = {
    "clock": lambda: every(1.0, lambda _: burst(0.02, TARGET + 3.0, "tick")),
    "slow clock": lambda: every(4.0, lambda _: burst(0.02, TARGET + 3.0, "tick")),
    "whispers": lambda: whispers(LENGTH_S),
    "pages": lambda: every(4.5, lambda number: burst(0.6, TARGET - 3.0 + 3.0 * (number % 2), f"page {number % 5}")),
    "waves": waves,
    "rain": lambda: rain(LENGTH_S),
    "breathing": lambda: every(4.0, lambda _: burst(1.0, TARGET, "breath")),
}
HAZARDS: dict[str, tuple[Callable[[], Sound], Callable[[], Sound], float]] = {
    "bark in whispers": (lambda: whispers(LENGTH_S), lambda: burst(0.4, TARGET + 20.0, "bark"), 50.0),
    "bark in a clock": (CALM["clock"], lambda: burst(0.4, TARGET + 22.0, "bark"), 50.0),
    "beep 37 dB up in its octave": (lambda: rain(LENGTH_S), lambda: at_lufs(tone(0.5, 4000.0), TARGET + 16.0), 50.0),
    "advert": (lambda: whispers(LENGTH_S), lambda: at_lufs(pink(8.0, name="advert"), TARGET + 14.0), 50.0),
    "step of 12 dB": (lambda: bed(LENGTH_S), lambda: bed(40.0, TARGET - 8.0), 50.0),
    "early step": (lambda: bed(LENGTH_S), lambda: bed(70.0, TARGET - 8.0), 20.0),
}


@pytest.mark.parametrize("name", effort.first(1, CALM))
def test_what_a_track_habitually_does_is_not_accused(name: str) -> None:
    """From the first sound of the night on, behind a fade-in of 10 s and with nothing changed."""
    source = CALM[name]()
    gain_db = np.interp(np.arange(len(source)) / BLOCK, np.arange(len(FADE_DB) + 1), [-50.0, *FADE_DB])
    out = (source * 10 ** (gain_db / 20)[:, np.newaxis]).astype(np.float32)
    found = examined(Night(out, source=source, volume_db=FADE_DB))
    assert not SUDDEN & set(found.broken), [figure for figure in found.figures if not figure.holds]


def sudden(found: Findings) -> set[str]:
    """The broken clauses about what is sudden."""
    return SUDDEN & set(found.broken)


@pytest.mark.parametrize("is_recorded", effort.first(1, [True, False]), ids=["recorded", "behind the leveller"])
@pytest.mark.parametrize("name", effort.first(1, HAZARDS))
def test_a_hazard_in_the_output_is_accused(name: str, is_recorded: bool) -> None:
    """Whether it is in the recording and was let through, or came from a stage."""
    make, hazard, at_s = HAZARDS[name]
    source = make()
    part = hazard()[: len(source) - frames_of(at_s)]
    out = with_part(source, at_s, part)
    found = examined(Night(out, source=out if is_recorded else source))
    assert sudden(found)
    times = [at for figure in found.figures if figure.clause in {"C1", "C1b", "C1d"} for at in figure.at]
    assert min(at for at in times if at > 1.0) == pytest.approx(at_s, abs=0.5)  # it begins without a fade-in


@pytest.mark.thorough
def test_barks_every_two_seconds_are_accused() -> None:
    """They are in the output alone, for half a minute: what a stage adds makes no habit.

    From the fourth on the mean of 10 s, of which no more than 10 dB is asked, has them in it.
    """
    source = out = whispers(LENGTH_S)
    for number in range(15):
        out = with_part(out, 32.0 + 2.0 * number, burst(0.4, TARGET + 20.0, "bark"))
    found = examined(Night(out, source=source))
    assert next(figure for figure in found.figures if figure.clause == "C1b").value >= 3.0


@pytest.mark.thorough
def test_a_sound_across_the_border_of_two_stretches_is_counted_once() -> None:
    """Two shouts of 1 s, 50 s apart, each over a multiple of 5 s: both are accused, and none makes a habit."""
    shout = at_lufs(pink(1.0, name="shout"), TARGET - 6.0)
    out = with_part(with_part(bed(70.0), 14.5, shout), 64.5, shout)
    accused = next(figure for figure in examined(Night(out)).figures if figure.clause == "C1b")
    assert accused.at == pytest.approx([14.5, 64.5], abs=0.5)


@pytest.mark.parametrize("name", effort.first(1, ["bark in whispers", "bark in a clock", "advert"]))
def test_the_output_meter_and_the_examiner_hear_the_same(name: str) -> None:
    """Without a plan: the block that the meter stops is the one in which the examiner's clauses are first broken."""
    make, hazard, at_s = HAZARDS[name]
    sound = with_part(make(), at_s, hazard())
    level_db = np.minimum(0.0, np.arange(len(sound)) / 48_000 * 2.0 - 60.0)
    sound = (sound * 10 ** (level_db / 20)[:, np.newaxis]).astype(np.float32)
    clauses, meter = LoudnessClauses(HopMeter, TARGET), OutputMeter(HopMeter, TARGET)
    found: dict[str, list[int]] = {"examiner": [], "meter": []}
    for block in range(len(sound) // BLOCK):
        part = sound[block * BLOCK : (block + 1) * BLOCK]
        heard = clauses.push(part, Volume(0.0, 0.0, 0.0), block * 0.1)
        if heard.startles or heard.is_over:
            found["examiner"].append(block)
        if not found["meter"] and meter.measure(part, 1.0, 1.0) is not None:
            found["meter"].append(block)
    assert found["meter"][0] == pytest.approx(at_s * 10, abs=3)
    assert 0 <= found["examiner"][0] - found["meter"][0] <= 3  # the meter does not wait for the end of an onset
