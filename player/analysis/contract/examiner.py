"""The contract, examined on a rendered night: a figure for each clause that a recording can show.

Runs on the thread that renders, behind the last stage, and trusts none of them: what left is measured with meters of
its own, block by block, in memory that does not grow with the night. What was about to be held down is measured in the
same way in front of the guard, which is a fixed time earlier, so each hop can be laid beside itself.

- C1: startle events and bursts in what left (`player.audio.dsp.startle`); the same in front of the guard, to compare.
- C2: how fast lull's own gain on a track, its ramp times its deck, rose from the end of one block to the end of the
  next; and how loud the last hop was before a silence that lull made.
- C3: M and S, every 10 ms, less the volume.
- C4: the largest sample, and the true peak wherever a sample comes within 6 dB of the ceiling.
- C5: samples that are no numbers, or beyond full scale.
- C6: the largest gain that a track got.  C8: the highest volume.
- C9: on tracks that break neither C1 nor C3 before the guard: how long they were lowered, and what I and LRA lost.
- C10: clicks that the sources do not have (`player.analysis.contract.clicks`).

C7 is a property of the code and shows in no recording.

Where it falls short: a gain is looked at 10 times a second, so a step within a block shows as a click or not at all; a
gain that comes back from silenced faults counts as the recording's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from player.analysis.contract.before_after import BeforeAfter
from player.analysis.contract.calm import CalmTracks
from player.analysis.contract.clicks import Clicks
from player.analysis.contract.figures import Figure, TrackHeard, Violations
from player.analysis.contract.gain_moves import GainMoves
from player.analysis.contract.peaks import Peaks
from player.analysis.contract.timeline import Timeline
from player.audio.dsp.hearing import HOP_FRAMES
from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.units import CHANNELS, SILENCE_DB, to_seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """What the night is held against.

    Attributes:
        target_lufs: the programme target at full volume.
        ceiling_dbtp: for C4.
        volume_cap_db: for C8.
    """

    target_lufs: float
    ceiling_dbtp: float
    volume_cap_db: float


@dataclass(frozen=True, slots=True)
class Instruments:
    """Makers of meters."""

    power_meter: MakePowerMeter
    true_peak_dbtp: Callable[[Block], float]


@dataclass(frozen=True, slots=True)
class Findings:
    """What the night was like.

    Attributes:
        figures: all that was measured, in the order of the clauses.
        startles_before: startle events in front of the guard.
        worst_before_db: how far the worst of them stood over what was familiar; 0 where there is none.
        tracks: what was heard of each track, in order.
        recorded_clicks: clicks that were in the recordings already.
    """

    figures: tuple[Figure, ...]
    startles_before: int
    worst_before_db: float
    tracks: tuple[TrackHeard, ...]
    recorded_clicks: int

    @property
    def broken(self) -> tuple[str, ...]:
        """Clauses that do not hold."""
        return tuple(dict.fromkeys(figure.clause for figure in self.figures if not figure.holds))


class Examiner:
    """Give it each source block as it is read, then each block as it leaves; at the end `finish`.

    Attributes:
        series: what happened over time, for a picture.
    """

    def __init__(self, limits: Limits, instruments: Instruments) -> None:
        self.series = Timeline()
        self._limits = limits
        self._sides = BeforeAfter(instruments.power_meter, limits.target_lufs)
        self._moves = GainMoves(limits.volume_cap_db)
        self._peaks = Peaks(limits.ceiling_dbtp, instruments.true_peak_dbtp)
        self._calm = CalmTracks(limits.target_lufs)
        self._clicks = Clicks()
        self._unfit = Violations()
        self._frames = 0

    def hear_source(self, block: Block) -> None:
        """What a track hands over for the block that leaves next, shape (up to its frames, 2), as it was decoded."""
        self._clicks.hear_source(block)

    def push(self, out: Block, rendered: Rendered | None) -> None:
        """A block as it leaves, shape (n * 240, 2); ``rendered`` is None for one that did not go through the chain."""
        assert len(out) % HOP_FRAMES == 0, len(out)
        at_s = to_seconds(self._frames)
        out = self._fit(out, at_s)
        before = np.zeros((len(out), CHANNELS), np.float32) if rendered is None else self._fit(rendered.before, None)
        volume = self._moves.push(rendered, len(out), at_s)
        had, has = self._sides.push(before, out, volume, at_s)
        self._moves.look_at_the_end(out, has, at_s)
        self._peaks.push(out, at_s)
        self._clicks.push(out, volume.room_db + self._limits.target_lufs)
        reduction = self._calm.push(had, has, rendered, volume)
        self.series.push(had, has, reduction, volume.level_db)
        self._frames += len(out)

    def _fit(self, block: Block, at_s: float | None) -> Block:
        """The block with zeros for what no meter may see; with a time, it is counted."""
        if len(block) == 0 or (block.max() <= 1.0 and block.min() >= -1.0):
            return block
        bad = ~(np.abs(block) <= 1.0)
        if at_s is None:
            return np.where(np.abs(block) < 1e6, block, np.float32(0.0))  # in front of the limiter, over is no fault
        first = int(np.flatnonzero(bad.any(axis=1))[0])
        self._unfit.add(at_s + to_seconds(first), int(bad.sum()))
        return np.where(np.isfinite(block), block, np.float32(0.0))

    def finish(self) -> Findings:
        """The night is over."""
        self._sides.finish()
        sides, tracks = self._sides, self._calm.finish()
        figures = [
            sides.after.startles.figure("C1", "startle events and bursts"),
            *sides.after.figures(),
            *self._moves.figures(tracks),
            *self._peaks.figures(),
            self._unfit.figure("C5", "samples that are no numbers or beyond full scale"),
            *self._calm.figures(),
            self._clicks.offences.figure("C10", "clicks that the recordings do not have"),
        ]
        return Findings(
            tuple(sorted((_rounded(figure) for figure in figures), key=_place)),
            sides.before.startles.count,
            sides.before.worst_startle_db,
            tracks,
            self._clicks.recorded,
        )


def _place(figure: Figure) -> int:
    return int(figure.clause[1:])


def _rounded(figure: Figure) -> Figure:
    value = figure.value
    if value == SILENCE_DB:
        return replace(figure, value=None)
    return figure if value is None else replace(figure, value=round(value, 3))
