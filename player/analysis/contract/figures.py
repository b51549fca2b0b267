"""Results of an examination: figures with their limits, and when these were exceeded. Frozen, on any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from player.audio.dsp.startle import Onset
from player.core.units import SILENCE_DB

Powers: TypeAlias = npt.NDArray[np.float64]

MOST_TIMES: Final = 20
"""Maximum number of times that are listed; all are counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    Attributes:
        clause: C1 to C12, with a letter where it has parts.
        text: what was measured, for people.
        value: the worst of it; None where there was nothing to measure, such as the level of silence.
        unit: of value and limit; empty for a count.
        limit: ``value`` may not be more.
        holds: whether it is not.
        at: when it was more, seconds from the start, the first 20.
    """

    clause: str
    text: str
    value: float | None
    unit: str
    limit: float
    holds: bool
    at: tuple[float, ...] = ()


class Violations:
    """Counts, and remembers the first times; those within ``apart_s`` of the last one are the same."""

    def __init__(self, apart_s: float = 0.0) -> None:
        self.count = 0
        self.stretches = 0
        self.at: list[float] = []
        self._apart_s = apart_s
        self._last_s = -1e9

    def add(self, at_s: float, count: int = 1) -> None:
        """It happened at that time."""
        if at_s - self._last_s > self._apart_s:
            self.stretches += 1
            if len(self.at) < MOST_TIMES:
                self.at.append(round(at_s, 3))
        self._last_s = at_s
        self.count += count

    def figure(self, clause: str, text: str) -> Figure:
        """None may happen."""
        return Figure(clause, text, float(self.count), "", 0.0, self.count == 0, tuple(self.at))


class Worst:
    """The largest value, and the times at which it was over the limit.

    Args:
        limit: what may be reached and not exceeded.
        tolerance: of the measuring, not of the promise.
    """

    def __init__(self, limit: float, tolerance: float = 0.0) -> None:
        self.value = float("-inf")
        self.limit = limit
        self._tolerance = tolerance
        self._offences = Violations(apart_s=1.0)

    def see(self, value: float, at_s: float) -> None:
        """One more value."""
        self.value = max(self.value, value)
        if value - self.limit > self._tolerance:
            self._offences.add(at_s)

    def figure(self, clause: str, text: str, unit: str) -> Figure:
        """The result."""
        value = None if self.value == float("-inf") else self.value
        return Figure(clause, text, value, unit, self.limit, self._offences.count == 0, tuple(self._offences.at))


@dataclass(frozen=True, slots=True)
class Levels:
    """A block as it was heard: K-weighted powers, summed over the channels.

    Attributes:
        hops: of each hop of 5 ms.
        momentary: over the last 400 ms, every 10 ms.
        short_term: over the last 3 s, every 10 ms.
        startles: startle events that were found in it.
        is_over: whether it is too far over the target (C3).
        loudest: M and S in LUFS as if at full volume, -inf for silence.
    """

    hops: Powers
    momentary: Powers
    short_term: Powers
    startles: tuple[Onset, ...]
    is_over: bool
    loudest: tuple[float, float] = (SILENCE_DB, SILENCE_DB)


@dataclass(frozen=True, slots=True)
class Volume:
    """The volume during a block.

    Attributes:
        level_db: the ramp at its end, -inf for silence.
        full_db: the highest of the ramp at both ends and its target: what C3 counts as the volume.
        room_db: the lowest target since silence; what the room masks depends on it. 0 before the first sound.
    """

    level_db: float
    full_db: float
    room_db: float


@dataclass(frozen=True, slots=True)
class TrackHeard:
    """What was heard of a track while it was the current one; levels are at the volume of the night, -inf for silence.

    Attributes:
        began_s: when, seconds from the start.
        heard_s: for how long.
        start_s: where in the track it began.
        gain_db: its programme gain.
        is_measured: whether its level is known from a scan.
        is_calm: nothing in its recording breaks C1, C1b, C1d or C3.
        lowered_percent: how much of its audible time, once settled, it was lowered by more than 0.5 dB.
        integrated_lufs: I as decoded under lull's own gains, and as it left.
        range_lu: LRA of the same.
        changes: of I, LRA, and the spread of the 50 ms level, once settled.
        calm_lufs: heard calm as if at full volume; -inf where too little was settled.
        over_calm_lu: the loudest M and S over that.
        median_lufs: median of S as if at full volume.
    """

    item_id: int
    title: str
    uri: str
    began_s: float
    heard_s: float
    gain_db: float
    is_measured: bool
    is_calm: bool
    lowered_percent: float
    integrated_lufs: tuple[float, float]
    range_lu: tuple[float, float]
    changes: tuple[float, float, float] = (0.0, 0.0, 0.0)
    calm_lufs: float = SILENCE_DB
    over_calm_lu: tuple[float, float] = (SILENCE_DB, SILENCE_DB)
    median_lufs: float = SILENCE_DB
    start_s: float = 0.0
