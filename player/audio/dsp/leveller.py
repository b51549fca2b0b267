"""The look-ahead leveller: plans by how much each moment of a track is lowered, from the habitual levels of the track.

`GainPlanner` runs where a track is measured, on powers every 10 ms of the whole, of each ear and of each octave
(`player.audio.dsp.octaves`); `PlannedGain` runs on the engine thread and applies the plan to a deck, before mix, ramp
and guard, without any delay. All levels are dB, those of sound in LUFS.

Theory. `player.audio.dsp.habit` computes what each stream habitually reaches. A *stranger* is 6.5 dB over the habit
(7.5 dB in an ear, 12 dB in an octave, which varies more), is audible beside the calm level, and somewhere rises by more
than 4 dB within 250 ms. (A swell of 20 s is music, however high it is; C3 limits the gain of its track.) Rises are
measured after earlier strangers were lowered, because otherwise each stranger would make the next one acceptable.

A stranger is lowered to habit + 2 dB (octaves + 4 dB); one just above the bound is lowered only slightly. Then the
levelled powers are judged by the code that judges the output (`player.audio.dsp.rises`). Sound near a prominent
stranger that still rises too far is lowered further, but not below the audible level. An octave 20 dB over its habit
marks a stranger that is itself too soft to count, such as a bark not louder than the voice around it. Within 0.8 s of a
stranger, sound louder than calm + 7.5 LU over 400 ms (a stranger: + 5.5) or + 4.5 LU over 3 s is lowered too. Calm is
measured more than one second away from any stranger.

A file is planned in sections of ten minutes with 90 s of context on either side, so memory stays bounded.

Limitations: there is one gain for all octaves, so during a tone in rain the rain is lowered too. Rare natural sounds
(thunder, a branch that breaks) are strangers and are lowered.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain import applied
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
    loudest,
    mean,
    trailing,
)
from player.audio.dsp.octaves import BAND_FRAMES, BAND_S, STREAMS, BandPowers
from player.audio.dsp.rises import NO_RISE_DB, RiseMeter, fast_levels, rises_db
from player.audio.dsp.types import Block
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU

_EARS: Final = 2
_OCTAVES: Final = len(STREAMS) - 1 - _EARS
STRANGER_DB: Final = np.array([6.5, *[7.5] * _EARS, *[12.0] * _OCTAVES])
_BROUGHT_TO_DB: Final = np.array([2.0, *[2.0] * _EARS, *[4.0] * _OCTAVES])
_PASSES: Final = 3
"""Each pass finds more strangers: without those found a track is calmer, and the next one rises further."""
_UNSURE_LU: Final = 2.5
"""Strangers stay within the limits also where a track is this much calmer than it is as a whole: M, S, and rises of an
octave or an ear that is just too soft to be audible."""
_AUDIBLE_DB: Final = np.array([12.0, *[20.0 + _UNSURE_LU] * _EARS, *[21.5 + _UNSURE_LU] * _OCTAVES])
"""A stream this far below calm does not count (C1d: 20 dB)."""
_PROMINENT_DB: Final = np.array([*[0.0] * (1 + _EARS), *[14.0] * _OCTAVES])
"""A stranger this far over the habit is prominent: near it rises are judged in all streams."""
_SUDDEN_DB: Final = 4.0
"""A sound that never rises by this within 250 ms is a swell and not a stranger, however high it is."""
_SHOWN_DB, _SHOWN_BELOW_CALM_DB = 20.0, 30.0
"""An octave this far over its habit, and at most this far below calm, marks a prominent stranger."""
_NEAR, _BEFORE = round(0.3 / BAND_S), round(1.0 / BAND_S)
"""Hops after and before a prominent stranger in which a rise may belong to it."""
_LOUD_NEAR, _CALM_NEAR = round(0.8 / BAND_S), round(1.0 / BAND_S)
_EARLIER: Final = round(0.08 / BAND_S)
"""Hops by which a rise begins before it is found."""
_HEARD_DB: Final = np.array([-3.0, *-_AUDIBLE_DB[1:]])
"""A rise that ends at most this far over calm breaks no clause, however high it is."""
_RISE_DB: Final = 9.2
_MARGIN_LU: Final = 0.5
_ROUNDS: Final = 5
_SECTION, _CONTEXT = round(600.0 / BAND_S), round(90.0 / BAND_S)
_LEAD: Final = round(10.3 / BAND_S)
_STEP_DB: Final = 0.25
_MIDDLE: Final = BAND_FRAMES - 512
"""The frame, counted from the first of a hop, in the middle of the 1024 frames whose powers count for that hop."""
_LOWEST_STEP: Final = 255
"""Plans are kept in steps of 0.25 dB, so the largest reduction is 63.75 dB."""


@dataclass(frozen=True, slots=True)
class Section:
    """The plan of a part of a track.

    Attributes:
        gain_db: the gain of each 10 ms, at most 0.
        calm_lufs: its loudness without the strangers; -inf for silence.
        reached_lufs: the highest fast level of the sound that is not lowered; -inf for silence.
        momentary_lufs, short_term_lufs: the largest M and S with the plan; -inf for silence.
        peak_dbfs: the largest sample with the plan; -inf for silence.
    """

    gain_db: Levels
    calm_lufs: float
    reached_lufs: float = -math.inf
    peak_dbfs: float = -math.inf
    momentary_lufs: float = -math.inf
    short_term_lufs: float = -math.inf


@dataclass(frozen=True, slots=True)
class Usual:
    """Figures of a track that were found from more of it than the part that is planned.

    Attributes:
        habit: what each stream habitually reaches, shape (10,), dB.
        calm_lufs: its calm level; finite.
    """

    habit: Levels
    calm_lufs: float


class GainPlanner:
    """Plans a track from its powers, which are added in pieces."""

    def __init__(self) -> None:
        self._waiting: list[npt.NDArray[np.float32]] = []
        self._peaks: list[npt.NDArray[np.float32]] = []
        self._count = 0
        self._context = 0
        self._sections: list[Section] = []

    def add(self, powers: BandPowers, peaks: npt.NDArray[np.float32]) -> None:
        """Add more of the track: powers of shape (hops, 10), and the largest sample of each hop, shape (hops,)."""
        self._waiting.append(powers.astype(np.float32))
        self._peaks.append(peaks)
        self._count += len(powers)
        if self._count >= self._context + _SECTION + _CONTEXT:
            self._plan(self._context + _SECTION)

    def finish(self) -> Section:
        """The plan of the whole track; its calm level is the power mean of those of its sections."""
        if self._count > self._context:
            self._plan(self._count)
        if not self._sections:
            return Section(np.zeros(0), float("-inf"))
        heard = [section for section in self._sections if math.isfinite(section.calm_lufs)]
        calms, lengths = [section.calm_lufs for section in heard], [len(section.gain_db) for section in heard]
        powers = 10.0 ** (np.array(calms) / 10.0)
        calm = 10.0 * math.log10(np.average(powers, weights=lengths)) if heard else -math.inf
        return Section(
            np.concatenate([section.gain_db for section in self._sections]),
            calm,
            max(section.reached_lufs for section in self._sections),
            max(section.peak_dbfs for section in self._sections),
            max(section.momentary_lufs for section in self._sections),
            max(section.short_term_lufs for section in self._sections),
        )

    def _plan(self, until: int) -> None:
        """Plan the waiting hops from the context up to hop ``until``, and keep their end as the next context."""
        powers = np.concatenate(self._waiting).astype(np.float64)
        peaks = np.concatenate(self._peaks)
        part, planned = slice(self._context, until), plan(powers)
        gains = 10.0 ** (planned.gain_db[part] / 20.0)
        levelled = np.maximum(powers[part, 0], TINY) * gains**2
        untouched = np.where(planned.gain_db[part] > -_STEP_DB, levelled, 0.0)
        peak = float((peaks[part] * gains).max(initial=0.0))
        self._sections.append(
            Section(
                planned.gain_db[part],
                planned.calm_lufs,
                largest(fast_levels(untouched[:, np.newaxis], np.zeros(1))),
                20.0 * math.log10(peak) if peak > 0.0 else -math.inf,
                largest(trailing(levelled, MOMENTARY)),
                loudest(levelled, SHORT_TERM),
            )
        )
        first = max(0, until - _CONTEXT)
        kept = powers[first:].astype(np.float32)
        self._waiting, self._peaks, self._count = [kept], [peaks[first:]], len(kept)
        self._context = min(until, _CONTEXT)


def plan(powers: BandPowers, usual: Usual | None = None) -> Section:
    """The plan for powers, shape (hops, 10): of a whole track, or of a part if ``usual`` is known."""
    powers = np.maximum(powers, TINY)
    levels = box_levels(powers)
    habit = habitual(levels) if usual is None else np.broadcast_to(usual.habit, levels.shape)
    calm = calm_level(powers[:, 0], levels[:, 0] > habit[:, 0] + STRANGER_DB[0]) if usual is None else usual.calm_lufs
    if not np.isfinite(calm):
        return Section(np.zeros(len(powers)), calm)
    gain, is_sudden = np.zeros(len(powers)), np.zeros(len(powers), np.bool_)
    for _ in range(_PASSES):
        strangers = (levels > habit + STRANGER_DB) & (levels > calm - _AUDIBLE_DB)
        found = is_sudden
        if strangers.any():  # computing the rises costs as much as the rest of the plan
            found = is_sudden | _sudden(strangers, _rises(_lowered(powers, smoothed(gain)), calm) > _SUDDEN_DB)
        strangers &= found[:, np.newaxis]
        has_more, is_sudden = not np.array_equal(found, is_sudden), found
        if usual is None:
            calm = calm_level(powers[:, 0], _widened(strangers.any(axis=1), _CALM_NEAR))
        gain = np.where(strangers, np.minimum(0.0, _wanted(levels, habit, calm) - levels), 0.0).min(axis=1)
        if not has_more:
            break
    loud, near = _widened(strangers.any(axis=1), _LOUD_NEAR), _prominent(strangers, levels, habit, calm)
    return Section(_within_bounds(powers, gain, levels, calm, near, loud), calm)


def _within_bounds(powers: BandPowers, gain: Levels, levels: Levels, calm: float, near: Marks, loud: Marks) -> Levels:
    """The gains in dB, smoothed, after lowering further what still breaks a clause (see `_broken`)."""
    if not (loud | near).any():
        return np.zeros(len(powers))
    lowest = np.minimum(gain, -np.maximum(levels - (calm + _HEARD_DB), 0.0).max(axis=1))
    margin = np.where(loud, np.where(smoothed(gain) < 0.0, _UNSURE_LU, _MARGIN_LU), -np.inf)
    for _ in range(_ROUNDS):
        more = _broken(powers, smoothed(gain), calm, near, margin)
        if not more.any():
            break
        gain = np.maximum(gain - more, lowest)
    return smoothed(gain)


def _prominent(strangers: Marks, levels: Levels, habit: Levels, calm: float) -> Marks:
    """The hops near prominent strangers, where the rises of all streams are judged."""
    is_shown = (levels > np.maximum(habit + _SHOWN_DB, calm - _SHOWN_BELOW_CALM_DB))[:, -_OCTAVES:]
    is_prominent = (strangers & (levels > habit + _PROMINENT_DB)).any(axis=1) | is_shown.any(axis=1)
    return np.asarray(_moving(is_prominent, _NEAR, _BEFORE).max(axis=-1))


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


def encode(gain_db: Levels) -> bytes:
    """A plan as compact bytes; empty if no gain rounds to a step of 0.25 dB or more."""
    steps = np.minimum(np.ceil(-gain_db / _STEP_DB - 0.5), _LOWEST_STEP).clip(0).astype(np.uint8)
    return zlib.compress(np.diff(steps, prepend=np.uint8(0)).tobytes(), 9) if steps.any() else b""


class PlannedGain:
    """Applies a plan to a track as it is read.

    Args:
        encoded: the result of `encode`; a damaged one lowers nothing, so that only the guard protects.
    """

    def __init__(self, encoded: bytes) -> None:
        try:
            steps = np.frombuffer(zlib.decompress(encoded), np.uint8) if encoded else np.zeros(0, np.uint8)
        except zlib.error:
            steps = np.zeros(0, np.uint8)
        self._steps = np.cumsum(steps, dtype=np.uint8)

    @property
    def lowered_db(self) -> Levels:
        """The reduction of each 10 ms of the track; empty without a plan."""
        return self._steps.astype(np.float64) * _STEP_DB

    def apply(self, block: Block, at_frame: int) -> Block:
        """The levelled block, shape (frames, 2), whose first frame is ``at_frame``; the same object if nothing changes.

        The gain of a hop applies to its middle; between the middles the gain is linear in dB.
        """
        if not len(self._steps):
            return block
        first, last = _hops_of(block, at_frame)
        steps = self._steps[max(first, 0) : max(last + 1, 0)]
        if not steps.any():
            return block
        return interpolated(block, at_frame, steps.astype(np.float64) * -_STEP_DB, max(first, 0))


def interpolated(block: Block, at_frame: int, gains_db: Levels, first_hop: int) -> Block:
    """A block that begins at frame ``at_frame`` of its track, with one gain per hop from ``first_hop`` on.

    The gains of other hops are 0 dB; if all are 0 dB, the result is the same object.
    """
    first, last = _hops_of(block, at_frame)
    hops = np.arange(first, last + 1)
    inside = np.clip(hops - first_hop, 0, max(0, len(gains_db) - 1))
    found = np.where(inside == hops - first_hop, gains_db[inside], 0.0) if len(gains_db) else np.zeros(0)
    if not len(block) or not found.any():
        return block
    frames = np.arange(at_frame, at_frame + len(block))
    db = np.interp(frames, hops * BAND_FRAMES + _MIDDLE, found)
    return applied(block, (10.0 ** (db / 20.0)).astype(np.float32))


def _hops_of(block: Block, at_frame: int) -> tuple[int, int]:
    """The first and the last hop whose gains a block needs."""
    return (at_frame - _MIDDLE) // BAND_FRAMES, (at_frame + len(block) - _MIDDLE) // BAND_FRAMES + 1


def _broken(powers: BandPowers, gain_db: Levels, calm: float, near: Marks, margin: Levels) -> Levels:
    """By how many dB each hop breaks a clause: rises where ``near``, M and S where the margin is not -inf."""
    left = _lowered(powers, gain_db)
    is_rising = mean(left, BOX) > RiseMeter(calm).heights(left)[0]  # a gain here does not affect earlier rises
    rises = np.where(is_rising, _rises(left, calm, _UNSURE_LU), NO_RISE_DB).max(axis=1)
    momentary = decibels(trailing(left[:, 0], MOMENTARY)) - (calm + MOMENTARY_ROOM_LU - margin)
    margin = np.minimum(margin, _MARGIN_LU)
    short_term = decibels(trailing(left[:, 0], SHORT_TERM)) - (calm + SHORT_TERM_ROOM_LU - margin)
    over = np.maximum.reduce((np.where(near, rises - _RISE_DB, 0.0), momentary, short_term)).clip(0.0)
    is_bound = (near | np.isfinite(margin)) & (over.max() >= 0.1)
    return np.where(is_bound, _moving(over, 0, _EARLIER).max(axis=-1), 0.0)


def _lowered(powers: BandPowers, gain_db: Levels) -> BandPowers:
    return powers * (10.0 ** (gain_db / 10.0))[:, np.newaxis]


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
    stretch = _widened(np.any(strangers, axis=1), _NEAR)
    number = np.cumsum(np.diff(stretch, prepend=False) & stretch)
    is_strange = _moving_any(strangers, _NEAR)
    is_sudden = np.zeros(number[-1] + 1, np.bool_)
    is_sudden[number[stretch & (is_strange & rises).any(axis=1)]] = True
    found: Marks = stretch & is_sudden[number]
    return found


def _moving(values: npt.NDArray[Any], back: int, ahead: int) -> npt.NDArray[Any]:
    """Each value with those before and after it, shape (values, back + 1 + ahead)."""
    return np.lib.stride_tricks.sliding_window_view(np.pad(values, (back, ahead), mode="edge"), back + 1 + ahead)


def _moving_any(marks: Marks, reach: int) -> Marks:
    return np.stack([_widened(marks[:, at], reach) for at in range(marks.shape[1])], axis=1)


def _widened(marks: npt.NDArray[np.bool_], reach: int) -> Marks:
    return np.asarray(_moving(marks, reach, reach).max(axis=-1))
