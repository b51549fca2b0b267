"""Removes clicks: an isolated disturbance of at most 11 ms is replaced by what is around it.

Runs on the engine thread, hop by hop, with a delay of five hops. A click carries too little power for any loudness
meter, and lowering a whole hop because of it would leave a hole. A place is sharp if its largest second difference
exceeds ten times the median around it. (White noise has second differences of up to seven times their median, a tone of
1.4 times.) A sharp place is a click if three conditions hold:

- It is isolated: it is eight times as sharp as the 5 ms before it and the 5 ms after it; twelve times if it is longer
  than four samples.
- If it is longer than four samples, it ends at once: after it the sound is as it was before. A real knock, key or tick
  decays slowly.
- It is rare: there was no similar place longer than four samples in the last 15 s. Crackling fire, rustling paper and
  mouth noises come again and again and are kept. Shorter places do not occur in recordings made with a microphone, so
  they are removed unless they come as often as once a second.

A click of up to 2 ms is replaced by a cubic with the values and slopes of both sides, a longer one by the mirrored
sound beside it. If the two sides do not fit together, the sound is faded to zero and back.

On 43 real calm recordings of 75 s, six lose one such place each, and none loses more. Disturbances longer than 11 ms
are not clicks; they are handled by the guard.
"""

from __future__ import annotations

from collections import deque
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain import let_down
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S
from player.audio.dsp.native import Kernel
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, to_frames

Curve: TypeAlias = npt.NDArray[np.float32]
"""Shape (frames,)."""

ALONE: Final = 8.0
SHARP: Final = 10.0
LONGEST_FRAMES: Final = to_frames(0.011)
NARROW_FRAMES: Final = 4
"""A place of at most this length was not recorded by a microphone."""
WIDE_ALONE: Final = 12.0
"""Factor by which a longer place must stand out; with less it may be part of the sound."""
APART_FRAMES: Final = to_frames(0.005)
"""Sharp places closer than this are one click."""
TAIL: Final = 1.25
"""2 dB: a place after which the sound is sharper by more than this is not a click; a real knock decays slowly."""
CUBIC_FRAMES: Final = to_frames(0.002)
_STEEPEST: Final = 4.0
"""A cubic that starts with a slope of this times a height, over its span, overshoots by 4/27 of that product."""
FAR_ABOVE: Final = 100.0
"""40 dB: a place this far above the sound after it does not ring."""
SIDE_FRAMES: Final = HOP_FRAMES // 2
_GAP_FRAMES: Final = to_frames(0.0005)
"""Frames directly beside a click that are not compared with it."""
SELDOM_HOPS: Final = round(15.0 / HOP_S)
"""A place like a click is kept if there was another one within this many hops before it."""
TEXTURE_CLICKS: Final = 10
TEXTURE_HOPS: Final = round(10.0 / HOP_S)
"""Narrow places are kept if there were `TEXTURE_CLICKS` of them within this many hops."""
SMALL: Final = 1e-5
"""-100 dBFS: lower second differences count as this."""
_FIRST: Final = 2
_AHEAD: Final = 3
"""A click begins in the third of six hops: the two hops before it and the three after it are examined as well."""
_CONTEXT: Final = _FIRST + _AHEAD
"""Hops that are held back."""


class Declick:
    """Removes clicks from whole hops, with a delay of 1200 frames.

    Args:
        native: the native kernel, which finds sharp places; None to find them in Python.

    Attributes:
        clicks: how many were removed.
    """

    latency_frames: Final = _CONTEXT * HOP_FRAMES

    def __init__(self, native: Kernel | None = None) -> None:
        self.clicks = 0
        self._kernel = native
        self._hops = 0
        self._narrow: deque[int] = deque([-SELDOM_HOPS] * TEXTURE_CLICKS, TEXTURE_CLICKS)
        self._last_wide = -SELDOM_HOPS
        self.reset()

    def reset(self) -> None:
        """Forget the audio that is held back."""
        self._late: Block = np.zeros((_CONTEXT * HOP_FRAMES, CHANNELS), np.float32)

    def lend(self) -> Block:
        """The audio that is held back, for calm.c, which replaces `process` where nothing is sharp."""
        self._late = self._late.copy()
        return self._late

    def take_back(self, hops: int) -> None:
        """Take the audio back; the kernel has processed this many hops."""
        self._hops += hops

    def process(self, hops: Block) -> Block:
        """Whole hops, shape (n * 240, 2), delayed by five hops; finite in, finite out."""
        frames = np.concatenate((self._late, hops))
        every = range(_FIRST, len(frames) // HOP_FRAMES - _AHEAD)
        curve, sharpest, calmest, first = self._looked_at(frames, every)
        for hop in every[first - _FIRST :]:
            here, behind = 2 * hop, 2 * (hop + 1 + _AHEAD)
            calm = max(sharpest[here - 1], min(calmest[here + 2 : behind]), SMALL)
            if max(sharpest[here : behind - 2]) <= ALONE * calm:
                continue
            part = slice((hop - _FIRST) * HOP_FRAMES, (hop + 1 + _AHEAD) * HOP_FRAMES)
            if self._mend(frames[part], curve[part], self._hops + hop):
                curve = _sharpness(frames)  # next to a place that was replaced, another place may be isolated now
                sharpest, calmest = _by_half_hops(curve)
        self._hops += len(hops) // HOP_FRAMES
        self._late = frames[len(hops) :].copy()
        return frames[: len(hops)]

    def _looked_at(self, frames: Block, hops: range) -> tuple[Curve, list[float], list[float], int]:
        """The sharpness of the frames, its maxima per half hop, and the first hop that may have a click."""
        if self._kernel is None:
            curve = _sharpness(frames)
            return curve, *_by_half_hops(curve), hops.start
        curve, *halves = self._kernel.sharpness(frames, SIDE_FRAMES)
        first = self._kernel.first_sharp((halves[0], halves[1]), hops, _AHEAD, alone=ALONE, small=SMALL)
        if first == hops.stop:
            return curve, [], [], first
        return curve, halves[0].tolist(), halves[1].tolist(), first

    def _mend(self, wave: Block, sharpness: Curve, hop: int) -> bool:
        """Replace the clicks that begin in the third of these six hops; whether there were any."""
        limit = SHARP * max(SMALL, _median(sharpness[1:-1]))
        before = self.clicks
        for begin, end, behind in _places(sharpness, limit):
            is_here = _FIRST * HOP_FRAMES <= begin < (_FIRST + 1) * HOP_FRAMES
            if not is_here or end - begin > LONGEST_FRAMES or not _stands_alone(sharpness, begin, end, behind):
                continue
            is_narrow = end - begin <= NARROW_FRAMES
            is_seldom = self._is_seldom(hop, is_narrow=is_narrow)
            if is_seldom and (is_narrow or _ends_at_once(sharpness, begin, end, behind)):
                self.clicks += 1
                _replace(wave, begin, end, limit)
        return self.clicks > before

    def _is_seldom(self, hop: int, *, is_narrow: bool) -> bool:
        """Whether there were few similar places before this one; remembers this one."""
        if is_narrow:
            self._narrow.append(hop)
            return hop - self._narrow[0] >= TEXTURE_HOPS
        last, self._last_wide = self._last_wide, hop
        return hop - last >= SELDOM_HOPS


def _median(curve: Curve) -> float:
    """The same as `numpy.median`, which would load numpy.ma: 1 MB and 20 ms, on the engine thread."""
    middle = (len(curve) - 1) // 2, len(curve) // 2
    return float(np.partition(curve, middle)[list(middle)].mean())


def _places(sharpness: Curve, limit: float) -> list[tuple[int, int, int]]:
    """Each sharp place: its first frame, the frame after its last, and the first frame of the next place."""
    sharp = np.flatnonzero(sharpness > limit)
    if sharp.size == 0:
        return []
    groups = np.split(sharp, np.flatnonzero(np.diff(sharp) > APART_FRAMES) + 1)
    nexts = [int(group[0]) for group in groups[1:]]
    return [
        (int(group[0]), int(group[-1]) + 1, behind)
        for group, behind in zip(groups, [*nexts, len(sharpness)], strict=True)
    ]


def _beside(sharpness: Curve, begin: int, end: int, behind: int) -> tuple[Curve, Curve]:
    """The sharpness in the 5 ms before a place and in the 5 ms after it, at most up to the next place."""
    first, last = begin - _GAP_FRAMES, end + _GAP_FRAMES
    return sharpness[first - HOP_FRAMES : first], sharpness[last : min(last + HOP_FRAMES, behind - _GAP_FRAMES)]


def _stands_alone(sharpness: Curve, begin: int, end: int, behind: int) -> bool:
    """Whether the place is eight times as sharp as the sound beside it, or twelve times if it is longer."""
    past, tail = _beside(sharpness, begin, end, behind)
    calm = max(float(past.max(initial=0.0)), float(tail.max(initial=0.0)), SMALL)
    least = ALONE if end - begin <= NARROW_FRAMES else WIDE_ALONE
    return bool(sharpness[begin:end].max() > least * calm)


def _ends_at_once(sharpness: Curve, begin: int, end: int, behind: int) -> bool:
    """Whether the sound after the place is at most as sharp as before it; after a real knock it is sharper."""
    past, tail = (SMALL + np.sqrt(np.square(part).mean()) for part in _beside(sharpness, begin, end, behind))
    return bool(tail < TAIL * past or tail * FAR_ABOVE < sharpness[begin:end].max())


def _sharpness(wave: Block) -> Curve:
    """Magnitude of the second difference of each frame, of the louder channel; 0 for the first and the last frame."""
    second = wave[2:] - wave[1:-1]
    second -= wave[1:-1] - wave[:-2]
    np.abs(second, out=second)
    sharpness: Curve = np.zeros(len(wave), np.float32)
    np.maximum(second[:, 0], second[:, 1], out=sharpness[1:-1])
    return sharpness


def _by_half_hops(sharpness: Curve) -> tuple[list[float], list[float]]:
    """The maximum of each half hop, with its last frame and without it: in the newest hop that is not known yet."""
    halves = sharpness.reshape(-1, SIDE_FRAMES)
    calmest = halves[:, :-1].max(axis=1)
    return np.maximum(calmest, halves[:, -1]).tolist(), calmest.tolist()


def _replace(wave: Block, begin: int, end: int, limit: float) -> None:
    """Replace a long click by the sound beside it, others by a cubic; by a dip if the result is too sharp."""
    changed = slice(begin - 3, end + 3)
    if end - begin > CUBIC_FRAMES:
        _mirror(wave, begin, end)
        if _sharpness(wave[changed]).max() <= limit:
            return
    _redraw(wave, begin, end)
    if _sharpness(wave[changed]).max() > 3.0 * limit:
        _dip(wave, begin, end, SIDE_FRAMES)


def _redraw(wave: Block, begin: int, end: int) -> None:
    """Replace the frames by the cubic through its neighbours' values and slopes.

    Slopes are limited so that the cubic overshoots by at most 0.6 of the largest sample around: over a few
    milliseconds the slope of one frame would lead to a multiple of that.
    """
    before, behind = wave[begin - 1].astype(np.float64), wave[end].astype(np.float64)
    span = end - begin + 1
    beside = np.concatenate((wave[begin - SIDE_FRAMES : begin], wave[end : end + SIDE_FRAMES]))
    steepest = _STEEPEST * np.abs(beside).max(axis=0)  # for each channel
    leaving = np.clip((before - wave[begin - 2]) * span, -steepest, steepest)
    arriving = np.clip((wave[end + 1] - behind) * span, -steepest, steepest)
    t: npt.NDArray[np.float64] = (np.arange(1, span) / span)[:, np.newaxis]
    wave[begin:end] = (
        (2 * t**3 - 3 * t**2 + 1) * before
        + (t**3 - 2 * t**2 + t) * leaving
        + (3 * t**2 - 2 * t**3) * behind
        + (t**3 - t**2) * arriving
    )


def _mirror(wave: Block, begin: int, end: int) -> None:
    """Replace the frames by the mirrored frames before them, blended at the end into the mirrored frames after them."""
    drawn = wave[np.abs(np.arange(begin - 2, 2 * begin - 2 - end, -1))]
    blended = min(SIDE_FRAMES, (end - begin) // 2)
    t = 0.5 * np.pi * np.arange(1, blended + 1)[:, np.newaxis] / (blended + 1)
    drawn[-blended:] = drawn[-blended:] * np.cos(t) + wave[end : end + blended][::-1] * np.sin(t)
    wave[begin:end] = drawn


def _dip(wave: Block, begin: int, end: int, before: int) -> None:
    """Fade to zero in ``before`` frames, 2.5 ms at most, and back, because the two sides do not fit together.

    An example is the place where a constant begins.
    """
    wave[begin - before : begin] *= let_down(before)[:, np.newaxis]
    wave[begin:end] = 0.0
    wave[end : end + SIDE_FRAMES] *= let_down(SIDE_FRAMES)[::-1, np.newaxis]
