"""C11 on a night: how long what plays is not at its level.

Runs on the thread that renders. The shortfall of the current track is lull's own gain on it (the volume ramp relative
to its target, and the fade of the deck) plus the reduction by the stages. It may be more than 3 dB for at most 15 s
without a break, even if tracks begin, blend and end meanwhile. Time in which the volume moves to its target does not
count, nor does silence that was ordered, nor a bed that plays alone; a volume that stands on its way counts.
"""

from __future__ import annotations

from typing import Final

from player.analysis.contract.decoded import own_gain_db
from player.analysis.contract.figures import Figure, Levels, Worst
from player.audio.dsp.hearing import HOP_S, to_lufs
from player.audio.dsp.tap import Rendered
from player.core.units import SILENCE_DB

SHORT_DB: Final = 3.0
LIMIT_S: Final = 15.0
ARRIVED_DB: Final = 0.05
FAINT_LUFS: Final = -70.0
"""Where the recording is quieter, the reduction is not measured."""


class AtLevel:
    """Follows the current track."""

    def __init__(self) -> None:
        self._longest = Worst(LIMIT_S, HOP_S)
        self._short_s = 0.0
        self._volume_db = SILENCE_DB

    def push(self, had: Levels, has: Levels, rendered: Rendered | None, at_s: float) -> None:
        """A block as decoded under lull's gains, and as it left; None for one that did not go through the chain."""
        is_bed_alone = rendered is not None and rendered.beds and not any(one.is_current for one in rendered.decks)
        if rendered is None or rendered.target_db == SILENCE_DB or is_bed_alone:
            self._short_s = 0.0
            return
        has_moved = rendered.volume_db != self._volume_db
        self._volume_db = rendered.volume_db
        if has_moved and abs(rendered.volume_db - rendered.target_db) > ARRIVED_DB:
            return
        if self._short_db(had, has, rendered) <= SHORT_DB:
            self._short_s = 0.0
            return
        block_s = len(has.hops) * HOP_S
        self._short_s += block_s
        self._longest.see(self._short_s, at_s + block_s)

    @staticmethod
    def _short_db(had: Levels, has: Levels, rendered: Rendered) -> float:
        current = next((deck for deck in rendered.decks if deck.is_current), None)
        if current is None:
            return float("inf")
        before, after = (to_lufs(float(levels.hops.mean())) for levels in (had, has))
        taken_db = max(0.0, before - after) if before > FAINT_LUFS + rendered.volume_db else 0.0
        return taken_db - own_gain_db(rendered, current.item.id)

    def figures(self) -> list[Figure]:
        """C11; the longest time is 0 where all was at its level."""
        longest = self._longest
        if longest.value == SILENCE_DB:
            longest.see(0.0, 0.0)
        return [longest.figure("C11", "longest time that the sound was 3 dB below its level", "s")]
