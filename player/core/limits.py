"""The built-in limits of the never-startle contract; a config may only tighten them.

Each number is a clause of docs/never-startle.md. They are constants, not options, so that no file and no message can
make the speaker louder or faster than this.

Below them is how a long fade divides its time. 30 dB below a level that fits a bedroom the room is louder. A fade that
is straight all the way to -66 dB is below it after less than half of its time. So a long fade-out spends all but its
last 15 s on the first 30 dB, and a long fade-in has the first 30 dB behind it after 5 s, which is C2's 6 dB/s.
"""

from __future__ import annotations

from typing import Final

MAX_RISE_DB_PER_S: Final = 6.0
"""C2: the fastest rise that the player itself may make."""

FADE_DEPTH_DB: Final = 60.0
"""C2: a rise starts this far below the level it belongs to; beyond that lies silence."""

FALL_DEPTH_DB: Final = 66.0
"""C2: a fall ends this far below; with 60 the last milliseconds before silence would stand a little above -60 dB."""

CEILING_DBTP: Final = -1.0
"""C4: no true peak above this reaches the device."""

MAX_PLAYLIST_GAIN_DB: Final = 6.0
"""The most that a playlist may ask for."""
MAX_GAIN_DB: Final = 20.0
"""C6: no gain that is applied to a track exceeds this."""

FAULT_LEVEL: Final = 4.0
"""C5: a sample beyond +12 dBFS comes from a broken decoder; legitimate overs stay below +6 dBFS."""

STOP_NOW_S: Final = 0.5
"""The shortest fade of a stop; a shorter one sounds like a cut."""

SHORTEST_RISE_S: Final = FADE_DEPTH_DB / MAX_RISE_DB_PER_S
"""A rise from silence takes at least this long."""


HEARD_DB: Final = 30.0
"""The part of a fade that can be heard, in dB."""
LAST_PART_S: Final = 15.0
"""The last part of a long fade-out, in seconds; a fade of up to twice that is straight."""
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
