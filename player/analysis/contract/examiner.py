"""The contract, examined on a rendered night: a figure for each clause that a recording can show.

Runs on the thread that renders, behind the last stage, and trusts none of them: what left is measured with meters of
its own, block by block, in memory that does not grow with the night. Beside it lies what was decoded, under lull's own
gains (`decoded`), measured in the same way.

- C1: startle events and bursts in what left (`player.audio.dsp.startle`, the judge of the output meter) that are no
  habit of the track (`emergence`); all of them as decoded, to compare; mutes by the output meter, which are startles.
- C1b, C1c, C1d: rises that are not typical of the track (`emergence`).
- C2: how fast lull's own gain on a track, its ramp times its deck, rose from the end of one block to the end of the
  next; and how loud the last hop was before a silence that lull made.
- C3: M and S, every 10 ms, less the volume, against the target and against heard calm (`tracks`).
- C4: the largest sample, and the true peak wherever a sample comes within 6 dB of the ceiling.
- C5: samples that are not numbers, or beyond full scale.
- C6: the largest gain that a track got.  C8: the highest volume.
- C9: on tracks whose recordings break none of C1 to C3: how long they were lowered, and what they lost (`alteration`).
- C10: clicks that the recordings do not have under lull's own gains (`clicks`).
- C11: how long what plays is not at its level (`at_level`).
- C12: how far apart the tracks are.

C7 is a property of the code and cannot be seen in a recording.

Limitations: a gain is examined 10 times a second, so a step within a block shows as a click or not at all; a
gain that comes back from silenced faults counts as the recording's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from player.analysis.contract.at_level import AtLevel
from player.analysis.contract.clicks import Clicks
from player.analysis.contract.decoded import DecodedMix
from player.analysis.contract.figures import Figure, TrackHeard, Violations
from player.analysis.contract.gain_moves import GainMoves
from player.analysis.contract.loudness import LoudnessClauses
from player.analysis.contract.peaks import Peaks
from player.analysis.contract.timeline import Timeline
from player.analysis.contract.tracks import Tracks
from player.audio.dsp.hearing import HOP_FRAMES
from player.audio.dsp.tap import Rendered
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.limits import FAULT_LEVEL
from player.core.units import SILENCE_DB, to_seconds


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits for the night.

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
    """The result of an examination.

    Attributes:
        figures: all that was measured, in the order of the clauses.
        startles_before: startle events as decoded.
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
    """Give it each block as it leaves, with what the tap saw of it; at the end `finish`.

    Attributes:
        series: what happened over time, for a picture.
    """

    def __init__(self, limits: Limits, instruments: Instruments) -> None:
        self.series = Timeline()
        self._limits = limits
        self._decoded = DecodedMix()
        self._before = LoudnessClauses(instruments.power_meter, limits.target_lufs)
        self._after = LoudnessClauses(instruments.power_meter, limits.target_lufs)
        self._moves = GainMoves(limits.volume_cap_db)
        self._peaks = Peaks(limits.ceiling_dbtp, instruments.true_peak_dbtp)
        self._tracks = Tracks(limits.target_lufs)
        self._at_level = AtLevel()
        self._clicks = Clicks()
        self._mutes = Violations()
        self._unfit = Violations()
        self._frames = 0

    def mute(self, at_s: float) -> None:
        """The output meter muted."""
        self._mutes.add(at_s)

    def push(self, out: Block, rendered: Rendered | None) -> None:
        """A block as it leaves, shape (n * 240, 2); ``rendered`` is None for one that did not go through the chain."""
        assert len(out) % HOP_FRAMES == 0, len(out)
        at_s = to_seconds(self._frames)
        out = self._fit(out, at_s)
        self._peaks.push(out, at_s)
        out = np.clip(out, -FAULT_LEVEL, FAULT_LEVEL) if self._unfit.count else out
        tracks, before = self._decoded.push(rendered, len(out))
        volume = self._moves.push(rendered, len(out), at_s)
        had, has = self._before.push(before, volume, at_s), self._after.push(out, volume, at_s)
        self._moves.look_at_the_end(out, has, at_s)
        self._clicks.push(out, tracks, volume.room_db + self._limits.target_lufs)
        self._at_level.push(had, has, rendered, at_s)
        reduction = self._tracks.push((had, has), (before, out), rendered, volume)
        self.series.push(had, has, reduction, volume.level_db)
        self._frames += len(out)

    def _fit(self, block: Block, at_s: float) -> Block:
        """The block with zeros for what is no number, which is counted, as is what is beyond full scale."""
        if len(block) == 0 or (block.max() <= 1.0 and block.min() >= -1.0):
            return block
        bad = ~(np.abs(block) <= 1.0)
        first = int(np.flatnonzero(bad.any(axis=1))[0])
        self._unfit.add(at_s + to_seconds(first), int(bad.sum()))
        return np.where(np.isfinite(block), block, np.float32(0.0))

    def finish(self) -> Findings:
        """The night is over."""
        self._before.finish()
        tracks = self._tracks.finish(self._after.finish())
        figures = [
            *self._after.figures(),
            *self._moves.figures(tracks),
            *self._peaks.figures(),
            self._unfit.figure("C5", "samples that are not numbers, or beyond full scale"),
            *self._tracks.figures(),
            self._mutes.figure("C1", "mutes by the output meter"),
            *self._at_level.figures(),
            self._clicks.offences.figure("C10", "clicks that the recordings do not have"),
        ]
        return Findings(
            tuple(sorted((_rounded(figure) for figure in figures), key=_place)),
            self._before.startles.count,
            self._before.worst_startle_db,
            tracks,
            self._clicks.recorded,
        )


def _place(figure: Figure) -> int:
    return int(figure.clause[1:].rstrip("bcd"))


def _rounded(figure: Figure) -> Figure:
    value = figure.value
    if value == SILENCE_DB:
        return replace(figure, value=None)
    return figure if value is None else replace(figure, value=round(value, 3))
