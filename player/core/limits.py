"""The built-in limits of the never-startle contract; a config may only tighten them.

Each number is a clause of docs/never-startle.md. They are constants, not options, so that no file and no message can
make the speaker louder or faster than this.
"""

from __future__ import annotations

from typing import Final

MAX_RISE_DB_PER_S: Final = 6.0
"""C2: the fastest rise that the player itself may make."""

FADE_DEPTH_DB: Final = 60.0
"""C2: a rise starts this far below the level it belongs to; beyond that lies silence."""

FALL_DEPTH_DB: Final = 66.0
"""C2: a fall ends so far below; with 60 the last milliseconds before silence would stand a little above -60 dB."""

CEILING_DBTP: Final = -1.0
"""C4: no true peak above this reaches the device."""

MAX_PLAYLIST_GAIN_DB: Final = 6.0
"""The most that a playlist may ask for."""
MAX_GAIN_DB: Final = 20.0
"""C6: no gain that is applied to a track exceeds this."""

FAULT_LEVEL: Final = 4.0
"""C5: a sample beyond +12 dBFS is no music but a broken decoder; legitimate overs stay below +6 dBFS."""

STOP_NOW_S: Final = 0.5
"""The shortest fade of a stop; shorter is a cut, and a cut is heard."""

SHORTEST_RISE_S: Final = FADE_DEPTH_DB / MAX_RISE_DB_PER_S
"""A rise from silence takes at least this long."""
