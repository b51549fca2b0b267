"""Tapering: the level sinks slowly while somebody sleeps. Main thread, standard library, pure.

It begins when the sleeper is taken to be asleep and goes by single points of the volume, half a decibel each, so that
each step is an ordinary change of level. Whoever sets a level goes on from that one.
"""

from __future__ import annotations

from player.core.settings.safety import Taper
from player.core.settings.session import Phase, Settings
from player.core.units import volume_to_db
from player.session.night_mode import NightMode


def sunk(volume: int, taper: Taper | None, for_s: float) -> int:
    """The lowest level to which tapering may have brought a volume in that time; the first point may be due at once."""
    if taper is None:
        return volume
    while volume > taper.floor and for_s > 0.0:
        for_s -= _point_s(volume, taper)
        volume -= 1
    return volume


def taper_of(phase: Phase | None, settings: Settings) -> Taper | None:
    """How the volume sinks in a phase: its own way, otherwise that of the settings."""
    if phase is not None and phase.has_no_taper:
        return None
    return settings.session.taper if phase is None or phase.taper is None else phase.taper


def _point_s(volume: int, taper: Taper) -> float:
    point_db = volume_to_db(volume) - volume_to_db(volume - 1) if volume > 1 else 0.5
    return point_db / taper.db_per_h * 3600.0


class TaperProgress:
    """When the next point is due.

    Args:
        settings: what is in force; a reload puts others in their place.
        asleep: knows since when somebody sleeps.
        now_s: when the level was set; what sank before a restart is in it already.
    """

    def __init__(self, settings: Settings, asleep: NightMode, now_s: float) -> None:
        self.settings = settings
        self._night_mode = asleep
        self._last_s = now_s
        self.phase: Phase | None = None
        """The present phase, which may taper in its own way; None in the first one."""

    @property
    def _taper(self) -> Taper | None:
        return taper_of(self.phase, self.settings)

    def due_s(self, volume: int) -> float | None:
        """The instant of the next point; None where it does not sink, or stands at the floor."""
        taper = self._taper
        if taper is None or volume <= taper.floor:
            return None
        begins_s = max(self._night_mode.since_s, self._last_s)
        return begins_s + _point_s(volume, taper)

    def tick(self, volume: int, now_s: float) -> int:
        """The volume that is due now: one point less, or the same."""
        due_s = self.due_s(volume)
        if due_s is None or now_s < due_s:
            return volume
        self._last_s = due_s
        return volume - 1

    def restart(self, now_s: float) -> None:
        """A person set a level: it sinks from there, from now on."""
        self._last_s = now_s
