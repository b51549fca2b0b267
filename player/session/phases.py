"""The phases of one night: the present one, what follows, and what each changes. Main thread, pure.

The first phase is what started; each one that follows begins when the sleep timer of the one before has run out, when
its last track ends, or by hand. A phase until a time of day ends at the first such time after the start of the session:
a phase that would begin too late for that is left out, and never lasts until the next day.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from datetime import datetime

from player.core.clock import Now, elapsed_s
from player.core.settings.session import MAX_TIMER_S, Phase, TimerMode, TimerSetting
from player.session.schedule.planner import next_moment
from player.session.sleep_timer import SHORTEST_S, resolve


class PhasePlan:
    """The phases of one session and the present one.

    Args:
        then: all phases after the first.
        began: planned start of the session, on both clocks.
        volume: the configured volume of the present phase.
        default: the sleep timer of phases without one.
        number: of the present phase, from 1.
    """

    def __init__(
        self, then: tuple[Phase, ...], began: Now, volume: int, default: TimerSetting, number: int = 1
    ) -> None:
        self.then = then
        self.default = default
        self.number = number
        self.volume = volume
        self._volume_before = volume
        self._began = began

    @property
    def count(self) -> int:
        """Number of phases of the night."""
        return len(self.then) + 1

    @property
    def current(self) -> Phase | None:
        """The present phase; None in the first one."""
        return None if self.number == 1 else self.then[self.number - 2]

    @property
    def following(self) -> Phase | None:
        """The next phase; None in the last one."""
        return self.then[self.number - 1] if self.number < self.count else None

    def replace_following(self, then: tuple[Phase, ...]) -> None:
        """Replace the phases after the present one."""
        self.then = self.then[: self.number - 1] + then

    def learn_time(self, began: Now) -> None:
        """The clock is set: when the session began."""
        self._began = began

    def is_followed(self, ends_s: float | None) -> bool:
        """Whether another phase begins where the present one ends at that time; None: nobody knows when it ends.

        Not where the end of each that follows has passed by then.
        """
        if self.following is None or ends_s is None:
            return self.following is not None
        return copy.copy(self).enter(ends_s) is not None

    def enter(self, now_s: float) -> tuple[Phase, TimerSetting] | None:
        """Go to the next phase whose end has not passed; None, and the last phase is over, where there is none.

        Returns:
            the phase and its sleep timer, from ``now_s`` on.
        """
        while (phase := self.following) is not None:
            self.number += 1
            if phase.volume is not None:
                self._volume_before, self.volume = self.volume, phase.volume
            timer = self._timer_from(now_s, phase.timer or self.default)
            if timer is not None:
                return phase, timer
        return None

    def enter_what_is_due(
        self, ended_s: float, now_s: float, volume: int, *, may_rise: bool
    ) -> tuple[list[Phase], TimerSetting, float, int] | None:
        """Go to the phase that runs now, where the present one ended at ``ended_s`` at a volume; None: none.

        Returns:
            the phases that have begun since then, of which the last one runs; its sleep timer, when it began, and its
            volume.
        """
        began_s, begun = ended_s, list[Phase]()
        while (found := self.enter(began_s)) is not None:
            phase, timer = found
            begun.append(phase)
            volume = self.level(volume, may_rise=may_rise)
            if timer.duration_s is None or began_s + timer.duration_s > now_s:
                return begun, timer, began_s, volume
            began_s += timer.duration_s
        return None

    def level(self, present: int, *, may_rise: bool = True) -> int:
        """The volume for the phase that was just entered.

        It rises only with ``may_rise``, and where it was configured above the previous phase's: a volume that was
        turned down, or has sunk, stays down.
        """
        phase = self.current
        if phase is None or phase.volume is None:
            return present
        return self.volume if may_rise and self.volume > self._volume_before else min(self.volume, present)

    def next_by_hand(self, present: int, now_s: float) -> tuple[Phase, int] | None:
        """The phase that `advance` would enter now, and its volume; None where there is none."""
        ahead = copy.copy(self)
        found = ahead.enter(now_s)
        return None if found is None else (found[0], ahead.level(present))

    def _timer_from(self, now_s: float, setting: TimerSetting) -> TimerSetting | None:
        """The sleep timer of a phase that begins at that time; None for a time of day that has passed."""
        if setting.until is None or not self._began.trusted:
            return resolve(setting, self._began.wall, is_trusted=False)
        ends_s = self._began.boot_s + elapsed_s(self._began.wall, next_moment(setting.until, self._began.wall))
        left_s = ends_s - now_s
        return replace(setting, duration_s=min(left_s, MAX_TIMER_S)) if left_s >= SHORTEST_S else None


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A phase as it is planned, in seconds from the start; None where that is unknown.

    Attributes:
        phase: None for the first one.
        never: why it is left out; None where it is not.
    """

    phase: Phase | None
    timer: TimerSetting
    begins_s: float | None
    ends_s: float | None
    never: str | None = None


def planned_night(
    first: TimerSetting, then: tuple[Phase, ...], default: TimerSetting, began: datetime
) -> list[PlannedPhase]:
    """All phases of a night that begins at an aware local time, if no command changes it."""
    night = [_planned(None, first, 0.0, began)]
    for phase in then:
        before = next(one for one in reversed(night) if one.never is None)
        timer = phase.timer or default
        planned = _planned(phase, timer, before.ends_s, began)
        if before.timer.mode is TimerMode.OFF and not phase.when_asleep:
            planned = replace(planned, never="the phase before it has no end")
        elif planned.begins_s is not None and planned.ends_s is not None and planned.ends_s <= planned.begins_s:
            planned = replace(planned, never=f"it would begin after {timer.until:%H:%M}")
        night.append(planned)
    return night


def _planned(phase: Phase | None, timer: TimerSetting, begins_s: float | None, began: datetime) -> PlannedPhase:
    ends_s = None
    if timer.until is not None:
        ends_s = elapsed_s(began, next_moment(timer.until, began))
    elif timer.duration_s is not None and begins_s is not None:
        ends_s = begins_s + timer.duration_s
    return PlannedPhase(phase, timer, begins_s, ends_s)
