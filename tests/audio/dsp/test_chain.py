"""The stages in their order: what leaves is finite and below the ceiling, whatever comes in."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from player.audio.dsp.chain import Chain
from player.audio.dsp.hearing import CHUNK_FRAMES
from player.audio.dsp.types import Block
from tests import effort
from tests.audio.dsp.block_cuts import Process, run
from tests.audio.dsp.test_ramp import assert_rises_gently, levels_db
from tests.engine_rig import POWER_METER, let_dc_through
from tests.recording import fastest_rise
from tests.signals import CALM, HAZARDS, dc, in_blocks, pink, rng_for, scaled, silence, tone

LATE = 1680
"""Declick is 1200 late, the guard 240, the limiter 240."""
CEILING = 10 ** (-1 / 20)


def opened(level_db: float = 0.0) -> Chain:
    """A chain whose ramp stands at a level."""
    chain = Chain(-1.0, -23.0, POWER_METER)
    chain.ramp.to(level_db, 0.0)
    run(chain.process, in_blocks(silence(10.1), 4800))
    assert not chain.ramp.is_moving
    return chain


def whole(sound: Block) -> Block:
    """The sound with so much silence behind it that its last chunk is whole."""
    return np.concatenate((sound, np.zeros((-len(sound) % CHUNK_FRAMES, 2), np.float32)))


def test_it_starts_at_silence() -> None:
    """Without a target nothing passes, and nothing is held back that could come out with one."""
    chain = Chain(-1.0, -23.0, POWER_METER)
    assert not chain.process(pink(1.0)).any()
    chain.ramp.to(0.0, 0.0)
    assert np.abs(chain.process(silence(0.1))).max() < 1e-5, "the high-pass lets go of what it held, 60 dB down"


@pytest.mark.parametrize("name", CALM)
def test_quiet_sound_at_full_level_passes_bit_by_bit(name: str) -> None:
    """At 0 dB, with nothing that stands out and but for the high-pass, the chain only delays, by 1680 frames."""
    chain, sound = let_dc_through(opened()), scaled(CALM[name](), -40.0)
    sound[:4800] *= np.linspace(0, 1, 4800, dtype=np.float32)[:, np.newaxis]  # a tone that begins at once clicks
    assert chain.latency_frames == LATE
    out = run(chain.process, in_blocks(whole(np.concatenate((sound, silence(0.035)))), 4800))
    assert out[LATE:][: len(sound)].tobytes() == sound.tobytes()
    assert chain.faults == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("hz", "volume_db", "fade_in_s", "lead_frames"),
    effort.first(
        1, [(640.0, -20.2, 10.0, 621), (900.0, -35.4, 10.5, 6443), (900.0, -20.2, 10.5, 3718), (440.0, 0.0, 10.0, 352)]
    ),
)
def test_what_the_guard_lets_go_in_a_rise_does_not_add_to_it(
    hz: float, volume_db: float, fade_in_s: float, lead_frames: int
) -> None:
    """C2: a tone that is held down while it fades in never rises faster than 6 dB/s, in the fade or behind it."""
    chain, held_db = Chain(-1.0, -23.0, POWER_METER), 0.0
    chain.set_target(-23.0, -26.0)
    calm = scaled(tone(fade_in_s + 4.0, hz, 0.25), -10.3)  # at the target
    chain.process(np.concatenate((np.zeros((-lead_frames % CHUNK_FRAMES, 2), np.float32), calm[:lead_frames])))
    parts = []
    chain.ramp.to(volume_db, fade_in_s)
    for block in in_blocks(calm, 4800):
        parts.append(chain.process(block))
        held_db = max(held_db, chain.guard.reduction_db)
    assert held_db > 1.0, "or there would be nothing to let go"
    full_db = 20 * math.log10(0.25 / math.sqrt(2)) - 10.3 + volume_db
    rise = fastest_rise(np.concatenate(parts), full_db - 58.0)
    assert rise.db_per_s <= 6.0 + 0.01, rise
    assert np.abs(parts[-1]).max() == pytest.approx(0.25 * 10 ** ((volume_db - 10.3) / 20), rel=0.01)


@pytest.mark.parametrize("name", effort.first(2, HAZARDS))
def test_whatever_hazard_comes_in_what_leaves_is_finite_and_below_the_ceiling(name: str) -> None:
    """Without tolerance, NaN included."""
    out = run(opened().process, in_blocks(whole(HAZARDS[name]()), 2400))
    assert np.isfinite(out).all()
    assert np.abs(out).astype(np.float64).max() <= CEILING


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 700), st.just(2)), elements=st.floats(width=32)),
)
@settings(max_examples=effort.examples(6, 80), deadline=None)
@pytest.mark.slow
def test_any_float32_at_all_leaves_finite_and_below_the_ceiling(sound: Block) -> None:
    """Infinities and NaN included."""
    chain = OPEN
    out = run(chain.process, in_blocks(whole(sound), 2400))
    assert np.isfinite(out).all()
    assert np.abs(out).astype(np.float64).max() <= CEILING
    chain.hush()
    chain.ramp.to(0.0, 0.0)
    run(chain.process, in_blocks(ZEROS, 48_000))


OPEN = opened()
ZEROS = silence(10.0)


def test_an_unfit_block_becomes_silence_and_the_way_back_is_a_ramp() -> None:
    """NaN behind the sanitisers cannot happen; if it does, the chain stands at silence until a new target."""
    chain, sound = opened(), tone(0.1)
    sound[2_000, 1] = np.nan
    assert not chain.process(sound).any()
    assert chain.faults == 1
    assert chain.ramp.is_silent
    assert chain.ramp.target_db == -math.inf
    assert not run(chain.process, in_blocks(tone(0.5), 4800)).any()
    let_dc_through(chain).ramp.to(0.0, 0.0)
    gain_db = levels_db(run(chain.process, in_blocks(dc(0.5, 2**-10), 4800)))[LATE:]
    assert gain_db[0] == pytest.approx(-60.0 - 60.2, abs=0.01)
    assert_rises_gently(gain_db)


@pytest.mark.parametrize("beyond", [0.9, -0.9])
def test_the_check_trusts_no_stage(beyond: float) -> None:
    """A limiter that lets something through is noticed: 0.9 is above -1 dBTP, on either side."""
    chain = opened()
    broken = silence(0.1)
    broken[50, 1] = beyond
    chain.limiter.process = lambda block: broken  # type: ignore[method-assign]
    assert not chain.process(tone(0.1)).any()
    assert chain.faults == 1


def test_hush_leaves_nothing_that_could_come_out_later() -> None:
    """After a loud sound and hush, the next frames are zeros, even once a ramp brings sound back."""
    chain = opened()
    chain.process(tone(0.1, peak=3.0))
    chain.hush()
    assert not chain.process(tone(0.1, peak=3.0)).any()
    chain.ramp.to(0.0, 0.0)
    assert np.abs(chain.process(tone(0.1, peak=0.5))).max() < 0.0006


def test_silence_is_reported_once_it_has_left_the_chain() -> None:
    """When the ramp says silent, the next frame that leaves is zero, though the stages hold 1680 frames back."""
    chain = opened()
    chain.ramp.to(-math.inf, 0.5)
    sound = tone(0.05, peak=0.5)
    blocks = 0
    while not chain.ramp.is_silent:
        out = chain.process(sound)
        blocks += 1
    assert blocks == math.ceil((24_000 + LATE) / 2_400)
    assert not out[-40:].any()
    assert chain.process(silence(0.1)).max() == 0.0


def test_the_ramp_stands_before_the_limiter() -> None:
    """A sound over full scale at a low level is not limited: 40 dB down, a peak of 2 leaves as 0.02."""
    chain, sound = Chain(-1.0, 6.0, POWER_METER), tone(1.0, peak=2.0)
    chain.ramp.to(-40.0, 0.0)
    out = run(chain.process, in_blocks(np.concatenate([sound] * 25), 4800))
    assert np.abs(out[-4800:]).max() == pytest.approx(0.02, rel=2**-10)
    assert chain.limiter.reduction_db == 0.0


def test_a_ramp_on_its_way_up_waits_where_it_may_not_rise_and_one_on_its_way_down_does_not() -> None:
    """Two rises would add up; two falls may."""
    chain = opened(-20.0)
    chain.ramp.to(-10.0, 0.0)
    chain.process(silence(0.5), may_rise=False)
    assert chain.ramp.level_db == -20.0
    chain.process(silence(0.5))
    assert chain.ramp.level_db == pytest.approx(-17.0)
    chain.ramp.to(-27.0, 1.0)
    chain.process(silence(0.5), may_rise=False)
    assert chain.ramp.level_db == pytest.approx(-22.0)


def test_the_meter_hears_what_leaves() -> None:
    """A sine of peak 0.05 at -20 dB, once it is familiar, reads -26.02 - 3.01 - 20 dBFS."""
    chain = opened(-20.0)
    run(chain.process, in_blocks(tone(15.0, peak=0.05), 4800))
    assert chain.meter.level_db == pytest.approx(-49.03, abs=0.01)
    assert chain.meter.peak_db == pytest.approx(-46.02, abs=0.01)


def test_the_meter_hears_silence_that_does_not_come_through_the_chain() -> None:
    """Half a second of rest halves the mean square, a second leaves nothing; after a loss nothing is left at once."""
    chain = opened(-20.0)
    run(chain.process, in_blocks(tone(15.0, peak=0.05), 4800))
    for _ in range(5):
        chain.rest(4_800)
    assert chain.meter.level_db == pytest.approx(-49.03 - 3.01, abs=0.01)
    for _ in range(5):
        chain.rest(4_800)
    assert chain.meter.level_db == chain.meter.peak_db == -math.inf
    run(chain.process, in_blocks(tone(1.0, peak=0.05), 4800))
    assert chain.meter.level_db > -60.0
    chain.hush()
    assert chain.meter.level_db == -math.inf


@pytest.mark.slow
@pytest.mark.parametrize("name", effort.first(1, ["slam", "clipped", "peaks between samples"]))
def test_the_same_bits_however_it_is_cut(name: str) -> None:
    """A fade over a hazard is the same for every block size."""
    sound = HAZARDS[name]()
    middle = len(sound) // 2
    opening = opened().ramp

    def make() -> Process:
        chain = Chain(-10.0, -23.0, POWER_METER)
        chain.ramp._level_db = chain.ramp._target_db = opening.level_db
        chain.ramp._steady = opening._steady
        chain.ramp.to(-15.0, 0.1)
        return chain.process

    sound = whole(sound[max(0, middle - 12_000) : middle + 12_000])
    expected = run(make(), [sound]).tobytes()
    for chunks in (1, 2, 3, 4):
        assert run(make(), in_blocks(sound, chunks * CHUNK_FRAMES)).tobytes() == expected, f"blocks of {chunks} chunks"


def test_a_block_of_broken_chunks_is_refused() -> None:
    """The stages would drop what is left over."""
    with pytest.raises(ValueError, match="whole chunks of 2400 frames, not 2401"):
        opened().process(np.zeros((2_401, 2), np.float32))


@pytest.mark.thorough
@pytest.mark.slow
def test_a_night_of_fades_never_rises_faster_than_6_db_a_second() -> None:
    """Two minutes of random targets on a quiet constant: what leaves rises as C2 asks, over each 100 ms."""
    rng, chain, parts = rng_for("night"), let_dc_through(Chain(-1.0, -23.0, POWER_METER)), []
    for _ in range(60):
        silent = chain.ramp.is_silent
        chain.ramp.to(float(rng.choice([-math.inf, *rng.uniform(-60, 0, 4)])), float(rng.uniform(0, 4)))
        if silent:
            parts.append(chain.process(dc(0.05, 2**-10)))
        parts.append(run(chain.process, in_blocks(dc(2.0, 2**-10), 4800)))
    assert_rises_gently(levels_db(np.concatenate(parts)))
