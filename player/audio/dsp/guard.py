"""The emergence guard: lowers sound that newly stands out of what was heard before, until it is familiar.

Runs on the engine thread, in hops of 5 ms, after the output ramp: the output of the speaker is what startles, so
volume commands, fades and resumes are judged as well. (Taps once a second in a rise of 6 dB/s are each 6 dB louder.)

Theory. Five bounds limit the power of each hop; its K-weighted power p is known, so each gain has a closed form:

- *emergence*: the fast level E <= max(H + 2.7 dB, X, min(B + e, max(B + 3 dB, E + 5 dB/s))), where H is the familiar
  level, X the licence of planned sound (`player.audio.dsp.licence`), B the background and e is 8 dB, or 6 dB when
  strict. E is an exponential mean, so E' = kE + (1-k)pg^2. A power that is not familiar may bring E to its bound in
  125 ms; at once would be steeper than in the input. Familiar sound that is 2.7 dB over what its plan reaches rises by
  7 dB in 250 ms to 7 dB over B at most, because at 10 dB the output meter mutes (C1b);
- *burst*: the 50 ms mean R <= Q + 14 dB, where Q is the usual level; a familiar hop may use all of it, others a third;
- *click*: a sample is at most 15 dB over E or B, or 2.7 dB over the familiar peak;
- *momentary* and *short-term* (C3): what M and S have left below the target + 8 and + 5 LU, a quarter of it each hop.

B and Q are limited from below by the floor: what the room masks anyway. A bound on E or R falls by at most 20 dB/s, so
that a level that stops being familiar while it sounds is faded and not cut. H is followed at no more than 5 dB/s, so a
rise of the ramp passes almost unchanged, and steeper rises are slowed down to that.

The gain falls at once. In the pauses after a lowered sound it returns with a time constant of 40 ms, which is not heard
as long as the hop stays 1 dB below the fast level E. Otherwise it returns at 6 dB/s less the rate of the ramp and the
rate at which the input rises, so that the guard does not raise its gain while a ramp or a deck rises at 6 dB/s. For an
onset in the input the gain is at most 1.5 dB over that of the sound before it, or its KI would grow by as much.

The gain of a hop holds for each of its samples: at the border of two hops the lower gain applies, and between borders
it is linear in dB. Therefore the stage is one hop late. H, B and Q are computed with the gains that were applied.

Limitations: sound that is lowered for a long time is flattened. A sound that returns after more than 30 s is new again.
Sound far above C3 ends its rise more sharply than in the input: KI can be 3 dB higher, at a level 20 dB lower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain import applied_between
from player.audio.dsp.guard_bounds import (
    APPROACH_KEEP,
    BOX_OVER_FAST,
    BURST_ROOM,
    C3_MARGIN_LU,
    CALM_SHARE,
    CREST,
    FAMILIAR_HOP,
    FAMILIAR_ROOM,
    FLOOR,
    FREE_RISE,
    GENTLE,
    GENTLE_RATE,
    HABITUAL,
    HOP_OVER_FAST,
    LET_DOWN,
    LET_DOWN_CHUNK,
    LET_IN,
    LOWEST,
    NOTICED,
    PEAK_OVER_FAST,
    RETURN,
    STRICT,
    STRICT_RATE,
    SUDDEN,
    UNHEARD,
    Volumes,
)
from player.audio.dsp.guard_episodes import Episodes
from player.audio.dsp.hearing import CHUNK_HOPS, FAST_KEEP, FAST_TAKE, HOP_FRAMES, Familiar, Hearing, to_power
from player.audio.dsp.licence import Came, Licence
from player.audio.dsp.loudness_budget import LoudnessBudget
from player.audio.dsp.native import Kernel, KernelMeter, hop_peaks
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU
from player.core.units import CHANNELS

_NEARLY_ONE: Final = 0.9999
_TINY: Final = 1e-15


class Guard:
    """Lowers sound that stands out, with a delay of 240 frames; its gain is at most 1.

    Args:
        make_power_meter: makes the meter of the input.
        target_lufs: the programme target, at full volume.
        native: the native kernel; None to work in Python.

    Attributes:
        latency_frames: frames by which the output is later than the input; the first ones are zeros.
        is_strict: limit the emergence to 6 dB instead of 8, at 3 dB/s instead of 5.
        is_deck_rising: a track is faded in.
        episodes: the sounds that were lowered.
        licence: the fast level up to which planned sound counts as familiar.
        reduction_db: the most by which a hop of the last call was lowered, 0 or more.
    """

    latency_frames: Final = HOP_FRAMES

    def __init__(self, make_power_meter: MakePowerMeter, target_lufs: float, native: Kernel | None = None) -> None:
        self.is_strict = self.is_deck_rising = False
        self._kernel = native
        self.reduction_db = self._known = 0.0
        self._make_power_meter = make_power_meter
        self._target = self._calm = to_power(target_lufs)
        self.episodes = Episodes()
        self._forget_audio()
        self._forget_hearing()

    def _forget_hearing(self) -> None:
        self._hearing = Hearing()
        self._used_to = 0.0  # H
        self._came, self.licence = Came(), Licence()
        self._peaks, self._hop_powers = Familiar(), Familiar()
        self._chunk_peak, self._chunk_power, self._chunk_hops = 0.0, 0.0, 0
        self._momentary = LoudnessBudget(0.4, (0.1, 0.2), MOMENTARY_ROOM_LU - C3_MARGIN_LU)
        self._short_term = LoudnessBudget(3.0, (0.2, 1.0), SHORT_TERM_ROOM_LU - C3_MARGIN_LU)
        self._lent_parts = (self._hearing, self._hop_powers, self._peaks, self._momentary, self._short_term)

    def _forget_audio(self) -> None:
        self._meter = self._make_power_meter(HOP_FRAMES)
        self._late: Block = np.zeros((HOP_FRAMES, CHANNELS), np.float32)
        self._late_power = self._late_peak = self._late_full = 0.0
        self._gain = self._border = 1.0  # power gains: of the hop that is held back, and at its start
        self._fast_bound = self._box_bound = 0.0
        self.episodes.reset()

    def reached(self, low: float) -> float:
        """The highest fast level of the planned sound at a volume, as a power; 0 if not all of it is planned."""
        return self._known * low

    def _reach(self, volume: float, low: float) -> float:
        """The highest fast level that may be familiar: what planned sound reaches, as the output meter counts it."""
        return self._known * max(volume, low) if self.reached(low) > 0.0 else math.inf

    def set_target(
        self, target_lufs: float, habitual_lufs: float | None = None, known_lufs: float | None = None
    ) -> None:
        """Set, from the next call on: the programme target, and the habitual fast level of the current sound.

        ``known_lufs`` is the highest fast level of the current sound if all of it is planned: the limit of the licence.
        The floor depends on the calm level of the sound if that is known and below the target.
        """
        self._target = to_power(target_lufs)
        self._known = 0.0 if known_lufs is None else to_power(known_lufs)
        self._momentary.is_planned = self._short_term.is_planned = known_lufs is not None
        self._calm = self._target if habitual_lufs is None else min(self._target, to_power(habitual_lufs) * HABITUAL)

    def reset(self) -> None:
        """Drop the audio that is held back; the levels heard so far are kept."""
        self._forget_audio()
        self.reduction_db = 0.0

    def forget(self) -> None:
        """Forget the levels heard so far, after a silence of unknown length."""
        self._forget_hearing()

    def rest(self, hops: int) -> None:
        """Account for hops of silence that did not pass through the guard; the licence starts again from 0."""
        self.licence.rest(hops // CHUNK_HOPS)
        self._came.rest(hops)
        self._hear([0.0] * hops, [0.0] * hops)

    def process(self, hops: Block, volumes: Volumes) -> Block:
        """Process whole chunks of ten hops, shape (n * 2400, 2); the output is one hop later."""
        full, low, left = volumes.full, volumes.low, volumes.left
        count = len(hops) // HOP_FRAMES
        powers = self._meter.powers(hops)
        squares = np.square(hop_peaks(self._kernel, hops, HOP_FRAMES))
        peaks = squares.tolist()
        borders = [self._border]
        at = 0
        while at < count:
            for came, box, used_to in self._calm_chunks(powers[at:], squares[at:], volumes, at):
                self._know(came, box, used_to, volumes, at)
                borders += [1.0] * CHUNK_HOPS
                at += CHUNK_HOPS
            if at == count:
                break
            part = slice(at, at + CHUNK_HOPS)
            if self._are_calm(powers[part], peaks[part], full[part], low[at]):
                borders += [1.0] * CHUNK_HOPS
                came, box = self._hearing.chunk_fast, self._hearing.chunk_box
            else:
                self._came.begin_chunk()
                borders += map(self._step, powers[part], peaks[part], full[part], low[part], left[part])
                came, box = self._came.chunk_fast, self._came.chunk_box
            self._know(came, box, self._used_to, volumes, at)
            at += CHUNK_HOPS
        self.reduction_db = -10.0 * math.log10(min(borders))
        window = np.concatenate((self._late, hops))
        self._late = window[len(hops) :]
        return applied_between(window[: len(hops)], borders)

    def _know(self, came: float, box: float, used_to: float, volumes: Volumes, at: int) -> None:
        is_rising = self.is_deck_rising or volumes.left[at] < FREE_RISE
        reached, full = self.reached(volumes.low[at]), volumes.full[at]
        self.licence.push(came, box, used_to * FAMILIAR_ROOM, reached, full, is_rising=is_rising)

    def _calm_chunks(
        self, powers: list[float], peaks: npt.NDArray[np.float32], volumes: Volumes, at: int
    ) -> list[tuple[float, float, float]]:
        """Process chunks in C as `_are_calm` does, up to one that is not calm: of each the largest E and R, and H.

        Empty if the volume moves, or if one of the parts with a state is not at the border of a chunk.
        """
        is_lent = self._kernel is not None and volumes.are_steady_from(at)
        states = self._lend(volumes.full[at], volumes.low[at]) if is_lent else None
        if self._kernel is None or states is None:
            return []
        figures = self._kernel.guard_calm(states, self._lent, powers, peaks)
        self._take_back(has_moved=bool(figures))
        return figures

    def _lend(self, volume: float, low: float) -> list[npt.NDArray[np.float64]] | None:
        """The arrays that the kernel updates, besides `_lent`; None if not calm or not at the border of a chunk."""
        full = self._target * volume
        may_be_calm = (
            self._gain == 1.0
            and self._late_full == full
            and not self.episodes.is_open
            and self._chunk_hops == 0
            and self._hearing.hops_left == CHUNK_HOPS
            and self._momentary.is_at_a_border
            and self._short_term.is_at_a_border
        )
        if not may_be_calm:
            return None
        for part in self._lent_parts:
            part.save()
        rate = STRICT_RATE if self.is_strict else GENTLE_RATE
        self._lent = np.array((
            self._late_power, self._late_peak, self._used_to, self._fast_bound, self._box_bound, full, rate**CHUNK_HOPS,
            self._calm * low * FLOOR, FAMILIAR_ROOM, BURST_ROOM, CALM_SHARE, LET_DOWN_CHUNK, self._reach(volume, low),
        ))  # fmt: skip
        return [self._hearing.state, self._hearing.familiar_state, *(part.state for part in self._lent_parts[1:])]

    def _take_back(self, *, has_moved: bool) -> None:
        if has_moved:
            for part in self._lent_parts:
                part.load()
            self._late_power, self._late_peak, self._used_to, *bounds = self._lent[:5].tolist()
            self._fast_bound, self._box_bound = bounds
            self._came.follow(self._hearing, self._late_power)
            self._border = 1.0

    @property
    def terms(self) -> tuple[float, float, float, bool, bool]:
        """All settings that were made with `set_target` and with attributes."""
        return self._target, self._known, self._calm, self.is_strict, self._momentary.is_planned

    def lend(self, volume: float, low: float) -> dict[str, Any] | None:
        """The state that calm.c updates instead of `process` until `take_back`, by its names there; None if impossible.

        Args:
            volume: the volume, as in `Volumes`.
            low: as in `Volumes`.
        """
        is_licence_over = self._known * low == 0.0 < self.licence.value
        if self._border < 1.0 or is_licence_over or not isinstance(self._meter, KernelMeter):
            return None
        states = self._lend(volume, low)
        if states is None:
            return None
        self.reduction_db = 0.0
        self._late = self._late.copy()
        self.licence.save()
        names = ("heard", "familiar", "hop_powers", "peaks", "momentary", "short_term")
        return dict(zip(names, states, strict=True)) | {
            "guard": self._lent, "guard_meter": self._meter.state, "guard_late": self._late,
            "licence": self.licence.came.state, "licence_boxes": self.licence.came_boxes.state,
        }  # fmt: skip

    def take_back(self, hops: int) -> None:
        """Take the state back; the kernel has processed this many hops."""
        self._take_back(has_moved=hops > 0)
        self.licence.load()

    def _step(self, power: float, peak: float, full: float, low: float, left: float) -> float:
        """Compute the gain of one hop; returns the power gain at its start, which completes the hop before."""
        gain, former, before = 1.0, self._gain, self._came.fast
        if power > _TINY or peak > _TINY:
            gain = min(1.0, self._bound(power, peak, full, low))
        self._came.push(power)
        came = self._came.fast
        if gain > former:
            unheard = UNHEARD * self._hearing.fast / max(power, _TINY)
            risen = max(1.0, left * before / max(came, _TINY))
            gain = min(former + (gain - former) * RETURN, max(former * risen, unheard))
            gain = gain if gain < _NEARLY_ONE else 1.0
        border = min(gain, former)
        self._settle(border)
        self._gain, self._border = gain, border
        self._late_power, self._late_peak, self._late_full = power, peak, self._target * full
        self.episodes.watch(gain, is_loud=came > low * max(NOTICED * self._target, self._known * FAMILIAR_ROOM))
        return border

    def _are_calm(self, powers: list[float], peaks: list[float], volume: Sequence[float], low: float) -> bool:
        """Process a chunk at once if it is so far within all bounds that they need not be computed; whether it was.

        Nearly all chunks are, and this takes a fifth of the time. A power below the bound of E cannot raise E above it;
        the other comparisons are stricter than the bounds; the chunk may use a tenth of what M and S have left.
        """
        hearing, full = self._hearing, self._target * volume[0]
        total = sum(powers) + self._late_power
        if not (
            self._gain == 1.0
            and not self.episodes.is_open
            and self._late_full == full
            and volume[0] == volume[-1]
            and max(powers) <= min(self._used_to, hearing.familiar, self._reach(volume[0], low)) * FAMILIAR_ROOM
            and max(peaks) <= self._peaks.value * FAMILIAR_ROOM
            and hearing.box * CHUNK_HOPS + total <= hearing.usual * (CHUNK_HOPS * BURST_ROOM)
            and total <= full * CALM_SHARE * min(self._momentary.left, self._short_term.left)
        ):
            return False
        self._hear([self._late_power, *powers[:-1]], [self._late_peak, *peaks[:-1]])
        self._late_power, self._late_peak = powers[-1], peaks[-1]
        self._came.follow(hearing, self._late_power)
        self._border = 1.0
        rate = STRICT_RATE if self.is_strict else GENTLE_RATE
        self._get_used(rate**CHUNK_HOPS, self._calm * low * FLOOR)
        self._fast_bound *= LET_DOWN_CHUNK
        self._box_bound *= LET_DOWN_CHUNK
        return True

    def _get_used(self, rise: float, floor: float) -> None:
        """Follow H: down at once, up by at most the factor ``rise``."""
        self._used_to = min(self._hearing.familiar, max(self._used_to * rise, floor))

    def _bound(self, power: float, peak: float, full: float, low: float) -> float:
        """The largest power gain within all bounds."""
        hearing, late = self._hearing, self._late_power * self._gain
        floor = self._calm * low * FLOOR
        fast = FAST_KEEP * hearing.fast + FAST_TAKE * late
        background = max(hearing.background, floor)
        emergence, rate = (STRICT, STRICT_RATE) if self.is_strict else (GENTLE, GENTLE_RATE)
        emerging = min(background * emergence, max(background * NOTICED, fast * rate))
        self._get_used(rate, floor)
        familiar, reach = self._used_to * FAMILIAR_ROOM, self._reach(full, low)
        if familiar > reach * FAMILIAR_ROOM:
            familiar = min(familiar, max(reach * FAMILIAR_ROOM, max(background, hearing.lowest) * SUDDEN))
        planned, came = self.licence.value, self.licence.came_value
        bound = max(familiar, emerging, self._fast_bound * LET_DOWN, came)
        self._fast_bound = bound
        known = max(self._hop_powers.value * FAMILIAR_ROOM, planned * HOP_OVER_FAST)
        at_once = min((bound - FAST_KEEP * fast) / FAST_TAKE, known)
        room = max((bound - APPROACH_KEEP * fast) / (1.0 - APPROACH_KEEP), at_once, 0.3 * bound)
        box = max(max(hearing.usual, floor) * BURST_ROOM, self._box_bound * LET_DOWN, came * BOX_OVER_FAST)
        self._box_bound = box
        room = min(room, self._box_room(CHUNK_HOPS * box - late, box))
        in_the_box = CHUNK_HOPS * self.licence.known_box - late - hearing.box_after(2)[1]
        if planned > bound and in_the_box > 0.0:
            room = max(room, min((planned - FAST_KEEP * fast) / FAST_TAKE, known, in_the_box))
            self._fast_bound = max(bound, min(planned, fast))
        full_power = self._target * full
        if full_power > 0.0:
            level, late = fast / full_power, late / full_power
            left = min(self._momentary.bound(level, late), self._short_term.bound(level, late))
            room = min(room, full_power * left)
        came = max(self._came.fast, background)
        if power > max(came, planned * HOP_OVER_FAST):
            room = min(room, LET_IN * power * max(fast, background) / came)
        allowed = max(max(fast, background) * CREST, self._peaks.value * FAMILIAR_ROOM, planned * PEAK_OVER_FAST)
        return max(LOWEST, min(room / max(power, _TINY), allowed / max(peak, _TINY)))

    def _box_room(self, free: float, least: float) -> float:
        """Power that the 50 ms box leaves for a hop if two equal ones follow; for a familiar hop, if none follows."""
        _, *after = self._hearing.box_after(4)
        familiar = min(free - after[0], self._hop_powers.value * FAMILIAR_HOP)
        return max(min(free - after[0], (free - after[1]) / 2.0, (free - after[2]) / 3.0), familiar, 0.3 * least)

    def _settle(self, border: float) -> None:
        """Add the hop that was held back to what was heard; its gain is now final."""
        start = self._border
        mean = start if border == start else (border - start) / math.log(border / start)
        self._hear([self._late_power * mean], [self._late_peak * max(start, border)])

    def _hear(self, powers: Sequence[float], peaks: Sequence[float]) -> None:
        """Add hops as they left to all parts with a state, in pieces that end where H, B and Q change."""
        share, at = 1.0 / self._late_full if self._late_full > 0.0 else 0.0, 0
        while at < len(powers):
            part = slice(at, at + self._hearing.hops_left)
            heard, at = powers[part], part.stop
            self._hearing.push_many(heard)
            self._momentary.take_many(heard, share)
            self._short_term.take_many(heard, share)
            self._keep_largest(max(heard), max(peaks[part]), len(heard))

    def _keep_largest(self, power: float, peak: float, hops: int) -> None:
        self._chunk_power = max(self._chunk_power, power)
        self._chunk_peak = max(self._chunk_peak, peak)
        self._chunk_hops += hops
        if self._chunk_hops == CHUNK_HOPS:
            self._hop_powers.push(self._chunk_power)
            self._peaks.push(self._chunk_peak)
            self._chunk_power, self._chunk_peak, self._chunk_hops = 0.0, 0.0, 0
