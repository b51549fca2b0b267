"""Calm synthesised tracks for a first night: brushing, finger taps, page turning. Rain, sea and noise need no files.

Not part of the chain: this makes the material that the starter library writes to files, on whichever thread calls it;
numpy and the standard library only. A bed is a *score* (`player.library.starter.synth`): layers of shaped noise, each
with a slow movement of level and balance, and perhaps grains, which are short soft sounds put in place one by one.
Movements are built from whole cycles or wrap round, so the end of a bed leads to its start.

Every layer has unit power before its gain, so levels in a score are dBFS RMS. What keeps a bed calm is its score:
whatever comes and goes (strokes, taps, pages) lies over a continuous floor and stands less than 10 dB above
it, the bound from which the contract counts a startle.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from player.audio.dsp.types import Block
from player.core.units import RATE_HZ
from player.library.starter.synth import (
    CHUNK_FRAMES,
    MIN_FRAMES,
    PIECE_FRAMES,
    TICK_FRAMES,
    TICKS_PER_S,
    Curve,
    Floats,
    Grains,
    Layer,
    Score,
    cut,
    sound,
)


@dataclass(frozen=True, slots=True)
class Texture:
    """A track that can be made: its name, its title, and how it is scored."""

    name: str
    title: str
    score: Callable[[np.random.Generator, int], Score]


def render(bed: Texture, seed: int, frames: int, chunk_frames: int = CHUNK_FRAMES) -> Iterator[Block]:
    """The bed in order, as float32 chunks of shape (chunk_frames, 2), the last one shorter; its end leads to its start.

    The same seed and numpy give the same bits, however it is cut into chunks.

    Raises:
        ValueError: ``frames`` is below 10 s or no multiple of 240 (5 ms), or ``chunk_frames`` is not positive.
    """
    if frames < MIN_FRAMES or frames % TICK_FRAMES:
        raise ValueError(f"frames is {frames}; allowed are multiples of {TICK_FRAMES} from {MIN_FRAMES}")
    if chunk_frames < 1:
        raise ValueError(f"chunk_frames is {chunk_frames}; it must be at least 1")
    key = (seed, zlib.crc32(bed.name.encode()))
    ticks = frames // TICK_FRAMES
    return cut(sound(bed.score(np.random.default_rng(key), ticks), key, ticks), chunk_frames)


def _band(low_hz: float, high_hz: float, db_per_octave: float = -3.0) -> Floats:
    """Spectrum of unit-power noise: a slope between two soft edges of 12 dB per octave; cut off 80 dB down."""
    hz = np.fft.rfftfreq(PIECE_FRAMES, 1 / RATE_HZ)[1:-1]
    shape = hz ** (db_per_octave / 6.0206) / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 4))
    shape = shape[: 1 + np.flatnonzero(shape > shape.max() * 1e-4)[-1]]
    shape *= PIECE_FRAMES / np.sqrt(2 * np.sum(shape**2))
    return np.concatenate(([0.0], shape)).astype(np.float32)


def _gain(level_db: Curve | float, balance_db: Curve) -> Floats:
    """Amplitudes for a level and a balance (left minus right), both in dB at each tick; the circle is closed."""
    db = np.stack((level_db + balance_db / 2, level_db - balance_db / 2))
    return np.power(10.0, np.concatenate((db, db[:, :1]), axis=1) / 20).astype(np.float32)


def _drift(rng: np.random.Generator, ticks: int, fastest_s: float = 6.0, slowest_s: float = 60.0) -> Curve:
    """A wander within -1..1, never the same twice in a round: six whole-cycle cosines, the slower the wider."""
    periods_s = np.exp(rng.uniform(np.log(fastest_s), np.log(slowest_s), 6))
    cycles = np.maximum(1, np.round(ticks / TICKS_PER_S / periods_s))
    widths = np.sqrt(periods_s / np.sum(periods_s)) / 1.6  # the cosines hardly ever agree: use more of the range
    angle = 2 * np.pi * np.arange(ticks) / ticks
    wander = np.zeros(ticks)
    for width, cycle, turn in zip(widths, cycles, rng.uniform(0, 2 * np.pi, 6), strict=True):
        wander += width * np.cos(cycle * angle + turn)
    return np.clip(wander, -1, 1)


def _moments(rng: np.random.Generator, ticks: int, shortest_s: float, longest_s: float) -> Curve:
    """Sorted moments in ticks, round the whole circle, with gaps that vary between two lengths."""
    count = max(1, round(ticks / TICKS_PER_S / ((shortest_s + longest_s) / 2)))
    gaps = rng.uniform(shortest_s, longest_s, count)
    ends = np.cumsum(gaps)
    moments: Curve = (ends - gaps) * (ticks / ends[-1])
    return moments


def _bump(rise_s: float, fall_s: float) -> Curve:
    """A soft hill from 0 over 1 to 0, raised cosines, at each tick."""
    rise, fall = round(rise_s * TICKS_PER_S), round(fall_s * TICKS_PER_S)
    up, down = np.arange(rise) / rise, 1 - np.arange(fall) / fall
    return 0.5 - 0.5 * np.cos(np.pi * np.concatenate((up, down)))


def _put(line: Curve, at: float, shape: Curve) -> None:
    """Raise the line to the shape from a tick on, round the circle."""
    where = (int(at) + np.arange(shape.size)) % line.size
    line[where] = np.maximum(line[where], shape)


def _grains(rng: np.random.Generator, bank: tuple[Floats, ...], starts: Curve, frames: int, gain_db: Curve) -> Grains:
    """Grains at moments in frames: timbre wanders along the bank, balance is uneven; the circle is closed."""
    count = starts.size
    walk = np.cumsum(rng.normal(0, 2.5, count)) + rng.normal(0, 2, count)
    kinds = np.abs(np.mod(walk, 2 * len(bank)) - len(bank)).astype(np.int64) % len(bank)
    side_db = 4 * np.sin(np.cumsum(rng.normal(0, 0.25, count))) + rng.normal(0, 1.5, count)
    gain = np.power(10.0, np.stack((gain_db + side_db / 2, gain_db - side_db / 2), axis=1) / 20).astype(np.float32)
    at = np.mod(starts.astype(np.int64), frames)
    order = np.argsort(at, kind="stable")
    late = order[
        at[order] > frames - max(grain.size for grain in bank)
    ]  # these reach over the end: once more, before 0
    both = np.concatenate((late, order))
    moved = np.concatenate((at[late] - frames, at[order]))
    return Grains(bank, moved, kinds[both], gain[both])


def _knock(rng: np.random.Generator, hz: float, attack_s: float, decay_s: float) -> Floats:
    """One soft knock with peak 1: three damped partials and a breath of noise behind a raised-cosine attack."""
    t = np.arange(round((attack_s + 6 * decay_s) * RATE_HZ)) / RATE_HZ
    sound = np.convolve(rng.normal(0, 1.2, t.size), np.hanning(round(RATE_HZ / (3 * hz)) + 2), "same") / np.sqrt(
        RATE_HZ / (3 * hz)
    )
    for partial, share in ((1.0, 1.0), (rng.uniform(1.5, 1.8), 0.5), (rng.uniform(2.4, 2.9), 0.25)):
        sound += share * np.exp(-t * partial / decay_s) * np.sin(2 * np.pi * hz * partial * t + rng.uniform(0, 6.28))
    attack = np.sin(np.pi / 2 * np.minimum(1, t / attack_s)) ** 2
    sound *= attack * np.exp(-t / (2 * decay_s)) * np.minimum(1, (t[-1] - t) / (2 * decay_s))
    knock: Floats = (sound / np.abs(sound).max()).astype(np.float32)
    return knock


def _room(rng: np.random.Generator, ticks: int, level_db: float) -> tuple[Layer, Layer]:
    """A warm quiet room: the floor from which small sounds do not stand out."""
    low = _gain(level_db + 1.2 * _drift(rng, ticks), 1.5 * _drift(rng, ticks))
    air = _gain(level_db - 9 + 1.5 * _drift(rng, ticks), 1.5 * _drift(rng, ticks))
    return Layer(_band(70, 700, -4.0), low), Layer(_band(500, 4500, -4.0), air)


# --- the scores -----------------------------------------------------------------------------------------------------


def _brushing(rng: np.random.Generator, ticks: int) -> Score:
    """A soft brush that goes to and fro: each stroke crosses the room and brightens, the way back is softer."""
    bristle, bright, side = np.zeros(ticks), np.zeros(ticks), np.zeros(ticks)
    for i, at in enumerate(_moments(rng, ticks, 1.2, 1.9)):
        size, long_s = rng.uniform(0.75, 1.0) - 0.25 * (i % 2), rng.uniform(0.5, 0.65)
        _put(bristle, at, size * _bump(long_s, long_s + 0.2))
        _put(bright, at + 0.15 * TICKS_PER_S, size * _bump(long_s + 0.1, long_s))
        _put(side, at, 1.0 * _bump(1.1, 1.2)) if i % 2 else None
    rough = np.convolve(rng.normal(0, 1, ticks + 8), np.hanning(9) / 2, "valid")
    lean_db = 6 * (side - 0.5) + 2 * _drift(rng, ticks)
    mood = -33.5 + 1.5 * _drift(rng, ticks, 15, 60)
    return Score(
        (
            *_room(rng, ticks, -31.0),
            Layer(_band(500, 2500, -3.0), _gain(mood - 8 + 12 * bristle + rough * bristle, lean_db)),
            Layer(_band(2200, 8000, -3.0), _gain(mood - 14 + 14 * bright + rough * bright, lean_db)),
        )
    )


def _taps(rng: np.random.Generator, ticks: int) -> Score:
    """Fingertips on wood: rolls of three to six taps, never twice alike, in a warm room."""
    frames = ticks * TICK_FRAMES
    starts: list[float] = []
    loudness_db: list[float] = []
    for at in _moments(rng, ticks, 1.4, 2.6) * TICK_FRAMES:
        roll_db = rng.uniform(-2.5, 0)
        for _ in range(int(rng.integers(3, 7))):
            starts.append(at)
            loudness_db.append(-14.5 + roll_db - rng.exponential(1.2))
            at += RATE_HZ * rng.uniform(0.13, 0.24)  # noqa: PLW2901 - the hand moves on
    bank = tuple(_knock(rng, hz, 0.006, rng.uniform(0.018, 0.03)) for hz in np.geomspace(190, 520, 48))
    grains = _grains(rng, bank, np.array(starts), frames, np.array(loudness_db))
    return Score(_room(rng, ticks, -30.0), grains)


def _pages(rng: np.random.Generator, ticks: int) -> Score:
    """Someone reads: a hand slides over the paper, then a page goes over, every 6 to 11 s, in a warm room."""
    slide, rustle, side = np.zeros(ticks), np.zeros(ticks), np.zeros(ticks)
    for at in _moments(rng, ticks, 6, 11):
        size = rng.uniform(0.7, 1.0)
        _put(slide, at, size * _bump(rng.uniform(0.4, 0.8), rng.uniform(0.5, 0.9)))
        for part in range(int(rng.integers(2, 5))):
            late_s = 0.8 + 0.3 * part + rng.uniform(0, 0.2)
            _put(rustle, at + late_s * TICKS_PER_S, size * rng.uniform(0.6, 1) * _bump(0.25, rng.uniform(0.3, 0.6)))
        _put(side, at + 0.5 * TICKS_PER_S, _bump(1.5, 3))
    crackle = np.convolve(rng.normal(0, 1.5, ticks + 4), np.hanning(5) / 1.5, "valid")
    lean_db = 6 * (side - 0.2) + 2 * _drift(rng, ticks)
    return Score(
        (
            *_room(rng, ticks, -30.0),
            Layer(_band(400, 2500, -3.0), _gain(-44 + 13 * slide, -lean_db)),
            Layer(_band(1200, 8000, -2.0), _gain(-45 + 16 * rustle + crackle * rustle, lean_db)),
        )
    )


BEDS: Final[tuple[Texture, ...]] = (
    Texture("brushing", "Soft Brushing", _brushing),
    Texture("taps", "Finger Taps", _taps),
    Texture("pages", "Turning Pages", _pages),
)
