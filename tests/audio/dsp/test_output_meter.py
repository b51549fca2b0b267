"""The output meter: it finds each broken promise in the block that breaks it, and nothing in what keeps them."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.chain import Chain
from player.audio.dsp.hearing import to_power
from player.audio.dsp.output_meter import BrokenClause, OutputMeter
from player.core.units import SILENCE_DB
from tests import effort
from tests.audio.dsp.listener import TARGET, at_lufs, faded_in, played, rain, whispers
from tests.engine_rig import POWER_METER, let_dc_through
from tests.signals import Sound, dc, in_blocks, pink, rng_for, scaled, silence, tone, with_part

pytestmark = pytest.mark.slow


def found(sound: Sound) -> list[tuple[float, BrokenClause]]:
    """What the meter finds in a sound at full volume, and when."""
    meter, finds = OutputMeter(POWER_METER, TARGET), []
    for at, block in enumerate(in_blocks(sound, 4_800)):
        broken = meter.measure(block, 1.0, 1.0)
        if broken is not None:
            finds.append((at / 10, broken))
    return finds


def slam() -> Sound:
    """Half a second of noise at full scale."""
    return rng_for("slam").uniform(-1, 1, (24_000, 2)).astype(np.float32)


@pytest.mark.parametrize("make", effort.first(1, [whispers, rain]))
def test_it_says_nothing_to_what_the_chain_makes(make: object) -> None:
    """Nor to the chain's version of a slam."""
    assert callable(make)
    assert not found(played(make(50.0)))
    assert not found(played(with_part(make(50.0), 40.0, slam())))


def test_a_startle_is_found_in_the_block_that_brings_it() -> None:
    """Not when it is over."""
    finds = found(with_part(played(whispers(50.0)), 40.0, slam()))
    assert finds[0][0] == pytest.approx(40.0, abs=0.11)
    assert finds[0][1].clause == "C1"


@pytest.mark.parametrize(("over_db", "clauses"), [(4.5, set()), (5.2, {"C1"})])
def test_a_decibel_more_than_a_startle_is_muted(over_db: float, clauses: set[str]) -> None:
    """A tone 3.5 dB over one heard shortly before is a startle event, but no reason to mute; 4.2 dB is one."""
    sound = scaled(tone(36.0, 1_000.0, 0.5), -45.0)
    for at_s, level_db in ((32.0, -20.0), (34.0, -20.0 + over_db)):
        sound = with_part(sound, at_s, scaled(tone(0.5, 1_000.0, 0.5), level_db))
    assert {broken.clause for at_s, broken in found(sound) if at_s > 33.0} == clauses


def test_what_is_too_loud_for_too_long_is_found() -> None:
    """Noise that swells slowly to 6 LU over the target breaks the short-term limit, to 9 LU the momentary one."""
    for over_lu, what in ((6.0, "S "), (9.0, "M ")):
        swell = np.interp(np.arange(48_000 * 40) / 48_000, [0, 30, 40], [-20.0, over_lu, over_lu])
        sound = (at_lufs(pink(40.0), TARGET) * (10 ** (swell / 20))[:, np.newaxis]).astype(np.float32)
        finds = [broken for _, broken in found(sound)]
        assert {broken.clause for broken in finds} == {"C3"}
        assert any(broken.reason.startswith(what) for broken in finds)


def test_c3_is_meant_relative_to_the_volume() -> None:
    """At a volume of -20 dB the same noise breaks C3 20 dB lower."""
    meter, sound = OutputMeter(POWER_METER, TARGET), faded_in(at_lufs(pink(40.0), TARGET - 20.0 + 7.0))
    finds = [meter.measure(block, 0.01, 0.01) for block in in_blocks(sound, 4_800)]
    assert any(broken is not None and broken.clause == "C3" for broken in finds)
    assert not found(sound)


def test_a_chain_without_its_guard_is_muted_and_stands_at_silence() -> None:
    """The meter alone: the slam is never played, the block ends in 5 ms, and only a ramp brings sound back."""
    chain, sound = Chain(-1.0, TARGET, POWER_METER), with_part(whispers(50.0), 40.0, slam())
    chain.guard.process = lambda hops, _volumes: hops  # type: ignore[method-assign]
    chain.ramp.to(0.0, 30.0)
    parts, broken = [], []
    for block in in_blocks(sound, 4_800):
        parts.append(chain.process(block))
        if chain.broken is not None:
            broken.append((len(parts), chain.broken.clause))
    assert broken == [(401, "C1")]
    heard = np.concatenate(parts)
    assert np.abs(heard[:1_920_000]).max() > 0.05
    assert np.abs(heard[1_920_000:1_920_480]).max() < 0.9
    assert not heard[1_920_480:].any()
    assert chain.ramp.target_db == SILENCE_DB


def test_a_mute_is_no_click() -> None:
    """What sounded when the meter spoke ends within 5 ms and no sample jumps."""
    chain = let_dc_through(Chain(-1.0, TARGET, POWER_METER))
    chain.ramp.to(0.0, 0.0)
    for block in in_blocks(dc(11.0, 1e-3), 4_800):
        last = chain.process(block)
    chain._output_meter.measure = lambda *_: BrokenClause("C1", "made up")  # type: ignore[method-assign]
    muted = chain.process(dc(0.1, 1e-3))
    steps = np.abs(np.diff(np.concatenate((last, muted))[:, 0]))
    assert steps.max() < 1e-3 * 0.01
    assert not muted[240:].any()
    chain._output_meter.forget()


@pytest.mark.thorough
def test_rest_ages_what_was_heard() -> None:
    """Whispers after 31 s of rest would startle where the same whispers a second later do not."""
    sound, finds = whispers(50.0)[40 * 48_000 :], []
    for rest_s in (0.2, 31.0):
        meter = OutputMeter(POWER_METER, TARGET)
        for block in in_blocks(played(whispers(50.0)), 4_800):
            assert meter.measure(block, 1.0, 1.0) is None
        meter.rest(round(rest_s * 200))
        assert meter.measure(silence(0.1), 1.0, 1.0) is None
        finds.append([meter.measure(block, 1.0, 1.0) for block in in_blocks(sound, 4_800)])
    assert not any(finds[0])
    assert any(finds[1])


@pytest.mark.parametrize(
    ("known_lufs", "frames", "clause"),
    [
        (TARGET - 12.0, 4_800, "C1b"),
        (TARGET - 12.0, 720, "C1b"),
        (TARGET - 12.0, 9_840, "C1b"),
        (TARGET + 1.0, 4_800, None),
        (SILENCE_DB, 4_800, None),
    ],
    ids=["a stranger", "in short blocks", "in long blocks", "planned", "nobody has planned"],
)
def test_a_sudden_rise_is_found_whatever_was_loud_before(known_lufs: float, frames: int, clause: str | None) -> None:
    """A noise that swells and falls away is no startle; the shout 16 s later is as loud, and so familiar to C1."""
    levels = np.interp(np.arange(48_000 * 46) / 48_000, [0, 14, 20, 22, 28], [-10.0, -10.0, 3.0, 3.0, -10.0])
    sound = (at_lufs(pink(46.0), TARGET) * (10 ** (levels / 20))[:, np.newaxis]).astype(np.float32)
    sound = with_part(sound, 38.0, at_lufs(pink(0.6, name="shout"), TARGET + 3.0))
    meter, finds = OutputMeter(POWER_METER, TARGET), []
    meter.known = to_power(known_lufs)
    for at, block in enumerate(in_blocks(sound, frames)):
        broken = meter.measure(block, 1.0, 1.0)
        finds += [((at + 1) * frames / 48_000, broken.clause)] if broken is not None else []
    assert [clause for _, clause in finds[:1]] == ([] if clause is None else [clause])
    assert not finds or 38.0 < finds[0][0] < 38.25 + frames / 48_000
