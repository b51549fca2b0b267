"""The stricter limits of a night: the guard becomes strict, and the cap of the night comes into force.

Main thread, standard library, pure. Both depend only on the time since the session began, so they can be asked at any
moment, and a reload takes effect at once; and they come sooner when sleep was detected (`fall_asleep`). A
session that started late counts from its planned start: the sleeper did not wait for it.

Tapering: the level sinks slowly while somebody sleeps. It begins when the sleeper is assumed to be asleep and goes by
single points of the volume, half a decibel each, so that each step is an ordinary change of level. From a level
that is set by command it continues.
"""

from __future__ import annotations

import math

from player.core.engine_orders import SetGuard
from player.core.settings.safety import GuardMode, Taper
from player.core.settings.session import Phase, Settings
from player.core.units import format_duration, volume_to_db
from player.session.outcome import Outcome


class NightMode:
    """The strictness of one session over time.

    Args:
        settings: the present settings; a reload replaces them.
        began_s: when the session began, on the boot clock.
        is_morning: it ends a night: people are asleep at its beginning, and it is meant to wake them. So the guard is
            strict, and neither cap nor taper comes with the time.
    """

    def __init__(self, settings: Settings, began_s: float, *, is_morning: bool = False) -> None:
        self.settings = settings
        self._began_s = began_s
        self._ordered: SetGuard | None = None
        self._told_max: int | None = None
        self._asleep_s: float | None = None
        self._is_morning = is_morning
        self._stays_strict = is_morning

    def fall_asleep(self, now_s: float) -> None:
        """Sleep was detected: apply now what would become stricter later."""
        if self._asleep_s is None:
            self._asleep_s = now_s
        self._stays_strict = True

    def wake_up(self) -> None:
        """Cancel `fall_asleep`. The cap and the taper come at their usual time; the guard stays strict."""
        self._asleep_s = None

    def restore(self, asleep_s: float | None, now_s: float, *, is_strict: bool) -> None:
        """Restore an interrupted session: seconds since sleep was detected, and whether the guard was strict."""
        self._asleep_s = None if asleep_s is None else now_s - asleep_s
        self._stays_strict = is_strict or self._is_morning

    @property
    def is_asleep(self) -> bool:
        """Whether sleep was detected."""
        return self._asleep_s is not None

    def asleep_s(self, now_s: float) -> float | None:
        """Seconds since sleep was detected; None where it was not."""
        return None if self._asleep_s is None else now_s - self._asleep_s

    def volume_max(self, now_s: float) -> int:
        """The cap in force: that of the night once it applies, otherwise the hard maximum."""
        night_max = self._night_max(now_s)
        return self.settings.volume.max if night_max is None else night_max

    @property
    def since_s(self) -> float:
        """Time from which the sleeper is assumed to be asleep, on the boot clock."""
        since_s = math.inf if self._is_morning else self._began_s + self.settings.guard.asleep_after_s
        return since_s if self._asleep_s is None else min(since_s, self._asleep_s)

    def is_strict(self, now_s: float) -> bool:
        """Whether the guard lowers whatever stands out by more than 6 dB, instead of 8."""
        guard = self.settings.guard
        return guard.mode is GuardMode.STRICT or self._stays_strict or now_s >= self.since_s

    def due_s(self) -> list[float]:
        """The times at which something becomes stricter, including past ones."""
        night_cap = self.settings.volume.night_cap
        after = [self.settings.guard.asleep_after_s] if night_cap is None else [
            self.settings.guard.asleep_after_s, night_cap.after_s,
        ]  # fmt: skip
        return [self._began_s + after_s for after_s in after]

    def tick(self, now_s: float, out: Outcome) -> None:
        """Order the strict guard when it is due, and announce the cap when it applies."""
        guard = SetGuard(self.is_strict(now_s))
        if guard != self._ordered:
            self._ordered = guard
            out.order(guard)
        night_max = self._night_max(now_s)
        if night_max is not None and night_max != self._told_max:
            asleep = format_duration(now_s - self._began_s)
            out.announce(
                "volume_capped", f"volume at most {night_max} from now on, {asleep} into the night", max=night_max
            )
        self._told_max = night_max

    def _night_max(self, now_s: float) -> int | None:
        night_cap = self.settings.volume.night_cap
        if night_cap is None or self._is_morning or not (self.is_asleep or now_s >= self._began_s + night_cap.after_s):
            return None
        return night_cap.max


def sunk(volume: int, taper: Taper | None, for_s: float) -> int:
    """The lowest volume that tapering can have reached in that time; the first point may be due at once."""
    if taper is None:
        return volume
    while volume > taper.floor and for_s > 0.0:
        for_s -= _point_s(volume, taper)
        volume -= 1
    return volume


def taper_of(phase: Phase | None, settings: Settings) -> Taper | None:
    """The taper of a phase: its own, otherwise that of the settings."""
    if phase is not None and phase.has_no_taper:
        return None
    return settings.session.taper if phase is None or phase.taper is None else phase.taper


def _point_s(volume: int, taper: Taper) -> float:
    point_db = volume_to_db(volume) - volume_to_db(volume - 1) if volume > 1 else 0.5
    return point_db / taper.db_per_h * 3600.0


class TaperProgress:
    """Computes when the next point is due.

    Args:
        settings: the present settings; a reload replaces them.
        asleep: tells since when somebody sleeps.
        now_s: when the level was set; it includes what sank before a restart.
    """

    def __init__(self, settings: Settings, asleep: NightMode, now_s: float) -> None:
        self.settings = settings
        self._night_mode = asleep
        self._last_s = now_s
        self.phase: Phase | None = None
        """The present phase, which may have its own taper; None in the first one."""

    @property
    def _taper(self) -> Taper | None:
        return taper_of(self.phase, self.settings)

    def due_s(self, volume: int) -> float | None:
        """The time of the next point; None without a taper, or at the floor."""
        taper = self._taper
        if taper is None or volume <= taper.floor:
            return None
        begins_s = max(self._night_mode.since_s, self._last_s)
        return begins_s + _point_s(volume, taper)

    def tick(self, volume: int, now_s: float) -> int:
        """The volume that is due now: one point less, or unchanged."""
        due_s = self.due_s(volume)
        if due_s is None or now_s < due_s:
            return volume
        self._last_s = due_s
        return volume - 1

    def restart(self, now_s: float) -> None:
        """Restart the taper from a level that was set by command."""
        self._last_s = now_s
