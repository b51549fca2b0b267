"""The leveller for what nobody has measured, a stream or a new file: planned a second at a time while it plays.

Runs on the engine thread. Each second of the track is planned shortly before it is read, from what was heard of the
track and from what the decoder's ring holds behind it; so a stranger is lowered from its first sample on, and nothing
is late. The law is that of `player.audio.dsp.leveller`, with two differences: what is habitual follows from the past
alone, and the rises are judged over the last 15 s.

A plan may turn out to be another one a second later. Where the newer one lowers less, the gain goes up by 6 dB/s at
most (C2). Gains depend on the track's frames alone, not on how it is cut into blocks, as long as the ring holds
`LOOK_FRAMES` more than what is read.

Cost: the spectra of one second, and while a stranger is near a plan of 18 s of powers (bench/stages.py).

Where it falls short: in the first ten seconds of a track nothing is known of it, so only the guard is there; and a
sound that comes anew and stays is lowered until it has been there for 60 % of 80 s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from player.audio.dsp.hearing import to_lufs
from player.audio.dsp.leveller import (
    HABITUAL_SHARE,
    STRANGER_DB,
    STRETCH,
    STRETCHES,
    Levels,
    Usual,
    box_levels,
    calm_level,
    fast_powers,
    interpolated,
    plan,
)
from player.audio.dsp.octaves import BAND_FRAMES, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.types import Block
from player.core.limits import FAULT_LEVEL, MAX_RISE_DB_PER_S
from player.core.units import RATE_HZ

STEP: Final = RATE_HZ // BAND_FRAMES
"""Hops of 10 ms that are planned together: a second."""
AHEAD: Final = 2 * STEP
"""Hops behind them that are looked at as well."""
_EDGE: Final = 3
"""A block needs the gains of so many hops behind its end, because gains are straight lines between hops."""
LOOK_FRAMES: Final = (STEP + AHEAD + _EDGE) * BAND_FRAMES
"""What the ring has to hold behind a block, so that nothing that may be looked at is missing."""
_MEMORY: Final = 80 * STEP
_PAST: Final = 15 * STEP
_NEAR: Final = STEP // 2
_SOFT: Final = 5
SILENT_LUFS: Final = -70.0
_SAME_DB: Final = 0.25
_RISE: Final = MAX_RISE_DB_PER_S / STEP


class LivePlan:
    """The gains of one track that is read from its beginning on."""

    def __init__(self) -> None:
        self._meter = OctaveMeter()
        self._powers: BandPowers = np.zeros((0, len(STREAMS)))
        self._levels: Levels = np.zeros((0, len(STREAMS)))
        self._strange = np.zeros(0, np.bool_)
        self._first = 0  # the hop of the first of these
        self._maxima: deque[Levels] = deque(maxlen=STRETCHES)
        self._counted = 0  # hops that are in the maxima
        self._gains: Levels = np.zeros(0)  # of the last hops before ``_planned``, and none before them
        self._planned = 0
        self._reached: deque[float] = deque(maxlen=_MEMORY // STEP)
        self._habit: Levels | None = None

    @property
    def habitual_lufs(self) -> float | None:
        """What its level habitually reaches; None while too little is known, and of silence."""
        return float(self._habit[0]) if self._habit is not None and self._habit[0] > SILENT_LUFS else None

    @property
    def reached_lufs(self) -> float | None:
        """What its fast level reached in the last 80 s, and will within what is planned; None like that."""
        return max(self._reached) if self.habitual_lufs is not None and self._reached else None

    def look(self, peek: Callable[[int], Block], at_frame: int, frames: int) -> None:
        """Plan what is needed for the next ``frames`` frames behind the ``at_frame`` that were read before.

        ``peek`` gives up to so many of the frames that come next.
        """
        while self._planned < (at_frame + frames) // BAND_FRAMES + _EDGE:
            self._measure(peek, at_frame, self._planned + STEP + AHEAD)
            self._plan_a_second()

    def apply(self, block: Block, at_frame: int) -> Block:
        """The block, shape (frames, 2), with its gains; the same object where nothing is lowered."""
        return interpolated(block, at_frame, self._gains, self._planned - len(self._gains))

    def _measure(self, peek: Callable[[int], Block], at_frame: int, until: int) -> None:
        """Measure up to a hop, as far as the ring reaches."""
        seen = self._first + len(self._powers)
        if until > seen:
            sound = peek(until * BAND_FRAMES - at_frame)[max(0, seen * BAND_FRAMES - at_frame) :]
            whole = sound[: len(sound) // BAND_FRAMES * BAND_FRAMES]
            if len(whole):
                good = np.clip(np.nan_to_num(whole, nan=0.0), -FAULT_LEVEL, FAULT_LEVEL)
                self._keep(self._meter.powers(good))

    def _keep(self, powers: BandPowers) -> None:
        self._powers = np.concatenate((self._powers, powers))
        fresh = max(0, len(self._levels) - _SOFT)  # the last ones lacked what came behind them
        levels = box_levels(self._powers[max(0, fresh - _SOFT) :])
        self._levels = np.concatenate((self._levels[:fresh], levels[min(fresh, _SOFT) :]))
        self._strange = np.concatenate((self._strange, np.zeros(len(powers), np.bool_)))
        while self._counted + STRETCH <= self._first + len(self._levels):
            at = self._counted - self._first
            self._maxima.append(self._levels[at : at + STRETCH].max(axis=0))
            self._counted += STRETCH
            if len(self._maxima) > 1:
                self._habit = np.quantile(np.array(self._maxima), 1.0 - HABITUAL_SHARE, axis=0, method="lower")

    def _plan_a_second(self) -> None:
        at = self._planned - self._first
        wanted = self._wanted(at)
        before = self._gains[-1] if len(self._gains) else np.float64(0.0)
        gains = _joined(before, wanted)
        self._gains = np.concatenate((self._gains, gains))[-4 * STEP :]
        self._planned += STEP
        self._remember(at)

    def _wanted(self, at: int) -> Levels:
        """What the law asks for from the hop before ``at`` on, shape (STEP + 1,)."""
        nothing = np.zeros(STEP + 1)
        if self._habit is None:
            return nothing
        near = max(0, at - _NEAR)
        self._strange[near:] = (self._levels[near:] > self._habit + STRANGER_DB).any(axis=1)
        if not self._strange[near:].any():
            return nothing
        calm = calm_level(self._powers[:, 0], self._strange)
        if not math.isfinite(calm):
            return nothing
        first = max(0, self._run_began(at) - _PAST)
        gains = plan(self._powers[first:], Usual(self._habit, calm)).gain_db
        found = np.zeros(STEP + 1)
        part = gains[max(0, at - 1 - first) : at + STEP - first]
        found[(at == 0) : (at == 0) + len(part)] = part
        return found

    def _run_began(self, at: int) -> int:
        """Where the stranger that goes on at a hop began; the hop where none does."""
        while at > _NEAR and self._strange[at - _NEAR : at].any():
            at -= _NEAR
        return at

    def _remember(self, at: int) -> None:
        """What is reached with these gains; and forget what is too old."""
        first = max(0, at - STEP)
        powers = self._powers[first : at + STEP, 0]
        if len(powers):
            gains = self._gains[len(self._gains) - STEP - (at - first) :][: len(powers)]
            with_gains = powers * 10.0 ** (gains / 10.0)
            self._reached.append(to_lufs(max(float(fast_powers(with_gains)[-STEP:].max()), 1e-12)))
        old = max(0, at + STEP - _MEMORY)
        self._powers, self._levels, self._strange = self._powers[old:], self._levels[old:], self._strange[old:]
        self._first += old


def _joined(before: np.float64, wanted: Levels) -> Levels:
    """The gains behind one that stands, in dB: what is wanted, reached by no step.

    ``wanted`` begins with what is wanted where ``before`` stands.
    """
    off, gains = wanted[0] - before, wanted[1:]
    hops = np.arange(1, len(gains) + 1)
    soft: Levels = gains - off * np.maximum(0.0, 1.0 - hops / _SOFT)
    line: Levels = np.minimum(gains, before + hops * _RISE)
    return line if off > _SAME_DB else np.minimum(soft, 0.0)
