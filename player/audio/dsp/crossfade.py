"""Crossfades: the gain curves of a blend, whether and how long a blend is possible, and the gain of a deck.

Runs on the engine thread; the functions about durations are pure.

Theory. For unrelated material the powers must add to one. A quarter of a sine does that, g = sin(pi t / 2 S), with the
cosine for the outgoing track, but it begins with an infinite slope in dB, and no gain may rise faster than 6 dB/s. The
slope of ln(sin x) is cot(x), so the sine is slow enough from x0 on, where

    cot(x0) * pi / (2 S) = 6 dB/s * ln(10) / 20.

Before x0 the incoming gain rises linearly in dB at 6 dB/s, and meets the sine at the same level and the same slope.
A track 24 dB below the other sound adds 0.02 dB to it and is not heard, so a blend reaches that level within one
second. The outgoing gain is sqrt(1 - g^2), g being the incoming gain at the same frame; in the sine part this is the
cosine. A crossfade of 8 s overlaps for 9.7 s.

The cosine reaches zero in a straight line, which is gentle in dB only where S is at least 1.1 s: with less, the
outgoing track falls from -42 dB to zero within two frames. So a shorter crossfade is extended to 1.1 s.

Limitation: two recordings of the same sound, in phase, add to +3 dB in the middle. A file that follows itself is joined
by a seam instead (`player.audio.dsp.seam`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Final, TypeAlias

import numpy as np

from player.audio.dsp.gain import RISE_DB_PER_FRAME, DbLine, Doubles, fall_frames, rise_frames
from player.audio.dsp.types import Gains
from player.core.limits import FADE_DEPTH_DB, FALL_DEPTH_DB
from player.core.units import RATE_HZ, db_to_gain, gain_to_db, to_frames, to_seconds

HIDDEN_DB: Final = -24.0
"""C2: a track this far below the other sound adds 0.02 dB to it."""
HIDDEN_S: Final = 1.0
"""Time in which a track rises from silence to the level at which it is hidden."""
SHORTEST_CROSSFADE_S: Final = 1.1
"""A shorter sine ends in a step that is louder than -60 dB."""
_INAUDIBLE: Final = db_to_gain(-FADE_DEPTH_DB)
_NEPERS_PER_FRAME: Final = RISE_DB_PER_FRAME * math.log(10.0) / 20.0
_DB_PER_NEPER: Final = 20.0 / math.log(10.0)


@dataclass(frozen=True, slots=True)
class Rise:
    """A deck's gain while it rises to 1: hidden at first, then a line at 6 dB/s, then the sine from ``angle`` on.

    Attributes:
        hidden: the line from silence to the hidden level; ``hidden_frames`` long, 0 if no other sound hides it.
        line: the rise; ``line_frames`` long.
        angle: where the sine begins, in radians; it grows by ``angle_step`` per frame, and the gain is 1 at pi/2.
        frames: total length.
    """

    end: ClassVar[float] = 1.0

    hidden: DbLine
    hidden_frames: int
    line: DbLine
    line_frames: int
    angle: float
    angle_step: float
    frames: int

    @classmethod
    def of(cls, crossfade_s: float, start_db: float = -FADE_DEPTH_DB, hidden_db: float = -math.inf) -> Rise:
        """The gain curve of a blend.

        Args:
            crossfade_s: length of the whole sine.
            start_db: level at which the rise begins, below 0 dB.
            hidden_db: up to this level the track is hidden by other sound and may rise fast.
        """
        hidden_frames = to_frames(HIDDEN_S) if hidden_db > start_db else 0
        hidden = DbLine(start_db, (hidden_db - start_db) / hidden_frames if hidden_frames else 0.0)
        entry_db = max(start_db, hidden_db)
        angle_step = math.pi / (2.0 * RATE_HZ * max(crossfade_s, SHORTEST_CROSSFADE_S))
        angle = math.atan(angle_step / _NEPERS_PER_FRAME)
        depth_db = gain_to_db(math.sin(angle)) - entry_db
        if depth_db <= 0.0:
            angle, depth_db = math.asin(db_to_gain(entry_db)), 0.0
        line_frames = rise_frames(depth_db) if depth_db > 0.0 else 0
        line = DbLine(entry_db, depth_db / max(1, line_frames))
        sine_frames = max(0, math.ceil((math.pi / 2.0 - angle) / angle_step))
        frames = hidden_frames + line_frames + sine_frames
        return cls(hidden, hidden_frames, line, line_frames, angle, angle_step if sine_frames else 0.0, frames)

    @property
    def is_hidden(self) -> bool:
        """Whether another sound hides its beginning and makes room for it."""
        return self.hidden_frames > 0

    def gain(self, k: int) -> float:
        """Gain of frame k, 0 <= k <= frames."""
        at = k - self.hidden_frames
        if at < 0:
            return db_to_gain(self.hidden.level_db(k))
        if at <= self.line_frames:
            return db_to_gain(self.line.level_db(at))
        return math.sin(min(math.pi / 2.0, self.angle + (at - self.line_frames) * self.angle_step))

    def rate_db_per_s(self, k: int) -> float:
        """How fast the gain rises after frame k, 0 while it is hidden; it never rises faster later."""
        at = k - self.hidden_frames
        if at < 0:
            return 0.0
        if at < self.line_frames:
            return self.line.step_db * RATE_HZ
        angle = min(math.pi / 2.0, self.angle + (at - self.line_frames) * self.angle_step)
        return self.angle_step / math.tan(angle) * _DB_PER_NEPER * RATE_HZ

    def exact(self, first: int, frames: int) -> Doubles:
        """Gains of the frames ``first`` to ``first + frames - 1``, all between 1 and `frames`, float64."""
        at, parts = first - self.hidden_frames, []
        hidden = max(0, min(frames, -at))
        if hidden:
            parts.append(self.hidden.exact(first, hidden))
        rising = max(0, min(frames - hidden, self.line_frames + 1 - (at + hidden)))
        if rising:
            parts.append(self.line.exact(at + hidden, rising))
        k = np.arange(at + hidden + rising, at + frames) - self.line_frames
        sine: Doubles = np.sin(np.minimum(math.pi / 2.0, self.angle + k * self.angle_step))
        return np.concatenate((*parts, sine)) if parts else sine


@dataclass(frozen=True, slots=True)
class Yield:
    """The gain of a deck that makes room for a `Rise` g: sqrt(1 - g^2) at the same frame, times ``base``."""

    end: ClassVar[float] = 0.0

    rise: Rise
    base: float
    frames: int

    def gain(self, k: int) -> float:
        """Gain of frame k, 0 <= k <= frames."""
        return self.base * math.sqrt(max(0.0, 1.0 - self.rise.gain(k) ** 2))

    def exact(self, first: int, frames: int) -> Doubles:
        """Gains of the frames ``first`` to ``first + frames - 1``, float64."""
        room = 1.0 - self.rise.exact(first, frames) ** 2
        gains: Doubles = self.base * np.sqrt(np.maximum(room, 0.0))
        return gains


@dataclass(frozen=True, slots=True)
class Fall:
    """A deck's gain while it falls, linearly in dB."""

    end: ClassVar[float] = 0.0

    line: DbLine
    frames: int

    def gain(self, k: int) -> float:
        """Gain of frame k."""
        return db_to_gain(self.line.level_db(k))

    def exact(self, first: int, frames: int) -> Doubles:
        """Gains of the frames ``first`` to ``first + frames - 1``, float64."""
        return self.line.exact(first, frames)


def overlap_s(crossfade_s: float, hidden_db: float = HIDDEN_DB) -> float:
    """How long both tracks sound in a blend with a crossfade of ``crossfade_s`` seconds; 5.2 s or more."""
    return to_seconds(Rise.of(crossfade_s, hidden_db=hidden_db).frames)


def plan_overlap(
    out_left_s: float, in_duration_s: float | None, crossfade_s: float, hidden_db: float = HIDDEN_DB
) -> float:
    """Seconds by which two tracks can overlap; 0 if there is no room for the shortest blend (5.2 s).

    Args:
        out_left_s: rest of the outgoing track; the overlap is never longer.
        in_duration_s: length of the incoming track, None if it has no end; the overlap is never more than half of it.
        crossfade_s: the wanted crossfade.
        hidden_db: level up to which the incoming track is hidden by the other one.
    """
    room_s = out_left_s if in_duration_s is None else min(out_left_s, in_duration_s / 2.0)
    return min(overlap_s(crossfade_s, hidden_db), room_s) if room_s >= overlap_s(0.0, hidden_db) else 0.0


def crossfade_within(room_s: float, crossfade_s: float, hidden_db: float = HIDDEN_DB) -> float:
    """The longest crossfade up to ``crossfade_s`` whose overlap fits into ``room_s``; 0 if none fits."""
    if overlap_s(crossfade_s, hidden_db) <= room_s:
        return crossfade_s
    low_s, high_s = 0.0, crossfade_s
    while high_s - low_s > 0.5 / RATE_HZ:
        middle_s = (low_s + high_s) / 2.0
        low_s, high_s = (middle_s, high_s) if overlap_s(middle_s, hidden_db) <= room_s else (low_s, middle_s)
    return low_s


Law: TypeAlias = Rise | Yield | Fall


class DeckGain:
    """The gain of one deck: 0 at first, always between 0 and 1, and never rising faster than 6 dB/s.

    Every order continues from the present gain. A second fall can only shorten the first one, so that a second skip
    does not make a track sound longer.
    """

    def __init__(self) -> None:
        self._law: Law | None = None
        self._at = 0
        self._frames = 0
        self._now = 0.0

    @property
    def is_silent(self) -> bool:
        """Whether the gain is constant at exactly 0."""
        return self._law is None and self._now == 0.0

    @property
    def is_full(self) -> bool:
        """Whether the gain is constant at exactly 1."""
        return self._law is None and self._now == 1.0

    @property
    def is_rising(self) -> bool:
        """Whether it is rising."""
        return isinstance(self._law, Rise)

    @property
    def is_rising_alone(self) -> bool:
        """Whether it is rising and no other deck makes room for it."""
        return isinstance(self._law, Rise) and not self._law.is_hidden

    @property
    def rise_db_per_s(self) -> float:
        """How fast it rises from the next frame on; 0 while it is constant, falling or hidden."""
        return self._law.rate_db_per_s(self._at) if isinstance(self._law, Rise) else 0.0

    @property
    def is_falling(self) -> bool:
        """Whether it is falling to silence."""
        return not (self._law is None or isinstance(self._law, Rise))

    @property
    def level_db(self) -> float:
        """Level of the last frame in dB, -inf for silence."""
        return gain_to_db(self._now)

    def open(self) -> None:
        """Set the gain to 1 at once. Only while the output ramp is at silence; the ramp then makes the rise."""
        self._stand(1.0)

    def rise(self, crossfade_s: float, hidden_db: float = -math.inf) -> None:
        """Rise to 1 along the curve of a crossfade, from -60 dB if silent, otherwise from the present gain.

        Args:
            crossfade_s: see `Rise.of`.
            hidden_db: level up to which another sound hides it.
        """
        if not self.is_full:
            start_db = self.level_db if self._now > 0.0 else -FADE_DEPTH_DB
            self._follow(Rise.of(crossfade_s, start_db, hidden_db))

    def follow_on(self, former: DeckGain) -> None:
        """Copy the state of another deck's gain: this deck continues the same sound."""
        self._law, self._at, self._frames, self._now = former._law, former._at, former._frames, former._now

    def fall_with(self, incoming: DeckGain) -> None:
        """Make room for a deck that has been told to rise from silence and has not been rendered since.

        The gain falls to 0 as sqrt(1 - g^2), g being that rise, times the present gain. What happens to the incoming
        deck later does not matter: this deck is silent at the end of the planned rise.
        """
        law = incoming._law
        assert isinstance(law, Rise), "tell the incoming deck to rise first"
        assert incoming._now == 0.0, "the incoming deck must rise from silence, and not have been rendered since"
        if not self.is_falling:
            self._follow(Yield(law, self._now, law.frames))

    def fall(self, over_s: float) -> None:
        """Fall by 66 dB from the present gain in ``over_s`` seconds (at least 5 ms), linearly in dB, then silence."""
        self._fall_in(fall_frames(over_s))

    def tail(self, frames: int) -> None:
        """Be silent after ``frames`` frames, because the track has no more; with 0 the sound is cut off.

        A fall that is below -60 dB by then continues unchanged and ends there.
        """
        if self.is_falling and self._law is not None and self._law.gain(self._at + frames) <= _INAUDIBLE:
            self._frames = min(self._frames, self._at + frames)
        self._fall_in(frames)
        if self._law is not None and self._frames == self._at:
            self._stand(self._law.end)

    def gains(self, frames: int, *, may_rise: bool = True) -> Gains | float:
        """Gains of the next ``frames`` frames, float32; one number while the gain is constant.

        Without ``may_rise`` a rise for which no other deck makes room pauses for these frames, because another gain is
        rising.
        """
        law = self._law
        if law is None or (self.is_rising_alone and not may_rise):
            return self._now
        moving = min(frames, self._frames - self._at)
        gains = law.exact(self._at + 1, moving).astype(np.float32)
        self._at += moving
        self._now = law.gain(self._at)
        if self._at == self._frames:
            self._stand(law.end)
        return gains if moving == frames else np.append(gains, np.full(frames - moving, self._now, np.float32))

    def _fall_in(self, frames: int) -> None:
        if not (self.is_falling and self._frames - self._at <= frames):
            line = DbLine(self.level_db, -FALL_DEPTH_DB / max(1, frames))
            self._follow(Fall(line, frames if self._now > 0.0 else 0))

    def _follow(self, law: Law) -> None:
        """Follow this curve from the next frame on."""
        self._law, self._at, self._frames = law, 0, law.frames
        if law.frames == 0:
            self._stand(law.end)

    def _stand(self, gain: float) -> None:
        self._law, self._now = None, gain
