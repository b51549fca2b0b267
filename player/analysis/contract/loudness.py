"""C1 and C3 on a stream: startle events, and M and S against the target at the volume of the moment.

Runs on the thread that renders. K-weighted hop powers come from a meter of its own; M and S are their plain means over
400 ms and 3 s, which is how BS.1770 has them, every 10 ms. What counts as the volume is the highest of the window, as a
fall of the volume does not make louder what was heard before it.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from player.analysis.contract.figures import Figure, Levels, Powers, Violations, Volume, Worst
from player.audio.dsp.hearing import HOP_FRAMES, HOP_S
from player.audio.dsp.startle import ROOM_BELOW_CALM_DB, Judge, Onset
from player.audio.dsp.tap import LATE_FRAMES
from player.audio.dsp.types import Block, MakePowerMeter
from player.core.measurement import MOMENTARY_ROOM_LU, SHORT_TERM_ROOM_LU
from player.core.units import SILENCE_DB

MOMENTARY_HOPS: Final = round(0.4 / HOP_S)
SHORT_TERM_HOPS: Final = round(3.0 / HOP_S)
EVERY_HOPS: Final = 2
LATE_HOPS: Final = LATE_FRAMES // HOP_FRAMES
"""Hops by which the volume is known earlier than it is heard."""
_EMPTY: Final = 1e-20


class LoudnessClauses:
    """Judges one stream.

    Args:
        make_power_meter: makes its meter.
        target_lufs: at full volume.

    Attributes:
        startles: startle events and bursts.
        worst_startle_db: how far the worst one stood over the familiar level or, if that is nearer, the background.
    """

    def __init__(self, make_power_meter: MakePowerMeter, target_lufs: float) -> None:
        self.startles = Violations()
        self.worst_startle_db = 0.0
        self._meter = make_power_meter(HOP_FRAMES)
        self._judge = Judge(target_lufs - ROOM_BELOW_CALM_DB)
        self._target_lufs = target_lufs
        self._past = np.zeros(SHORT_TERM_HOPS)
        self._volumes = deque([SILENCE_DB], 1)
        self._momentary = Worst(target_lufs + MOMENTARY_ROOM_LU, 1e-6)
        self._short_term = Worst(target_lufs + SHORT_TERM_ROOM_LU, 1e-6)

    def push(self, block: Block, volume: Volume, at_s: float) -> Levels:
        """One more block, finite, shape (n * 240, 2)."""
        powers = self._meter.powers(block)
        hops = np.array(powers, np.float64)
        self._judge.move_floor(self._target_lufs - ROOM_BELOW_CALM_DB + volume.room_db)
        push = self._judge.push
        found = tuple(onset for power in powers for onset in push(power) if onset.is_startle)
        for onset in found:
            self._take(onset)
        past = np.concatenate((self._past, hops))
        self._past = past[len(hops) :]
        sums = np.concatenate(([0.0], np.cumsum(past)))
        ends = np.arange(len(past) - len(hops) + EVERY_HOPS, len(past) + 1, EVERY_HOPS)
        momentary, short_term = _means(sums, ends, MOMENTARY_HOPS), _means(sums, ends, SHORT_TERM_HOPS)
        loudest, is_over = self._see(momentary, short_term, volume, at_s)
        return Levels(hops, momentary, short_term, found, is_over, loudest)

    def _take(self, onset: Onset) -> None:
        self.startles.add(onset.at_s)
        self.worst_startle_db = max(self.worst_startle_db, min(onset.over_familiar_db, onset.over_background_db))

    def _see(
        self, momentary: Powers, short_term: Powers, volume: Volume, at_s: float
    ) -> tuple[tuple[float, float], bool]:
        """The loudest M and S at the highest volume of their windows, and whether one is too far over the target."""
        few, many = self._blocks(len(momentary))
        if self._volumes.maxlen != many:
            self._volumes = deque(self._volumes, many)
        self._volumes.append(volume.full_db)
        recent = list(self._volumes)
        fulls = (max(recent[-few:]), max(recent))
        levels: list[float] = []
        is_over = False
        for powers, full_db, worst in zip(
            (momentary, short_term), fulls, (self._momentary, self._short_term), strict=True
        ):
            if full_db == SILENCE_DB:
                levels.append(SILENCE_DB)
                continue
            loudest = int(np.argmax(powers))
            level = 10.0 * float(np.log10(powers[loudest])) - 0.691 - full_db
            when_s = at_s + (loudest + 1) * EVERY_HOPS * HOP_S
            levels.append(level)
            worst.see(level, when_s)
            is_over = is_over or level > worst.limit
        return (levels[0], levels[1]), is_over

    @staticmethod
    def _blocks(count: int) -> tuple[int, int]:
        """How many blocks like this one the windows of M and S reach into, with what the chain holds back."""
        hops = max(1, count * EVERY_HOPS)
        return -(-(MOMENTARY_HOPS + LATE_HOPS) // hops) + 1, -(-(SHORT_TERM_HOPS + LATE_HOPS) // hops) + 1

    def finish(self) -> tuple[Onset, ...]:
        """Startle events that were still under way."""
        found = tuple(onset for onset in self._judge.finish() if onset.is_startle)
        for onset in found:
            self._take(onset)
        return found

    def figures(self) -> tuple[Figure, Figure]:
        """C3."""
        return (
            self._momentary.figure("C3", "loudest 400 ms, at full volume", "LUFS"),
            self._short_term.figure("C3", "loudest 3 s, at full volume", "LUFS"),
        )


def _means(sums: Powers, ends: npt.NDArray[np.int64], window: int) -> Powers:
    """The mean over the window before each end, from running sums."""
    means: Powers = np.maximum(sums[ends] - sums[ends - window], _EMPTY) / window
    return means
