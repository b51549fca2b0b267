"""By how much the guard lets a sound stand out, and what it is told of the volume."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from player.audio.dsp.hearing import CHUNK_HOPS, FAST_KEEP, HOP_S
from player.core.limits import MAX_RISE_DB_PER_S

FAMILIAR_ROOM: Final[float] = 10.0**0.27
"""2.7 dB over what is familiar passes at once; 3 dB would be the limit of the contract."""
NOTICED: Final[float] = 10.0**0.3
"""3 dB."""
GENTLE: Final[float] = 10.0**0.8
STRICT: Final[float] = 10.0**0.6
GENTLE_RATE: Final[float] = 10.0 ** (5.0 * HOP_S / 10.0)
STRICT_RATE: Final[float] = 10.0 ** (3.0 * HOP_S / 10.0)
"""5 dB/s, 3 when strict: how fast a level may emerge, and H is followed, or it would come in steps of 2.7 dB."""
FREE_RISE: Final[float] = 10.0 ** (MAX_RISE_DB_PER_S * HOP_S / 10.0)
"""What a ramp that does not rise leaves of the rise rate."""
BURST_ROOM: Final[float] = 10.0**1.4
CREST: Final[float] = 10.0**1.5
APPROACH_KEEP: Final = FAST_KEEP ** round(0.125 / HOP_S)
"""A power that nobody knows yet may bring E to its bound in 125 ms; at once, it would be steeper than it came."""
LET_DOWN: Final[float] = 10.0 ** (-20.0 * HOP_S / 10.0)
LET_DOWN_CHUNK: Final[float] = LET_DOWN**CHUNK_HOPS
RETURN: Final = 1.0 - math.exp(-HOP_S / 0.040)
UNHEARD: Final = 0.8
"""1 dB below E: less would let a steady tone dip and come back."""
LET_IN: Final = 1.4
"""1.5 dB. With 1.15 dB whispers behind a word that was held down are held down for over 1 % of the time, C9's limit."""
FLOOR: Final[float] = 10.0**-1.8
"""18 dB under calm, 6 dB below the floor of the contract, because calm material may lie below the target."""
HABITUAL: Final[float] = 10.0**-0.6
"""Words and taps reach 6 dB over the calm level of their sound."""
C3_MARGIN_LU: Final = 0.3
"""M and S are kept in steps of 50 ms; whoever measures at other instants may find so much more."""
FAMILIAR_HOP: Final = 1.26
"""1 dB: a hop no louder than so over what was heard of hops may use what the 50 ms box leaves for it alone."""
BOX_OVER_FAST: Final[float] = 10.0**0.6
HOP_OVER_FAST: Final[float] = 10.0**1.6
PEAK_OVER_FAST: Final[float] = 10.0**3.0
"""Of a tap of a few milliseconds the 50 ms mean stands up to 6 dB over the fast level, a hop 16 dB, a sample 30."""


@dataclass(frozen=True, slots=True)
class Volumes:
    """What the guard is told of the volume: power gains, one a hop.

    Attributes:
        full: what C3 counts as full level: the ramp's, or its target's if higher.
        low: the lowest since silence; the floor hangs on it.
        left: by how much the guard's own gain may rise, as a factor: what the ramp leaves of 6 dB/s.
    """

    full: Sequence[float]
    low: Sequence[float]
    left: Sequence[float]

    def are_steady_from(self, at: int) -> bool:
        """Whether the volume and its lowest stay what they are from a hop on."""
        full, low = self.full[at:], self.low[at:]
        return full.count(full[0]) == len(full) and low.count(low[0]) == len(low)
