"""Onsets and startle events by the definitions of docs/never-startle.md, found in a stream of powers.

Runs on the thread that owns the object. The input is 5 ms hops; the fast level L is sampled every 10 ms, as in ISO/PAS
1996-3:2022 (NT ACOU 112). An *onset* is a stretch in which L gains more than 10 dB/s; one that begins within
50 ms of the end of another is part of it where both the ends and the starts are that steep. LD is its height, OR the
least-squares slope; P = 3 lg OR + 2 lg LD, and KI = 1.8 (P - 5) where P > 5 and OR > 10, otherwise 0.

A *startle event* is an onset with OR > 15 dB/s and a height of more than 3 dB that ends more than 10 dB over the
background and more than 3 dB over the familiar level. (3 dB is the largest instant step that scores KI 0; a wobble of
less startles nobody, whatever it stands on.) A *burst* is the same asked of a box of 50 ms: more than 15 dB over what
is usual, gained within a second, and more than 3 dB over the loudest 50 ms of the last 30 s without the last half
second. (What is usual goes back 5 s only, so one tick a second would be new each time.)
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from player.audio.dsp.hearing import CHUNK_HOPS, HOP_S, Familiar, Hearing, to_lufs, to_power
from player.audio.dsp.native import Kernel

GRADIENT_DB_PER_S: Final = 10.0
STARTLE_DB_PER_S: Final = 15.0
STARTLE_LD_DB: Final = 10.0
NOTICED_DB: Final = 3.0
BURST_DB: Final = 15.0
ROOM_BELOW_CALM_DB: Final = 12.0
"""A bedroom of 28 dB(A) under sound that is heard at 40 dB(A)."""
LOWEST_LUFS: Final = -100.0
"""Lower levels count as this; every bedroom is louder."""

_BURST: Final = 10.0 ** (BURST_DB / 10.0)
_SAMPLE_S: Final = 2 * HOP_S
_GRADIENT_DB: Final = GRADIENT_DB_PER_S * _SAMPLE_S
_LEVEL: Final[float] = 10.0 ** (_GRADIENT_DB / 10.0) * (1.0 - 1e-9)
"""A power that grows by at most this factor is not an onset, whatever the rounding."""
_MERGE_SAMPLES: Final = round(0.050 / _SAMPLE_S)
_BURST_HOPS: Final = round(1.0 / HOP_S)


def prominence(ld_db: float, or_db_per_s: float) -> float:
    """P of an onset; -inf where height or slope is not positive."""
    if ld_db <= 0.0 or or_db_per_s <= 0.0:
        return -math.inf
    return 3.0 * math.log10(or_db_per_s) + 2.0 * math.log10(ld_db)


def impulse_adjustment(ld_db: float, or_db_per_s: float) -> float:
    """KI in dB: 1.8 (P - 5), 0 up to P 5 and OR 10; more than 5 is highly impulsive."""
    return max(0.0, 1.8 * (prominence(ld_db, or_db_per_s) - 5.0)) if or_db_per_s > GRADIENT_DB_PER_S else 0.0


BOX_OVER_FAST: Final = 10.0**0.63
"""A tap of a few milliseconds: its 50 ms mean over its fast level, 0.3 dB more than the guard lets pass."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One onset.

    Attributes:
        at_s: where it begins, seconds since the first hop.
        end_s: where it ends.
        level_lufs: the fast level at its end.
        ld_db: its height.
        or_db_per_s: its slope.
        over_background_db: how far its end stands over the background before it.
        over_familiar_db: how far its end stands over the familiar level.
        is_burst: found in the 50 ms box; ``level_lufs`` is the box's, ``ld_db`` is counted from what is usual, and what
            is familiar is a box as well.
    """

    at_s: float
    end_s: float
    level_lufs: float
    ld_db: float
    or_db_per_s: float
    over_background_db: float
    over_familiar_db: float
    is_burst: bool = False

    @property
    def ki_db(self) -> float:
        """KI."""
        return impulse_adjustment(self.ld_db, self.or_db_per_s)

    @property
    def is_new(self) -> bool:
        """Whether it is higher than 10 dB and leads to a level that is not familiar."""
        return self.ld_db > STARTLE_LD_DB and self.over_familiar_db > NOTICED_DB

    @property
    def is_startle(self) -> bool:
        """Whether it is a startle event."""
        return self.over_familiar_db > NOTICED_DB and (
            self.is_burst
            or (
                self.or_db_per_s > STARTLE_DB_PER_S
                and self.ld_db > NOTICED_DB
                and self.over_background_db > STARTLE_LD_DB
            )
        )


class Judge:
    """Finds onsets and bursts in K-weighted powers of 5 ms hops.

    Args:
        floor_lufs: what the room hides, 12 dB below calm: no level counts as less.
        native: the native kernel, which processes chunks without an onset; None to work in Python.
        tolerance_db: how much higher than the familiar level counts as familiar, for a judge that acts on a startle.

    Attributes:
        known: power up to which a fast level is familiar, whether it was heard lately or not; 0: nothing is known.
    """

    def __init__(self, floor_lufs: float, native: Kernel | None = None, tolerance_db: float = 0.0) -> None:
        self._kernel = native
        self._tolerance_db = tolerance_db
        self.hearing = Hearing()
        self.floor_lufs = floor_lufs
        self._floor = to_power(floor_lufs)
        self._hops = 0
        self._before = floor_lufs
        self._open: _Climb | None = None
        self._boxes = deque([0.0], _BURST_HOPS)
        self._familiar_box = Familiar()
        self._largest_box = 0.0
        self._is_burst = False
        self.known = 0.0

    def move_floor(self, floor_lufs: float) -> None:
        """The volume has changed, and with it what the room hides."""
        if floor_lufs != self.floor_lufs:
            self.floor_lufs, self._floor = floor_lufs, to_power(floor_lufs)

    def push(self, power: float) -> list[Onset]:
        """Hear one more hop; what has ended with it or, for bursts, begun. Mostly nothing."""
        self.hearing.push(power)
        self._hops += 1
        found = self._burst(self.hearing.box)
        if self._hops % CHUNK_HOPS == 0:
            self._familiar_box.push(self._largest_box)
            self._largest_box = 0.0
        if self._hops % 2 == 0:
            found += self._sample(self.hearing.fast)
        return found

    def push_many(self, powers: Sequence[float]) -> tuple[list[Onset], bool]:
        """Hear at most as many hops as are left of a chunk: what `push` says of them, and whether `is_startling` was.

        Mostly no box comes near a burst, and then the boxes are kept without being looked at one by one.
        """
        hearing, is_last = self.hearing, len(powers) == self.hearing.hops_left
        first = powers[:-1] if is_last else powers
        fasts = hearing.push_many(first)
        found, was_startling = self._bursts(hearing.boxes(len(first))), False
        for fast in fasts:
            self._hops += 1
            if self._hops % 2 == 0:
                found += self._sample(fast)
            was_startling = was_startling or self.is_startling
        if is_last:
            found += self.push(powers[-1])
            was_startling = was_startling or self.is_startling
        return found, was_startling

    def push_calm(self, powers: list[float]) -> int:
        """Hear whole chunks up to the first in which anything climbs, which is left to `push_many`; how many hops."""
        lent = self.lend() if len(powers) >= CHUNK_HOPS else None
        if self._kernel is None or lent is None:
            return 0
        boxes = self._kernel.judge_calm((lent["judge_heard"], lent["judge_familiar"]), lent["judge"], powers)
        self.take_back(boxes)
        return len(boxes)

    def lend(self) -> dict[str, Any] | None:
        """What the kernel moves on until `take_back`, by its names in calm.c; None while anything climbs."""
        hearing = self.hearing
        if self._open is not None or hearing.hops_left < CHUNK_HOPS:
            return None
        hearing.save()
        self._lent = np.array((to_power(self._before), self._floor, self.known * BOX_OVER_FAST, _BURST, _LEVEL))
        return {"judge_heard": hearing.state, "judge_familiar": hearing.familiar_state, "judge": self._lent}

    def take_back(self, boxes: list[float]) -> None:
        """Take the state back; ``boxes``: R after each hop that the kernel has processed."""
        self.hearing.load()
        if boxes:
            before = self._lent.item(0)
            self._before = to_lufs(before) if before > self._floor else self.floor_lufs
            self._boxes.extend(boxes)
            self._hops += len(boxes)
            self._is_burst = False
        for at in range(0, len(boxes), CHUNK_HOPS):
            self._familiar_box.push(max(boxes[at : at + CHUNK_HOPS]))

    @property
    def is_startling(self) -> bool:
        """Whether the onset that is under way is a startle event already."""
        climb = self._open
        if climb is None or climb.levels[climb.end - climb.start] - climb.background <= STARTLE_LD_DB:
            return False
        return climb.onset().is_startle

    def finish(self) -> list[Onset]:
        """The onset that was not over at the end."""
        climb, self._open = self._open, None
        return [] if climb is None else [climb.onset()]

    def _bursts(self, boxes: list[float]) -> list[Onset]:
        """The same as `_burst` of each, before the hops are counted."""
        if not boxes:
            return []
        largest = max(boxes)
        if largest <= max(max(self._floor, self.hearing.usual) * _BURST, self.known * BOX_OVER_FAST):
            self._boxes.extend(boxes)
            self._largest_box = max(self._largest_box, largest)
            self._is_burst = False
            return []
        hops, found = self._hops, []
        for box in boxes:
            self._hops += 1
            found += self._burst(box)
        self._hops = hops
        return found

    def _burst(self, box: float) -> list[Onset]:
        """The 50 ms box: more than 15 dB over what is usual, and gained within a second."""
        hearing = self.hearing
        self._boxes.append(box)
        self._largest_box = max(self._largest_box, box)
        if box <= max(self._floor, hearing.usual) * _BURST or box <= self.known * BOX_OVER_FAST:
            self._is_burst = False
            return []
        was_burst, self._is_burst = self._is_burst, box > min(self._boxes) * _BURST
        if was_burst or not self._is_burst:
            return []
        at_s, level = self._hops * HOP_S, to_lufs(box)
        over_db = level - to_lufs(max(hearing.usual, self._floor))
        familiar_db = level - max(to_lufs(self._familiar_box.value), LOWEST_LUFS) - self._tolerance_db
        return [Onset(at_s - HOP_S, at_s, level, over_db, over_db / HOP_S, over_db, familiar_db, is_burst=True)]

    def _sample(self, fast: float) -> list[Onset]:
        """One more sample of the fast level."""
        level = to_lufs(fast) if fast > self._floor else self.floor_lufs
        before, self._before = self._before, level
        sample = self._hops // 2
        climb = self._open
        is_climbing = level - before > _GRADIENT_DB
        if climb is None:
            if is_climbing:
                self._open = self._begun(sample, before, level)
            return []
        climb.levels.append(level)
        if is_climbing:
            return self._climbs_on(climb, sample, before, level)
        if climb.end < sample - _MERGE_SAMPLES:
            self._open = None
            return [climb.onset()]
        return []

    def _climbs_on(self, climb: _Climb, sample: int, before: float, level: float) -> list[Onset]:
        """Steep again: the same onset where it never paused, or where a new start within 50 ms leads on upward."""
        paused = sample - 1 - climb.end
        starts_db = before - climb.levels[climb.restart - climb.start]
        ends_so_far = level - climb.levels[climb.end - climb.start]
        leads_on = paused == 0 or (
            starts_db > _GRADIENT_DB * (sample - 1 - climb.restart)
            and ends_so_far > _GRADIENT_DB * (sample - climb.end)
        )
        if leads_on:
            climb.restart = climb.restart if paused == 0 else sample - 1
            self._end_at(climb, sample)
            return []
        self._open = self._begun(sample, before, level)
        return [climb.onset()]

    def _begun(self, sample: int, before: float, level: float) -> _Climb:
        background = max(to_lufs(self.hearing.background), self.floor_lufs)
        climb = _Climb(sample - 1, sample, sample - 1, background, LOWEST_LUFS, [before, level])
        self._end_at(climb, sample)
        return climb

    def _end_at(self, climb: _Climb, sample: int) -> None:
        climb.end = sample
        climb.familiar = max(to_lufs(max(self.hearing.familiar, self.known)), LOWEST_LUFS) + self._tolerance_db


@dataclass(slots=True)
class _Climb:
    """An onset under way; samples are counted from the first of all, ``levels`` begins at ``start``."""

    start: int
    end: int
    restart: int
    background: float
    familiar: float
    levels: list[float]

    def onset(self) -> Onset:
        levels = self.levels[: self.end - self.start + 1]
        return Onset(
            at_s=self.start * _SAMPLE_S,
            end_s=self.end * _SAMPLE_S,
            level_lufs=levels[-1],
            ld_db=levels[-1] - levels[0],
            or_db_per_s=_slope(levels) / _SAMPLE_S,
            over_background_db=levels[-1] - self.background,
            over_familiar_db=levels[-1] - self.familiar,
        )


def _slope(levels: list[float]) -> float:
    """Least-squares slope of equidistant values, per step."""
    middle = (len(levels) - 1) / 2.0
    mean = sum(levels) / len(levels)
    spread = sum((k - middle) ** 2 for k in range(len(levels)))
    return sum((k - middle) * (level - mean) for k, level in enumerate(levels)) / spread
