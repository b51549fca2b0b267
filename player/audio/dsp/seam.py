"""A seam: how a track that is too short for a blend, or that follows itself, is joined to the one before it.

Runs on the engine thread. A seam keeps the level: the end of one track and the beginning of the next overlap for an
eighth of the track, 1.5 s at most, and their powers add to one at every frame. So the level does not rise, whatever the
length of the seam, and a file of two seconds can be played all night.

The end of a loop may resemble its beginning, such as in a continuous tone or hum. Then amplitudes add up instead of
powers, and an equal-power seam would be 3 dB louder, or silent if the two are out of phase. So the beginning is shifted
by up to 25 ms to where it fits the end best, and both gains are divided by sqrt(1 + 2 r g h), r being the correlation.

Limitation: if a file has several unrelated tones, no shift fits all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from player.audio.dsp.gain import Doubles
from player.audio.dsp.types import Block, Gains
from player.core.limits import FAULT_LEVEL
from player.core.units import to_frames

LONGEST_S: Final = 1.5
SHORTEST_S: Final = 0.1
SHARE: Final = 8.0
SHIFT_FRAMES: Final = to_frames(0.025)
"""A period of 40 Hz."""
_COMPARED_FRAMES: Final = to_frames(0.25)
_COARSE: Final = 4
"""Frames of one step of the first search."""
_LEAST_ALIKE: Final = -0.5
"""A lower correlation counts as this, so that the gains are not raised any further."""
_TINY: Final = 1e-12


def seam_s(duration_s: float) -> float:
    """Length of a seam after a track of ``duration_s`` seconds."""
    return max(SHORTEST_S, min(LONGEST_S, duration_s / SHARE))


@dataclass(frozen=True, slots=True)
class Fit:
    """How two tracks fit: the beginning is left out up to ``shift`` frames, and then they are ``alike`` by -1 to 1."""

    shift: int
    alike: float


def _good(frames: Block) -> Doubles:
    """The frames within the fault level, with zeros for samples that are not finite."""
    good: Doubles = np.nan_to_num(frames, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float64)
    return np.clip(good, -FAULT_LEVEL, FAULT_LEVEL)


def _mono(frames: Block) -> Doubles:
    """The mean of both channels."""
    mono: Doubles = _good(frames).mean(axis=1)
    return mono


def fit(tail: Block, head: Block) -> Fit:
    """How the beginning of a track fits the end of another.

    Args:
        tail: the frames over which the seam goes.
        head: as many, and up to `SHIFT_FRAMES` more.
    """
    middle = len(tail) // 2
    first = max(0, middle - _COMPARED_FRAMES // 2)
    old = _mono(tail[first : first + _COMPARED_FRAMES])
    new = _mono(head[first : first + len(old) + max(0, len(head) - len(tail))])
    rough = _best(_coarse(old), _coarse(new), 0) * _COARSE
    near = max(0, rough - 2 * _COARSE)
    shift = _best(old, new[near : rough + 2 * _COARSE + len(old)], near)
    # over all of the seam: in the part where the best of a thousand shifts was chosen, any two noises correlate
    return Fit(shift, _alike(_good(tail), _good(head[shift : shift + len(tail)])))


def _coarse(wave: Doubles) -> Doubles:
    whole = len(wave) // _COARSE * _COARSE
    means: Doubles = wave[:whole].reshape(-1, _COARSE).mean(axis=1)
    return means


def _best(old: Doubles, new: Doubles, first: int) -> int:
    """The shift, counted from ``first``, at which the new wave is most like the old one."""
    if len(new) <= len(old) or not len(old):
        return first
    products = np.correlate(new, old, "valid")
    sums = np.concatenate(([0.0], np.cumsum(np.square(new))))
    powers = sums[len(old) :] - sums[: -len(old)]
    return first + int(np.argmax(products / np.sqrt(np.maximum(powers, _TINY))))


def _alike(old: Doubles, new: Doubles) -> float:
    """The correlation of both channels together; 0 for silence."""
    powers = float(np.sqrt(np.square(old).sum() * np.square(new).sum()))
    return float(np.vdot(old, new)) / powers if powers > _TINY else 0.0


class Seam:
    """The gains of one side of a seam, and constant gains after it.

    Args:
        frames: length of the seam.
        alike: how alike the two tracks are, see `Fit`.
        is_incoming: the side that begins, otherwise the one that ends.
    """

    def __init__(self, frames: int, alike: float, *, is_incoming: bool) -> None:
        self._frames = frames
        self._alike = max(_LEAST_ALIKE, alike)
        self._is_incoming = is_incoming
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether the seam is over."""
        return self._at >= self._frames

    def gains(self, frames: int) -> Gains:
        """Gains of the next frames, float32: after the seam 1 on the side that begins, 0 on the side that ends."""
        k = np.minimum(np.arange(self._at + 1, self._at + frames + 1), self._frames)
        self._at += frames
        angle = 0.5 * np.pi * np.square(np.sin(0.5 * np.pi * k / self._frames))
        rising, falling = np.sin(angle), np.cos(angle)
        own = rising if self._is_incoming else falling
        gains: Gains = (own / np.sqrt(1.0 + 2.0 * self._alike * rising * falling)).astype(np.float32)
        return gains
