"""C9 on a night: what was taken from tracks that are calm by themselves; and what was heard of each track.

Runs on the thread that renders. A track is calm if, while it is the current one, nothing in front of the guard startles
or breaks C3. How much a hop was lowered is the ratio of its powers in front of the guard and at the end, so it is
measured and not asked for. What was played for less than a minute is not judged: a percent of it is nothing, and LRA
needs as much (EBU Tech 3342).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from player.analysis.contract.figures import Figure, Levels, Powers, TrackHeard, Volume, Worst
from player.analysis.contract.integrated import IntegratedMeter
from player.audio.dsp.hearing import HOP_S, to_power
from player.audio.dsp.tap import Rendered
from player.core.engine_orders import Item
from player.core.units import SILENCE_DB

JUDGED_FROM_S: Final = 60.0
NOTICEABLE_DB: Final = 0.5
SHARE_LIMIT_PERCENT: Final = 1.0
LOUDNESS_LIMIT_LU: Final = 0.5
FAINT_DB: Final = 40.0
"""So far below calm nobody hears what is taken away, and a meter's own ringing is measured."""
MOST_DB: Final = 99.0
OF_TENTHS: Final = 10
"""M every 100 ms, out of those every 10."""


class _Track:
    """The track under way."""

    def __init__(self, item: Item, began_s: float) -> None:
        self.item = item
        self.began_s = began_s
        self.programmes = (IntegratedMeter(), IntegratedMeter())
        self.is_calm = True
        self.hops = self.lowered = 0

    def heard(self) -> TrackHeard:
        before, after = self.programmes
        return TrackHeard(
            self.item.id,
            self.item.title,
            self.item.uri,
            self.began_s,
            self.hops * HOP_S,
            self.item.gain_db,
            self.item.habitual_lufs is not None,
            self.is_calm,
            100.0 * self.lowered / max(1, self.hops),
            (before.integrated_lufs, after.integrated_lufs),
            (before.range_lu, after.range_lu),
        )


class CalmTracks:
    """Follows the current track.

    Args:
        target_lufs: the programme target at full volume.
    """

    def __init__(self, target_lufs: float) -> None:
        self._target_lufs = target_lufs
        self._now: _Track | None = None
        self._tracks: list[TrackHeard] = []
        self._hops = 0

    def push(self, had: Levels, has: Levels, rendered: Rendered | None, volume: Volume) -> Powers:
        """A block before and after the guard; for each hop by how many dB it was lowered."""
        lowered = self._lowered_db(had.hops, has.hops, volume)
        track = self._follow(rendered)
        self._hops += len(lowered)
        if track is not None:
            for programme, levels in zip(track.programmes, (had, has), strict=True):
                programme.push_momentary(levels.momentary[OF_TENTHS - 1 :: OF_TENTHS])
                programme.push_short_term(levels.short_term[OF_TENTHS - 1 :: OF_TENTHS])
            track.is_calm = track.is_calm and not (had.has_startled or had.is_over)
            track.hops += len(lowered)
            track.lowered += int(np.count_nonzero(lowered > NOTICEABLE_DB))
        return lowered

    def _lowered_db(self, before: Powers, after: Powers, volume: Volume) -> Powers:
        if volume.full_db == SILENCE_DB:
            return np.zeros(len(before))
        audible = before > to_power(self._target_lufs + volume.full_db - FAINT_DB)
        ratio = np.maximum(before, 1e-30) / np.maximum(after, 1e-30)
        lowered: Powers = np.where(audible, np.clip(10.0 * np.log10(ratio), 0.0, MOST_DB), 0.0)
        return lowered

    def _follow(self, rendered: Rendered | None) -> _Track | None:
        """The current track, which may have changed."""
        decks = () if rendered is None else rendered.decks
        item = next((deck.item for deck in decks if deck.is_current), None)
        if item is not None and (self._now is None or item.id != self._now.item.id):
            self._close()
            self._now = _Track(item, self._hops * HOP_S)
        return self._now if item is not None else None

    def _close(self) -> None:
        if self._now is not None:
            self._tracks.append(self._now.heard())
            self._now = None

    def finish(self) -> tuple[TrackHeard, ...]:
        """All tracks, in order."""
        self._close()
        return tuple(self._tracks)

    def figures(self) -> list[Figure]:
        """C9; nothing where no calm track was heard for long enough."""
        share = Worst(SHARE_LIMIT_PERCENT)
        loudness, spread = Worst(LOUDNESS_LIMIT_LU), Worst(LOUDNESS_LIMIT_LU)
        judged = [track for track in self._tracks if track.is_calm and track.heard_s >= JUDGED_FROM_S]
        for track in judged:
            share.see(track.lowered_percent, track.began_s)
            if math.isfinite(track.integrated_lufs[0]):
                loudness.see(abs(track.integrated_lufs[1] - track.integrated_lufs[0]), track.began_s)
                spread.see(abs(track.range_lu[1] - track.range_lu[0]), track.began_s)
        if not judged:
            return []
        return [
            share.figure("C9", "a calm track's time lowered by more than 0.5 dB", "%"),
            loudness.figure("C9", "change of a calm track's loudness", "LU"),
            spread.figure("C9", "change of a calm track's loudness range", "LU"),
        ]
