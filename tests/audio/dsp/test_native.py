"""The native kernel gives what the Python of each stage gives, and everything works where there is none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.analysis.ebur128 import HopMeter
from player.audio.dsp import native
from player.audio.dsp.chain import Chain
from player.audio.dsp.declick import Declick
from player.audio.dsp.guard import Guard
from player.audio.dsp.guard_bounds import FREE_RISE, Volumes
from player.audio.dsp.hearing import CHUNK_FRAMES, CHUNK_HOPS, HOP_FRAMES, added, to_power
from player.audio.dsp.highpass import HighPass
from player.audio.dsp.native import Kernel, KernelMeter, hop_peaks
from player.audio.dsp.startle import Judge, Onset
from player.core.units import RATE_HZ, SILENCE_DB
from tests import effort

SOURCE = Path(native.__file__).parent / "kernel.c"
NEAR = 1e-6
KINDS = ("silence", "noise", "tone", "constant", "clicks", "steps", "full")


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Kernel:
    """kernel.c as it stands, built for these tests; the one that is installed where there is no compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        if (installed := native.kernel()) is not None:
            return installed
        pytest.skip("no compiler, and no kernel is installed")
    path = tmp_path_factory.mktemp("kernel") / "_kernel.so"
    flags = ("-O3", "-std=c99", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    subprocess.run([compiler, *flags, "-o", str(path), str(SOURCE)], check=True)
    return Kernel(path)


def signal(kind: str, seed: int, frames: int) -> np.ndarray:
    """Something to hear, float32, shape (frames, 2)."""
    random = np.random.default_rng(seed)
    t = np.arange(frames)[:, np.newaxis] / RATE_HZ
    noise = random.normal(0.0, 0.05, (frames, 2))
    made = {
        "silence": np.zeros((frames, 2)),
        "noise": noise,
        "tone": 0.3 * np.sin(2 * np.pi * t * random.uniform(20, 15_000, 2)),
        "constant": np.broadcast_to(random.uniform(-0.5, 0.5, 2), (frames, 2)),
        "clicks": 0.02 * noise + (random.random((frames, 2)) < 2e-4) * random.uniform(-0.8, 0.8, (frames, 2)),
        "steps": 0.3 * noise * (10.0 ** random.uniform(-3, 1, (frames // 2_400 + 1, 1))).repeat(2_400, axis=0)[:frames],
        "full": np.clip(20 * noise, -4.0, 4.0),
    }
    return made[kind].astype(np.float32)


signals = st.builds(
    lambda parts: np.concatenate([signal(kind, seed, chunks * CHUNK_FRAMES) for kind, seed, chunks in parts]),
    st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 2**31), st.integers(1, 12)), min_size=1, max_size=5),
)


def cut(sound: np.ndarray, sizes: list[int], of_frames: int) -> list[np.ndarray]:
    """The sound in pieces of so many times ``of_frames``, the sizes again and again."""
    pieces, at = [], 0
    while at < len(sound):
        size = sizes[len(pieces) % len(sizes)] * of_frames
        pieces.append(sound[at : at + size])
        at += size
    return pieces


@settings(max_examples=effort.examples(15, 150), deadline=None)
@given(signals, st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_powers_equal_those_of_libebur128(kernel: Kernel, sound: np.ndarray, sizes: list[int]) -> None:
    """To 1e-6 of the power (the tables of BS.1770 have 14 digits), or to -120 dB."""
    theirs, ours = HopMeter(HOP_FRAMES), KernelMeter(HOP_FRAMES, kernel)
    for piece in cut(sound, sizes, HOP_FRAMES):
        assert np.allclose(ours.powers(piece), theirs.powers(piece), rtol=NEAR, atol=1e-12)


@settings(max_examples=effort.examples(15, 150), deadline=None)
@given(signals, st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_the_high_pass_is_the_same_and_does_not_depend_on_blocks(
    kernel: Kernel, sound: np.ndarray, sizes: list[int]
) -> None:
    """Bit by bit."""
    reference, ours, whole = HighPass(), HighPass(kernel), HighPass(kernel)
    pieces = cut(sound, sizes, HOP_FRAMES)
    got = np.concatenate([ours.process(piece) for piece in pieces])
    wanted = np.concatenate([reference.process(piece) for piece in pieces])
    assert np.array_equal(got, wanted)
    assert np.array_equal(got, whole.process(sound))
    assert got.dtype == np.float32


@settings(max_examples=effort.examples(15, 150), deadline=None)
@given(signals, st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_clicks_are_found_and_mended_bit_by_bit_alike(kernel: Kernel, sound: np.ndarray, sizes: list[int]) -> None:
    """The same clicks, and the same samples in their place."""
    reference, ours = Declick(), Declick(kernel)
    for piece in cut(sound, sizes, CHUNK_FRAMES):
        assert np.array_equal(ours.process(piece), reference.process(piece))
    assert ours.clicks == reference.clicks


@settings(max_examples=effort.examples(15, 150), deadline=None)
@given(signals)
def test_peaks_are_the_same_bit_by_bit(kernel: Kernel, sound: np.ndarray) -> None:
    """Of each hop, and of none."""
    assert np.array_equal(hop_peaks(kernel, sound, HOP_FRAMES), hop_peaks(None, sound, HOP_FRAMES))
    assert hop_peaks(kernel, sound[:0], HOP_FRAMES).shape == hop_peaks(None, sound[:0], HOP_FRAMES).shape == (0,)


def loudness(seed: int, seconds: int) -> list[float]:
    """Powers of hops around -23 LUFS, some of them far off."""
    random = np.random.default_rng(seed)
    powers = to_power(-23.0) * 10.0 ** random.normal(0.0, 0.05, seconds * 200)
    powers[random.random(len(powers)) < 0.002] *= 10.0 ** random.uniform(-3, 2)
    return powers.tolist()


class ToldPowers:
    """A meter that gives what it is told."""

    def __init__(self, powers: list[float]) -> None:
        self._powers = powers

    def powers(self, block: np.ndarray) -> list[float]:
        """The next ones."""
        count = len(block) // HOP_FRAMES
        taken, self._powers = self._powers[:count], self._powers[count:]
        return taken


@settings(max_examples=effort.examples(5, 60), deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 8), min_size=1, max_size=4), st.booleans())
def test_the_guard_remembers_the_same(kernel: Kernel, seed: int, sizes: list[int], is_planned: bool) -> None:
    """Bit by bit: what was heard, what is left of M and S, what is licensed. Most chunks are taken in C."""
    powers, peak = loudness(seed, 70), 0.2
    reference = Guard(lambda _: ToldPowers(powers), -23.0)
    ours = Guard(lambda _: ToldPowers(powers), -23.0, kernel)
    taken = []
    take = ours._calm_chunks
    ours._calm_chunks = lambda *what: taken.extend(calm := take(*what)) or calm  # type: ignore[method-assign]
    for guard in (reference, ours):
        guard.set_target(-23.0, -23.0, -20.0 if is_planned else None)
    sound = np.full((len(powers) * HOP_FRAMES, 2), peak, np.float32)
    for piece in cut(sound, sizes, CHUNK_FRAMES):
        hops = len(piece) // HOP_FRAMES
        volumes = Volumes([1.0] * hops, [1.0] * hops, [FREE_RISE] * hops)
        assert np.array_equal(ours.process(piece, volumes), reference.process(piece, volumes))
        assert memory_of(ours) == memory_of(reference)
    assert len(taken) > len(powers) // CHUNK_HOPS // 3


def test_powers_are_added_in_c_and_python_alike() -> None:
    """One after the other, on every Python: from 3.12 on `sum` gives 2 here, and the guard would remember otherwise."""
    assert added([1e16, 1.0, 1.0, -1e16]) == 0.0
    assert added([]) == 0.0


def memory_of(guard: Guard) -> tuple[object, ...]:
    """All that it knows of what was heard."""
    hearing = guard._hearing
    return (
        hearing.fast, hearing.background, hearing.usual, hearing.familiar, hearing.chunk_fast, hearing.box,
        guard._momentary.left, guard._short_term.left, guard._peaks.value, guard._hop_powers.value, guard._used_to,
        guard._came.fast, hearing.chunk_box, guard._fast_bound, guard._box_bound, guard._late_power, guard._late_peak,
        guard.licence.value, guard.licence.came_boxes.value,
    )  # fmt: skip


@settings(max_examples=effort.examples(5, 60), deadline=None)
@given(st.integers(0, 2**31), st.lists(st.integers(1, 90), min_size=1, max_size=4))
def test_the_judge_finds_the_same(kernel: Kernel, seed: int, sizes: list[int]) -> None:
    """Onsets and bursts, in whatever order within a piece, and what it knows at the end; pieces have any size."""
    powers = loudness(seed, 50)
    reference, ours = Judge(-35.0), Judge(-35.0, kernel)
    found: list[list[Onset]] = [[], []]
    calm = at = 0
    for size in sizes * (len(powers) // sum(sizes) + 1):
        end = min(at + size, len(powers))
        while at < end:
            whole = (end - at) // CHUNK_HOPS * CHUNK_HOPS
            heard = ours.push_calm(powers[at : at + whole])
            calm += heard
            if not heard:
                heard = min(end - at, ours.hearing.hops_left)
                found[1] += ours.push_many(powers[at : at + heard])[0]
            for power in powers[at : at + heard]:
                found[0] += reference.push(power)
            at += heard
    assert set(found[1]) == set(found[0])
    assert calm > 0 or min(sizes) < CHUNK_HOPS
    for name in ("_before", "_hops", "_boxes", "_is_burst"):
        assert getattr(ours, name) == getattr(reference, name), name
    assert ours._familiar_box.value == reference._familiar_box.value
    assert ours.hearing.usual == reference.hearing.usual


def played(chain: Chain, pieces: list[np.ndarray]) -> np.ndarray:
    """What leaves the chain, at half of the volume and then on its way to silence."""
    chain.ramp.to(-6.0, 10.0)
    out = []
    for number, piece in enumerate(pieces):
        if number == len(pieces) * 3 // 4:
            chain.ramp.to(SILENCE_DB, 3.0)
        out.append(chain.process(piece))
    return np.concatenate(out)


@settings(max_examples=effort.examples(5, 40), deadline=None)
@given(signals, st.integers(1, 8), st.integers(0, 2**31))
def test_the_whole_chain_is_the_same(kernel: Kernel, sound: np.ndarray, chunks: int, seed: int) -> None:
    """Calm sound for 12 s, then anything, in blocks of any size: bit by bit, where both are told the same powers."""
    material = np.concatenate((signal("noise", seed, 12 * RATE_HZ), sound))
    pieces = cut(material, [chunks], CHUNK_FRAMES)
    reference = Chain(-1.0, -23.0, HopMeter)
    ours = Chain(-1.0, -23.0, HopMeter, kernel)
    assert np.array_equal(played(ours, pieces), played(reference, pieces))
    assert ours.declick.clicks == reference.declick.clicks
    assert ours.faults == reference.faults == 0


def test_with_its_own_meters_the_chain_is_the_same_to_1e_6(kernel: Kernel) -> None:
    """Powers differ from the eleventh digit on. A steady tone is left out: it is a tie, which either may win."""
    material = np.concatenate([signal(kind, 3, 8 * RATE_HZ) for kind in ("noise", "clicks", "noise")])
    pieces = cut(material, [3, 1, 7], CHUNK_FRAMES)
    reference = played(Chain(-1.0, -23.0, HopMeter), pieces)
    ours = played(Chain(-1.0, -23.0, lambda hop_frames: KernelMeter(hop_frames, kernel), kernel), pieces)
    assert np.abs(ours - reference).max() <= NEAR


def test_silence_gets_exactly_silent_and_costs_no_subnormal_numbers(kernel: Kernel) -> None:
    """Behind sound, a filter's memory fades to zero and not to numbers that take a hundred times as long."""
    meter, high_pass = KernelMeter(HOP_FRAMES, kernel), HighPass(kernel)
    sound, silence = signal("full", 1, RATE_HZ), np.zeros((20 * RATE_HZ, 2), np.float32)
    meter.powers(sound)
    high_pass.process(sound)
    assert meter.powers(silence)[-1] == 0.0
    assert not high_pass.process(silence)[-RATE_HZ:].any()
    assert not meter.state.any()


def test_a_block_of_another_layout_is_read_as_the_samples_that_it_has(kernel: Kernel) -> None:
    """64-bit numbers, every other frame, one side behind the other: C would read anything else as noise at full level.

    No stage hands such a block over; whoever writes one that does must not be told by a loudspeaker.
    """
    plain = signal("noise", 7, 2 * CHUNK_FRAMES)
    spread = np.zeros((2 * len(plain), 4), np.float32)
    spread[::2, ::2] = plain
    wanted = HighPass(kernel).process(plain), kernel.hop_peaks(plain, HOP_FRAMES), kernel.sharpness(plain, 120)[0]
    for block in (plain.astype(np.float64), np.asfortranarray(plain), spread[::2, ::2]):
        found = HighPass(kernel).process(block), kernel.hop_peaks(block, HOP_FRAMES), kernel.sharpness(block, 120)[0]
        for one, other in zip(found, wanted, strict=True):
            assert one.dtype == np.float32
            np.testing.assert_array_equal(one, other)
        assert KernelMeter(HOP_FRAMES, kernel).powers(block) == KernelMeter(HOP_FRAMES, kernel).powers(plain)


def test_a_kernel_that_does_not_fit_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no library, or of another version, is passed over; then there is none."""
    (tmp_path / "_kernel.so").write_bytes(b"no library")
    monkeypatch.setattr(native, "_FOLDER", tmp_path)
    native.kernel.cache_clear()
    try:
        assert native.kernel() is None
        assert native.power_meters(HopMeter) is HopMeter
    finally:
        native.kernel.cache_clear()


def test_a_kernel_of_another_version_is_refused(kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    """An old build beside new Python would read the wrong arguments."""
    monkeypatch.setattr(native, "VERSION", native.VERSION + 1)
    with pytest.raises(OSError, match=f"version {native.VERSION - 1}, not {native.VERSION}"):
        Kernel(Path(kernel._library._name))
