"""Takes clicks out: a few samples that stand out alone are drawn anew from their neighbours.

Runs on the engine thread, hop by hop, two hops late. A click carries too little power for any loudness meter, and
lowering a whole hop for it would leave a hole. So a hop is looked at whose wave is eight times as sharp (its largest
second difference) as the hops around: where that exceeds ten times its median there, and for no more than 4 ms, those
samples are replaced by a cubic that leaves on one side and arrives on the other with the slopes found there, or by a
dip to zero and back within 5 ms where the two sides do not fit together. White noise has second differences of up to
seven times their median, a tone of 1.4 times.

What lasts longer is no click and belongs to the guard. Where clicks come as often as once a second they are the sound:
fire, vinyl, a mouth; those stay.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain import let_down
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S
from player.audio.dsp.types import Block
from player.core.units import CHANNELS, to_frames

ALONE: Final = 8.0
SHARP: Final = 10.0
LONGEST_FRAMES: Final = to_frames(0.004)
APART_FRAMES: Final = to_frames(0.0005)
"""Sharp places closer than this are one."""
TEXTURE_CLICKS: Final = 10
TEXTURE_HOPS: Final = round(10.0 / HOP_S)
"""As many clicks in so many hops are no accident."""
SIDE_FRAMES: Final = HOP_FRAMES // 2
_LEAST_SIDE_FRAMES: Final = to_frames(0.0005)
"""The first edge of a block that ends in the next hop is seen late, when so little of what is before it may be left."""
_SMALL: Final = 1e-5
"""-100 dBFS: nothing below is looked at."""
_CONTEXT: Final = 3
"""Hops that are kept: the last one that left, and two that wait."""


class Declick:
    """Passes whole hops, 480 frames late.

    Attributes:
        clicks: how many were taken out.
    """

    latency_frames: Final = 2 * HOP_FRAMES

    def __init__(self) -> None:
        self.clicks = 0
        self._hops = 0
        self._latest = 0
        self._seen: deque[int] = deque([-TEXTURE_HOPS] * TEXTURE_CLICKS, TEXTURE_CLICKS)
        self.reset()

    def reset(self) -> None:
        """Forget the audio that is held back."""
        self._late: Block = np.zeros((_CONTEXT * HOP_FRAMES, CHANNELS), np.float32)

    @property
    def is_crackling(self) -> bool:
        """Whether clicks have come so often of late that they are the sound."""
        return self._hops - self._seen[0] < TEXTURE_HOPS

    def process(self, hops: Block) -> Block:
        """Whole hops, shape (n * 240, 2), two hops later; finite in, finite out."""
        frames = np.concatenate((self._late, hops))
        sharpness = _sharpness(frames)
        for hop in range(1, len(sharpness) - 2):
            around = max(sharpness[hop - 1], sharpness[hop + 2], _SMALL)
            is_alone = max(sharpness[hop : hop + 2]) > ALONE * around
            if is_alone and self._mend(frames[(hop - 1) * HOP_FRAMES : (hop + 3) * HOP_FRAMES], self._hops + hop):
                sharpness = _sharpness(frames)  # beside what was mended, the next place stands alone as well
        self._hops += len(sharpness) - _CONTEXT
        self._late = frames[len(hops) :].copy()
        return frames[HOP_FRAMES : HOP_FRAMES + len(hops)]

    def _mend(self, wave: Block, hop: int) -> bool:
        """Draw the clicks anew that begin in the second and third of these four hops; were there any?

        The first hop has left. A click that has another one soon behind it may stand alone in one such look only.
        """
        places, limit = _sharp(wave)
        before = self.clicks
        for begin, end in places:
            has_sides = _LEAST_SIDE_FRAMES <= begin - HOP_FRAMES < 2 * HOP_FRAMES and end + SIDE_FRAMES <= len(wave)
            if not has_sides or end - begin > LONGEST_FRAMES:
                continue
            if hop * HOP_FRAMES + begin > self._latest:
                self._latest = hop * HOP_FRAMES + begin
                self._seen.append(hop)
            if hop - self._seen[0] >= TEXTURE_HOPS:
                self.clicks += 1
                _redraw(wave, begin, end)
                if _second_difference(wave[begin - 3 : end + 3]).max() > 3.0 * limit:
                    _dip(wave, begin, end, min(SIDE_FRAMES, begin - HOP_FRAMES))
        return self.clicks > before


def _second_difference(wave: Block) -> Block:
    """Its magnitude: shape (frames - 2, 2)."""
    second = wave[2:] - wave[1:-1]
    second -= wave[1:-1] - wave[:-2]
    magnitude: Block = np.abs(second)
    return magnitude


def _sharpness(frames: Block) -> list[float]:
    """Largest second difference in each hop."""
    whole = np.zeros_like(frames)
    whole[1:-1] = _second_difference(frames)
    sharpness: list[float] = whole.reshape(-1, HOP_FRAMES * CHANNELS).max(axis=1).tolist()
    return sharpness


def _sharp(wave: Block) -> tuple[list[tuple[int, int]], float]:
    """First frame and the one behind the last of each place that is far sharper than the wave, and what that means."""
    sharpness = _second_difference(wave).max(axis=1)
    limit = SHARP * max(_SMALL, float(np.median(sharpness)))
    places = np.flatnonzero(sharpness > limit) + 1
    if places.size == 0:
        return [], limit
    groups = np.split(places, np.flatnonzero(np.diff(places) > APART_FRAMES) + 1)
    return [(int(group[0]), int(group[-1]) + 1) for group in groups], limit


def _redraw(wave: Block, begin: int, end: int) -> None:
    """Replace the frames by the cubic through its neighbours' values and slopes."""
    before, behind = wave[begin - 1].astype(np.float64), wave[end].astype(np.float64)
    span = end - begin + 1
    leaving, arriving = (before - wave[begin - 2]) * span, (wave[end + 1] - behind) * span
    t: npt.NDArray[np.float64] = (np.arange(1, span) / span)[:, np.newaxis]
    drawn = (
        (2 * t**3 - 3 * t**2 + 1) * before
        + (t**3 - 2 * t**2 + t) * leaving
        + (3 * t**2 - 2 * t**3) * behind
        + (t**3 - t**2) * arriving
    )
    most = max(np.abs(before).max(), np.abs(behind).max())
    wave[begin:end] = np.clip(drawn, -2 * most, 2 * most)


def _dip(wave: Block, begin: int, end: int, before: int) -> None:
    """Go to zero in ``before`` frames, 2.5 ms at most, and back: the two sides do not fit together.

    As where a constant sets in.
    """
    wave[begin - before : begin] *= let_down(before)[:, np.newaxis]
    wave[begin:end] = 0.0
    wave[end : end + SIDE_FRAMES] *= let_down(SIDE_FRAMES)[::-1, np.newaxis]
