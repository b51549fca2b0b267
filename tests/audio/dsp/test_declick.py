"""Declick: what stands out alone for a moment goes; everything else stays bit by bit."""

from __future__ import annotations

import numpy as np
import pytest

from player.audio.dsp.declick import Declick
from tests import effort
from tests.audio.dsp.block_cuts import run
from tests.audio.dsp.listener import rain, whispers
from tests.recording import clicks
from tests.signals import Sound, frames_of, in_blocks, pink, rng_for, scaled, silence, taps, tone, with_part

LATE = Declick.latency_frames
CHUNK = 2400


def declicked(sound: Sound) -> tuple[Sound, int]:
    """What comes out, without the delay and so much at the end, and how many clicks were found."""
    stage = Declick()
    whole = sound[: len(sound) // CHUNK * CHUNK]
    return run(stage.process, in_blocks(whole, CHUNK))[LATE:], stage.clicks


def burst(frames: int) -> Sound:
    """So many frames of noise at full scale."""
    return rng_for("burst").uniform(-1, 1, (frames, 2)).astype(np.float32)


def begun(sound: Sound) -> Sound:
    """The sound, faded in: a tone that begins at once begins with a click."""
    sound = sound.copy()
    sound[:4800] *= np.linspace(0, 1, 4800, dtype=np.float32)[:, np.newaxis]
    return sound


CARRIERS = {
    "tone": lambda: begun(tone(5.0, 220.0, 0.1)),
    "whispers": lambda: scaled(whispers(5.0), -20.0),
    "noise": lambda: scaled(pink(5.0), -20.0),
    "silence": lambda: silence(5.0),
}


@pytest.mark.parametrize("frames", effort.first(2, [1, 480, 5, 48, 96, 240]))
@pytest.mark.parametrize("carrier", effort.first(1, CARRIERS))
def test_a_click_is_drawn_anew(carrier: str, frames: int) -> None:
    """One sample to 10 ms at full scale, in any place of a hop: no click is left, and nothing else has changed."""
    calm = CARRIERS[carrier]()
    for at_s in (2.0, 3.0 + 237 / 48_000, 4.0 - 1 / 48_000):
        sound = with_part(calm, at_s, burst(frames))
        assert clicks(sound)
        out, found = declicked(sound)
        assert found >= 1
        assert not [click for click in clicks(out, smallest=0.01) if abs(click.at_s - at_s) < 0.01]
        at = frames_of(at_s)
        mended, usual = np.abs(out[at - 10 : at + frames + 10]).max(axis=0), np.abs(calm).max(axis=0)
        assert (mended <= 1.8 * usual + 1e-6).all()
        assert np.array_equal(out[: at - 10], sound[: at - 10])
        assert np.array_equal(out[at + frames + 10 :], sound[at + frames + 10 : len(out)])


@pytest.mark.parametrize(
    "make",
    [whispers, rain, taps, pink, tone, lambda s: scaled(taps(s, 0.5), 6.0)],
    ids=["whispers", "rain", "taps", "noise", "tone", "loud taps"],
)
def test_calm_sound_passes_bit_by_bit(make: object) -> None:
    """From its first sample on, when nothing is familiar yet."""
    assert callable(make)
    sound = begun(make(6.0))
    out, found = declicked(sound)
    assert found == 0
    assert np.array_equal(out, sound[: len(out)])


@pytest.mark.parametrize("length", [100, 177, 400, 800])
@pytest.mark.parametrize("offset", effort.first(2, range(35, 240, 30)))
def test_both_edges_of_a_short_block_go(offset: int, length: int) -> None:
    """2 to 17 ms of a constant, as damaged files have them, wherever hops lie: below 5 ms as one click, then as two."""
    at = frames_of(2.0) + offset
    sound = begun(tone(4.0, 220.0, 0.1))
    sound[at : at + length] = 0.9
    out, found = declicked(sound)
    assert found == (1 if length < 240 else 2)
    assert not [click for click in clicks(out, smallest=0.01) if abs(click.at_s - at / 48_000) < 0.01]


def test_what_lasts_longer_is_no_click() -> None:
    """12 ms of noise, a slam and a step are left to the guard."""
    for frames in (576, 4_800, 48_000):
        sound = with_part(begun(tone(5.0, 220.0, 0.05)), 3.0, burst(frames))
        out, found = declicked(sound)
        assert found == 0
        assert np.array_equal(out, sound[: len(out)])


def test_single_samples_stay_where_they_are_the_sound() -> None:
    """Two clicks a second are the sound, once ten were heard; one in four seconds is never used to."""
    for every_s, most in ((0.5, 10), (4.0, 15)):
        sound = begun(tone(60.0, 220.0, 0.05))
        sound[frames_of(1.0) :: frames_of(every_s)] = 0.5
        assert 9 <= declicked(sound)[1] <= most


def test_snaps_that_come_again_are_the_sound_and_a_lone_one_is_not() -> None:
    """Pops of 2 ms: each 4 s only the first goes, each 20 s all of them."""
    for every_s, expected in ((4.0, 1), (20.0, 3)):
        sound = begun(tone(60.0, 220.0, 0.05))
        for at_s in np.arange(5.0, 58.0, every_s):
            sound = with_part(sound, float(at_s), burst(96))
        assert declicked(sound)[1] == expected


@pytest.mark.parametrize("ring_s", [0.005, 0.02])
def test_a_knock_that_rings_is_left_alone(ring_s: float) -> None:
    """A key or a drop: a sharp beginning, and then a decay that is over later than any click."""
    decay = np.exp(-np.arange(frames_of(0.1)) / (ring_s * 48_000))[:, np.newaxis]
    knock = (rng_for("knock").normal(0.0, 0.3, (len(decay), 1)) * decay).repeat(2, axis=1).astype(np.float32)
    sound = scaled(pink(5.0), -40.0)
    sound[96_000 : 96_000 + len(knock)] += knock
    out, found = declicked(sound)
    assert found == 0
    assert np.array_equal(out, sound[: len(out)])


def test_the_same_bits_however_many_chunks_come_at_once() -> None:
    """One, three or twenty."""
    sound = with_part(whispers(3.0), 2.0, burst(5))
    for at in range(frames_of(0.5), frames_of(1.9), 10_007):
        sound[at : at + 177] = 0.9
    outs = {run(Declick().process, in_blocks(sound[: 60 * CHUNK], many * CHUNK)).tobytes() for many in (1, 3, 20)}
    assert len(outs) == 1
