"""The leveller for tracks without a measurement (streams, new files): plans one second at a time while they play.

Runs on the engine thread. Each second of the track is planned shortly before it is read, from what was heard of the
track and from the sound that follows in the decoder's ring; so a stranger is lowered from its first sample on, without
any delay. The rules are those of `player.audio.dsp.leveller`, with two differences: the habit is computed from the past
alone, and rises are judged over the last 15 s. A second later the plan may be a different one. Where the newer plan
lowers less, the gain rises by at most 6 dB/s (C2).

The programme gain is found in the same way. The item's gain is that of a track of the loudness that C6 assumes; the
additional *trim* brings the calm part of the track to the target, within the same bounds as for a measured track. The
trim is found from the first five seconds and from excerpts of the file (`player.audio.excerpts`) before the first
sample is played; later it follows the sound if it is more than 2 dB off, up by 0.5 dB/s and down by 3 dB/s.

Gains depend on the track's frames alone, not on how it is cut into blocks, as long as the ring holds `LOOK_FRAMES` more
than what is read, and `BEGIN_FRAMES` before the first block.

Cost: the spectra of one second; and, while a stranger is near, a plan of 18 s of powers.

Limitations: in the first ten seconds of a stream nothing is known of it, so only the guard protects, and a stream whose
beginning is quieter than the rest begins too loud. A new sound that stays is lowered until it has been there for 55 %
of 80 s.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from player.audio.dsp.habit import SILENT_LUFS, STRETCH, STRETCHES, habit_so_far, half_seconds
from player.audio.dsp.hearing import to_lufs
from player.audio.dsp.leveller import STRANGER_DB, Usual, plan
from player.audio.dsp.loudness_windows import (
    MOMENTARY,
    SHORT_TERM,
    Levels,
    Marks,
    box_levels,
    calm_level,
    calm_with_pauses,
    loudest,
)
from player.audio.dsp.native import hop_peaks, kernel
from player.audio.dsp.octave_gain import GAINS, OctaveGain, OctaveGains
from player.audio.dsp.octaves import BAND_FRAMES, STREAMS, BandPowers, OctaveMeter
from player.audio.dsp.planned_gain import PlannedGain, interpolated
from player.audio.dsp.rises import fast_levels
from player.audio.dsp.types import Block, Gains
from player.core.limits import CEILING_DBTP, FAULT_LEVEL, MAX_GAIN_DB, MAX_RISE_DB_PER_S
from player.core.measurement import PEAKS_COST_DB, UNMEASURED_LUFS, level_gain_db
from player.core.units import RATE_HZ, db_to_gain, gain_to_db

STEP: Final = RATE_HZ // BAND_FRAMES
"""Hops of 10 ms that are planned together: a second."""
AHEAD: Final = 2 * STEP
"""Hops after them that are examined as well."""
_EDGE: Final = 5
"""Hops after the end of a block whose gains it needs: for octaves those in the middle of 43 ms that begin in it."""
LOOK_FRAMES: Final = (STEP + AHEAD + _EDGE) * BAND_FRAMES
"""Frames after a block that the ring must contain, so that the plan does not lack any."""
BEGIN_FRAMES: Final = 5 * RATE_HZ
"""Frames that the ring must contain before the first block is read."""
CREEP_DB_PER_S: Final = 0.5
"""How fast a trim rises."""
_SINK_DB_PER_S: Final = 3.0
_OFF_DB: Final = 2.0
_LEVELS_KEPT: Final = 120
"""Number of stretches over which the calm level is averaged: ten minutes."""
_WELL_KNOWN: Final = 5
"""Stretches: the beginning of a file and four excerpts."""
_WARM_UP: Final = 5
"""Hops at the beginning of an excerpt that are left out, while meter and decoder settle."""
_MEMORY: Final = 80 * STEP
_PAST: Final = 15 * STEP
_NEAR: Final = STEP // 2
_SOFT: Final = 5
_SAME_DB: Final = 0.25
_THERE_DB: Final = 1e-6
_RISE: Final = MAX_RISE_DB_PER_S / STEP


class _Heard:
    """Measurements, one row per hop."""

    def __init__(self) -> None:
        self.powers: BandPowers = np.zeros((0, len(STREAMS)))
        self.levels: Levels = np.zeros((0, len(STREAMS)))
        self.peaks: Levels = np.zeros(0)

    def add(self, powers: BandPowers, peaks: Levels) -> None:
        """Add more of the same sound; the last levels over 50 ms are recomputed, because they need later hops."""
        self.powers = np.concatenate((self.powers, powers))
        self.peaks = np.concatenate((self.peaks, peaks))
        fresh = max(0, len(self.levels) - _SOFT)
        levels = box_levels(self.powers[max(0, fresh - _SOFT) :])
        self.levels = np.concatenate((self.levels[:fresh], levels[min(fresh, _SOFT) :]))

    def forget(self, hops: int) -> None:
        """Drop the oldest hops."""
        self.powers, self.levels, self.peaks = self.powers[hops:], self.levels[hops:], self.peaks[hops:]

    def followed_by(self, other: _Heard) -> _Heard:
        """Both, one after the other."""
        both = _Heard()
        both.powers = np.concatenate((self.powers, other.powers))
        both.levels = np.concatenate((self.levels, other.levels))
        both.peaks = np.concatenate((self.peaks, other.peaks))
        return both


class LivePlan:
    """The gains of one track that is read from its beginning.

    Args:
        gain_db: the item's gain.
    """

    def __init__(self, gain_db: float = 0.0) -> None:
        self._gain_db = gain_db
        self._meter = OctaveMeter()
        self._excerpts = _Heard()
        self._heard = _Heard()
        self._first = 0  # the first hop in ``_heard``
        self._seen: list[Levels] = []  # the maxima of excerpts
        self._stretches: deque[Levels] = deque(maxlen=STRETCHES)  # of the track, by half-seconds
        self._counted = 0  # hops that are in the stretches
        self._habit: Levels | None = None
        self._gains = np.zeros((0, GAINS))  # of the last hops before ``_planned``: of the whole, and of the octaves
        self._octave_gain = OctaveGain()
        self._trims: Levels = np.zeros(0)
        self._planned = 0
        self._reached: deque[float] = deque(maxlen=_MEMORY // STEP)
        self._calm = 0.0
        self._calms = 0
        self._aim_db = 0.0
        self._is_aiming = False
        self._has_begun = False
        self._known_plan: PlannedGain | None = None  # one that was measured meanwhile
        self._known_from = 0  # the hop of that plan at which this track began to play
        self._known_reached: float | None = None
        self._arrived: int | None = None  # the hop from which on the gains are those of the plan

    def follow(self, former: LivePlan) -> None:
        """Take over the figures and the trim of a plan of the same file, which begins again."""
        self._excerpts = former._heard
        self._seen, self._stretches, self._habit = former._seen.copy(), former._stretches.copy(), former._habit
        self._calm, self._calms, self._aim_db = former._calm, former._calms, former._aim_db
        self._trims = former._trims[-1:]
        self._has_begun = len(self._trims) > 0

    def look_into(self, excerpt: Block) -> None:
        """Measure an excerpt from elsewhere in the file, shape (frames, 2); only before the first block."""
        powers, peaks = _measured(OctaveMeter(), excerpt)
        if len(powers) > STRETCH // 2:
            part = _Heard()
            part.add(powers[_WARM_UP:], peaks[_WARM_UP:])
            self._excerpts = self._excerpts.followed_by(part)
            self._seen.append(part.levels.max(axis=0))
            self._count()

    def know(self, plan: PlannedGain, ahead_frames: int, gain_db: float, reached_lufs: float | None) -> None:
        """Follow a plan of the whole file, which was measured while it plays, from the next second on.

        Args:
            plan: of the whole file.
            ahead_frames: frames of the file before the first one that was played.
            gain_db: the item's gain as it is now known; the trim goes there.
            reached_lufs: what the file reaches with the plan, before any gain.
        """
        self._known_plan, self._known_from = plan, round(ahead_frames / BAND_FRAMES)
        self._known_reached = reached_lufs
        self._aim_db, self._is_aiming = gain_db - self._gain_db, True
        self._heard = self._excerpts = _Heard()

    def has_arrived(self, at_frame: int) -> bool:
        """Whether from this frame on the gains and the trim are those of the plan that was measured meanwhile."""
        return self._arrived is not None and at_frame >= (self._arrived + 1) * BAND_FRAMES

    def begin(self, peek: Callable[[int], Block], at_frame: int = 0) -> None:
        """Find the trim from the frames that are ready, if that has not been done yet."""
        if not self._has_begun:
            self._has_begun = True
            self._measure(peek, at_frame, BEGIN_FRAMES // BAND_FRAMES)
            self._aim()
            self._trims = np.full(1, self._aim_db)

    @property
    def is_known(self) -> bool:
        """Whether enough of the track was heard to know what is habitual."""
        return self._known_plan is not None or len(self._seen) + len(self._stretches) >= _WELL_KNOWN

    @property
    def habitual_lufs(self) -> float | None:
        """The level that the track habitually reaches; None while too little is known, and for silence."""
        return float(self._habit[0]) if self._habit is not None and self._habit[0] > SILENT_LUFS else None

    @property
    def reached_lufs(self) -> float | None:
        """The highest fast level in the last 80 s where it was not lowered, planned frames included; None as above.

        After `know` that of the whole file.
        """
        if self._known_plan is not None:
            return self._known_reached
        return max(self._reached) if self.habitual_lufs is not None and self._reached else None

    @property
    def trim_db(self) -> float:
        """The trim at the end of what is planned, in addition to the item's gain."""
        return float(self._trims[-1]) if len(self._trims) else 0.0

    @property
    def rise_db_per_s(self) -> float:
        """How fast the trim rises."""
        return CREEP_DB_PER_S if self._is_aiming and self._aim_db > self.trim_db else 0.0

    def look(self, peek: Callable[[int], Block], at_frame: int, frames: int) -> None:
        """Plan what is needed for the next ``frames`` frames after the ``at_frame`` that were read or skipped before.

        ``peek`` returns up to the given number of the next frames.
        """
        self.begin(peek, at_frame)
        while self._planned < (at_frame + frames) // BAND_FRAMES + _EDGE:
            if self._known_plan is None:
                self._measure(peek, at_frame, self._planned + STEP + AHEAD)
            self._plan_a_second()

    def apply(self, block: Block, at_frame: int, peek: Callable[[int], Block]) -> Block:
        """The levelled block, shape (frames, 2); the same object if nothing is lowered.

        ``peek`` hands over the next frames after the block.
        """
        block = self._octave_gain.apply(block, at_frame, peek)
        return interpolated(block, at_frame, self._gains[:, 0], self._planned - len(self._gains))

    def trims(self, at_frame: int, frames: int) -> float | Gains:
        """The trim as a gain: one number if it is constant, otherwise one per frame, float32."""
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
        if unseen > 0:  # they were read before they were measured, because the ring was almost empty
            self._heard.add(np.zeros((unseen, len(STREAMS))), np.zeros(unseen))
            seen += unseen
        sound = peek(until * BAND_FRAMES - at_frame)[max(0, seen * BAND_FRAMES - at_frame) :]
        powers, peaks = _measured(self._meter, sound)
        if len(powers):
            self._heard.add(powers, peaks)
        while self._counted + STRETCH <= self._first + len(self._heard.levels):
            at = self._counted - self._first
            self._stretches.append(half_seconds(self._heard.levels[at : at + STRETCH]))
            self._counted += STRETCH
            self._count()
            if self._has_begun and self._planned:
                self._aim()

    def _count(self) -> None:
        """A stretch of 5 s has been added: find the habit; after 80 s of the track no excerpt counts any more."""
        seen = self._seen = self._seen[max(0, len(self._seen) + len(self._stretches) - STRETCHES) :]
        if len(seen) + len(self._stretches) > 1:
            excerpts = np.array(seen).reshape(-1, len(STREAMS))
            self._habit = habit_so_far(excerpts, np.concatenate((excerpts[:0], *self._stretches)))

    def _strangers(self, levels: Levels) -> Marks:
        if self._habit is None:
            return np.zeros(len(levels), np.bool_)
        strange: Marks = (levels > self._habit + STRANGER_DB).any(axis=1)
        return strange

    def _aim(self) -> None:
        """Compute the wanted trim like `player.core.measurement.Measured.gain_db`, without the strangers."""
        known = self._excerpts.followed_by(self._heard)
        strange = self._strangers(known.levels)
        powers = np.where(strange, 0.0, known.powers[:, 0])
        calm = calm_with_pauses(calm_level(known.powers[:, 0], strange), powers)
        if not math.isfinite(calm):
            return
        self._calms += 1
        share = 1.0 / min(max(1, self._calms - STRETCHES), _LEVELS_KEPT)
        self._calm += (10.0 ** (calm / 10.0) - self._calm) * share
        peak = float(known.peaks[~strange].max(initial=0.0))
        levels = 10.0 * math.log10(self._calm), loudest(powers, MOMENTARY), loudest(powers, SHORT_TERM)
        self._aim_db = min(
            level_gain_db(UNMEASURED_LUFS, *levels),
            max(-PEAKS_COST_DB, CEILING_DBTP - gain_to_db(peak)) - self._gain_db,
            MAX_GAIN_DB - self._gain_db,
        )

    def _plan_a_second(self) -> None:
        at = self._planned - self._first
        before_planned = self._planned + self._known_from - 1
        wanted = self._wanted(at) if self._known_plan is None else self._known_plan.gains_db(before_planned, STEP + 1)
        before = self._gains[-1] if len(self._gains) else np.zeros(GAINS)
        off_db = self._aim_db - self.trim_db
        gains = _joined(before, wanted)
        if off_db < -_OFF_DB:  # reductions stay until the trim has fallen
            gains = np.minimum(gains, before)
        self._gains = np.concatenate((self._gains, gains))[-4 * STEP :]
        self._octave_gain.gains = OctaveGains.of(self._gains[:, 1:]).later(self._planned + STEP - len(self._gains))
        is_there = self._known_plan is not None and abs(off_db) < _THERE_DB and np.array_equal(gains, wanted[1:])
        self._arrived = (self._planned if self._arrived is None else self._arrived) if is_there else None
        self._is_aiming = abs(off_db) > (0.0 if self._is_aiming else _OFF_DB)
        most = (CREEP_DB_PER_S if off_db > 0.0 else _SINK_DB_PER_S) / STEP * np.arange(1, STEP + 1)
        moved = np.clip(off_db, -most, most) if self._is_aiming else np.zeros(STEP)
        self._trims = np.concatenate((self._trims, self.trim_db + moved))[-4 * STEP :]
        self._planned += STEP
        if self._known_plan is None:
            self._remember(at)

    def _wanted(self, at: int) -> Levels:
        """The wanted gains in dB from the hop before ``at`` on, shape (STEP + 1, 8)."""
        found = np.zeros((STEP + 1, GAINS))
        strange = self._strangers(self._heard.levels)
        if self._habit is None or not strange[max(0, at - _NEAR) :].any():
            return found
        calm = calm_level(self._heard.powers[:, 0], strange)
        if not math.isfinite(calm):
            return found
        first = max(0, _run_began(strange, at) - _PAST)
        planned = plan(self._heard.powers[first:], Usual(self._habit, calm))
        part = planned.all_gains_db[max(0, at - 1 - first) : at + STEP - first]
        found[(at == 0) : (at == 0) + len(part)] = part
        return found

    def _remember(self, at: int) -> None:
        """Keep the highest fast level of what is not lowered, and drop hops that are too old."""
        first = max(0, at - STEP)
        powers = self._heard.powers[first : at + STEP, 0]
        if len(powers):
            gains = self._gains[len(self._gains) - STEP - (at - first) :][: len(powers)]
            kept = np.where(gains.min(axis=1) > -_SAME_DB, powers, 0.0)[:, np.newaxis]
            self._reached.append(to_lufs(max(float(fast_levels(kept, np.zeros(1))[-STEP:].max()), 1e-12)))
        old = max(0, at + STEP - _MEMORY)
        self._heard.forget(old)
        self._first += old


def _measured(meter: OctaveMeter, sound: Block) -> tuple[BandPowers, Levels]:
    """Powers and largest samples of the whole hops in it, without the mean of the sound."""
    whole = sound[: len(sound) // BAND_FRAMES * BAND_FRAMES]
    if not len(whole):
        return np.zeros((0, len(STREAMS))), np.zeros(0)
    good = np.clip(np.nan_to_num(whole, nan=0.0), -FAULT_LEVEL, FAULT_LEVEL)
    good -= good.mean(axis=0)
    return meter.powers(good), hop_peaks(kernel(), good, BAND_FRAMES).astype(np.float64)


def _run_began(strange: Marks, at: int) -> int:
    """The hop at which the stranger around hop ``at`` began; ``at`` if there is none."""
    while at > _NEAR and strange[at - _NEAR : at].any():
        at -= _NEAR
    return at


def _joined(before: Levels, wanted: Levels) -> Levels:
    """The gains in dB after the gains ``before``, shape (8,): the wanted gains, reached without a step.

    ``wanted``, shape (hops, 8), begins with the wanted gains of the hop of ``before``.
    """
    off, gains = wanted[0] - before, wanted[1:]
    hops = np.arange(1, len(gains) + 1)[:, np.newaxis]
    soft: Levels = gains - off * np.maximum(0.0, 1.0 - hops / _SOFT)
    line: Levels = np.minimum(gains, before + hops * _RISE)
    return np.where(off > _SAME_DB, line, np.minimum(soft, 0.0))
