"""The plan of a track: by how much each moment is lowered, found from the powers of the whole of it.

Pure functions, on the thread that measures, on powers every 10 ms (`player.audio.dsp.octaves`): whole, ears, octaves.
A cell is 0.25 s and is known by its loudest 60 ms: the levels of the seven octaves and the balance of the ears.

- A cell is *steep* if anything in it rises by more than 9 dB as C1b and C1d count it, to more than 3 dB over what that
  stream reaches in three of four pieces of 8 s.
- A cell is *habitual* if its like (octaves within 5 dB rms, balance within 8 dB, more than 2 s away) is in at least
  30 % of the pieces of 8 s within 96 s of it, and those that are alike spread over 45 s, or 70 % of a shorter file:
  five barks in half a minute are no habit.
- A *stranger* is a steep cell that is not habitual, and what goes on beside it, is loud or rises, and not habitual
  either. It is brought to habit + 3 dB, in the whole and in each ear, and as far as C1b and C1d ask in each octave.
- M stays within calm + 7, S within calm + 4.3, whatever it is.
- What is habitual but had no like for 45 s is brought to the same level, and comes up from there at 5 dB/s. The first
  45 s of a track are introduced by its fade-in alone.

The result is verified with the code that judges the output (`player.audio.dsp.rises`), and lowered further where it
still breaks a clause.

Where it falls short: one gain for all octaves, so a tone in rain takes the rain down with it while it sounds.
"""

from __future__ import annotations

import base64
import zlib
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.leveller import STEP_DB
from player.audio.dsp.octaves import BAND_S, BandPowers
from player.audio.dsp.rises import RiseMeter

Levels = npt.NDArray[np.float64]
"""dB; a level in LUFS, or a gain of at most 0."""
Marks = npt.NDArray[np.bool_]

CELL: Final = round(0.25 / BAND_S)
BOX: Final = round(0.06 / BAND_S)
MOMENTARY: Final = round(0.4 / BAND_S)
SHORT: Final = round(3.0 / BAND_S)
PRIME: Final = round(10.5 / BAND_S)
LIKE_DB: Final = 5.0
LIKE_BALANCE_DB: Final = 8.0
APART_CELLS: Final = 8
PIECE_CELLS: Final = 32
NEAR_CELLS: Final = 12 * PIECE_CELLS
SHARE: Final = 0.3
SPREAD_CELLS: Final = 180
SPREAD_SHARE: Final = 0.7
FORGOTTEN_CELLS: Final = 180
HABIT_CELLS: Final = 120
OVER_DB: Final = 3.0
STEEP_DB: Final = 9.0
HELD_DB: Final = 8.0
MOMENTARY_DB: Final = 7.0
SHORT_DB: Final = 4.3
COMES_UP_DB: Final = 5.0 * BAND_S
ROUNDS: Final = 6
PART: Final = round(600.0 / BAND_S)
MARGIN: Final = round(120.0 / BAND_S)
"""So much is planned at once, with so much beside it on either side."""
_FIRST_OCTAVE: Final = 3


def make_plan(levels: npt.NDArray[np.uint8]) -> str:
    """The plan of a track whose powers `pack_levels` made small, shape (hops, 10); empty where nothing is lowered."""
    found = np.zeros(len(levels), np.uint8)
    for at in range(0, len(levels), PART):
        first, end = max(0, at - MARGIN), min(len(levels), at + PART + MARGIN)
        gain, _ = _plan(10.0 ** ((levels[first:end] / 2.0 - 120.0) / 10.0))
        steps = np.clip(np.ceil(-gain / STEP_DB - 1e-6), 0, 255).astype(np.uint8)
        part = steps[at - first : at - first + PART]
        found[at : at + len(part)] = part
    return base64.b64encode(zlib.compress(found.tobytes(), 9)).decode("ascii") if found.any() else ""


def pack_levels(powers: BandPowers) -> npt.NDArray[np.uint8]:
    """Powers as half decibels from -120 dB on."""
    decibels = 10.0 * np.log10(np.maximum(powers, 1e-12))
    packed: npt.NDArray[np.uint8] = np.clip(np.round(2.0 * (decibels + 120.0)), 0, 255).astype(np.uint8)
    return packed


def _plan(powers: BandPowers) -> tuple[Levels, float]:
    """Gain and calm level of a stretch, shape (hops, 10)."""
    hops = len(powers) // CELL * CELL
    if hops < 4 * CELL:
        return np.zeros(len(powers)), -70.0
    powers = np.maximum(powers[:hops], 1e-12)
    boxes = _decibels(_mean(powers, BOX))
    cells = _Cells(boxes)
    nobody = np.zeros(len(cells.level), np.bool_)
    calm = _calm(powers[:, 0], nobody)
    strangers, fresh = nobody, nobody
    for _ in range(2):
        habit = cells.habit(strangers | fresh, calm)
        strangers, fresh = cells.judge(*_steep(powers, boxes, calm), habit)
        calm = _calm(powers[:, 0], strangers)
    habit = cells.habit(strangers | fresh, calm)
    gain = _bounded(powers, boxes, (strangers, fresh), habit, calm)
    return gain, calm


def _decibels(powers: BandPowers) -> Levels:
    found: Levels = 10.0 * np.log10(np.maximum(powers, 1e-12)) - 0.691
    return found


def _mean(powers: npt.NDArray[np.float64], width: int) -> npt.NDArray[np.float64]:
    """Mean of ``width`` hops around each one, or of what there is of them at the ends."""
    sums = np.cumsum(np.concatenate((np.zeros((1, *powers.shape[1:])), powers)), axis=0)
    at = np.arange(len(powers))
    first, end = np.maximum(at - width // 2, 0), np.minimum(at + width - width // 2, len(powers))
    counts = (end - first).reshape(-1, *[1] * (powers.ndim - 1))
    means: npt.NDArray[np.float64] = np.maximum(sums[end] - sums[first], 0.0) / counts
    return means


def _least(values: Levels, reach: int) -> Levels:
    """The least of the ``reach`` values on either side."""
    padded = np.pad(values, reach, mode="edge")
    found: Levels = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(axis=-1)
    return found


def _calm(whole: npt.NDArray[np.float64], strangers: Marks) -> float:
    """Loudness of what is no stranger's: 400 ms blocks from 12 dB below to 3 dB over their peaks."""
    blocks = _decibels(_mean(whole, MOMENTARY))[: len(strangers) * CELL].reshape(len(strangers), CELL)
    known = ~_spread(strangers, 2)
    blocks = blocks[known] if known.sum() > 3 else blocks
    peaks = _decibels(_mean(whole, BOX))[: len(strangers) * CELL].reshape(len(strangers), CELL).max(axis=1)
    peaks = peaks[known] if known.sum() > 3 else peaks
    peaks = np.maximum(peaks, np.append(peaks[1:], -99.0))
    peaks = peaks[peaks > -75.0] if (peaks > -75.0).any() else peaks
    peaks = peaks[peaks > np.percentile(peaks, 75.0) - 15.0]
    top = np.percentile(peaks, 75.0)
    usual = blocks[(blocks > top - 12.0) & (blocks < top + 3.0)]
    return float(10.0 * np.log10(np.mean(10.0 ** (usual / 10.0)))) if len(usual) else float(top)


def _spread(marks: Marks, cells: int) -> Marks:
    wide = np.convolve(marks, np.ones(2 * cells + 1), mode="same") > 0.5
    found: Marks = wide[: len(marks)]
    return found


def _heights(powers: BandPowers, calm: float) -> Levels:
    """Rises at each hop; before its begin the track is taken to have sounded like its first seconds, backwards."""
    lead = powers[:PRIME][::-1]
    while len(lead) < PRIME:
        lead = np.concatenate((lead, lead))
    return RiseMeter(calm).push(np.concatenate((lead[-PRIME:], powers)))[PRIME:]


def _steep(powers: BandPowers, boxes: Levels, calm: float) -> tuple[Marks, Marks]:
    """Cells in which anything rises too far, to more than what it reaches in most pieces of 8 s, and to any level."""
    count = len(powers) // CELL
    rises = _heights(powers, calm).reshape(count, CELL, -1).max(axis=1)
    levels = boxes.reshape(count, CELL, -1).max(axis=1)
    is_steep = rises > STEEP_DB
    return (is_steep & (levels > _usual(levels) + OVER_DB)).any(axis=1), is_steep.any(axis=1)


def _usual(levels: Levels) -> Levels:
    """For each cell and stream what three of four pieces of 8 s within 96 s reach."""
    count = len(levels)
    pieces = max(3, count // PIECE_CELLS)
    borders = np.arange(pieces + 1) * count // pieces
    tops = np.array([levels[first:end].max(axis=0) for first, end in pairwise(borders.tolist())])
    reach = NEAR_CELLS // PIECE_CELLS
    usual = [np.percentile(tops[max(0, at - reach) : at + reach + 1], 25.0, axis=0) for at in range(pieces)]
    return np.repeat(usual, np.diff(borders), axis=0)


class _Cells:
    """The cells of a track, each known by its loudest moment."""

    def __init__(self, boxes: Levels) -> None:
        count = len(boxes) // CELL
        whole = boxes[:, 0].reshape(count, CELL)
        at = whole.argmax(axis=1) + CELL * np.arange(count)
        self.level = boxes[at, 0]
        self._octaves = boxes[at, _FIRST_OCTAVE:]
        self._balance = boxes[at, 1] - boxes[at, 2]

    def habit(self, strangers: Marks, calm: float) -> Levels:
        """What the cells around each one usually reach, strangers left out: by half-seconds."""
        level = np.where(strangers, np.nan, np.maximum(self.level, np.append(self.level[1:], -99.0)))
        found = np.full(len(level), calm)
        for at in range(0, len(level), 4):
            near = level[max(0, at - HABIT_CELLS) : at + HABIT_CELLS + 1]
            near = near[~np.isnan(near)]
            if len(near) > 10:
                found[at : at + 4] = np.percentile(near, 60.0)
        habit: Levels = np.clip(found, calm - 14.0, calm + 7.0)
        return habit

    def judge(self, steep: Marks, rising: Marks, habit: Levels) -> tuple[Marks, Marks]:
        """Which cells are strangers, and which are habitual but have not been heard for long."""
        strangers, fresh = np.zeros(len(habit), np.bool_), np.zeros(len(habit), np.bool_)
        waiting, seen = np.flatnonzero(steep).tolist(), set()
        while waiting:
            at = waiting.pop()
            if at in seen:
                continue
            seen.add(at)
            is_habit, is_fresh = self._is_habit(at)
            strangers[at], fresh[at] = not is_habit, is_habit and is_fresh and bool(steep[at])
            if strangers[at]:  # what goes on beside it, loud, belongs to it
                near = [k for k in (at - 1, at + 1) if 0 <= k < len(habit)]
                waiting += [k for k in near if rising[k] or self.level[k] > habit[k] + OVER_DB]
        return strangers, fresh

    def _is_habit(self, at: int) -> tuple[bool, bool]:
        first, end = max(0, at - NEAR_CELLS), min(len(self.level), at + NEAR_CELLS)
        own = self._octaves[at]
        weights = np.clip((own - own.max() + 25.0) / 25.0, 0.0, 1.0)
        apart = np.clip(self._octaves[first:end] - own, -30.0, 30.0)
        like = (np.square(apart) @ weights) < LIKE_DB**2 * weights.sum()
        like &= np.abs(self._balance[first:end] - self._balance[at]) < LIKE_BALANCE_DB
        where = np.flatnonzero(like) + first
        where = where[np.abs(where - at) > APART_CELLS]
        if not len(where):
            return False, True
        pieces = max(3, (end - first) // PIECE_CELLS)
        share = len(np.unique((where - first) * pieces // (end - first))) / pieces
        reach = max(int(where[-1]), at) - min(int(where[0]), at)
        is_habit = share >= SHARE and reach >= min(SPREAD_CELLS, SPREAD_SHARE * (end - first))
        is_fresh = at > FORGOTTEN_CELLS and not bool(((where < at) & (where >= at - FORGOTTEN_CELLS)).any())
        return is_habit, is_fresh


def _bounded(powers: BandPowers, boxes: Levels, kinds: tuple[Marks, Marks], habit: Levels, calm: float) -> Levels:
    """The gain that keeps all bounds."""
    strangers, fresh = kinds
    marked = np.repeat(_spread(strangers | fresh, 1), CELL)
    habits = np.repeat(habit, CELL)
    loudest = np.maximum(boxes[:, 0], np.maximum(boxes[:, 1], boxes[:, 2]) + 2.0)
    is_own = np.repeat(strangers | fresh, CELL)
    edge = marked & ~is_own
    cap = np.where(is_own, habits + OVER_DB, np.inf)
    cap[edge] = np.maximum(habits[edge] + OVER_DB, np.repeat(_edge_level(boxes[:, 0], strangers | fresh), CELL)[edge])
    want = np.minimum(0.0, cap - loudest)
    want = np.minimum(want, np.minimum(0.0, calm + MOMENTARY_DB - _decibels(_mean(powers[:, 0], MOMENTARY))))
    gain = _smooth(_held(want, powers[:, 0], calm))
    for _ in range(ROUNDS):
        more = _too_steep(powers, gain, marked, calm)
        if not more.any():
            break
        gain = _smooth(gain + more)
    return _come_up(gain, np.repeat(fresh, CELL))


def _edge_level(level: Levels, strangers: Marks) -> Levels:
    """The level of a cell beside a stranger that counts as its own: habitual ones keep theirs."""
    found: Levels = np.where(strangers, -99.0, np.percentile(level.reshape(-1, CELL), 50.0, axis=1))
    return found


def _held(want: Levels, whole: npt.NDArray[np.float64], calm: float) -> Levels:
    """S as well: what is loud for long sinks as a whole."""
    short = _decibels(_mean(whole * 10.0 ** (want / 10.0), SHORT))
    over = np.maximum(0.0, short - calm - SHORT_DB)
    if not over.any():
        return want
    over = -_least(-over, SHORT // 2)
    loud = _decibels(_mean(whole * 10.0 ** (want / 10.0), BOX)) > calm + SHORT_DB - 3.0
    return np.where(loud, want - over, want)


def _smooth(want: Levels) -> Levels:
    """Edges of 50 ms, no moment less lowered than it asks for."""
    padded = np.pad(_least(want, 3), 2, mode="edge")
    found: Levels = np.lib.stride_tricks.sliding_window_view(padded, 5).mean(axis=-1)
    return np.where(found > -0.05, 0.0, found)


def _too_steep(powers: BandPowers, gain: Levels, marked: Marks, calm: float) -> Levels:
    """By how much more the 130 ms before each hop are lowered because something still rises too far there."""
    rises = _heights(powers * (10.0 ** (gain / 10.0))[:, np.newaxis], calm).max(axis=1)
    over = np.where(marked & (rises > HELD_DB + 0.3), rises - HELD_DB, 0.0)
    if not over.any():
        return over
    reach = 13
    ahead = np.lib.stride_tricks.sliding_window_view(np.append(over, np.zeros(reach)), reach + 1).max(axis=-1)
    found: Levels = -ahead
    return found


def _come_up(gain: Levels, fresh: Marks) -> Levels:
    """Behind what is habitual but new, the gain returns at 5 dB/s."""
    if not fresh.any():
        return gain
    limit, found = 0.0, gain.copy()
    for at, (own, is_fresh) in enumerate(zip(gain.tolist(), fresh.tolist(), strict=True)):
        limit = min(0.0, limit + COMES_UP_DB)
        if is_fresh:
            limit = min(limit, own)
        found[at] = min(own, limit)
    return found
