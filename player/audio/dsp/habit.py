"""The habitual level of a sound: the level that is not a surprise in it.

Pure, on any thread; levels in LUFS, every 10 ms for each stream of `player.audio.dsp.octaves`.

A stream habitually reaches what it reaches in at least 55 % of the stretches of 5 s around: the 45th percentile of
their maxima, over the 80 s before, around or after, whichever is highest. Waves, breaths, words, ticks and taps come
back within seconds, so they are habitual even if sparse; an event that happens once, or five times in half a
minute, is not habitual, however loud it is.

A sound that becomes habitual is new at first: where the last 40 s were heard, the habit is at most 9 dB over what they
habitually reached, and rises from there by 3 dB/s. Without that rule, a loud third of a file was let in at once.
A sound that was not heard in the 80 s before it begins (they reached its level less than twice), and is gone 50 s
later, is not habitual, however much of the file it fills: an alarm of half a minute in a file of one minute. What was
heard before a pause (strokes, pages, waves) is not new after it, and neither is a louder part that stays. Live it is
not known what will stay: that is let in after 50 s.

A sound that comes back at least four times over more than 45 s (the call of a bird, a strike of a bowl, a louder
reader) is habitual too, but it raises the habit by at most 9 dB (18 dB in an octave): a bark every ten seconds is still
lowered. A sound counts once in each stretch; one of up to 8 s that lies across the border of two stretches counts once
too. It lasts as long as it stays within 6 dB of what both stretches reach, pauses of less than half a second included.
(A longer one counts in each stretch: a bowl rings for longer, and with one law for sounds of any length it was
lowered for 14 % of its time.)

Sounds of different kinds do not make a habit together: a bark, an alarm, a shout and a jingle in a minute and a half
are four strangers. What at least 81 % of the stretches reach is habitual whatever it is: each word of a reader has
another spectrum. More than 5 dB over that only what sounds of one kind reach so often is habitual, with 2 dB more. They
are of one kind where their spectra, each relative to its largest octave, differ by at most 5 dB rms. Half-seconds that
are as a whole more than 3 dB over the habit of the whole, found in this way, do not count for the habit of an octave.
(When they did, the hazards of a minute together raised it by 13 to 18 dB.) Live they count, because too little is
known: otherwise frogs were lowered for 13 % of their time.

A voice that goes from ear to ear is one sound: what was heard in one ear is not new in the other, and what comes back
in an ear raises its habit up to that of the louder ear. For this, only stretches count in which it reaches 6 dB more
than the other one: the voice has gone there. Live one such stretch is enough. (A whisper that changed sides every 20 s
was lowered for half of its time, by up to 37 dB, each time as something new.)

All that is asked of a track is found from its largest levels in each half-second.

Determined with 43 calm recordings and 99 hazards in them, levels alone: with a share of 60 %, eight recordings were
lowered for more than 1 % of their time; with 50 %, five, but hazards that come five times in half a minute passed.
With the rule for sounds that come back, it is three (thunder, a slide projector and a campfire), and hazards are
lowered as with 55 %.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.octaves import BAND_S, STREAMS, BandPowers

STRETCH: Final = round(5.0 / BAND_S)
STRETCHES: Final = 16
HABITUAL_SHARE: Final = 0.55
_MOST_BELOW: Final = 4
"""Stretches that may be below the habit of a track that is heard for the first time, until `_INTRODUCING` are known."""
_INTRODUCING: Final = 13
_TIMES: Final = 4
_SPAN: Final = 9
"""A level that comes back `_TIMES` times over this many stretches is habitual."""
_AGAIN_DB: Final = 9.0
_OCTAVE_AGAIN_DB: Final = 18.0
"""Maximum by which sounds that come back raise the habit of the whole and of each ear, and that of an octave."""
_WHOLE: Final = slice(0, 3)
"""The whole and each ear."""
_OCTAVES: Final = slice(3, len(STREAMS))
_EARS: Final = slice(1, 3)
_LOUDER: Final = slice(3, 4)
"""The louder ear, see `_with_louder_ear`."""
_IN_EITHER: Final = [0, 3, 3]
"""The whole, and for each ear the louder one."""
HALF: Final = round(0.5 / BAND_S)
HALVES: Final = STRETCH // HALF
"""Half-seconds in a stretch."""
_WITHIN_DB: Final = 6.0
_LONGEST: Final = round(8.0 / BAND_S) // HALF
"""A sound across the border of two stretches counts once if it lasts at most this many half-seconds."""
_SURE_SHARE: Final = 0.81
"""A level that this share of the stretches reach is habitual whatever the sounds are; pauses do not count."""
_MIXED_DB: Final = 5.0
"""Maximum by which sounds of different kinds raise the habit over that level."""
_ONE_KIND_DB: Final = 2.0
"""Sounds of one kind that reach a level with this much more reach it."""
_MOVED_DB: Final = 6.0
"""A voice has gone to the ear that reaches this much more in a stretch than the other one."""
_LOUD_DB: Final = 3.0
"""Half-seconds that are as a whole this far over the habit of the whole do not count for octaves."""
_ALIKE_DB: Final = 5.0
"""Maximum difference, as the root of the mean square over the octaves, of the spectra of two sounds of one kind."""
_SPECTRUM_DB: Final = 25.0
"""An octave further below the largest counts as this far below it."""
_QUIET_LUFS: Final = -120.0
_LATELY: Final = 8
_INTRODUCED: Final = 3
"""More than this many of the last 8 stretches must have been heard before a sound can count as new."""
_NEW_DB: Final = 9.0
_FARTHEST_DB: Final = 15.0
"""Maximum by which the habit of a sound that was heard before is below its later habit."""
_NEW_FOR: Final = 9
"""A sound is new for this many stretches after those that are compared with it, the first two of its own included."""
_ONE_BEFORE: Final = 2
_TWO_BEFORE: Final = 5
"""If this many stretches were heard before, two of them must reach a level that is not new; otherwise one."""
SILENT_LUFS: Final = -70.0
_FAINT_DB: Final = 30.0
"""A stretch this far below the habit counts as not heard: a voice after the noise of an empty room is not new."""
_FAINT_LUFS: Final = -55.0
"""A stretch above this level is heard, however far it is below the habit: an alarm after a whisper is new."""
_FOLLOW_DB: Final = 15.0
"""Maximum rise of the habit per stretch: 3 dB/s, half of the 6 dB/s of C2."""


def habitual(levels: BandPowers) -> BandPowers:
    """What each stream habitually reaches around each hop, shape and unit as ``levels``; it rises without a step."""
    usual = habit_of_stretches(half_seconds(levels))
    if len(usual) == 1:
        return np.repeat(levels.max(axis=0)[np.newaxis], len(levels), axis=0)
    before = np.minimum(usual, np.concatenate((usual[:1], usual[:-1])))
    at = np.arange(len(levels))
    stretch = np.minimum(at // STRETCH, len(usual) - 1)
    share = np.minimum((at - stretch * STRETCH) / STRETCH, 1.0)[:, np.newaxis]
    around: BandPowers = before[stretch] + (usual - before)[stretch] * share
    return around


def half_seconds(levels: BandPowers) -> BandPowers:
    """The largest level of each half-second, the last one of what is left; shape (halves, streams)."""
    halves: BandPowers = np.maximum.reduceat(levels, np.arange(0, len(levels), HALF), axis=0)
    return halves


def habit_of_stretches(halves: BandPowers) -> BandPowers:
    """What each stream habitually reaches in each stretch of 5 s, shape (stretches, streams).

    ``halves``: the largest level of each half-second, shape (halves, streams), at least one; a remainder of less than
    half a stretch belongs to the last stretch.
    """
    reached, anew = _reached(_with_louder_ear(halves))
    usual = _around(reached, anew, _AGAIN_DB, _by_stretch(halves, len(reached)))
    stretch = np.minimum(np.arange(len(halves)) // HALVES, len(usual) - 1)
    is_loud = halves[:, 0] > usual[stretch, 0] + _LOUD_DB
    octaves = _around(*_reached(halves[:, _OCTAVES], is_loud), _OCTAVE_AGAIN_DB)
    habit = np.concatenate((_known(reached[:, _IN_EITHER], usual[:, _WHOLE]), octaves), axis=1)
    steps = _FOLLOW_DB * np.arange(len(habit))[:, np.newaxis]
    followed: BandPowers = np.minimum.accumulate(habit - steps, axis=0) + steps
    return followed


def habit_so_far(excerpts: BandPowers, halves: BandPowers) -> BandPowers:
    """What each stream habitually reaches in excerpts from elsewhere and in the sound until now together, shape (10,).

    Of up to 13 stretches at most four are below it: a loud half of the first minute is not habitual yet.

    Args:
        excerpts: the largest level of each excerpt, which do not count for sounds that come back.
        halves: the largest level of each half-second until now, as many as whole stretches have.
    """
    count = len(excerpts) + len(halves) // HALVES
    most_below = _MOST_BELOW if count <= _INTRODUCING else count
    sounds = _by_stretch(np.concatenate((np.repeat(excerpts, HALVES, axis=0), halves)), count)
    reached, anew = _reached(halves) if len(halves) else (halves, halves)
    known = np.concatenate((excerpts, reached))
    windows, in_order = (_with_louder_ear(one).T[np.newaxis] for one in (known, anew))
    usual = _habit_of(windows, in_order, _AGAIN_DB, sounds, most_below)[0]
    usual[_EARS] = np.where(_has_moved(windows)[0].any(axis=-1), usual[_LOUDER], usual[_EARS])
    windows, in_order = (one[:, _OCTAVES].T[np.newaxis] for one in (known, anew))
    octaves = _habit_of(windows, in_order, _OCTAVE_AGAIN_DB, most_below=most_below)[0]
    habit: BandPowers = np.concatenate((usual[_WHOLE], octaves))
    if len(halves):
        not_new = _not_new(_with_louder_ear(reached)[:, _IN_EITHER], habit[np.newaxis, _WHOLE])[-1]
        habit[_WHOLE] = np.minimum(habit[_WHOLE], not_new + _NEW_DB)
    return habit


def _around(reached: BandPowers, anew: BandPowers, again_db: float, sounds: BandPowers | None = None) -> BandPowers:
    """What is habitual before, around or after each stretch, whichever is highest; see `_habit_of`."""
    count = len(reached)
    width = min(STRETCHES, count)
    windows, in_order = (np.lib.stride_tricks.sliding_window_view(one, width, axis=0) for one in (reached, anew))
    usual = _habit_of(windows, in_order, again_db, sounds)
    at = np.arange(count)
    views = [usual[np.clip(at - back, 0, len(usual) - 1)] for back in (0, width // 2, width - 1)]
    highest: BandPowers = np.maximum.reduce(views)
    return highest


def _reached(halves: BandPowers, left_out: npt.NDArray[np.bool_] | None = None) -> tuple[BandPowers, BandPowers]:
    """The largest level of each stretch, and the same without sounds that count in the stretch beside it.

    ``left_out``: the half-seconds that do not count; -inf for a stretch of which nothing is left.
    """
    count = max(1, round(len(halves) / HALVES))
    beside = _counts_beside(_by_stretch(halves, count))
    counting = halves if left_out is None else np.where(left_out[:, np.newaxis], -np.inf, halves)
    inside, rest = _by_stretch(counting, count), counting[count * HALVES :].max(axis=0, initial=-np.inf)
    reached, own = inside.max(axis=1), np.where(beside, -np.inf, inside).max(axis=1)
    reached[-1], own[-1] = np.maximum(reached[-1], rest), np.maximum(own[-1], rest)
    return reached, own


def _counts_beside(inside: BandPowers) -> npt.NDArray[np.bool_]:
    """The half-seconds whose sound lies across a border and is at least as loud on the other side of it.

    ``inside``: shape (stretches, half-seconds, streams), as the result.
    """
    flat = inside.reshape(-1, inside.shape[2])
    filled = flat.copy()
    filled[1:-1] = np.maximum(flat[1:-1], np.minimum(flat[:-2], flat[2:]))  # a pause of one half-second is none
    sounds = filled.reshape(inside.shape)
    reached = inside.max(axis=1)
    least = (np.minimum(reached[:-1], reached[1:]) - _WITHIN_DB)[:, np.newaxis]
    before = np.logical_and.accumulate(sounds[:-1, ::-1] >= least, axis=1)[:, ::-1]
    after = np.logical_and.accumulate(sounds[1:] >= least, axis=1)
    is_short = before.sum(axis=1) + after.sum(axis=1) <= _LONGEST
    is_one = (is_short & before[:, -1] & after[:, 0])[:, np.newaxis]
    earlier = np.where(before, inside[:-1], -np.inf).max(axis=1)[:, np.newaxis]
    later = np.where(after, inside[1:], -np.inf).max(axis=1)[:, np.newaxis]
    beside = np.zeros(inside.shape, np.bool_)
    beside[1:] |= after & is_one & (later <= earlier)
    beside[:-1] |= before & is_one & (later > earlier)
    return beside


def _by_stretch(halves: BandPowers, count: int) -> BandPowers:
    """The half-seconds of whole stretches, shape (count, half-seconds, streams); -inf for those that are missing."""
    whole = np.full((count * HALVES, halves.shape[1]), -np.inf)
    whole[: len(halves)] = halves[: len(whole)]
    return whole.reshape(count, HALVES, -1)


def _habit_of(
    windows: BandPowers,
    in_order: BandPowers,
    again_db: float,
    sounds: BandPowers | None = None,
    most_below: int = STRETCHES,
) -> BandPowers:
    """The level that most stretches (the last axis) reach, or that comes back in the stretches that are in order.

    Stretches of which nothing is left (-inf) do not count, unless there is no other: then it is -120.

    Args:
        windows: the largest levels of the stretches, shape (windows, streams, stretches).
        in_order: those that count for sounds that come back, the last ones of each window.
        again_db: by how much these raise the habit at most.
        sounds: the half-seconds of the stretches of the first window and of all later ones, see `_by_stretch`: where
            sounds of different kinds are needed for that level, it is little over what nearly all stretches reach.
            The streams are those of `_with_louder_ear`.
        most_below: at most this many stretches are below the level that most reach.
    """
    width = windows.shape[-1]
    ordered = np.sort(windows, axis=-1)
    empty = np.isneginf(ordered).sum(axis=-1, keepdims=True)
    below = np.minimum(((1.0 - HABITUAL_SHARE) * (width - 1 - empty)).astype(np.intp), most_below)
    often = np.take_along_axis(ordered, np.minimum(empty + below, width - 1), axis=-1)[..., 0]
    often, back = np.maximum(often, _QUIET_LUFS), _come_back(in_order)
    if sounds is not None:
        pauses = (ordered < often[..., np.newaxis] - _FAINT_DB).sum(axis=-1, keepdims=True)
        least = pauses + ((1.0 - _SURE_SHARE) * (width - 1 - pauses)).astype(np.intp)
        sure = np.take_along_axis(ordered, least, axis=-1)[..., 0] + _MIXED_DB
        for at in np.flatnonzero((np.maximum(often, back) > sure).any(axis=1)).tolist():
            kinds, own = _kinds(sounds[at : at + width])
            of_one = np.sort(kinds, axis=-1)[..., below[at, 0, 0]].max(axis=0) + _ONE_KIND_DB
            again = _come_back(own[..., width - in_order.shape[-1] :]).max(axis=0) + _ONE_KIND_DB
            often[at] = np.minimum(often[at], np.maximum(of_one, sure[at]))
            back[at] = np.minimum(back[at], np.maximum(again, sure[at]))
    habit: BandPowers = np.maximum(often, np.minimum(back, often + again_db))
    if sounds is not None:
        there = _come_back(np.where(_has_moved(in_order), in_order[:, _EARS], -np.inf))
        habit[:, _EARS] = np.maximum(habit[:, _EARS], np.minimum(there, often[:, _LOUDER]))
    return habit


def _kinds(sounds: BandPowers) -> tuple[BandPowers, BandPowers]:
    """What sounds of one kind reach in each stretch, and the same without sounds that count in the stretch beside it.

    Shape (kinds, 4, stretches), streams as in `_with_louder_ear`; -inf where there is none. A kind are the half-seconds
    whose spectrum is that of the loudest one of a stretch: as a whole, or in one ear.

    ``sounds``: shape (stretches, half-seconds, streams).
    """
    count, halves, streams = sounds.shape
    octaves = np.maximum(sounds, _QUIET_LUFS).reshape(-1, streams)[:, _OCTAVES]
    spectra = np.maximum(octaves - octaves.max(axis=1, keepdims=True), -_SPECTRUM_DB)
    heard = _with_louder_ear(sounds)
    loudest = (heard.argmax(axis=1) + halves * np.arange(count)[:, np.newaxis]).ravel()
    squares = np.square(spectra)
    apart = squares[loudest].sum(axis=1)[:, np.newaxis] + squares.sum(axis=1) - 2.0 * spectra[loudest] @ spectra.T
    is_alike = apart <= spectra.shape[1] * _ALIKE_DB**2
    levels, beside = (one.reshape(count * halves, -1).T for one in (heard, _counts_beside(heard)))
    alike = np.where(is_alike[:, np.newaxis], levels, -np.inf)
    reached, own = (one.reshape(len(loudest), -1, count, halves).max(axis=-1)
                    for one in (alike, np.where(beside, -np.inf, alike)))  # fmt: skip
    return reached, own


def _has_moved(windows: BandPowers) -> npt.NDArray[np.bool_]:
    """The stretches in which each ear is the one that a voice has gone to, shape (windows, 2, stretches)."""
    ears = windows[:, _EARS]
    return np.asarray(ears > ears[:, ::-1] + _MOVED_DB)


def _with_louder_ear(levels: BandPowers) -> BandPowers:
    """The whole, each ear and the louder ear, from levels whose last axis are the streams."""
    return np.concatenate((levels[..., _WHOLE], levels[..., _EARS].max(axis=-1, keepdims=True)), axis=-1)


def _known(reached: BandPowers, usual: BandPowers) -> BandPowers:
    """The habit, limited at first to 9 dB over the habit of the last 40 s, where these were heard; see `_not_new`."""
    is_heard = reached[:, :1] > np.maximum(SILENT_LUFS, usual[:, :1] - _FAINT_DB)
    nothing = np.full((_LATELY - 1, reached.shape[1]), np.inf)
    heard = np.concatenate((nothing, np.where(is_heard, reached, np.inf)))
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(heard, _LATELY, axis=0), axis=-1)
    count = np.isfinite(windows).sum(axis=-1, keepdims=True)
    rank = np.floor((1.0 - HABITUAL_SHARE) * np.maximum(count - 1, 0)).astype(np.intp)
    lately = np.where(count > _INTRODUCED, np.take_along_axis(windows, rank, axis=-1), np.inf)[..., 0]
    known: BandPowers = np.minimum(usual, np.maximum(lately + _NEW_DB, usual - _FARTHEST_DB))
    return np.minimum(known, _not_new(reached, usual) + _NEW_DB)


def _not_new(reached: BandPowers, usual: BandPowers) -> BandPowers:
    """The level that is not new in each stretch, shape as ``reached``; inf where too little was heard before.

    It is what the 80 s before reached twice (once, if little of them was heard), or the 80 s that follow 50 s later;
    the lowest that was found for the stretch and the eight before it.

    ``usual``: the habit of each stretch, or one of all.
    """
    is_heard = reached[:, :1] > np.clip(usual[:, :1] - _FAINT_DB, SILENT_LUFS, _FAINT_LUFS)
    nothing = np.full((STRETCHES + _NEW_FOR, reached.shape[1]), -np.inf)
    heard = np.concatenate((nothing, np.where(is_heard, reached, -np.inf), nothing))
    windows = np.lib.stride_tricks.sliding_window_view(heard, STRETCHES, axis=0)
    before = windows[_NEW_FOR:][: len(reached)]
    count = np.isfinite(before).sum(axis=-1)
    once = np.where(count >= _TWO_BEFORE, -np.inf, np.where(count >= _ONE_BEFORE, before.max(axis=-1), np.inf))
    twice, later = (np.partition(part, -2, axis=-1)[..., -2] for part in (before, windows[-len(reached) :]))
    known = np.concatenate((np.full_like(nothing[: _NEW_FOR - 1], np.inf), np.maximum(np.maximum(once, twice), later)))
    lowest: BandPowers = np.lib.stride_tricks.sliding_window_view(known, _NEW_FOR, axis=0).min(axis=-1)
    return lowest


def _come_back(windows: BandPowers) -> BandPowers:
    """The highest level that is reached often enough over a long enough span, shape (windows, streams, stretches)."""
    if windows.shape[-1] <= _SPAN:
        return np.full(windows.shape[:-1], -np.inf)
    order = np.argsort(-windows, axis=-1, kind="stable")
    is_reached = np.maximum.accumulate(order, axis=-1) - np.minimum.accumulate(order, axis=-1) >= _SPAN
    is_reached[..., : _TIMES - 1] = False
    rank = np.take_along_axis(order, is_reached.argmax(axis=-1)[..., np.newaxis], axis=-1)
    highest: BandPowers = np.where(is_reached.any(axis=-1), np.take_along_axis(windows, rank, axis=-1)[..., 0], -np.inf)
    return highest
