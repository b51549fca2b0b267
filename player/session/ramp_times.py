"""How long the way from one level to another takes. Pure, standard library, main thread."""

from __future__ import annotations

from typing import Final

from player.core.limits import FADE_DEPTH_DB, SHORTEST_RISE_S
from player.core.units import SILENCE_DB

FALL_DB_PER_S: Final = 20.0
"""A volume command lowers the level no faster: gentle, and soon enough."""
GLIDE_DB_PER_S: Final = 0.1
"""A level that nobody asked to be lowered sinks as slowly as the default fade-out: 10 dB take 100 s."""
GLIDE_S: Final = 60.0
"""The shortest such way."""


def way_s(from_db: float, to_db: float, rise_db_per_s: float) -> float:
    """The way of a volume command: up at a person's rate, down at ours."""
    if to_db == SILENCE_DB:
        return FADE_DEPTH_DB / FALL_DB_PER_S
    start_db = max(from_db, to_db - FADE_DEPTH_DB)
    return abs(to_db - start_db) / (rise_db_per_s if to_db > start_db else FALL_DB_PER_S)


def glide_s(from_db: float, to_db: float) -> float:
    """A way that nobody notices, to silence too."""
    return max(GLIDE_S, min(from_db - to_db, FADE_DEPTH_DB) / GLIDE_DB_PER_S)


def fit_s(fade_in_s: float, left_s: float | None, part: float) -> float:
    """A fade-in takes at most that part of the session, and never less than its way at 6 dB/s."""
    return fade_in_s if left_s is None else max(SHORTEST_RISE_S, min(fade_in_s, part * left_s))
