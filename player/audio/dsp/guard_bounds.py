"""Limits of the guard: by how much a sound may stand out; and the volumes that the guard gets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from player.audio.dsp.hearing import CHUNK_HOPS, FAST_KEEP, HOP_S
from player.core.limits import MAX_RISE_DB_PER_S

FAMILIAR_ROOM: Final[float] = 10.0**0.27
"""2.7 dB over the familiar level passes at once; the limit of the contract is 3 dB."""
NOTICED: Final[float] = 10.0**0.3
"""3 dB."""
SUDDEN: Final[float] = 10.0**0.7
"""7 dB: more than that over B and over the last 250 ms is sudden; the limit of C1b is 10 dB."""
GENTLE: Final[float] = 10.0**0.8
STRICT: Final[float] = 10.0**0.6
GENTLE_RATE: Final[float] = 10.0 ** (5.0 * HOP_S / 10.0)
STRICT_RATE: Final[float] = 10.0 ** (3.0 * HOP_S / 10.0)
"""5 dB/s, 3 if strict: how fast a level may emerge, and H is followed (otherwise H would rise in 2.7 dB steps)."""
FREE_RISE: Final[float] = 10.0 ** (MAX_RISE_DB_PER_S * HOP_S / 10.0)
"""6 dB/s per hop: all of the rise rate, which is available while the ramp does not rise."""
BURST_ROOM: Final[float] = 10.0**1.4
CREST: Final[float] = 10.0**1.5
APPROACH_KEEP: Final = FAST_KEEP ** round(0.125 / HOP_S)
"""An unfamiliar power may bring E to its bound in 125 ms; at once would be steeper than in the input."""
LET_DOWN: Final[float] = 10.0 ** (-20.0 * HOP_S / 10.0)
LET_DOWN_CHUNK: Final[float] = LET_DOWN**CHUNK_HOPS
RETURN: Final = 1.0 - math.exp(-HOP_S / 0.040)
UNHEARD: Final = 0.8
"""1 dB below E; with a smaller distance a steady tone would be lowered and come back."""
LET_IN: Final = 1.4
"""1.5 dB. With 1.15 dB, whispers after a lowered word are lowered for more than 1 % of the time, the limit of C9."""
FLOOR: Final[float] = 10.0**-1.8
"""18 dB below calm: 6 dB below the floor of the contract, because calm material may be below the target."""
HABITUAL: Final[float] = 10.0**-0.6
"""Words and taps reach 6 dB above the calm level of their recording."""
C3_MARGIN_LU: Final = 0.3
"""M and S are kept in steps of 50 ms; a measurement at other instants may be higher by this."""
CALM_SHARE: Final = 0.1
"""Share of what M and S have left that a calm chunk may take."""
LOWEST: Final = 1e-9
"""-90 dB: the lowest power gain, so that its logarithm exists; with it even full scale is inaudible."""
FAMILIAR_HOP: Final = 1.26
"""1 dB: a hop at most this much above the familiar power of hops may use all that the 50 ms box leaves."""
BOX_OVER_FAST: Final[float] = 10.0**0.6
HOP_OVER_FAST: Final[float] = 10.0**1.6
PEAK_OVER_FAST: Final[float] = 10.0**3.0
"""For a tap of a few milliseconds the 50 ms mean is up to 6 dB above the fast level, a hop 16 dB, a sample 30 dB."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """The volumes of the next hops: power gains, one per hop.

    Attributes:
        full: the volume that C3 counts as full: that of the ramp, or of its target if that is higher.
        low: the lowest since silence; the floor depends on it.
        left: the factor by which the gain of the guard may rise: what the ramp leaves of 6 dB/s.
    """

    full: Sequence[float]
    low: Sequence[float]
    left: Sequence[float]

    def are_steady_from(self, at: int) -> bool:
        """Whether `full` and `low` are constant from hop ``at`` on."""
        full, low = self.full[at:], self.low[at:]
        return full.count(full[0]) == len(full) and low.count(low[0]) == len(low)
