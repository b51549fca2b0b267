"""The leveller for what nobody has measured, a stream or a new file: planned a second at a time while it plays.

Runs on the engine thread. Each second of the track is planned shortly before it is read, from what was heard of the
track and from what the decoder's ring holds behind it; so a stranger is lowered from its first sample on, and nothing
is late. The law is that of `player.audio.dsp.leveller`, with two differences: what is habitual follows from the past
alone, and the rises are judged over the last 15 s. A plan may turn out to be another one a second later. Where the
newer one lowers less, the gain goes up by 6 dB/s at most (C2).

The programme gain is found likewise. The item's gain is that of a track as loud as C6 supposes; the *trim* on top of it
brings what is calm in it to the target, within the same bounds as that of a measured track. It is known from the first
five seconds and from excerpts of the file (`player.audio.excerpts`) before the first sample sounds; later it follows
what is heard where that is more than 2 dB off, up by 0.5 dB/s and down by 3 dB/s.

Gains depend on the track's frames alone, not on how it is cut into blocks, as long as the ring holds `LOOK_FRAMES` more
than what is read, and `BEGIN_FRAMES` before the first block.

Cost: the spectra of one second, and while a stranger is near a plan of 18 s of powers.

Where it falls short: of a stream nothing is known in the first ten seconds, so only the guard is there, and one that
begins more quietly than it goes on begins too loud. A sound that comes anew and stays is lowered until it has been
there for 55 % of 80 s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from player.audio.dsp.habit import SILENT_LUFS, STRETCH, STRETCHES, habit_so_far
from player.audio.dsp.hearing import to_lufs
from player.audio.dsp.leveller import (
    MOMENTARY,
    SHORT_TERM,
    STRANGER_DB,
    Levels,
    Marks,
    Usual,
    box_levels,
    calm_level,
    interpolated,
    loudest,
    plan,
)
from player.audio.dsp.octaves import BAND_FRAMES, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.rises import fast_levels
from player.audio.dsp.types import Block, Gains
from player.core.limits import CEILING_DBTP, FAULT_LEVEL, MAX_GAIN_DB, MAX_RISE_DB_PER_S
from player.core.measurement import (
    BELOW_LIMIT_LU,
    MOMENTARY_ROOM_LU,
    PEAKS_COST_DB,
    SHORT_TERM_ROOM_LU,
    UNMEASURED_LUFS,
)
from player.core.units import CHANNELS, RATE_HZ, db_to_gain, gain_to_db

STEP: Final = RATE_HZ // BAND_FRAMES
"""Hops of 10 ms that are planned together: a second."""
AHEAD: Final = 2 * STEP
"""Hops behind them that are looked at as well."""
_EDGE: Final = 3
"""A block needs the gains of so many hops behind its end, because gains are straight lines between hops."""
LOOK_FRAMES: Final = (STEP + AHEAD + _EDGE) * BAND_FRAMES
"""What the ring has to hold behind a block, so that nothing that may be looked at is missing."""
BEGIN_FRAMES: Final = 5 * RATE_HZ
"""What the ring has to hold before the first block."""
CREEP_DB_PER_S: Final = 0.5
"""How fast a trim rises."""
_SINK_DB_PER_S: Final = 3.0
_OFF_DB: Final = 2.0
_LEVELS_KEPT: Final = 120
"""Ten minutes: older levels of a track count no more than so."""
_WELL_KNOWN: Final = 5
"""Stretches: the beginning of a file and four excerpts."""
_WARM_UP: Final = 5
"""Hops of an excerpt that are left out, until meter and decoder have begun."""
_MEMORY: Final = 80 * STEP
_PAST: Final = 15 * STEP
_NEAR: Final = STEP // 2
_SOFT: Final = 5
_SAME_DB: Final = 0.25
_RISE: Final = MAX_RISE_DB_PER_S / STEP


class _Heard:
    """What was measured: a row each hop."""

    def __init__(self) -> None:
        self.powers: BandPowers = np.zeros((0, len(STREAMS)))
        self.levels: Levels = np.zeros((0, len(STREAMS)))
        self.peaks: Levels = np.zeros(0)

    def add(self, powers: BandPowers, peaks: Levels) -> None:
        """More of the same sound; the last levels over 50 ms are renewed, for they reach beyond the last hop."""
        self.powers = np.concatenate((self.powers, powers))
        self.peaks = np.concatenate((self.peaks, peaks))
        fresh = max(0, len(self.levels) - _SOFT)
        levels = box_levels(self.powers[max(0, fresh - _SOFT) :])
        self.levels = np.concatenate((self.levels[:fresh], levels[min(fresh, _SOFT) :]))

    def forget(self, hops: int) -> None:
        """Drop the oldest ones."""
        self.powers, self.levels, self.peaks = self.powers[hops:], self.levels[hops:], self.peaks[hops:]

    def followed_by(self, other: _Heard) -> _Heard:
        """Both, one behind the other."""
        both = _Heard()
        both.powers = np.concatenate((self.powers, other.powers))
        both.levels = np.concatenate((self.levels, other.levels))
        both.peaks = np.concatenate((self.peaks, other.peaks))
        return both


class LivePlan:
    """The gains of one track that is read from its beginning on.

    Args:
        gain_db: the item's gain.
    """

    def __init__(self, gain_db: float = 0.0) -> None:
        self._gain_db = gain_db
        self._meter = OctaveMeter()
        self._excerpts = _Heard()
        self._heard = _Heard()
        self._first = 0  # the hop of the first of what was heard
        self._maxima: deque[Levels] = deque(maxlen=STRETCHES)
        self._from_excerpts = 0  # of the maxima, the first ones
        self._counted = 0  # hops that are in the maxima
        self._habit: Levels | None = None
        self._gains: Levels = np.zeros(0)  # of the last hops before ``_planned``, and none before them
        self._trims: Levels = np.zeros(0)
        self._planned = 0
        self._reached: deque[float] = deque(maxlen=_MEMORY // STEP)
        self._calm = 0.0
        self._calms = 0
        self._aim_db = 0.0
        self._is_aiming = False
        self._has_begun = False

    def follow(self, former: LivePlan) -> None:
        """The same file begins again: what is known of it stays known, and the trim stays where it is."""
        self._excerpts = former._heard
        self._maxima, self._habit = former._maxima.copy(), former._habit
        self._from_excerpts = former._from_excerpts
        self._calm, self._calms, self._aim_db = former._calm, former._calms, former._aim_db
        self._trims = former._trims[-1:]
        self._has_begun = len(self._trims) > 0

    def look_into(self, excerpt: Block) -> None:
        """A part of the file from elsewhere, shape (frames, 2); before the first block alone."""
        powers, peaks = _measured(OctaveMeter(), excerpt)
        if len(powers) > STRETCH // 2:
            part = _Heard()
            part.add(powers[_WARM_UP:], peaks[_WARM_UP:])
            self._excerpts = self._excerpts.followed_by(part)
            self._from_excerpts += 1
            self._count(part.levels)

    def begin(self, peek: Callable[[int], Block], at_frame: int = 0) -> None:
        """Find the trim from what is ready, if that has not been done."""
        if not self._has_begun:
            self._has_begun = True
            self._measure(peek, at_frame, BEGIN_FRAMES // BAND_FRAMES)
            self._aim()
            self._trims = np.full(1, self._aim_db)

    @property
    def is_known(self) -> bool:
        """Whether enough was heard of it to tell what is habitual."""
        return len(self._maxima) >= _WELL_KNOWN

    @property
    def habitual_lufs(self) -> float | None:
        """What its level habitually reaches; None while too little is known, and of silence."""
        return float(self._habit[0]) if self._habit is not None and self._habit[0] > SILENT_LUFS else None

    @property
    def reached_lufs(self) -> float | None:
        """What its fast level reached in the last 80 s where it was not lowered, and will; None like that."""
        return max(self._reached) if self.habitual_lufs is not None and self._reached else None

    @property
    def trim_db(self) -> float:
        """What it adds to the item's gain where it is planned to."""
        return float(self._trims[-1]) if len(self._trims) else 0.0

    @property
    def rise_db_per_s(self) -> float:
        """How fast the trim rises."""
        return CREEP_DB_PER_S if self._is_aiming and self._aim_db > self.trim_db else 0.0

    def look(self, peek: Callable[[int], Block], at_frame: int, frames: int) -> None:
        """Plan what is needed for the next ``frames`` frames behind the ``at_frame`` that were read or skipped before.

        ``peek`` gives up to so many of the frames that come next.
        """
        self.begin(peek, at_frame)
        while self._planned < (at_frame + frames) // BAND_FRAMES + _EDGE:
            self._measure(peek, at_frame, self._planned + STEP + AHEAD)
            self._plan_a_second()

    def apply(self, block: Block, at_frame: int) -> Block:
        """The block, shape (frames, 2), with what is lowered in it; the same object where nothing is."""
        return interpolated(block, at_frame, self._gains, self._planned - len(self._gains))

    def trims(self, at_frame: int, frames: int) -> float | Gains:
        """The trim as a gain: one number where it stands, otherwise one a frame, float32."""
        first_hop = self._planned - len(self._trims)
        until = (at_frame + frames) // BAND_FRAMES + 2 - first_hop
        part = self._trims[max(0, at_frame // BAND_FRAMES - 1 - first_hop) : until]
        if not len(part) or (part == part[0]).all():
            return db_to_gain(float(part[0])) if len(part) else 1.0
        places = (np.arange(first_hop, self._planned) + 1) * BAND_FRAMES
        db = np.interp(np.arange(at_frame, at_frame + frames), places, self._trims)
        gains: Gains = (10.0 ** (db / 20.0)).astype(np.float32)
        return gains

    def _measure(self, peek: Callable[[int], Block], at_frame: int, until: int) -> None:
        """Measure up to a hop, as far as the ring reaches."""
        seen = self._first + len(self._heard.powers)
        if until <= seen:
            return
        unseen = -(-at_frame // BAND_FRAMES) - seen
        if unseen > 0:  # the ring was almost empty for a while, and they were read before anybody looked
            self._heard.add(np.zeros((unseen, len(STREAMS))), np.zeros(unseen))
            seen += unseen
        sound = peek(until * BAND_FRAMES - at_frame)[max(0, seen * BAND_FRAMES - at_frame) :]
        powers, peaks = _measured(self._meter, sound)
        if len(powers):
            self._heard.add(powers, peaks)
        while self._counted + STRETCH <= self._first + len(self._heard.levels):
            at = self._counted - self._first
            self._count(self._heard.levels[at : at + STRETCH])
            self._counted += STRETCH
            if self._has_begun and self._planned:
                self._aim()

    def _count(self, levels: Levels) -> None:
        """A stretch of 5 s adds to what is habitual."""
        if len(self._maxima) == STRETCHES:
            self._from_excerpts = max(0, self._from_excerpts - 1)
        self._maxima.append(levels.max(axis=0))
        if len(self._maxima) > 1:
            self._habit = habit_so_far(np.array(self._maxima), self._from_excerpts)

    def _strangers(self, levels: Levels) -> Marks:
        if self._habit is None:
            return np.zeros(len(levels), np.bool_)
        strange: Marks = (levels > self._habit + STRANGER_DB).any(axis=1)
        return strange

    def _aim(self) -> None:
        """Where the trim should be: as `player.core.measurement.Measured.gain_db`, of what is no stranger."""
        known = self._excerpts.followed_by(self._heard)
        strange = self._strangers(known.levels)
        calm = calm_level(known.powers[:, 0], strange)
        if not math.isfinite(calm):
            return
        self._calms += 1
        share = 1.0 / min(max(1, self._calms - STRETCHES), _LEVELS_KEPT)
        self._calm += (10.0 ** (calm / 10.0) - self._calm) * share
        powers = np.where(strange, 0.0, known.powers[:, 0])
        peak = float(known.peaks[~strange].max(initial=0.0))
        room = UNMEASURED_LUFS - BELOW_LIMIT_LU
        self._aim_db = min(
            UNMEASURED_LUFS - 10.0 * math.log10(self._calm),
            room + MOMENTARY_ROOM_LU - loudest(powers, MOMENTARY),
            room + SHORT_TERM_ROOM_LU - loudest(powers, SHORT_TERM),
            max(-PEAKS_COST_DB, CEILING_DBTP - gain_to_db(peak)) - self._gain_db,
            MAX_GAIN_DB - self._gain_db,
        )

    def _plan_a_second(self) -> None:
        at = self._planned - self._first
        wanted = self._wanted(at)
        before = self._gains[-1] if len(self._gains) else np.float64(0.0)
        off_db = self._aim_db - self.trim_db
        gains = _joined(before, wanted)
        if off_db < -_OFF_DB:  # what is lowered waits until the trim has sunk
            gains = np.minimum(gains, before)
        self._gains = np.concatenate((self._gains, gains))[-4 * STEP :]
        self._is_aiming = abs(off_db) > (0.0 if self._is_aiming else _OFF_DB)
        most = (CREEP_DB_PER_S if off_db > 0.0 else _SINK_DB_PER_S) / STEP * np.arange(1, STEP + 1)
        moved = np.clip(off_db, -most, most) if self._is_aiming else np.zeros(STEP)
        self._trims = np.concatenate((self._trims, self.trim_db + moved))[-4 * STEP :]
        self._planned += STEP
        self._remember(at)

    def _wanted(self, at: int) -> Levels:
        """What the law asks for from the hop before ``at`` on, shape (STEP + 1,)."""
        found = np.zeros(STEP + 1)
        strange = self._strangers(self._heard.levels)
        if self._habit is None or not strange[max(0, at - _NEAR) :].any():
            return found
        calm = calm_level(self._heard.powers[:, 0], strange)
        if not math.isfinite(calm):
            return found
        first = max(0, _run_began(strange, at) - _PAST)
        gains = plan(self._heard.powers[first:], Usual(self._habit, calm)).gain_db
        part = gains[max(0, at - 1 - first) : at + STEP - first]
        found[(at == 0) : (at == 0) + len(part)] = part
        return found

    def _remember(self, at: int) -> None:
        """What is reached of what is not lowered; and forget what is too old."""
        first = max(0, at - STEP)
        powers = self._heard.powers[first : at + STEP, 0]
        if len(powers):
            gains = self._gains[len(self._gains) - STEP - (at - first) :][: len(powers)]
            kept = np.where(gains > -_SAME_DB, powers, 0.0)[:, np.newaxis]
            self._reached.append(to_lufs(max(float(fast_levels(kept, np.zeros(1))[-STEP:].max()), 1e-12)))
        old = max(0, at + STEP - _MEMORY)
        self._heard.forget(old)
        self._first += old


def _measured(meter: OctaveMeter, sound: Block) -> tuple[BandPowers, Levels]:
    """Powers and largest samples of the whole hops in it; a constant is no sound."""
    whole = sound[: len(sound) // BAND_FRAMES * BAND_FRAMES]
    if not len(whole):
        return np.zeros((0, len(STREAMS))), np.zeros(0)
    good = np.clip(np.nan_to_num(whole, nan=0.0), -FAULT_LEVEL, FAULT_LEVEL)
    good -= good.mean(axis=0)
    peaks: Levels = np.abs(good.reshape(-1, BAND_FRAMES * CHANNELS)).max(axis=1).astype(np.float64)
    return meter.powers(good), peaks


def _run_began(strange: Marks, at: int) -> int:
    """Where the stranger that goes on at a hop began; the hop where none does."""
    while at > _NEAR and strange[at - _NEAR : at].any():
        at -= _NEAR
    return at


def _joined(before: np.float64, wanted: Levels) -> Levels:
    """The gains behind one that stands, in dB: what is wanted, reached by no step.

    ``wanted`` begins with what is wanted where ``before`` stands.
    """
    off, gains = wanted[0] - before, wanted[1:]
    hops = np.arange(1, len(gains) + 1)
    soft: Levels = gains - off * np.maximum(0.0, 1.0 - hops / _SOFT)
    line: Levels = np.minimum(gains, before + hops * _RISE)
    return line if off > _SAME_DB else np.minimum(soft, 0.0)
