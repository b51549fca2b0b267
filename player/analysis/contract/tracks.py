"""What was heard of each track: C9, and C3 against heard calm, and C12.

Runs on the thread that renders. A track is *settled* from 10 s after its fade-in on, while it sounds alone. There its
hops are compared with the same hops as they were decoded, all known gains divided out (`alteration`). Its *heard calm*
is what M usually is while it sounds, from the end of its fade-in on. A track is calm if nothing in its recording breaks
C1, C1b, C1d or C3; C9 is asked of those. What was played for less than a minute is not judged: a percent of it is
nothing, and LRA needs as much (EBU Tech 3342).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final

import numpy as np

from player.analysis.contract.alteration import MOST_DB, Alteration
from player.analysis.contract.emergence import Emergence
from player.analysis.contract.figures import Figure, Levels, Powers, TrackHeard, Volume, Worst
from player.analysis.contract.integrated import IntegratedMeter
from player.audio.dsp.hearing import HOP_S, to_power
from player.audio.dsp.startle import Onset
from player.audio.dsp.tap import Rendered, Sounding
from player.audio.dsp.types import Block
from player.core.engine_orders import Item
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU
from player.core.units import SILENCE_DB

JUDGED_FROM_S: Final = 60.0
SETTLED_S: Final = 10.0
ENOUGH_S: Final = 10.0
"""Time that a track must have been heard alone at its level before its calm level is known."""
MEDIAN_FROM_S: Final = 20.0
MEDIAN_TRACKS: Final = 4
SHARE_LIMIT_PERCENT: Final = 1.0
LOUDNESS_LIMIT_LU: Final = 0.5
SPREAD_LIMIT_DB: Final = 1.0
APART_LIMIT_LU: Final = 8.0
FAINT_DB: Final = 40.0
"""This far below the target a reduction is not heard, and the ringing of the meter itself is measured."""
FULL_DB: Final = -0.05
"""A deck that is no further below its level is at it."""
OF_TENTHS: Final = 10
"""M every 100 ms, out of those every 10."""


class _Track:
    """The track under way; levels as if at full volume, but for ``programmes``.

    Attributes:
        loudest: M and S as decoded, as left, and as left in blends.
        full_db: the volume, when it last was at its level.
        alone: what was heard of it at its level, and of that, `altered`, what was settled.
    """

    def __init__(self, item: Item, began_s: float) -> None:
        self.item = item
        self.began_s = began_s
        self.programmes = (IntegratedMeter(), IntegratedMeter())
        self.altered = Alteration()
        self.alone = Alteration()
        self.loudest = np.full((3, 2), SILENCE_DB)
        self.is_calm = True
        self.hops = 0
        self.full_db = 0.0

    @property
    def calm_lufs(self) -> tuple[float, float]:
        """Calm as decoded and as it left; -inf where too little of it sounded alone, at its level."""
        if self.alone.heard_s < ENOUGH_S:
            return SILENCE_DB, SILENCE_DB
        before, after = self.alone.programmes
        return before.calm_lufs, after.calm_lufs

    @property
    def calm_as_left_lufs(self) -> tuple[float, float]:
        """The same at the volume of the night, or what there is of it."""
        before, after = self.calm_lufs
        if after > SILENCE_DB:
            return before + self.full_db, after + self.full_db
        return self.programmes[0].integrated_lufs, self.programmes[1].integrated_lufs

    def over_calm_lu(self, side: int) -> tuple[float, float]:
        """The loudest M and S over calm; -inf where that is not known."""
        calm, (momentary, short_term) = self.calm_lufs[side], self.loudest[side]
        return (float(momentary) - calm, float(short_term) - calm) if calm > SILENCE_DB else (SILENCE_DB, SILENCE_DB)

    def heard(self) -> TrackHeard:
        """All of it."""
        before, after = self.programmes
        return TrackHeard(
            item_id=self.item.id,
            title=self.item.title,
            uri=self.item.uri,
            began_s=self.began_s,
            heard_s=self.hops * HOP_S,
            gain_db=self.item.gain_db,
            is_measured=self.item.habitual_lufs is not None,
            is_calm=self.is_calm,
            lowered_percent=self.altered.lowered_percent,
            integrated_lufs=(before.integrated_lufs, after.integrated_lufs),
            range_lu=(before.range_lu, after.range_lu),
            changes=(self.altered.loudness_change_lu, self.altered.range_change_lu, self.altered.spread_change_db),
            calm_lufs=self.calm_lufs[1],
            over_calm_lu=self.over_calm_lu(1),
            median_lufs=self.altered.programmes[1].short_term_lufs(50.0)
            if self.altered.audible_s >= MEDIAN_FROM_S
            else SILENCE_DB,
            start_s=self.item.start_s,
        )


class Tracks:
    """Follows the current track.

    Args:
        target_lufs: the programme target at full volume.
    """

    def __init__(self, target_lufs: float) -> None:
        self._target_lufs = target_lufs
        self._now: _Track | None = None
        self._tracks: list[TrackHeard] = []
        self._emergence = Emergence()
        self._over = (Worst(MOMENTARY_ROOM_LU, 0.05), Worst(SHORT_TERM_ROOM_LU, 0.05))
        self._former = SILENCE_DB
        self._hops = 0
        self._full_s = 0.0
        self._has_arrived = False

    def push(self, levels: tuple[Levels, Levels], sounds: tuple[Block, Block], rendered: Rendered | None,
             volume: Volume) -> Powers:  # fmt: skip
        """A block as decoded and as it left; for each hop by how many dB it was lowered."""
        had, has = levels
        lowered = self._lowered_db(had.hops, has.hops, volume)
        at_s = self._hops * HOP_S
        track = self._follow(rendered)
        self._emergence.push(*sounds, has, rendered, at_s)
        self._hops += len(lowered)
        if track is not None and rendered is not None:
            self._take(track, levels, rendered, volume)
        return lowered

    def _take(self, track: _Track, levels: tuple[Levels, Levels], rendered: Rendered, volume: Volume) -> None:
        had, has = levels
        for programme, side in zip(track.programmes, levels, strict=True):
            programme.push_momentary(side.momentary[OF_TENTHS - 1 :: OF_TENTHS])
            programme.push_short_term(side.short_term[OF_TENTHS - 1 :: OF_TENTHS])
        track.hops += len(has.hops)
        track.is_calm = track.is_calm and not (had.startles or had.is_over)
        is_alone = len(rendered.decks) == 1
        track.loudest[0] = np.maximum(track.loudest[0], had.loudest if is_alone else SILENCE_DB)
        place = 1 if is_alone else 2
        track.loudest[place] = np.maximum(track.loudest[place], has.loudest)
        self._follow_level(rendered, volume, len(has.hops) * HOP_S)
        if self._full_s > 0.0:
            track.full_db = volume.full_db
            full = to_power(volume.full_db - 0.691)
            for taken in (track.alone, track.altered) if self._full_s > SETTLED_S else (track.alone,):
                taken.push(had.hops / full, has.hops / full)

    def _follow_level(self, rendered: Rendered, volume: Volume, block_s: float) -> None:
        """For how long the track, alone by now, has been at its level."""
        if volume.level_db == SILENCE_DB:
            self._has_arrived = False
        elif rendered.volume_db >= rendered.target_db + FULL_DB:
            self._has_arrived = True
        is_full = self._has_arrived and len(rendered.decks) == 1 and _is_full(rendered.decks[0])
        self._full_s = self._full_s + block_s if is_full else 0.0

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
        track, self._now = self._now, None
        if track is None:
            return
        had_strangers = self._emergence.end_track(track.calm_as_left_lufs, track.full_db)
        before = track.over_calm_lu(0)
        is_level = before[0] <= MOMENTARY_ROOM_LU and before[1] <= SHORT_TERM_ROOM_LU
        track.is_calm = track.is_calm and is_level and not had_strangers
        calm = track.calm_lufs[1]
        louder = max(calm, self._former)
        for worst, own, blended in zip(self._over, self._emergence.loudest_lufs, track.loudest[2], strict=True):
            if calm > SILENCE_DB:
                worst.see(max(0.0, own - calm), track.began_s)
            if calm > SILENCE_DB and blended > SILENCE_DB:
                worst.see(float(blended) - louder, track.began_s)
        self._former = calm
        self._tracks.append(track.heard())

    def finish(self, startles: Iterable[Onset]) -> tuple[TrackHeard, ...]:
        """All tracks, in order; ``startles``: what was still under way at the end."""
        self._close()
        self._emergence.finish(startles)
        return tuple(self._tracks)

    def figures(self) -> list[Figure]:
        """C1 and C1b to C1d, C3 against heard calm, C9 and C12; nothing where there was nothing to judge."""
        momentary, short_term = self._over
        found = self._emergence.figures()
        if math.isfinite(momentary.value):
            found.append(momentary.figure("C3", "loudest 400 ms over the calm level of its track", "LU"))
            found.append(short_term.figure("C3", "loudest 3 s over the calm level of its track", "LU"))
        return [*found, *self._calm_figures(), *self._level_figures()]

    def _calm_figures(self) -> list[Figure]:
        share = Worst(SHARE_LIMIT_PERCENT)
        changes = (Worst(LOUDNESS_LIMIT_LU), Worst(LOUDNESS_LIMIT_LU), Worst(SPREAD_LIMIT_DB))
        judged = [track for track in self._tracks if track.is_calm and track.heard_s >= JUDGED_FROM_S]
        for track in judged:
            share.see(track.lowered_percent, track.began_s)
            for worst, change in zip(changes, track.changes, strict=True):
                worst.see(abs(change), track.began_s)
        if not judged:
            return []
        loudness, spread, quick = changes
        return [
            share.figure("C9", "a calm track's audible time lowered by more than 0.5 dB", "%"),
            loudness.figure("C9", "change of a calm track's loudness", "LU"),
            spread.figure("C9", "change of a calm track's loudness range", "LU"),
            quick.figure("C9", "change of the spread of its 50 ms level", "dB"),
        ]

    def _level_figures(self) -> list[Figure]:
        medians = {track.uri: track.median_lufs for track in self._tracks if track.median_lufs > SILENCE_DB}
        if len(medians) < MEDIAN_TRACKS:
            return []
        low, high = np.percentile(list(medians.values()), (10.0, 90.0))
        apart = Worst(APART_LIMIT_LU)
        apart.see(float(high - low), 0.0)
        return [apart.figure("C12", "levels of tracks from the 10th to the 90th percentile differ by", "LU")]


def _is_full(deck: Sounding) -> bool:
    return deck.level_db >= FULL_DB
