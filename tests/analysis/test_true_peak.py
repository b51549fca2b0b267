"""True peak: the EBU signals, libebur128 as a witness, and that nothing is missed by not looking."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.analysis import true_peak
from player.analysis.ebur128 import ProgrammeMeter
from player.analysis.true_peak import TruePeak
from player.audio.dsp.types import Block
from tests import signals

TOLERANCE_UP_DB, TOLERANCE_DOWN_DB = 0.2, 0.4


def peak_of(sound: Block, size: int = 4800) -> TruePeak:
    """Measured in blocks."""
    meter = TruePeak()
    for block in signals.in_blocks(sound, size):
        meter.add(block)
    meter.finish()
    return meter


def by_looking_everywhere(sound: Block) -> float:
    """All of it interpolated with the same taps."""
    edge = np.zeros((true_peak.TAPS, 2), np.float32)
    padded = np.concatenate((edge, sound, edge))
    windows = np.lib.stride_tricks.sliding_window_view(padded, true_peak.TAPS, axis=0)
    return max(float(np.abs(windows @ true_peak._TAPS).max()), float(np.abs(sound).max()))


@pytest.mark.parametrize(
    ("hz", "peak", "phase", "expected_dbtp"),
    [
        (12_000, 0.5, 45.0, -6.0),
        (8_000, 0.5, 60.0, -6.0),
        (6_000, 0.5, 67.5, -6.0),
        (12_000, 1.41, 45.0, 3.0),
    ],
)
def test_the_numbered_signals_of_the_ebu(hz: float, peak: float, phase: float, expected_dbtp: float) -> None:
    """Tech 3341, 15 to 19: fs/4, fs/6 and fs/8 at awkward phases, within +0.2 and -0.4 dB."""
    sound = signals.tone(1.0, hz, peak, math.radians(phase))
    # a tone that begins at once overshoots
    edge = np.sin(np.linspace(0, np.pi / 2, 2400, dtype=np.float32))[:, None] ** 2
    sound[:2400] *= edge
    sound[-2400:] *= edge[::-1]
    found = peak_of(sound).peak_dbtp
    assert expected_dbtp - TOLERANCE_DOWN_DB <= found <= expected_dbtp + TOLERANCE_UP_DB


@pytest.mark.parametrize("name", ["pink", "taps", "between", "clipped", "uneven"])
def test_libebur128_says_the_same(name: str) -> None:
    """Within 0.05 dB of the library's own fourfold meter."""
    sound = {
        "pink": lambda: signals.pink(3.0),
        "taps": lambda: signals.taps(3.0),
        "between": signals.between_samples,
        "clipped": signals.clipped,
        "uneven": signals.uneven_sides,
    }[name]()
    witness = ProgrammeMeter(true_peak=True)
    witness.add(sound)
    assert peak_of(sound).peak_dbtp == pytest.approx(witness.true_peak_dbtp, abs=0.05)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), shape=st.sampled_from(["noise", "sparse", "square", "low"]))
def test_what_is_left_out_could_not_have_been_the_peak(seed: int, shape: str) -> None:
    """The same as interpolating everything, to the rounding of float32, whatever the sound."""
    rng = np.random.default_rng(seed)
    sound = rng.normal(0, 0.2, (3000, 2)).astype(np.float32)
    if shape == "sparse":
        sound *= rng.random((3000, 2)) < 0.01
    elif shape == "square":
        sound = np.sign(sound) * np.float32(0.5)
    elif shape == "low":
        sound = np.cumsum(sound, axis=0).astype(np.float32)
    assert peak_of(sound).peak == pytest.approx(by_looking_everywhere(sound), rel=1e-5)


@pytest.mark.parametrize("size", signals.BLOCK_SIZES)
def test_the_size_of_the_blocks_does_not_matter(size: int) -> None:
    """A peak on the border of two blocks is seen."""
    sound = signals.between_samples()[:6000]
    assert peak_of(sound, size).peak == pytest.approx(by_looking_everywhere(sound), rel=1e-5)


def test_silence_has_no_peak() -> None:
    """Minus infinity, and no warning."""
    assert peak_of(signals.silence(0.1)).peak_dbtp == -math.inf
    assert TruePeak().peak_dbtp == -math.inf
