"""C1, C1b to C1d and a part of C3 on a night: rises in the whole, an ear or an octave that are not habitual.

Runs on the thread that renders. A startle event, or a rise of more than 10 dB (`player.audio.dsp.rises`), is excused
where both of this holds:

- it is *habitual*: the level of its 50 ms is not further over what the track habitually reaches around it than the
  leveller lets pass (the same code: `habit_of_stretches`, `STRANGER_DB`, `BRIEF_ROOM_DB`; and 0.5 dB);
- it is *known*: it is at most 3 dB, in an octave 12 dB (and 0.5 dB), louder than what was decoded in the 80 s before
  it; or it is in an octave or an ear, and the whole is at most 3 dB louder: a bass that plays for the first time at
  the level that it has from then on is music. A track that becomes louder for good is habitual from then on, and yet
  a startle. In the first 25 s of a track that blends with another this is not asked, because its fade is still in
  what was decoded.

Both are measured here, on the recording as it was decoded, under lull's own gains and with the volume divided out. So
nothing that the stages do can make a habit, and no plan is believed. The memory for that is 80 bytes a second of the
track under way. A rise that was decoded and is not habitual is a *stranger*; how loud it left is what C1c asks about.

The loudest M and S for C3 against heard calm leave out what is habitual, and swells, which never rise by more than 4 dB
within 250 ms: a big wave is music, and C3 against the target holds for it.

Where it falls short: what comes again often enough for `player.audio.dsp.habit` is a habit, whatever it is.
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from player.analysis.contract.figures import Figure, Violations, Worst
from player.analysis.contract.figures import Levels as Heard
from player.audio.dsp.habit import HALF, HALVES, STRETCHES, habit_of_stretches
from player.audio.dsp.leveller import BRIEF_ROOM_DB, STRANGER_DB
from player.audio.dsp.loudness_windows import Levels
from player.audio.dsp.octaves import BAND_FRAMES, BAND_S, STREAMS, OctaveMeter
from player.audio.dsp.rises import NO_RISE_DB, RISE_DB, RiseMeter, rises_db
from player.audio.dsp.startle import Onset
from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block
from player.core.units import SILENCE_DB, to_seconds

MARGIN_DB: Final = 0.5
"""The plan's levels are taken in the middle of 50 ms, and this side's at their end."""
APART_S: Final = 1.0
CLIMB_LIMIT_DB: Final = 3.0
CLIMB_S: Final = 10.0
_HALF_S: Final = HALF * BAND_S
_HEARD_HALVES: Final = STRETCHES * HALVES
_INTRODUCED_HALVES: Final = 50
"""25 s: a blend, and what a track needs to be known."""
_FIRST_OCTAVE: Final = 3
_KNOWN_DB: Final = np.array([*[3.0] * _FIRST_OCTAVE, *STRANGER_DB[_FIRST_OCTAVE:]])
"""A level at most this far over what was heard recently is not new; octaves vary more."""
_BRIEF_HALVES: Final = 3
"""A brief sound in an octave stands out in at most this many half-seconds of those as many before and after."""
_OTHER_CUT: Final = HALVES // 2
"""Stretches are cut at two places, and the larger habit counts: the plan cuts them elsewhere."""
_BEGAN_S: Final = 0.25
"""Time by which a rise begins before its highest moment."""
_BOX: Final = round(0.05 / BAND_S)
_VOLUME_BLOCKS: Final = 3
"""The delay of the chain is shorter than this many blocks."""
_NEARLY: Final = 10 ** (RISE_DB / 10.0)
_SUDDEN: Final = 10**0.4
_OVER_DB: Final = 6.5
_AROUND: Final = 5
"""Blocks of 0.1 s around what is loud in which a sudden rise belongs to it."""
_TINY: Final = 1e-14
_BEFORE_BLOCKS: Final = 2
_BEHIND_BLOCKS: Final = 7
"""Of 0.1 s: what is looked at for the loudest 400 ms of a stranger."""


@dataclass(frozen=True, slots=True)
class _Rise:
    """The highest moment of a stream within a block; the level is that of 50 ms, in dB at full volume."""

    at_s: float
    stream: int
    now: float
    past: float
    level_db: float

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
        self._tail = np.zeros((_BOX - 1, len(STREAMS)))
        self.rises: list[_Rise] = []
        self.is_sudden = False

    def push(self, block: Block, at_s: float, volume_db: float) -> Levels:
        """The level of the last 50 ms at each hop, in dB at full volume; the rises are kept."""
        powers = self._octaves.powers(block)
        window = np.concatenate((self._tail, powers))
        self._tail = window[len(powers) :]
        boxes = np.lib.stride_tricks.sliding_window_view(window, _BOX, axis=0).mean(axis=-1)
        levels: Levels = 10.0 * np.log10(np.maximum(boxes, _TINY)) - 0.691 - volume_db
        now, past = self._meter.heights(powers)
        steep = now > past * _NEARLY
        self.is_sudden = bool((now[:, 0] > past[:, 0] * _SUDDEN).any())
        for stream in np.flatnonzero(steep.any(axis=0)).tolist():
            hop = int(np.argmax(np.where(steep[:, stream], now[:, stream], 0.0)))
            when_s, level = at_s + (hop + 1) * BAND_S, float(levels[hop, stream])
            self.rises.append(_Rise(when_s, stream, float(now[hop, stream]), float(past[hop, stream]), level))
        return levels


class Emergence:
    """Follows what was decoded and what left, a track at a time; `end_track` judges.

    Attributes:
        loudest_lufs: of the last track, the loudest M and S that are no habit and no swell, while it sounded alone.
    """

    def __init__(self) -> None:
        self._before, self._after = _Side(), _Side()
        self._halves: list[Levels] = []
        self._lead: list[Levels] = []
        self._half: Levels = np.zeros((0, len(STREAMS)))
        self._began_s = 0.0
        self._loudest = array("f")
        self._short_term = array("f")
        self._sudden = array("b")
        self.loudest_lufs = (SILENCE_DB, SILENCE_DB)
        self._block_s = 0.1
        self._volumes = deque([SILENCE_DB], _VOLUME_BLOCKS)
        self._onsets: list[tuple[Onset, float]] = []
        self._startles = Violations()
        self._whole = Violations(APART_S)
        self._parts = Violations(APART_S)
        self._climb = Worst(CLIMB_LIMIT_DB)
        self._strangers: list[tuple[float, float]] = []

    def push(self, decoded: Block, out: Block, has: Heard, rendered: Rendered | None, at_s: float) -> None:
        """A block of both, whole hops of 10 ms; what was measured of it as it left, and what was rendered."""
        assert len(out) % BAND_FRAMES == 0, len(out)
        if not self._halves and not len(self._half):
            self._began_s = at_s
        self._volumes.append(SILENCE_DB if rendered is None else rendered.volume_db)
        highest_db = max(self._volumes)
        volume_db = highest_db if highest_db > SILENCE_DB else 0.0
        levels = self._before.push(decoded, at_s, volume_db)
        self._after.push(out, at_s, volume_db)
        self._onsets += [(onset, onset.level_lufs - volume_db) for onset in has.startles]
        is_alone = rendered is not None and len(rendered.decks) == 1
        self._loudest.append(has.loudest[0])
        self._short_term.append(has.loudest[1] if is_alone else SILENCE_DB)
        self._sudden.append(self._after.is_sudden)
        self._block_s = to_seconds(len(out))
        self._half = np.concatenate((self._half, levels))
        while len(self._half) >= HALF:
            self._halves.append(self._half[:HALF].max(axis=0).astype(np.float32))
            self._half = self._half[HALF:]

    def end_track(self, calm_lufs: tuple[float, float], volume_db: float) -> bool:
        """The track is over; its calm level as decoded and as it left, at this volume. Whether it had strangers."""
        habit = _Habit(self._lead, self._halves, self._began_s)
        for onset, level_db in self._onsets:
            if not habit.allows(level_db, 0, onset.at_s):
                self._startles.add(onset.at_s)
        steep = [one for one in self._before.rises if one.height_db(calm_lufs[0]) > RISE_DB]
        strangers = [one for one in steep if not habit.is_habitual(one.level_db, one.stream, one.at_s)]
        for one in self._after.rises:
            is_steep = one.height_db(calm_lufs[1]) > RISE_DB
            if is_steep and not habit.allows(one.level_db, one.stream, one.at_s - _BEGAN_S):
                (self._parts if one.stream else self._whole).add(one.at_s)
        self.loudest_lufs = self._unusual(habit, calm_lufs[1] - volume_db)
        for at_s in _apart([one.at_s for one in strangers]):
            self._stranger(at_s, habit)
        for side in (self._before, self._after):
            side.rises = []
        self._lead = (self._lead + self._halves)[-_HEARD_HALVES:]
        self._halves, self._half, self._loudest, self._onsets = [], self._half[:0], array("f"), []
        self._short_term, self._sudden = array("f"), array("b")
        return bool(strangers)

    def _unusual(self, habit: _Habit, calm_lufs: float) -> tuple[float, float]:
        """The loudest M and S that are neither habitual nor a swell."""
        momentary, short_term = np.array(self._loudest), np.array(self._short_term)
        loud = np.flatnonzero((momentary > calm_lufs + _OVER_DB) & np.isfinite(short_term))
        found = [SILENCE_DB, SILENCE_DB]
        for stretch in np.split(loud, np.flatnonzero(np.diff(loud) > _AROUND) + 1) if len(loud) else ():
            first, end = max(0, stretch[0] - _AROUND), stretch[-1] + _AROUND + 1
            at_s = self._began_s + self._block_s * float(stretch[0])
            if any(self._sudden[first:end]) and not habit.is_habitual(float(momentary[stretch].max()), 0, at_s):
                levels = (momentary[stretch].max(), short_term[stretch].max())
                found = [max(one, float(level)) for one, level in zip(found, levels, strict=True)]
        return found[0], found[1]

    def finish(self, startles: Iterable[Onset]) -> None:
        """The night is over, and its last track: what was found since, and what no track was there for."""
        for onset in (*(onset for onset, _ in self._onsets), *startles):
            self._startles.add(onset.at_s)

    def _stranger(self, at_s: float, habit: _Habit) -> None:
        """How much louder it left than one not long before, if it was not brought down to what is habitual."""
        at = int((at_s - self._began_s) / self._block_s)
        heard = self._loudest[max(0, at - _BEFORE_BLOCKS) : at + _BEHIND_BLOCKS]
        if not heard or max(heard) == SILENCE_DB:
            return
        near = [lufs for when_s, lufs in self._strangers if at_s - when_s <= CLIMB_S]
        if near and not habit.is_habitual(max(heard), 0, at_s):
            self._climb.see(max(heard) - min(near), at_s)
        self._strangers = [*self._strangers[-20:], (at_s, max(heard))]

    def figures(self) -> list[Figure]:
        """C1, C1b, C1d and, where strangers were repeated, C1c."""
        startles = self._startles.figure("C1", "startle events and bursts that are not typical of the track")
        whole = _rise_figure("C1b", "sudden rises of more than 10 dB that are not typical of the track", self._whole)
        parts = _rise_figure("C1d", "sudden rises in an octave or an ear", self._parts)
        if not math.isfinite(self._climb.value):
            return [startles, whole, parts]
        return [
            startles,
            whole,
            self._climb.figure("C1c", "a repeated surprise became louder within 10 s by", "dB"),
            parts,
        ]


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
    """What a track reaches habitually, as the leveller has it, and what was heard of it; dB at full volume.

    Args:
        lead: half-seconds of what sounded before it, which blends into it.
        halves: its own.
        began_s: when these began.
    """

    def __init__(self, lead: list[Levels], halves: list[Levels], began_s: float) -> None:
        self._began_s, self._lead = began_s, len(lead)
        none = np.zeros((0, len(STREAMS)))
        self._halves = np.array([*lead, *halves]) if lead or halves else none
        self._usual = [_habit_of(halves[cut:]) for cut in (0, _OTHER_CUT)]
        former = _habit_of(lead)
        self._former = former[-1] if len(former) else np.full(len(STREAMS), NO_RISE_DB)

    def is_habitual(self, level_db: float, stream: int, at_s: float) -> bool:
        """Whether a sound of this level, at full volume, is one that the leveller would let pass then."""
        half = self._half(at_s)
        places = zip(self._usual, (half, half - _OTHER_CUT), strict=True)
        usual = [own[min(max(0, at) // HALVES, len(own) - 1)] for own, at in places if len(own)]
        if self._is_new(half):
            usual.append(self._former)
        habit = np.max([np.full(len(STREAMS), NO_RISE_DB), *usual], axis=0)
        bound = habit + STRANGER_DB + MARGIN_DB
        if self._has_another_spectrum(half + self._lead, stream, habit, bound):
            bound = bound + BRIEF_ROOM_DB
        return bool(level_db <= bound[stream])

    def _has_another_spectrum(self, half: int, stream: int, habit: Levels, bound: Levels) -> bool:
        """Whether a sound in an octave is brief and as a whole no louder than is habitual, as the leveller asks."""
        near = self._halves[max(0, half - _BRIEF_HALVES) : half + 1 + _BRIEF_HALVES]
        whole = self._halves[half : half + 2, 0].max(initial=NO_RISE_DB)
        is_brief = (near[:, stream] > bound[stream]).sum() <= _BRIEF_HALVES
        return bool(stream >= _FIRST_OCTAVE and is_brief and whole <= habit[0] + MARGIN_DB)

    def allows(self, level_db: float, stream: int, at_s: float) -> bool:
        """Whether a sound that begins then is habitual, and was heard before."""
        half = self._half(at_s)
        end = max(0, half + self._lead - 1)
        heard = self._halves[max(0, end - _HEARD_HALVES) : end].max(axis=0, initial=NO_RISE_DB)
        known = heard + _KNOWN_DB + MARGIN_DB
        whole = self._halves[end + 1 : end + 3, 0].max(initial=NO_RISE_DB) if stream else level_db
        is_known = self._is_new(half) or level_db <= known[stream] or whole <= known[0]
        return bool(is_known and self.is_habitual(level_db, stream, at_s))

    def _half(self, at_s: float) -> int:
        return max(0, int((at_s - self._began_s) / _HALF_S))

    def _is_new(self, half: int) -> bool:
        """Whether the track may still be blending with the one before."""
        return self._lead > 0 and half < _INTRODUCED_HALVES


def _habit_of(halves: list[Levels]) -> Levels:
    """What is habitual in each stretch of 5 s, shape (stretches, 10)."""
    return habit_of_stretches(np.array(halves)) if halves else np.zeros((0, len(STREAMS)))
