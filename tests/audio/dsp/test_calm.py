"""Calm blocks that are taken in one call are those that the stages give, and all remember the same afterwards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.audio.dsp import native
from player.audio.dsp.calm import MOST_FRAMES
from player.audio.dsp.chain import Chain
from player.audio.dsp.hearing import CHUNK_FRAMES, to_lufs
from player.audio.dsp.native import Kernel, KernelMeter
from player.audio.dsp.sanitise import Sanitiser
from player.core.units import RATE_HZ, SILENCE_DB
from tests import effort
from tests.audio.dsp.test_native import KINDS, cut, memory_of, signal


@pytest.fixture(scope="module")
def kernel() -> Kernel:
    """The installed one."""
    found = native.kernel()
    if found is None:
        pytest.skip("no kernel is installed")
    return found


def chain_of(kernel: Kernel, *, is_calm_in_one: bool) -> Chain:
    """A chain with the kernel's meters; its stages do every block, or calm ones are taken in one call."""
    chain = Chain(-1.0, -23.0, lambda hop_frames: KernelMeter(hop_frames, kernel), kernel)
    if not is_calm_in_one:
        chain._calm = None
    return chain


def memory(chain: Chain) -> np.ndarray:
    """What the stages know of what was played, one number beside the other."""
    if chain._calm is not None:
        chain._calm.take_back()
    meter, judge = chain._output_meter, chain._output_meter._judge
    past = [hop for part in meter._past for hop in part]
    known = (
        memory_of(chain.guard), chain.guard.licence.steady_chunks, chain.guard.licence.silent_chunks,
        chain.guard.licence.came.value,
        chain.guard._late, chain.declick._late, chain.declick._hops, chain._highpass.means, chain.limiter._late,
        chain.limiter.late_peak, judge._hops, judge._boxes, judge._is_burst, judge.hearing.usual, judge.hearing.fast,
        judge.hearing.familiar, judge._familiar_box.value, past[-400:], meter._chunks, meter._full,
    )  # fmt: skip
    return np.concatenate([np.ravel(np.array(part, np.float64)) for part in known])


def orders(chain: Chain, number: int, known_lufs: float | None) -> None:
    """What a session does: up, softer, a strict guard, a lower ceiling, a gap, a pause, the lowest volume, up again."""
    chain.set_target(-23.0 if number < 300 else -26.0, -23.0, known_lufs)
    match number:
        case 0:
            chain.ramp.to(-6.0, 1.0)
        case 150:
            chain.ramp.to(-9.0, 2.0)
        case 180:
            chain.guard.is_strict = True
        case 200:
            chain.limiter.set_ceiling(-3.0)
        case 240:
            chain.come_back(0.1)
        case 270:
            chain.rest(4_800)
        case 280:
            chain.ramp.to(-50.0, 1.0)
        case 330:
            chain.ramp.to(SILENCE_DB, 1.0)
        case 360:
            chain.ramp.to(0.0, 10.0)


signals = st.builds(
    lambda parts: np.concatenate([signal(kind, seed, chunks * CHUNK_FRAMES) for kind, seed, chunks in parts]),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**31), st.integers(1, 12)), min_size=1, max_size=8),
)


@settings(max_examples=effort.examples(4, 60), deadline=None)
@given(signals, st.lists(st.integers(1, 8), min_size=1, max_size=3), st.integers(0, 2**31), st.booleans())
def test_the_chain_gives_the_same_bits_and_remembers_the_same(
    kernel: Kernel, sound: np.ndarray, sizes: list[int], seed: int, is_planned: bool
) -> None:
    """Noise with anything in it, in blocks of up to 400 ms, through all that a session orders."""
    noise = 0.5 * signal("noise", seed, 26 * RATE_HZ)
    material = np.concatenate((noise[: 8 * RATE_HZ], sound, noise[8 * RATE_HZ :]))
    in_one, by_stages = (chain_of(kernel, is_calm_in_one=is_calm_in_one) for is_calm_in_one in (True, False))
    taken = 0
    for number, piece in enumerate(cut(material, sizes, CHUNK_FRAMES)):
        for chain in (in_one, by_stages):
            orders(chain, number, -20.0 if is_planned else None)
        assert np.array_equal(in_one.process(piece), by_stages.process(piece)), number
        taken += in_one._calm is not None and in_one._calm._terms is not None
        assert in_one.meter.level_db == pytest.approx(by_stages.meter.level_db, abs=1e-4)
        assert in_one.meter.peak_db == by_stages.meter.peak_db
        assert in_one.guard.reduction_db == by_stages.guard.reduction_db
        if number % 37 == 0:
            np.testing.assert_allclose(memory(in_one), memory(by_stages), rtol=1e-9, err_msg=f"{number}")
    assert taken > 0


def test_at_the_lowest_volume_the_licence_is_the_same(kernel: Kernel) -> None:
    """What leaves below -70 LUFS for longer than the 30 s after which silence is forgotten is no silence there."""
    noise = 0.03 * signal("noise", 5, 40 * RATE_HZ)
    in_one, by_stages = (chain_of(kernel, is_calm_in_one=is_calm_in_one) for is_calm_in_one in (True, False))
    for chain in (in_one, by_stages):
        chain.set_target(-23.0, -23.0, -20.0)
        chain.ramp.to(-50.0, 0.0)
    taken = 0
    for piece in cut(noise, [2], CHUNK_FRAMES):
        assert np.array_equal(in_one.process(piece), by_stages.process(piece))
        taken += in_one._calm is not None and in_one._calm._terms is not None
    assert taken > 250
    np.testing.assert_allclose(memory(in_one), memory(by_stages), rtol=1e-9)
    assert SILENCE_DB < to_lufs(in_one.guard.licence.value) < -70.0


@pytest.mark.parametrize("place", range(0, 2 * CHUNK_FRAMES, 997))
def test_what_is_not_calm_is_left_as_it_was(kernel: Kernel, place: int) -> None:
    """A sample that stands out, wherever in a block: nothing has been moved on before the stages get it."""
    noise = 0.5 * signal("noise", 5, 30 * RATE_HZ)
    in_one, by_stages = (chain_of(kernel, is_calm_in_one=is_calm_in_one) for is_calm_in_one in (True, False))
    for chain in (in_one, by_stages):
        chain.ramp.to(0.0, 0.0)
        chain.ramp.open()
    for number, piece in enumerate(cut(noise, [2], CHUNK_FRAMES)):
        if number >= 200 and number % 20 == 0:
            piece[place] = 0.9
            piece[place : place + 30] *= 4.0
        assert np.array_equal(in_one.process(piece), by_stages.process(piece)), number
    np.testing.assert_allclose(memory(in_one), memory(by_stages), rtol=1e-9)


def test_broken_and_long_blocks_are_left_to_the_stages(kernel: Kernel) -> None:
    """NaN and what is too large silence the chain (C5); no block is too long, also where nothing has been lent yet."""
    chain = chain_of(kernel, is_calm_in_one=True)
    chain.ramp.to(0.0, 0.0)
    chain.ramp.open()
    noise = 0.5 * signal("noise", 5, 30 * RATE_HZ)
    for piece in cut(noise, [2], CHUNK_FRAMES):
        chain.process(piece)
    assert chain._calm is not None
    assert chain._calm._terms is not None
    for frames in (MOST_FRAMES + CHUNK_FRAMES, 11 * RATE_HZ):
        assert chain.process(noise[:frames]).any()
        for piece in cut(noise[: 4 * RATE_HZ], [2], CHUNK_FRAMES):
            chain.process(piece)
    assert chain.faults == 0
    for bad in (np.nan, np.inf, -1e9):
        piece = noise[:CHUNK_FRAMES].copy()
        piece[-1, 1] = bad
        faults = chain.faults
        assert not chain.process(piece).any()
        assert chain.faults == faults + 1


@settings(max_examples=effort.examples(10, 60), deadline=None)
@given(st.integers(0, 2**31), st.sampled_from([0.5, 1.0, 3.0]))
def test_a_deck_gives_the_same_bits_and_remembers_the_same(kernel: Kernel, seed: int, gain: float) -> None:
    """Blocks of any length with broken samples, holes and zeros of one side: in one call where that can be, or not."""
    chance, in_one, by_stages = np.random.default_rng(seed), Sanitiser(kernel), Sanitiser()
    calm = []
    for number in range(60):
        frames = 12 * RATE_HZ if number == 40 else int(chance.choice([1, 239, 240, 241, 4_800]))  # it has recovered
        block = 0.1 * signal("noise", int(chance.integers(2**31)), frames)
        place = int(chance.integers(frames))
        match chance.integers(8 if number < 20 or number >= 40 else 12):
            case 0:
                block[place, 0] = 0.0
            case 1:
                block[:, 0] = 0.0
            case 8 | 9:
                block[place, chance.integers(2)] = chance.choice([np.nan, np.inf, -5.0])
            case 10 | 11:
                block[place : place + int(chance.choice([1, 16, 900]))] = 0.0
        wanted = by_stages.process(block) * np.float32(gain)
        taken = in_one.process_calm(block, gain)
        calm.append(taken is not None)
        found = in_one.process(block) * np.float32(gain) if taken is None else taken[0]
        assert np.array_equal(found, wanted)
        assert taken is None or taken[1] == pytest.approx(float(np.square(wanted.astype(np.float64)).sum()))
        assert (in_one.faults, in_one.is_muted) == (by_stages.faults, by_stages.is_muted)
        assert in_one.is_recovering == by_stages.is_recovering
    assert any(calm[:20])
    assert any(calm[41:])
