"""The volume of one session: where it is, where it moves to, and the orders for that.

Main thread, standard library, pure. Each order is a ramp from wherever the output stands to the person's level;
`player.session.session` says when, and orders the ways to silence. How long a way takes
is here too.
"""

from __future__ import annotations

from typing import Final

from player.core.engine_orders import RampTo
from player.core.limits import FADE_DEPTH_DB, SHORTEST_RISE_S
from player.core.settings.safety import FadeSettings
from player.core.units import SILENCE_DB, volume_to_db
from player.session.outcome import Outcome

FALL_DB_PER_S: Final = 20.0
"""Maximum rate in dB/s at which a volume command lowers the level."""
GLIDE_DB_PER_S: Final = 0.1
"""Rate in dB/s of a level that sinks without a command, as slow as the default fade-out: 10 dB take 100 s."""
GLIDE_S: Final = 60.0
"""Minimum seconds of such a ramp."""


def way_s(from_db: float, to_db: float, rise_db_per_s: float) -> float:
    """Seconds of a volume command's ramp: the configured rate upwards, a fixed rate downwards."""
    if to_db == SILENCE_DB:
        return FADE_DEPTH_DB / FALL_DB_PER_S
    start_db = max(from_db, to_db - FADE_DEPTH_DB)
    return abs(to_db - start_db) / (rise_db_per_s if to_db > start_db else FALL_DB_PER_S)


def glide_s(from_db: float, to_db: float) -> float:
    """Seconds of a ramp that is slow enough not to be noticed, also to silence."""
    return max(GLIDE_S, min(from_db - to_db, FADE_DEPTH_DB) / GLIDE_DB_PER_S)


def fit_s(fade_in_s: float, left_s: float | None, part: float) -> float:
    """A fade-in takes at most that part of the session, and at least its time at 6 dB/s."""
    return fade_in_s if left_s is None else max(SHORTEST_RISE_S, min(fade_in_s, part * left_s))


OWN_RISE_MARGIN_S: Final = 2.0
"""Seconds within which an order is carried out and a reduction by the guard is reported."""
LATE_S: Final = 1.0
"""Maximum age in seconds of the last reported level."""


class VolumeRamp:
    """The level of one session.

    Args:
        volume: the person's level, 0-100.
        fades: the rates; a reload puts others in their place.

    Attributes:
        volume: never above the cap in force; the session sees to that.
        db: the last reported level of the output.
        going_to: the volume that a running ramp moves to, None without a ramp.
        _own_rise_until_s: reductions by the guard until then may be caused by an ordered rise; always valid.
        arrives_s: when the latest ramp to the set volume is over; always valid.
    """

    def __init__(self, volume: int, fades: FadeSettings) -> None:
        self.volume = volume
        self.fades = fades
        self.db = SILENCE_DB
        self.going_to: int | None = None
        self._own_rise_until_s = 0.0
        self.arrives_s = 0.0

    @property
    def target_db(self) -> float:
        """The set volume in dB."""
        return volume_to_db(self.volume)

    def go(self, over_s: float, now_s: float, out: Outcome) -> None:
        """Move to the set volume."""
        self.going_to = self.volume
        self.arrives_s = now_s + over_s
        if self.target_db > self.db:
            self._own_rise_until_s = now_s + min(over_s, SHORTEST_RISE_S) + OWN_RISE_MARGIN_S
        out.order(RampTo(self.target_db, over_s))

    def has_arrived(self, target_db: float) -> None:
        """Note that a ramp is over."""
        if target_db == self.target_db:
            self.going_to = None

    def rise_left_s(self, now_s: float) -> float:
        """Seconds until a rise arrives at the set volume; 0 where none is under way."""
        return max(0.0, self.arrives_s - now_s) if self.target_db > self.db else 0.0

    def is_own_rise(self, began_s: float) -> bool:
        """Whether a reduction by the guard from that moment on may be caused by an ordered rise."""
        return began_s <= self._own_rise_until_s

    def falls_faster(self, db_per_s: float, within_s: float, now_s: float) -> bool:
        """Whether the level still falls to the set volume, faster than that rate, and arrives within that time."""
        left_s = self.arrives_s - now_s
        is_to_silence = self.target_db == SILENCE_DB  # from any level: it may have risen since it was reported
        return 0.0 < left_s < within_s and (is_to_silence or self.db - self.target_db > db_per_s * left_s)

    @property
    def way_s(self) -> float:
        """Seconds from the present level to the set volume, at the rates for volume commands."""
        return way_s(self.db, self.target_db, self.fades.volume_db_per_s)

    @property
    def glide_s(self) -> float:
        """Seconds from the present level down to the set volume, slow enough not to be noticed."""
        return glide_s(self.db, self.target_db)

    def lift(self, volume: int) -> float:
        """Take a higher configured level. Returns the seconds of the ramp, slow enough not to be noticed."""
        self.volume = volume
        return max(GLIDE_S, (self.target_db - max(self.db, self.target_db - FADE_DEPTH_DB)) / GLIDE_DB_PER_S)

    def lower(self, volume: int, now_s: float) -> float:
        """Take a lower level. Returns the seconds of the ramp, so that it is never louder than without it.

        What still rises arrives no sooner than it would have; what falls already goes on falling at that pace.
        """
        before_db, left_s = self.target_db, self.arrives_s - now_s
        self.volume = volume
        if left_s > 0.0 and self.target_db >= self.db:
            return max(left_s, LATE_S)
        if left_s <= 0.0 or before_db >= self.db:
            return self.glide_s
        fall_db = min(self.db - self.target_db, FADE_DEPTH_DB)
        return max(left_s * fall_db / min(self.db - before_db, FADE_DEPTH_DB), fall_db / FALL_DB_PER_S)
