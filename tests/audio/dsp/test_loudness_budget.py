"""Allowances: a limit over a window is never exceeded, and what stays at it is not chopped."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.hearing import FAST_KEEP, FAST_TAKE
from player.audio.dsp.loudness_budget import LoudnessBudget
from tests.signals import rng_for

WINDOWS = {"momentary": (0.4, (0.1, 0.2), 7.7), "short-term": (3.0, (0.2, 1.0), 4.7)}


def spent(name: str, wanted: np.ndarray) -> np.ndarray:
    """What a listener gets of wanted powers, relative to the limit."""
    window_s, horizons_s, room_lu = WINDOWS[name]
    allowance, fast, late, heard = LoudnessBudget(window_s, horizons_s, room_lu), 0.0, 0.0, []
    for power in wanted:
        allowed = min(power, allowance.bound(fast, late))
        allowance.take(late)
        late = allowed
        fast = FAST_KEEP * fast + FAST_TAKE * allowed
        heard.append(allowed)
    return np.array(heard) / 10 ** (room_lu / 10)


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("kind", ["without end", "random", "bursts"])
def test_no_window_holds_more_than_the_limit(name: str, kind: str) -> None:
    """Whatever is wanted, at any instant the mean over the window is at most 0.25 dB over it."""
    rng = rng_for(kind)
    wanted = {
        "without end": np.full(3000, 1e6),
        "random": 10 ** rng.uniform(-3, 3, 3000),
        "bursts": np.where(rng.random(3000) < 0.02, 1e5, 0.01),
    }[kind]
    hops = round(WINDOWS[name][0] / 0.005)
    means = np.convolve(spent(name, wanted), np.ones(hops) / hops, "valid")
    assert 10 * np.log10(means.max()) <= 0.25


def test_what_wants_more_is_held_at_the_limit() -> None:
    """After the first seconds the level over each 50 ms stays within 3 dB below the momentary limit."""
    chunks = spent("momentary", np.full(3000, 1e6))[600:].reshape(-1, 10).mean(axis=1)
    assert chunks.min() > 0.5


@pytest.mark.parametrize("name", WINDOWS)
def test_what_stays_below_gets_all_it_wants(name: str) -> None:
    """A level 3 dB below the limit, and taps of 10 ms whose mean is as low, pass as they are."""
    limit = 10 ** (WINDOWS[name][2] / 10)
    steady = np.full(3000, 0.5 * limit)
    assert np.array_equal(spent(name, steady) * limit, steady)
    taps = np.zeros(3000)
    taps[20::66], taps[21::66] = 20.0, 20.0
    assert np.allclose(spent(name, taps) * limit, taps)
