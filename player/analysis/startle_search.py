"""The surprises in a track: startle events as the recording has them, and what its calm part is without them.

Pure functions, on the thread that measures. `player.audio.dsp.startle.Judge` decides; but it costs a tenth of a scan,
and in nearly all of a track nothing can be a startle event. So conditions that each event fulfils (its level stands
over floor, familiar level and a quick climb) are looked for in whole pieces first, and the judge hears those places
alone, from 45 s before, by which time it has forgotten that it did not hear the rest.

A track is heard after its own fade-in: before its first sample the judge heard half a minute of its habitual level.
Otherwise each track would begin with a surprise.

Calm is what remains without the surprises, each from its begin until the level has come down for a second, at most
half a minute. Where they would take more than a quarter of the track they belong to the programme, and nothing is
left out: too quiet is better than too loud.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.analysis.loudness import (
    EVENT_SHARE,
    PIECE_HOPS,
    SHORT_HOPS,
    STEP_HOPS,
    Doubles,
    Loudness,
    Powers,
    running_mean,
)
from player.audio.dsp.hearing import (
    CHUNK_HOPS,
    FAMILIAR_CHUNKS,
    FAST_KEEP,
    FAST_TAKE,
    HOP_S,
    RECENT_CHUNKS,
    to_lufs,
    to_power,
)
from player.audio.dsp.startle import (
    BURST_DB,
    GRADIENT_DB_PER_S,
    LOWEST_LUFS,
    NOTICED_DB,
    ROOM_BELOW_CALM_DB,
    STARTLE_LD_DB,
    Judge,
    Onset,
)
from player.core.measurement import Surprise

Places: TypeAlias = npt.NDArray[np.intp]
Marks: TypeAlias = npt.NDArray[np.bool_]

MAX_SURPRISES: Final = 500
"""The worst ones are kept."""
APART_S: Final = 1.0
"""An event that begins this soon after the last one belongs to it."""
LEAD_HOPS: Final = round(45.0 / HOP_S)
PRIME_HOPS: Final = round(35.0 / HOP_S)
_FAMILIAR_HOPS: Final = (FAMILIAR_CHUNKS + 1) * CHUNK_HOPS
_TRAIL_HOPS: Final = round(1.5 / HOP_S)
_SECOND_HOPS: Final = round(1.0 / HOP_S)
_STEP_S: Final = STEP_HOPS * HOP_S
_CALM_STEPS: Final = round(1.0 / _STEP_S)
_LONGEST_STEPS: Final = round(30.0 / _STEP_S)
_OVER: Final = 10.0**0.8
"""A surprise is going on while it is 8 LU over the programme."""
_SOUND: Final = to_power(-70.0)
_LOWEST: Final = to_power(LOWEST_LUFS)
_BINS: Final = np.arange(-70.0, 30.0, 0.1)
"""LUFS. A frame of +12 dBFS on both sides has +15, and what K adds."""
_NEARLY: Final = 0.999
"""Thresholds of the search are lower by a rounding than those of the judge."""


@dataclass(frozen=True, slots=True)
class Calm:
    """The surprises, and powers of what remains without them.

    Attributes:
        max_short: largest S.
        habitual: 95th percentile of the fast level.
    """

    surprises: tuple[Surprise, ...]
    max_short: float
    habitual: float


def find_surprises(powers: Powers, loudness: Loudness) -> Calm:
    """All surprises in a track, and its calm part."""
    if loudness.programme <= 0.0:
        return Calm((), loudness.max_short, 0.0)
    nothing = np.zeros(len(loudness.steps), np.bool_)
    before = min(habitual(powers, nothing), loudness.programme * _OVER)
    events = _Search(powers, before, to_lufs(loudness.programme) - ROOM_BELOW_CALM_DB).events()
    surprises = _merged(events)
    marks = _marks(loudness, surprises) if surprises else nothing
    if not marks.any():
        return Calm(surprises, loudness.max_short, habitual(powers, nothing))
    return Calm(surprises, _max_short(loudness, marks), habitual(powers, marks))


def fast_powers(powers: Powers, start: float) -> Doubles:
    """The fast level E after each hop, as `player.audio.dsp.hearing.Hearing` has it, from ``start`` on."""
    rows = -(-len(powers) // _SECOND_HOPS)
    table = np.zeros(rows * _SECOND_HOPS)
    table[: len(powers)] = powers
    keep = FAST_KEEP ** np.arange(_SECOND_HOPS)
    found: Doubles = np.cumsum(FAST_TAKE * table.reshape(rows, _SECOND_HOPS) / keep, axis=1) * keep
    carried = np.empty((rows, 1))
    level = start
    for row, end in enumerate(found[:, -1].tolist()):
        carried[row] = level
        level = end + keep[-1] * FAST_KEEP * level
    found += carried * (keep * FAST_KEEP)
    return found.ravel()[: len(powers)]


def habitual(powers: Powers, marks: Marks) -> float:
    """95th percentile of the fast level above -70 LUFS, to 0.1 dB, without the steps that are marked; 0 for silence."""
    counts = np.zeros(len(_BINS) - 1, np.int64)
    level = 0.0
    for start in range(0, len(powers), PIECE_HOPS):
        fast = fast_powers(powers[start : start + PIECE_HOPS], level)
        level = float(fast[-1])
        steps = np.minimum((start + np.arange(1, len(fast), 2)) // STEP_HOPS, len(marks) - 1)
        heard = fast[1::2][~marks[steps]]
        heard = heard[heard > _SOUND]
        counts += np.histogram(10.0 * np.log10(heard) - 0.691, _BINS)[0]
    if not counts.any():
        return 0.0
    sums = np.cumsum(counts)
    return to_power(float(_BINS[1 + int(np.searchsorted(sums, 0.95 * sums[-1]))]))


class _Search:
    """One search through a track that is heard after half a minute of a steady level; hops count from there."""

    def __init__(self, powers: Powers, before: float, floor_lufs: float) -> None:
        self._powers = powers
        self._before = np.float32(before)
        self._floor_lufs = floor_lufs
        self._floor = to_power(floor_lufs)
        self._end = PRIME_HOPS + len(powers)

    def events(self) -> list[Onset]:
        """Every startle event, timed from the begin of the track."""
        found: list[Onset] = []
        for first, last in self._groups():
            found += self._judge(first, last)
        return found

    def _stretch(self, start: int, end: int) -> Powers:
        """Hops of the steady level and the track; ``start`` is at least 0."""
        prime = np.full(max(0, min(end, PRIME_HOPS) - start), self._before, np.float32)
        return np.concatenate((prime, self._powers[max(0, start - PRIME_HOPS) : max(0, end - PRIME_HOPS)]))

    def _groups(self) -> Iterator[tuple[int, int]]:
        """First and last hop of places where the judge must listen, far enough apart to be judged alone."""
        places = np.concatenate([self._places(at) for at in range(PRIME_HOPS, self._end, PIECE_HOPS)])
        if len(places):
            cuts = np.flatnonzero(np.diff(places) > LEAD_HOPS + _TRAIL_HOPS)
            starts, ends = np.append(0, cuts + 1), np.append(cuts, len(places) - 1)
            yield from zip(places[starts].tolist(), places[ends].tolist(), strict=True)

    def _places(self, at: int) -> Places:
        """Hops of one piece at which an event could end (onsets) or begin (bursts)."""
        start = max(0, at - _FAMILIAR_HOPS)
        powers = self._stretch(start, min(at + PIECE_HOPS, self._end))
        fast = np.maximum(fast_powers(powers, float(powers[0])), _LOWEST)
        found = np.union1d(_onset_places(fast, self._floor), _burst_places(powers, self._floor)) + start
        return found[found >= at]

    def _judge(self, first: int, last: int) -> list[Onset]:
        begin = max(0, (first - LEAD_HOPS) // CHUNK_HOPS * CHUNK_HOPS)
        judge = Judge(self._floor_lufs)
        found = [
            onset
            for power in self._stretch(begin, min(last + _TRAIL_HOPS, self._end)).tolist()
            for onset in judge.push(power)
            if onset.is_startle
        ]
        found += [onset for onset in judge.finish() if onset.is_startle]
        earliest_s, shift_s = (first - begin) * HOP_S - _STEP_S, (begin - PRIME_HOPS) * HOP_S
        return [
            replace(onset, at_s=onset.at_s + shift_s, end_s=onset.end_s + shift_s)
            for onset in found
            if onset.end_s >= earliest_s
        ]


def _onset_places(fast: Doubles, floor: float) -> Places:
    """Where the fast level climbs steeply and stands over the floor and what is familiar."""
    samples = fast[1::2]
    climbs = samples[1:] > samples[:-1] * 10.0 ** (GRADIENT_DB_PER_S * 2 * HOP_S / 10.0)
    stands_out = samples[1:] > _NEARLY * floor * 10.0 ** (STARTLE_LD_DB / 10.0)
    places: Places = 2 * np.flatnonzero(climbs & stands_out) + 3
    if not len(places):
        return places
    maxima = fast[: len(fast) // CHUNK_HOPS * CHUNK_HOPS].reshape(-1, CHUNK_HOPS).max(axis=1)
    width = FAMILIAR_CHUNKS - RECENT_CHUNKS
    padded = np.concatenate((np.zeros(FAMILIAR_CHUNKS), maxima))
    familiar = np.lib.stride_tricks.sliding_window_view(padded, width).max(axis=1)
    # after chunk c the familiar level covers the chunks c-599 to c-10
    known = familiar[(places + 1) // CHUNK_HOPS]
    is_new: Marks = fast[places] > _NEARLY * known * 10.0 ** (NOTICED_DB / 10.0)
    return places[is_new]


def _burst_places(powers: Powers, floor: float) -> Places:
    """Where 50 ms stand 15 dB over the floor and over the quietest 50 ms of the last second or so."""
    boxes = np.concatenate((np.zeros(CHUNK_HOPS - 1), running_mean(powers, CHUNK_HOPS)))
    step = 10.0 ** (BURST_DB / 10.0)
    places: Places = np.flatnonzero(boxes > _NEARLY * floor * step)
    if not len(places):
        return places
    chunks = -(-len(boxes) // CHUNK_HOPS)
    minima = np.concatenate((boxes, np.full(chunks * CHUNK_HOPS - len(boxes), np.inf)))
    minima = minima.reshape(chunks, CHUNK_HOPS).min(axis=1)
    width = _SECOND_HOPS // CHUNK_HOPS + 2
    quietest = np.lib.stride_tricks.sliding_window_view(np.append(np.zeros(width - 1), minima), width).min(axis=1)
    lowest = np.maximum(quietest[places // CHUNK_HOPS], _LOWEST)
    is_quick: Marks = boxes[places] > _NEARLY * lowest * step
    return places[is_quick]


def _merged(events: list[Onset]) -> tuple[Surprise, ...]:
    """Events within a second are one surprise; the worst ones in order of time."""
    found: list[Surprise] = []
    last_s = -math.inf
    for event in sorted(events, key=lambda event: event.at_s):
        at_s = max(0.0, event.at_s)
        heard = Surprise(at_s, event.over_background_db, event.ki_db)
        if at_s - last_s <= APART_S:
            known = found.pop()
            heard = Surprise(known.at_s, max(known.ld_db, heard.ld_db), max(known.ki_db, heard.ki_db))
        found.append(heard)
        last_s = at_s
    worst = sorted(found, key=lambda surprise: -surprise.ld_db)[:MAX_SURPRISES]
    return tuple(sorted(worst, key=lambda surprise: surprise.at_s))


def _marks(loudness: Loudness, surprises: tuple[Surprise, ...]) -> Marks:
    """Steps that belong to surprises; none where that would be too much to be events."""
    loud = loudness.steps > loudness.programme * _OVER
    marks = np.zeros(len(loud), np.bool_)
    for surprise in surprises:
        first = int(surprise.at_s / _STEP_S)
        ahead = np.flatnonzero(loud[first : first + _LONGEST_STEPS])
        # the first pause of a second ends it
        gaps = np.flatnonzero(np.diff(ahead) > _CALM_STEPS)
        last = ahead[gaps[0]] if len(gaps) else ahead[-1] if len(ahead) else 0
        marks[max(0, first - 1) : first + int(last) + 2] = True
    return marks if np.count_nonzero(marks) <= EVENT_SHARE * len(marks) else np.zeros_like(marks)


def _max_short(loudness: Loudness, marks: Marks) -> float:
    """The largest S that has no marked step in it."""
    width = SHORT_HOPS // STEP_HOPS
    is_calm = running_mean(marks.astype(np.float64), width) < 0.5 / width
    shorts = running_mean(loudness.steps, width)[is_calm]
    return float(shorts.max()) if len(shorts) else loudness.max_short
