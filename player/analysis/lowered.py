"""What a plan lowers, for reports: where, for how long, by how much, and which octave or ear stands out.

Pure, on any thread. What stands out is found where the track is measured, from the largest 50 ms of each half-second in
each stream: the stream that is furthest over what the leveller lets pass of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from player.audio.dsp.gain_planner import RARE_PEAK_DB
from player.audio.dsp.habit import HALF, HALVES, habit_of_stretches
from player.audio.dsp.leveller import STRANGER_DB
from player.audio.dsp.loudness_windows import Levels
from player.audio.dsp.octaves import BAND_S, STREAMS, BandPowers
from player.audio.dsp.planned_gain import PlannedGain
from player.audio.dsp.rises import AUDIBLE_BELOW_CALM_DB

TOLD_DB: Final = 1.0
"""A smaller reduction is not heard, and not reported."""
APART_S: Final = 1.0
"""A reduction this soon after another one belongs to it."""
_PEAK: Final = round(0.05 / BAND_S)
"""A few dB for at most so many hops are a rare peak, which is lowered for the level of the track, and not reported."""
_BOX: Final = round(0.05 / BAND_S)
_TINY: Final = 1e-14


@dataclass(frozen=True, slots=True)
class Lowered:
    """A stretch that is lowered.

    Attributes:
        at_s: where in the track.
        duration_s: from the first to the last moment that is lowered by 1 dB or more.
        lowered_db: the most by which it is.
        stream: where it stands out most, a name of `STREAMS`; None where nobody looked.
    """

    at_s: float
    duration_s: float
    lowered_db: float
    stream: str | None = None

    @property
    def where(self) -> str:
        """The stream in words, such as " in the left ear"; empty for the whole."""
        if self.stream in {None, STREAMS[0]}:
            return ""
        return f" in the {self.stream} ear" if self.stream in STREAMS[:3] else f" around {self.stream}"


class Prominent:
    """Keeps the data by which `streams` finds what stands out in a track: 40 bytes for each half-second."""

    def __init__(self) -> None:
        self._halves: list[npt.NDArray[np.float32]] = [np.zeros((0, len(STREAMS)), np.float32)]
        self._rest: BandPowers = np.zeros((0, len(STREAMS)))

    def add(self, powers: BandPowers) -> None:
        """More of it: powers of whole hops of 10 ms, shape (hops, 10)."""
        waiting = np.concatenate((self._rest, powers))
        whole = len(waiting) // HALF * HALF
        self._rest = waiting[whole:]
        boxes = waiting[:whole].reshape(-1, HALF // _BOX, _BOX, len(STREAMS)).mean(axis=2)
        self._halves.append(boxes.max(axis=1).astype(np.float32))

    def streams(self, plan: bytes, calm_lufs: float) -> tuple[str, ...]:
        """Where each stretch that the plan lowers stands out most, in their order."""
        halves = np.concatenate(self._halves)
        found = lowered_stretches(plan)
        if not found or not len(halves):
            return ()
        levels: Levels = 10.0 * np.log10(np.maximum(halves, _TINY)) - 0.691
        habit = habit_of_stretches(levels)
        over = levels - habit[np.minimum(np.arange(len(levels)) // HALVES, len(habit) - 1)] - STRANGER_DB
        over[levels < calm_lufs - AUDIBLE_BELOW_CALM_DB] = -np.inf
        spans = [(round(one.at_s / 0.5 - 0.5), round((one.at_s + one.duration_s) / 0.5 + 0.5)) for one in found]
        most = [over[max(0, first) : end].max(axis=0, initial=-np.inf) for first, end in spans]
        return tuple(STREAMS[int(np.argmax(one))] for one in most)


def lowered_stretches(plan: bytes, streams: Sequence[str] = ()) -> tuple[Lowered, ...]:
    """All that a plan (`player.core.measurement.Measured.plan`) lowers by 1 dB or more, in order.

    ``streams``: what `Prominent` said of it, or nothing.
    """
    lowered_db = PlannedGain(plan).lowered_db
    hops = np.flatnonzero(lowered_db >= TOLD_DB)
    runs = np.split(hops, np.flatnonzero(np.diff(hops) > 1) + 1)
    told = [run for run in runs if len(run) > _PEAK or lowered_db[run].max(initial=0.0) > RARE_PEAK_DB]
    if not told:
        return ()
    hops = np.concatenate(told)
    parts = np.split(hops, np.flatnonzero(np.diff(hops) > APART_S / BAND_S) + 1)
    names = streams if len(streams) == len(parts) else [None] * len(parts)
    return tuple(
        Lowered(
            at_s=round(float(part[0]) * BAND_S, 2),
            duration_s=round(float(part[-1] - part[0] + 1) * BAND_S, 2),
            lowered_db=float(lowered_db[part].max()),
            stream=stream,
        )
        for part, stream in zip(parts, names, strict=True)
    )
