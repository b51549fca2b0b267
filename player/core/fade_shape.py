"""How a long fade divides its time: most of it for what can be heard. Pure, standard library, any thread.

30 dB below a level that fits a bedroom the room is louder. A fade that is straight all the way to -66 dB is below it
after less than half of its time. So a long fade-out spends all but its last 15 s on the first 30 dB, and a long fade-in
has the first 30 dB behind it after 5 s, which is C2's 6 dB/s.
"""

from __future__ import annotations

from typing import Final

from player.core.limits import FADE_DEPTH_DB, FALL_DEPTH_DB, MAX_RISE_DB_PER_S

HEARD_DB: Final = 30.0
"""So much of a fade can be heard."""
LAST_PART_S: Final = 15.0
"""The rest of a long fade-out takes so long; a fade of twice that is straight."""
FIRST_PART_S: Final = (FADE_DEPTH_DB - HEARD_DB) / MAX_RISE_DB_PER_S
"""The first, unheard part of a long fade-in."""


def is_long_fall(over_s: float) -> bool:
    """Whether a fade to silence has a last part of its own."""
    return over_s > 2 * LAST_PART_S


def fallen_db(part: float, over_s: float) -> float:
    """How far a fade of so many seconds to silence has fallen when this part of it (0 to 1) is over."""
    if not is_long_fall(over_s):
        return FALL_DEPTH_DB * part
    left_s = (1.0 - part) * over_s
    if left_s < LAST_PART_S:
        return FALL_DEPTH_DB - (FALL_DEPTH_DB - HEARD_DB) * left_s / LAST_PART_S
    return HEARD_DB * part * over_s / (over_s - LAST_PART_S)
