"""The sleep timer: what ends a session, as a frozen value and what can be asked of it. Pure; any thread.

The end is an absolute moment on the boot clock, so it depends on neither tracks nor pauses nor on a wall clock that is
set; a session that starts late simply has its timer started in the past, and ends when it was planned to. The end is
the moment of silence: the fade lies before it. Whatever the timer says, a session has a last moment that nothing moves:
whoever switches the timer off and leaves does not get a week of rain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from player.core.clock import elapsed_s
from player.core.settings.session import MAX_TIMER_S, TimerMode, TimerSetting
from player.session.schedule.planner import next_moment

SHORTEST_S: Final = 1.0
"""Minimum seconds of a timer; one that is shortened to less ends now."""
UNKNOWN_TIME_S: Final = 45 * 60.0
"""Seconds that ``until 06:30`` is assumed to last while the clock is not set."""


def resolve(setting: TimerSetting, wall: datetime, *, is_trusted: bool) -> TimerSetting:
    """The setting with the length of ``until``, counted from an aware local time; another one is returned as it is.

    While the clock is not set a length is assumed, see `is_assumed`.
    """
    if setting.until is None:
        return setting
    if not is_trusted:
        return replace(setting, duration_s=UNKNOWN_TIME_S)
    left_s = elapsed_s(wall, next_moment(setting.until, wall))
    return replace(setting, duration_s=min(max(left_s, SHORTEST_S), MAX_TIMER_S))


def is_assumed(setting: TimerSetting) -> bool:
    """Whether the length of ``until`` was assumed because the clock was not set."""
    return setting.until is not None and setting.duration_s == UNKNOWN_TIME_S


@dataclass(frozen=True, slots=True)
class SleepTimer:
    """A running sleep timer.

    Attributes:
        mode: what ends the session.
        deadline_boot_s: the moment of silence on the boot clock; in clock mode only, otherwise None.
        fade_from_boot_s: the final fade does not begin before this moment, however long it is meant to be.
        latest_boot_s: silence at the latest, whatever the timer says.
        at_most_boot_s: silence at the latest, by ``timer at-most``.
        asleep_boot_s: silence at the latest, because sleep was detected.
        held_at_s: time since which a pause holds it; None while it runs.
    """

    mode: TimerMode
    deadline_boot_s: float | None = None
    fade_from_boot_s: float = 0.0
    latest_boot_s: float = math.inf
    held_at_s: float | None = None
    at_most_boot_s: float = math.inf
    asleep_boot_s: float = math.inf

    def __post_init__(self) -> None:
        assert (self.mode is TimerMode.CLOCK) == (self.deadline_boot_s is not None), self

    @classmethod
    def start(cls, setting: TimerSetting, now_s: float, latest_boot_s: float = math.inf) -> SleepTimer:
        """The timer that was asked for, counted from ``now_s`` on the boot clock."""
        if setting.duration_s is None:
            assert setting.until is None, "work out the length of until first, by resolve"
            return cls(setting.mode, latest_boot_s=latest_boot_s)
        return cls(setting.mode, now_s + setting.duration_s, now_s, latest_boot_s)

    def extend(self, by_s: float, now_s: float) -> SleepTimer:
        """Move the silence later, or earlier when negative; never into the past and never more than 24 hours from now.

        Without a deadline (off, end of track) an extension sets one, counted from now; there is nothing to shorten, so
        a negative one changes nothing. A level that is being kept (see `refade`) is kept for half of what then remains.
        """
        if self.own_end_s is None and by_s <= 0.0:
            return self
        left_s = (self._own_left_s(now_s) or 0.0) + by_s
        left_s = min(left_s, MAX_TIMER_S) if left_s >= SHORTEST_S else 0.0
        held_at_s = None if self.held_at_s is None else now_s
        extended = SleepTimer(TimerMode.CLOCK, now_s + left_s, now_s, self.latest_boot_s, held_at_s)
        return extended.refade(now_s) if self.fade_from_boot_s > now_s else extended

    def refade(self, now_s: float) -> SleepTimer:
        """After a volume command during the fade: keep the level for half of what remains, then fade; the end stays."""
        left_s = self.remaining_s(now_s)
        return self if left_s is None else replace(self, fade_from_boot_s=now_s + left_s / 2)

    def at_most(self, left_s: float, now_s: float, *, is_asleep: bool = False) -> SleepTimer:
        """Silence within a number of seconds, or sooner where that is planned; the timer never becomes longer.

        With ``is_asleep`` it comes from detected sleep and can be cancelled by `awake`.
        """
        end_s = (now_s if self.held_at_s is None else self.held_at_s) + left_s
        if is_asleep:
            shorter = replace(self, asleep_boot_s=min(self.asleep_boot_s, end_s))
        elif self.mode is TimerMode.OFF:
            shorter = replace(self, mode=TimerMode.CLOCK, deadline_boot_s=end_s)
        else:
            shorter = replace(self, at_most_boot_s=min(self.at_most_boot_s, end_s))
        kept_until_s = shorter.refade(now_s).fade_from_boot_s
        return replace(shorter, fade_from_boot_s=min(self.fade_from_boot_s, kept_until_s))

    def awake(self) -> SleepTimer:
        """Cancel the end of detected sleep: the end is again the one that was set."""
        return replace(self, asleep_boot_s=math.inf)

    def hold(self, now_s: float) -> SleepTimer:
        """Hold the timer, except its latest moment."""
        return self if self.own_end_s is None or self.held_at_s is not None else replace(self, held_at_s=now_s)

    def release(self, now_s: float) -> SleepTimer:
        """Let the timer continue with what was left."""
        if self.held_at_s is None:
            return self
        by_s = now_s - self.held_at_s
        return replace(
            self,
            deadline_boot_s=None if self.deadline_boot_s is None else self.deadline_boot_s + by_s,
            fade_from_boot_s=self.fade_from_boot_s + by_s,
            held_at_s=None,
            at_most_boot_s=self.at_most_boot_s + by_s,
            asleep_boot_s=self.asleep_boot_s + by_s,
        )

    @property
    def own_end_s(self) -> float | None:
        """The end without the latest moment and without a hold; None without one."""
        own_s = math.inf if self.deadline_boot_s is None else self.deadline_boot_s
        end_s = min(own_s, self.at_most_boot_s, self.asleep_boot_s)
        return None if math.isinf(end_s) else end_s

    @property
    def has_end(self) -> bool:
        """Whether a command or detected sleep has set a moment at which it ends."""
        return self.own_end_s is not None

    @property
    def is_last_moment(self) -> bool:
        """Whether the maximum length of a session ends it, and not the timer."""
        return self.own_end_s is None or self.latest_boot_s < self.own_end_s

    def fade_starts_at(self, fade_out_s: float, now_s: float) -> float | None:
        """When a fade of this length begins, on the boot clock; None where nothing sets an end.

        A fade longer than the timer is clamped to it: it then begins with the timer.
        """
        own_s = math.inf if self.own_end_s is None else self.own_end_s
        if self.held_at_s is not None:
            own_s += now_s - self.held_at_s
        end_s = min(own_s, self.latest_boot_s)
        return None if math.isinf(end_s) else min(end_s, max(end_s - fade_out_s, self.fade_from_boot_s))

    def is_fade_due(self, fade_out_s: float, now_s: float) -> bool:
        """Whether a fade of this length should have begun."""
        starts_s = self.fade_starts_at(fade_out_s, now_s)
        return starts_s is not None and now_s >= starts_s

    def remaining_s(self, now_s: float) -> float | None:
        """Seconds until silence, 0 once it is due; None where nothing sets an end."""
        own_s = self._own_left_s(now_s)
        left_s = min(math.inf if own_s is None else own_s, self.latest_boot_s - now_s)
        return None if math.isinf(left_s) else max(0.0, left_s)

    def is_due(self, now_s: float) -> bool:
        """Whether it should be silent now."""
        return self.remaining_s(now_s) == 0.0

    def _own_left_s(self, now_s: float) -> float | None:
        """What is left of the time that was set."""
        end_s = self.own_end_s
        return None if end_s is None else max(0.0, end_s - (now_s if self.held_at_s is None else self.held_at_s))
