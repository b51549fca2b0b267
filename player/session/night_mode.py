"""What tightens while somebody falls asleep: the guard becomes strict, and the cap of the night comes into force.

Main thread, standard library, pure. Both depend on the time since the session began, so they may be asked at any
moment, and a reload counts at once; and they come sooner when somebody was noticed to be asleep (`fall_asleep`). A
session that was caught up with counts from when it should have begun: the sleeper did not wait for it.
"""

from __future__ import annotations

import math

from player.core.engine_orders import SetGuard
from player.core.settings.safety import GuardMode
from player.core.settings.session import Settings
from player.core.units import format_duration
from player.session.outcome import Outcome


class NightMode:
    """Watches the time of one session.

    Args:
        settings: what is in force; a reload puts others in their place.
        began_s: when the session began, on the boot clock.
        is_morning: it ends a night: people are asleep from its beginning, and it shall wake them. So the guard is
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
        """Somebody was noticed to be asleep: all that tightens later tightens now."""
        if self._asleep_s is None:
            self._asleep_s = now_s
        self._stays_strict = True

    def wake_up(self) -> None:
        """Nobody is asleep after all. The cap and the taper come when they would have; the guard stays strict."""
        self._asleep_s = None

    def restore(self, asleep_s: float | None, now_s: float, *, is_strict: bool) -> None:
        """An interrupted session: for how long somebody was noticed to be asleep, and whether the guard was strict."""
        self._asleep_s = None if asleep_s is None else now_s - asleep_s
        self._stays_strict = is_strict or self._is_morning

    @property
    def is_asleep(self) -> bool:
        """Whether somebody was noticed to be asleep."""
        return self._asleep_s is not None

    def asleep_s(self, now_s: float) -> float | None:
        """For how long somebody was noticed to be asleep; None where nobody was."""
        return None if self._asleep_s is None else now_s - self._asleep_s

    def volume_max(self, now_s: float) -> int:
        """The cap in force: of the night once it has come, otherwise the hard one."""
        night_max = self._night_max(now_s)
        return self.settings.volume.max if night_max is None else night_max

    @property
    def since_s(self) -> float:
        """When somebody is taken to be asleep, on the boot clock."""
        since_s = math.inf if self._is_morning else self._began_s + self.settings.guard.asleep_after_s
        return since_s if self._asleep_s is None else min(since_s, self._asleep_s)

    def is_strict(self, now_s: float) -> bool:
        """Whether the guard holds down whatever stands out by more than 6 dB, instead of 8."""
        guard = self.settings.guard
        return guard.mode is GuardMode.STRICT or self._stays_strict or now_s >= self.since_s

    def due_s(self) -> list[float]:
        """The instants at which something tightens, those that have passed included."""
        night_cap = self.settings.volume.night_cap
        after = [self.settings.guard.asleep_after_s] if night_cap is None else [
            self.settings.guard.asleep_after_s, night_cap.after_s,
        ]  # fmt: skip
        return [self._began_s + after_s for after_s in after]

    def tick(self, now_s: float, out: Outcome) -> None:
        """Order the guard that is due, and tell of the cap when it has come."""
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
