"""What a plan lowers, for people to be told: where, for how long, and by how much. Pure, on any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from player.audio.dsp.leveller import PlannedGain
from player.audio.dsp.octaves import BAND_S

TOLD_DB: Final = 1.0
"""Less is not heard, and not told."""
APART_S: Final = 1.0
"""What is lowered so soon after something else belongs to it."""


@dataclass(frozen=True, slots=True)
class Lowered:
    """A stretch that is lowered.

    Attributes:
        at_s: where in the track.
        duration_s: from the first to the last moment that is lowered by 1 dB or more.
        lowered_db: the most by which it is.
    """

    at_s: float
    duration_s: float
    lowered_db: float


def lowered_stretches(plan: bytes) -> tuple[Lowered, ...]:
    """All that a plan (`player.core.measurement.Measured.plan`) lowers by 1 dB or more, in order."""
    lowered_db = PlannedGain(plan).lowered_db
    hops = np.flatnonzero(lowered_db >= TOLD_DB)
    if not len(hops):
        return ()
    parts = np.split(hops, np.flatnonzero(np.diff(hops) > APART_S / BAND_S) + 1)
    return tuple(
        Lowered(
            at_s=round(float(part[0]) * BAND_S, 2),
            duration_s=round(float(part[-1] - part[0] + 1) * BAND_S, 2),
            lowered_db=float(lowered_db[part].max()),
        )
        for part in parts
    )
