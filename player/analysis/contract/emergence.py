"""C1b, C1c and C1d on a night: what rises in the whole, in an ear or in an octave, and is no habit of the track.

Runs on the thread that renders. A rise of more than 10 dB (`player.audio.dsp.rises`) breaks the clause unless it ends
within 7 dB of what the track habitually reaches in that stream: the larger of what 40 % of its pieces of 8 s reach, and
of what 30 % of the half-seconds within 30 s of it reach. Habit is that of the recording, as it was decoded, under
lull's own gains; so nothing that the stages do can make a habit. The memory for that is 80 bytes a second of the track
under way. A rise that was decoded and is no habit is a *stranger*; how loud it left is what C1c asks about.

Where it falls short: what comes again every few seconds for half a minute is a habit, whatever it is.
"""

from __future__ import annotations

import math
from array import array
from dataclasses import dataclass
from typing import Final

import numpy as np

from player.analysis.contract.figures import Figure, Violations, Worst
from player.audio.dsp.octaves import BAND_FRAMES, BAND_S, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.rises import NO_RISE_DB, RISE_DB, RiseMeter, rises_db
from player.audio.dsp.types import Block
from player.core.units import SILENCE_DB, to_seconds

HABIT_ROOM_DB: Final = 7.0
"""The leveller aims at 3 dB over habit; what is this far over it has not been levelled."""
APART_S: Final = 1.0
CLIMB_LIMIT_DB: Final = 3.0
CLIMB_S: Final = 10.0
_HALF_S: Final = 0.5
_PIECE_HALVES: Final = 16
_PIECE_PERCENTILE: Final = 60.0
_NEAR_HALVES: Final = 60
_NEAR_PERCENTILE: Final = 70.0
_NEARLY: Final = 10 ** (RISE_DB / 10.0)
_TINY: Final = 1e-14
_BEFORE_BLOCKS: Final = 2
_BEHIND_BLOCKS: Final = 7
"""Of 0.1 s: what is looked at for the loudest 400 ms of a stranger."""


@dataclass(frozen=True, slots=True)
class _Rise:
    """The highest moment of a stream within a block."""

    at_s: float
    stream: int
    now: float
    past: float

    def height_db(self, calm_lufs: float) -> float:
        """How high, against a calm level."""
        now, past = np.full((1, len(STREAMS)), _TINY), np.full((1, len(STREAMS)), np.inf)
        now[0, self.stream], past[0, self.stream] = self.now, self.past
        return float(rises_db(now, past, calm_lufs)[0, self.stream])


class _Side:
    """One of the two streams."""

    def __init__(self) -> None:
        self._octaves = OctaveMeter()
        self._meter = RiseMeter(0.0)
        self.rises: list[_Rise] = []

    def push(self, block: Block, at_s: float) -> BandPowers:
        """Fast levels; the rises are kept."""
        now, past = self._meter.heights(self._octaves.powers(block))
        steep = now > past * _NEARLY
        for stream in np.flatnonzero(steep.any(axis=0)):
            hop = int(np.argmax(np.where(steep[:, stream], now[:, stream], 0.0)))
            when_s = at_s + (hop + 1) * BAND_S
            self.rises.append(_Rise(when_s, int(stream), float(now[hop, stream]), float(past[hop, stream])))
        return now


class Emergence:
    """Follows what was decoded and what left, a track at a time; `end_track` judges."""

    def __init__(self) -> None:
        self._before, self._after = _Side(), _Side()
        self._halves: list[BandPowers] = []
        self._lead: list[BandPowers] = []
        self._half = np.zeros((0, len(STREAMS)))
        self._began_s = 0.0
        self._loudest = array("f")
        self._block_s = 0.1
        self._whole = Violations(APART_S)
        self._parts = Violations(APART_S)
        self._climb = Worst(CLIMB_LIMIT_DB)
        self._strangers: list[tuple[float, float]] = []

    def push(self, decoded: Block, out: Block, momentary_lufs: float, at_s: float) -> None:
        """A block of both, whole hops of 10 ms; ``momentary_lufs``: the loudest M that left, as if at full volume."""
        assert len(out) % BAND_FRAMES == 0, len(out)
        if not self._halves and not len(self._half):
            self._began_s = at_s
        levels = self._before.push(decoded, at_s)
        self._after.push(out, at_s)
        self._loudest.append(momentary_lufs)
        self._block_s = to_seconds(len(out))
        self._half = np.concatenate((self._half, levels))
        whole = round(_HALF_S / BAND_S)
        while len(self._half) >= whole:
            self._halves.append(self._half[:whole].max(axis=0).astype(np.float32))
            self._half = self._half[whole:]

    def end_track(self, calm_lufs: tuple[float, float]) -> bool:
        """The track is over; its calm level as decoded and as it left. Whether it had strangers."""
        habit = _Habit(self._lead, self._halves, self._began_s)
        strangers = [one for one in self._before.rises if habit.is_broken_by(one, calm_lufs[0])]
        for one in self._after.rises:
            if habit.is_broken_by(one, calm_lufs[1]):
                (self._parts if one.stream else self._whole).add(one.at_s)
        for at_s in _apart([one.at_s for one in strangers]):
            self._stranger(at_s)
        for side in (self._before, self._after):
            side.rises = []
        self._lead = (self._lead + self._halves)[-_NEAR_HALVES:]
        self._halves, self._half, self._loudest = [], self._half[:0], array("f")
        return bool(strangers)

    def _stranger(self, at_s: float) -> None:
        """How much louder it left than one not long before."""
        at = int((at_s - self._began_s) / self._block_s)
        heard = self._loudest[max(0, at - _BEFORE_BLOCKS) : at + _BEHIND_BLOCKS]
        if not heard or max(heard) == SILENCE_DB:
            return
        near = [lufs for when_s, lufs in self._strangers if at_s - when_s <= CLIMB_S]
        if near:
            self._climb.see(max(heard) - min(near), at_s)
        self._strangers = [*self._strangers[-20:], (at_s, max(heard))]

    def figures(self) -> list[Figure]:
        """C1b, C1d and, where strangers were repeated, C1c."""
        whole = _rise_figure("C1b", "sudden rises of more than 10 dB that are no habit of the track", self._whole)
        parts = _rise_figure("C1d", "sudden rises in an octave or an ear", self._parts)
        if not math.isfinite(self._climb.value):
            return [whole, parts]
        return [whole, self._climb.figure("C1c", "a repeated surprise became louder within 10 s by", "dB"), parts]


def _rise_figure(clause: str, text: str, found: Violations) -> Figure:
    """Rises within a second are one."""
    count = float(found.stretches)
    return Figure(clause, text, count, "", 0.0, count == 0.0, tuple(found.at))


def _apart(times_s: list[float]) -> list[float]:
    """The first of those that are within a second of each other."""
    found: list[float] = []
    last_s = -math.inf
    for at_s in sorted(times_s):
        if at_s - last_s > APART_S:
            found.append(at_s)
        last_s = at_s
    return found


class _Habit:
    """What a track reaches habitually in each stream, dB; ``lead`` is the end of the track that blends into it."""

    def __init__(self, lead: list[BandPowers], halves: list[BandPowers], began_s: float) -> None:
        self._began_s = began_s - len(lead) * _HALF_S
        both = [*lead, *halves]
        self._halves = 10.0 * np.log10(np.maximum(both, _TINY)) - 0.691 if both else np.zeros((0, len(STREAMS)))
        own = self._halves[len(lead) :]
        pieces = len(own) // _PIECE_HALVES
        self._often = np.full(len(STREAMS), NO_RISE_DB)
        if pieces > 1:
            maxima = own[: pieces * _PIECE_HALVES].reshape(pieces, _PIECE_HALVES, -1).max(axis=1)
            self._often = np.percentile(maxima, _PIECE_PERCENTILE, axis=0)

    def is_broken_by(self, rise: _Rise, calm_lufs: float) -> bool:
        """Whether the rise is too high and ends too far over habit."""
        if rise.height_db(calm_lufs) <= RISE_DB:
            return False
        at = int((rise.at_s - self._began_s) / _HALF_S)
        near = self._halves[max(0, at - _NEAR_HALVES) : at + _NEAR_HALVES + 1, rise.stream]
        usual = float(np.percentile(near, _NEAR_PERCENTILE)) if len(near) else NO_RISE_DB
        level = 10.0 * math.log10(max(rise.now, _TINY)) - 0.691
        return level > max(usual, float(self._often[rise.stream])) + HABIT_ROOM_DB
