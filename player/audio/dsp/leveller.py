"""The look-ahead leveller: plans by how much each moment of a track is lowered, from the habitual levels of the track.

`plan` works on powers every 10 ms of the whole, of each ear and of each octave (`player.audio.dsp.octaves`).
`player.audio.dsp.gain_planner` calls it where a track is measured, `player.audio.dsp.live_plan` where an unmeasured one
plays. `PlannedGain` runs on the engine thread and applies the plan to a deck, before mix, ramp and guard, without any
delay. All levels are dB, those of sound in LUFS.

Theory. `player.audio.dsp.habit` computes what each stream habitually reaches. A *stranger* is 6.5 dB over the habit
(7.5 dB in an ear, 12 dB in an octave, which varies more), is audible beside the calm level, and somewhere rises by more
than 4 dB within 250 ms. (A swell of 20 s is music, however high it is; C3 limits the gain of its track.) Rises are
measured after earlier strangers were lowered, because otherwise each stranger would make the next one acceptable.

A stranger is lowered to habit + 2 dB (octaves + 4 dB); one just above the bound is lowered only slightly. Then the
levelled powers are judged by the code that judges the output (`player.audio.dsp.rises`). Sound near a prominent
stranger that still rises too far is lowered further, but not below the audible level, and by at most 1.5 times the
square of the dB by which the stranger is over its bound: one just above the bound may rise like what is just below it.
(Without that a strike of a bowl that was 1 dB over its bound was lowered by 28 dB.) An octave 20 dB over its habit
marks a stranger that is itself too soft to count, such as a bark not louder than the voice around it. A stranger
and what is within 0.8 s of it stay within calm + 4.5 LU over 400 ms and 3 s, what is near it over 400 ms as loud as the
rest of the track (calm + 5 to 7.5 LU). What lies between two strangers up to 1.6 s apart belongs to them, up to 3.2 s
apart it is near them: thunder swells and sinks. Only hops that are louder themselves are lowered for that. Calm is
measured more than one second away from any stranger.

A stranger that is one in octaves alone, for as long as it and others less than two seconds apart last, is lowered in
these octaves (`player.audio.dsp.octave_gain`), and the rest of the sound goes on. (With one gain for all octaves the
insects of a night were lowered by 18 dB for a call that raised the whole by 2 dB.) What has its power within 30 ms may
be a click and is lowered as a whole from 0.15 s before to 0.15 s after it, because `player.audio.dsp.declick` would not
recognise one that frames of 43 ms have spread. The rest of the whole and of both ears is assumed to be in proportion.

A brief sound that is as a whole no louder than is habitual is no stranger for an octave up to 18 dB over its habit: the
only "s" in a row of single words was lowered by 16 dB. (A telephone between them stands out for more than 0.6 s.)

Limitations: during a stranger that stands out in the whole or in an ear, everything is lowered. Rare natural sounds
(thunder, a branch that breaks) are strangers and are lowered.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.habit import habitual
from player.audio.dsp.loudness_windows import (
    BOX,
    MOMENTARY,
    SHORT_TERM,
    TINY,
    Levels,
    Marks,
    box_levels,
    calm_level,
    decibels,
    largest,
    mean,
    numbered,
    stretches_with,
    trailing,
)
from player.audio.dsp.octave_gain import GAINS, NO_OCTAVE_GAINS, OctaveGains
from player.audio.dsp.octaves import BAND_S, STREAMS, BandPowers
from player.audio.dsp.rises import NO_RISE_DB, RiseMeter, rises_db
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU

_EARS: Final = 2
_OCTAVES: Final = len(STREAMS) - 1 - _EARS
STRANGER_DB: Final = np.array([6.5, *[7.5] * _EARS, *[12.0] * _OCTAVES])
_BROUGHT_TO_DB: Final = np.array([2.0, *[2.0] * _EARS, *[4.0] * _OCTAVES])
_PASSES: Final = 3
"""Each pass finds more strangers: without those found a track is calmer, and the next one rises further."""
_UNSURE_LU: Final = 2.5
"""Octaves and ears that are just too soft to be audible keep their rises also where a track is this much calmer than it
is as a whole."""
_CALMER_LU: Final = 3.5
"""A stranger keeps its M also where a track is this much calmer than it is as a whole."""
_AUDIBLE_DB: Final = np.array([12.0, *[20.0 + _UNSURE_LU] * _EARS, *[21.5 + _UNSURE_LU] * _OCTAVES])
"""A stream this far below calm does not count (C1d: 20 dB)."""
_PROMINENT_DB: Final = np.array([*[0.0] * (1 + _EARS), *[14.0] * _OCTAVES])
"""A stranger this far over the habit is prominent: near it rises are judged in all streams."""
_SUDDEN_DB: Final = 4.0
"""A sound that never rises by this within 250 ms is a swell and not a stranger, however high it is."""
_FURTHER: Final = 1.5
"""Times the square of the dB by which a prominent stranger is over its bound: the most that rises lower it further."""
_SHOWN_DB, _SHOWN_BELOW_CALM_DB = 20.0, 30.0
"""An octave this far over its habit, and at most this far below calm, marks a prominent stranger."""
_NEAR, _BEFORE = round(0.3 / BAND_S), round(1.0 / BAND_S)
"""Hops after and before a prominent stranger in which a rise may belong to it."""
_LOUD_NEAR, _CALM_NEAR = round(0.8 / BAND_S), round(1.0 / BAND_S)
_BETWEEN: Final = round(1.6 / BAND_S)
"""What lies between two strangers at most twice as many hops apart is near them, up to twice `_LOUD_NEAR` it is one."""
_NEAR_LU: Final = 3.0
"""What is near a stranger keeps its M also where a track is this much calmer than it is as a whole."""
_FAR: Final = round(3.0 / BAND_S)
"""Hops from what is near a stranger to what is the rest of the track."""
_EARLIER: Final = round(0.08 / BAND_S)
"""Hops by which a rise begins before it is found."""
_HEARD_DB: Final = np.array([-3.0, *-_AUDIBLE_DB[1:]])
"""A rise that ends at most this far over calm breaks no clause, however high it is."""
_RISE_DB: Final = 9.2
_LEAK_DB: Final = 1.0
"""Sound between two octaves is lowered by this much less where one of them alone has a gain."""
_CLICK_SHARE: Final = 0.8
_AROUND: Final = round(0.1 / BAND_S)
"""Where three hops have this share of the power of an octave from so many hops before to as many after, it may be a
click."""
_BESIDE: Final = round(0.15 / BAND_S)
"""Hops before and after a moment that belong to it: a click has one gain there, a brief sound is no louder there."""
_BRIEF: Final = round(0.6 / BAND_S)
"""A brief sound stands out for at most so many hops, others less than two seconds away included."""
BRIEF_ROOM_DB: Final = 6.0
"""An octave of a brief sound that is as a whole not over its habit may be over its own by this much more."""
_MARGIN_LU: Final = 0.5
_ROUNDS: Final = 5
_LEAD: Final = round(10.3 / BAND_S)


@dataclass(frozen=True, slots=True)
class Section:
    """The plan of a part of a track.

    Attributes:
        gain_db: the gain of each 10 ms, at most 0.
        calm_lufs: its loudness without the strangers; -inf for silence.
        reached_lufs: the highest fast level of the sound that is not lowered; -inf for silence.
        momentary_lufs, short_term_lufs: the largest M and S with the plan; -inf for silence.
        peak_dbfs: the largest sample with the plan; -inf for silence.
        octaves: gains of single octaves, on top of the gain of the whole.
    """

    gain_db: Levels
    calm_lufs: float
    reached_lufs: float = -math.inf
    peak_dbfs: float = -math.inf
    momentary_lufs: float = -math.inf
    short_term_lufs: float = -math.inf
    octaves: OctaveGains = NO_OCTAVE_GAINS

    @property
    def all_gains_db(self) -> Levels:
        """The gains of the whole and of the octaves, shape (hops, 8)."""
        gains = np.zeros((len(self.gain_db), GAINS))
        gains[:, 0] = self.gain_db
        gains[self.octaves.hops, 1:] = self.octaves.gain_db
        return gains


@dataclass(frozen=True, slots=True)
class Usual:
    """Figures of a track that were found from more of it than the part that is planned.

    Attributes:
        habit: what each stream habitually reaches, shape (10,), dB.
        calm_lufs: its calm level; finite.
    """

    habit: Levels
    calm_lufs: float


def plan(powers: BandPowers, usual: Usual | None = None) -> Section:
    """The plan for powers, shape (hops, 10): of a whole track, or of a part if ``usual`` is known."""
    powers = np.maximum(powers, TINY)
    levels = box_levels(powers)
    habit = habitual(levels) if usual is None else np.broadcast_to(usual.habit, levels.shape)
    calm = calm_level(powers[:, 0], levels[:, 0] > habit[:, 0] + STRANGER_DB[0]) if usual is None else usual.calm_lufs
    if not np.isfinite(calm):
        return Section(np.zeros(len(powers)), calm)
    gains, is_sudden = np.zeros((len(powers), GAINS)), np.zeros(len(powers), np.bool_)
    for _ in range(_PASSES):
        strangers = (levels > habit + STRANGER_DB) & (levels > calm - _AUDIBLE_DB)
        strangers &= ~_of_another_spectrum(strangers, levels - habit)
        found = is_sudden
        if strangers.any():  # computing the rises costs as much as the rest of the plan
            found = is_sudden | _sudden(strangers, _rises(_lowered(powers, _all_smoothed(gains)), calm) > _SUDDEN_DB)
        strangers &= found[:, np.newaxis]
        has_more, is_sudden = not np.array_equal(found, is_sudden), found
        near = _widened(strangers.any(axis=1), _CALM_NEAR)
        if usual is None:
            calm = calm_level(powers[:, 0], near)
        as_a_whole = stretches_with(strangers[:, :-_OCTAVES].any(axis=1), near)
        by_octave = ~(as_a_whole | _near_clicks(powers[:, -_OCTAVES:], strangers[:, -_OCTAVES:]))
        gains = _split(np.where(strangers, np.minimum(0.0, _wanted(levels, habit, calm) - levels), 0.0), by_octave)
        if not has_more:
            break
    room = _room(strangers, levels, habit, calm)
    gains = _within_bounds(powers, gains, levels, (calm, by_octave), room, strangers.any(axis=1))
    return Section(gains[:, 0], calm, octaves=OctaveGains.of(gains[:, 1:]))


def _split(wanted: Levels, by_octave: Marks) -> Levels:
    """From what each stream asks for, shape (hops, 10), the gain of the whole and those of the octaves, (hops, 8).

    Where not ``by_octave`` all octaves have the gain of the whole.
    """
    whole, octaves = wanted[:, :-_OCTAVES].min(axis=1), wanted[:, -_OCTAVES:]
    lowest = np.where(by_octave, whole, wanted.min(axis=1))
    return np.column_stack((lowest, np.where(by_octave[:, np.newaxis], octaves, 0.0)))


def _within_bounds(
    powers: BandPowers, gains: Levels, levels: Levels, where: tuple[float, Marks], room: Levels, strange: Marks
) -> Levels:
    """The gains in dB, shape (hops, 8), smoothed, after lowering further what still breaks a clause (see `_broken`).

    ``where``: the calm level, and the hops in which octaves have gains of their own. ``strange``: the strangers.
    """
    calm, by_octave = where
    if not (strange.any() or room.any()):
        return np.zeros_like(gains)
    lowest = np.minimum(gains, _split(-np.maximum(levels - (calm + _HEARD_DB), 0.0), by_octave))
    most, loud = gains.min(axis=1), _widened(_closed(strange, _BETWEEN), _LOUD_NEAR)
    is_strange = _closed(strange, _LOUD_NEAR) | (smoothed(most) < 0.0)
    margin = np.where(loud, np.where(is_strange, _CALMER_LU, _margin_near(powers, calm, loud)), -np.inf)
    deepest = most - room
    for _ in range(_ROUNDS):
        rooms = np.maximum(gains.min(axis=1) - deepest, 0.0)
        more = _split(-_broken(powers, _all_smoothed(gains), calm, rooms, margin), by_octave)
        if not more.any():
            break
        gains = np.maximum(gains + more, lowest)
    return _all_smoothed(gains)


def _margin_near(powers: BandPowers, calm: float, loud: Marks) -> float:
    """By how many dB sound near a stranger stays below calm + 8 LU: it may be as loud as the rest of the track."""
    elsewhere = largest(trailing(powers[:, 0], MOMENTARY)[~_widened(loud, _FAR)])
    room = calm + MOMENTARY_ROOM_LU - elsewhere
    return float(np.clip(room, _MARGIN_LU, _NEAR_LU)) if math.isfinite(room) else _MARGIN_LU


def _room(strangers: Marks, levels: Levels, habit: Levels, calm: float) -> Levels:
    """By how many dB at most rises lower each hop further; 0 where no prominent stranger is near."""
    is_shown = levels > np.maximum(habit + _SHOWN_DB, calm - _SHOWN_BELOW_CALM_DB)
    is_shown[:, :-_OCTAVES] = False
    is_prominent = (strangers & (levels > habit + _PROMINENT_DB)) | is_shown
    over = np.where(is_prominent, levels - habit - STRANGER_DB, 0.0).max(axis=1)
    room: Levels = _FURTHER * np.square(_moving(over, _NEAR, _BEFORE).max(axis=-1))
    return room


def _wanted(levels: Levels, habit: Levels, calm: float) -> Levels:
    """The level to which a stranger is lowered: the further it is over its bound, the further below the bound."""
    over = levels - habit - STRANGER_DB
    wanted: Levels = habit + np.maximum(_BROUGHT_TO_DB, STRANGER_DB - over)
    wanted[:, 1:] = np.maximum(wanted[:, 1:], calm - _AUDIBLE_DB[1:])
    return wanted


def smoothed(gain_db: Levels) -> Levels:
    """The gains with edges of 50 ms; no moment is lowered less than in ``gain_db``."""
    least = _moving(gain_db, 3, 3).min(axis=-1)
    soft: Levels = _moving(least, 2, 2) @ (np.hanning(7)[1:-1] / np.hanning(7).sum())
    return soft


def _all_smoothed(gains: Levels) -> Levels:
    """Each column of shape (hops, 8)."""
    found = np.zeros_like(gains)
    for column in np.flatnonzero(gains.any(axis=0)).tolist():
        found[:, column] = smoothed(gains[:, column])
    return found


def _broken(powers: BandPowers, gains: Levels, calm: float, room: Levels, margin: Levels) -> Levels:
    """By how many dB each stream breaks a clause, shape (hops, 10).

    Rises count where there is ``room``, and at most that; M and S (of the whole) where the margin is not -inf, in hops
    that are themselves louder than M or S may be: what is softer is not lowered for what was loud before it.
    """
    left = _lowered(powers, gains)
    boxes = mean(left, BOX)
    is_rising = boxes > RiseMeter(calm).heights(left)[0]  # a gain here does not affect earlier rises
    rises = np.where(is_rising, _rises(left, calm, _UNSURE_LU), NO_RISE_DB)
    rises[:, -_OCTAVES:] += np.where(gains[:, 1:] < 0.0, _LEAK_DB, 0.0)
    over = np.minimum(rises - _RISE_DB, room[:, np.newaxis])
    levels, short_term = decibels(boxes[:, 0]), decibels(trailing(left[:, 0], SHORT_TERM))
    momentary = _moving(decibels(trailing(left[:, 0], MOMENTARY)), 0, MOMENTARY // 2).max(axis=-1)
    over_m = np.minimum(momentary, levels) - (calm + MOMENTARY_ROOM_LU - margin)
    over_s = np.minimum(short_term, levels) - (calm + SHORT_TERM_ROOM_LU - np.minimum(margin, _MARGIN_LU))
    over[:, 0] = np.maximum.reduce((over[:, 0], over_m, over_s))
    over = over.clip(0.0)
    is_bound = ((room > 0.0) | np.isfinite(margin)) & (over.max() >= 0.1)
    return np.where(is_bound[:, np.newaxis], _moving(over, 0, _EARLIER).max(axis=-1), 0.0)


def levelled_powers(powers: BandPowers, planned: Section) -> BandPowers:
    """Powers, shape (hops, 10), as they are with a plan."""
    return _lowered(powers, planned.all_gains_db)


def _lowered(powers: BandPowers, gains: Levels) -> BandPowers:
    """The same with the gains of the whole and of the octaves, shape (hops, 8); ears as the whole."""
    factors = 10.0 ** (gains / 10.0)
    lowered = powers * factors[:, :1]
    hops = np.flatnonzero((gains[:, 1:] < 0.0).any(axis=1))
    if len(hops):
        octaves, factors = powers[hops, -_OCTAVES:], factors[hops, 1:]
        share = 1.0 - (octaves * (1.0 - factors)).sum(axis=1) / powers[hops, 0]
        lowered[hops, :-_OCTAVES] *= np.maximum(share, factors.min(axis=1))[:, np.newaxis]
        lowered[hops, -_OCTAVES:] *= factors
    return lowered


def _rises(powers: BandPowers, calm: float, unsure_lu: float = 0.0) -> BandPowers:
    """The rise of each stream at each hop; before the powers their mirrored beginning is assumed.

    Octaves and ears are judged where they are audible beside a calm level that is ``unsure_lu`` lower.
    """
    lead = np.resize(powers[:_LEAD][::-1], (_LEAD, powers.shape[1]))
    now, past = (one[_LEAD:] for one in RiseMeter(calm).heights(np.concatenate((lead, powers))))
    whole, parts = rises_db(now[:, :1], past[:, :1], calm), rises_db(now, past, calm - unsure_lu)
    return np.concatenate((whole, parts[:, 1:]), axis=1)


def _sudden(strangers: Marks, rises: Marks) -> Marks:
    """The hops of those stretches of strangers in which one of these streams rises fast."""
    is_strange = _moving_any(strangers, _NEAR)
    return stretches_with(np.asarray((is_strange & rises).any(axis=1)), _widened(np.any(strangers, axis=1), _NEAR))


def _of_another_spectrum(strangers: Marks, over: Levels) -> Marks:
    """Which strangers, shape (hops, 10), are octaves of a brief sound that is as a whole no louder than is habitual.

    ``over``: by how many dB each stream is over its habit.
    """
    is_strange: Marks = np.asarray(strangers.any(axis=1))
    number = numbered(_widened(is_strange, _CALM_NEAR))
    lasts = np.bincount(number[is_strange], minlength=int(number[-1]) + 1)
    is_usual = (lasts[number] <= _BRIEF) & ~_widened(over[:, 0] > 0.0, _BESIDE)
    found: Marks = strangers & is_usual[:, np.newaxis] & (over <= STRANGER_DB + BRIEF_ROOM_DB)
    found[:, :-_OCTAVES] = False
    return found


def _near_clicks(powers: BandPowers, strangers: Marks) -> Marks:
    """The hops near what may be a click in one of the octaves, shape (hops,)."""
    near = _moving_any(strangers, BOX)
    asked = np.flatnonzero(near.any(axis=1))  # few hops in most tracks: all of them are a fifteenth of the plan's cost
    short, around = (_moving(powers, hops, hops)[asked].sum(axis=-1) for hops in (1, _AROUND))
    found = np.zeros(len(powers), np.bool_)
    found[asked] = (near[asked] & (short > _CLICK_SHARE * around)).any(axis=1)
    return _widened(found, _BESIDE)


def _moving(values: npt.NDArray[Any], back: int, ahead: int) -> npt.NDArray[Any]:
    """Each value with those before and after it, shape (values, back + 1 + ahead)."""
    sides = ((back, ahead), *[(0, 0)] * (values.ndim - 1))
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, sides, mode="edge"), back + 1 + ahead, axis=0)


def _moving_any(marks: Marks, reach: int) -> Marks:
    return np.stack([_widened(marks[:, at], reach) for at in range(marks.shape[1])], axis=1)


def _closed(marks: Marks, reach: int) -> Marks:
    """The marks and what lies between two of them at most twice ``reach`` apart (morphological closing)."""
    return ~_widened(~_widened(marks, reach), reach)


def _widened(marks: npt.NDArray[np.bool_], reach: int) -> Marks:
    return np.asarray(_moving(marks, reach, reach).max(axis=-1))
