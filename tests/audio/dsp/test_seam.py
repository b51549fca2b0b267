"""Seams: the level stays the same where one track goes on with the sound of another."""

from __future__ import annotations

import math

import numpy as np
import pytest

from player.audio.dsp.seam import SHIFT_FRAMES, Seam, fit, seam_s
from player.audio.dsp.types import Block
from tests import effort
from tests.signals import rng_for

RATE = 48_000
FRAMES = RATE // 4


def tone(first: int, frames: int, frequency_hz: float = 187.3) -> Block:
    """A piece of a sine on both sides, from some frame of it on."""
    wave = 0.1 * np.sin(2 * math.pi * frequency_hz * np.arange(first, first + frames) / RATE)
    return np.repeat(wave[:, None], 2, axis=1).astype(np.float32)


def joined(tail: Block, head: Block) -> Block:
    """The seam between the end of a track and the beginning of another."""
    fits = fit(tail, head)
    out, begins = (Seam(len(tail), fits.alike, is_incoming=side) for side in (False, True))
    new = head[fits.shift : fits.shift + len(tail)]
    return tail * out.gains(len(tail))[:, None] + new * begins.gains(len(tail))[:, None]


def levels_db(sound: Block, hop: int = 1_200) -> np.ndarray:
    """Level of each 25 ms."""
    return 10 * np.log10(np.square(sound[:, 0].astype(np.float64)).reshape(-1, hop).mean(axis=1))


@pytest.mark.parametrize("first", effort.first(1, [0, 64, 128, 200]))
def test_a_tone_goes_on_as_if_it_had_never_ended(first: int) -> None:
    """Whatever the phase in which it begins again, each 25 ms of the seam are within 0.3 dB of the tone.

    A period of 187.3 Hz and 25 ms do not go into each other: the levels of the tone itself differ by 0.1 dB.
    """
    sound = joined(tone(0, FRAMES), tone(first, FRAMES + SHIFT_FRAMES))
    assert np.abs(levels_db(sound) - 20 * math.log10(0.1 / math.sqrt(2))).max() < 0.3


def test_noise_keeps_its_level() -> None:
    """Unrelated noise: each quarter of a seam of 1 s is within 0.3 dB of its level, two standard deviations."""
    noise = rng_for("seam").normal(0.0, 0.1, (2 * RATE + SHIFT_FRAMES, 2)).astype(np.float32)
    levels = levels_db(joined(noise[:RATE], noise[RATE:]), RATE // 4)
    assert np.abs(levels + 20.0).max() < 0.3


def test_a_copy_in_phase_does_not_swell() -> None:
    """Two equal constants are wholly alike: their amplitudes add to one."""
    same = np.full((FRAMES, 2), 0.1, np.float32)
    np.testing.assert_allclose(joined(same, same), 0.1, rtol=1e-5)


def test_silence_and_broken_samples_fit_anywhere() -> None:
    """There is nothing to compare; the seam is one of equal powers, and nothing fails."""
    silent, broken = np.zeros((FRAMES, 2), np.float32), np.full((FRAMES, 2), np.nan, np.float32)
    for head in (silent, broken):
        assert fit(silent, head).alike == 0.0


def test_it_begins_and_ends_at_once_and_the_same_for_every_block_size() -> None:
    """From full to silence on one side, from silence to full on the other; the bits do not depend on the blocks."""
    for is_incoming, last in ((False, 0.0), (True, 1.0)):
        whole = Seam(1_000, 0.3, is_incoming=is_incoming).gains(1_100)
        seam = Seam(1_000, 0.3, is_incoming=is_incoming)
        parts = np.concatenate([seam.gains(size) for size in (1, 64, 935, 100)])
        assert parts.tobytes() == whole.tobytes()
        assert seam.is_over
        np.testing.assert_allclose(whole[1_000:], last, atol=1e-6)


@pytest.mark.parametrize(("duration_s", "expected_s"), [(2.0, 0.25), (8.0, 1.0), (60.0, 1.5), (0.0, 0.1)])
def test_how_long_it_is(duration_s: float, expected_s: float) -> None:
    """An eighth of the track, 1.5 s at most."""
    assert seam_s(duration_s) == expected_s


def test_two_rumbles_are_hardly_alike_although_the_best_of_many_shifts_is_taken() -> None:
    """Noise below 100 Hz over 1.5 s: at the middle, where they were fitted, they are more alike than on the whole."""
    frames = round(1.5 * RATE) + SHIFT_FRAMES
    low = np.fft.rfftfreq(2 * frames, 1 / RATE) < 100.0
    spectrum = np.fft.rfft(rng_for("rumble").normal(0.0, 1.0, (2 * frames, 1)), axis=0) * low[:, None]
    sound = np.repeat(np.fft.irfft(spectrum, axis=0), 2, axis=1).astype(np.float32)
    fits = fit(sound[: frames - SHIFT_FRAMES], sound[frames:])
    middle = slice((frames - SHIFT_FRAMES) // 2 - RATE // 8, (frames - SHIFT_FRAMES) // 2 + RATE // 8)
    old, new = sound[middle, 0], sound[frames + fits.shift :][middle, 0]
    at_the_middle = float(old @ new / np.sqrt((old @ old) * (new @ new)))
    assert fits.alike < 0.25
    assert at_the_middle > fits.alike + 0.2
