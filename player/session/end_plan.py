"""How one session ends: its sleep timer, the length of its fade, and how pauses and commands change them.

Main thread, standard library, pure. It decides when; `player.session.session.Session` does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from player.core.clock import Now, moved
from player.core.limits import STOP_NOW_S, fallen_db
from player.core.settings.safety import SessionSettings
from player.core.settings.session import TimerMode, TimerSetting
from player.core.units import format_duration
from player.session.next_session import StartParams
from player.session.queue_item import PlayingItem
from player.session.sleep_timer import UNKNOWN_TIME_S, SleepTimer, is_assumed, resolve

SHORTEST_AGAIN_S: Final = 60.0
"""Minimum seconds of a timer that `play` starts again."""
OUTPUT_LATENCY_S: Final = 0.4
"""Seconds by which a fade ends before its deadline, because the device still holds rendered sound."""


class EndPlan:
    """When a session fades and when it is silent.

    Args:
        start: the start values.
        settings: the limits of any session.
        is_followed: whether another phase begins where this one ends at a time on the boot clock, or at one that nobody
            knows (None).
        now_s: the start, on the boot clock.

    Attributes:
        setting: the sleep timer as it was asked for.
        timer: the sleep timer as it runs.
        fade_out_s: how long the final fade is meant to be.
        fade_started_s: planned length of the present or latest final fade; 0 before the first.
    """

    def __init__(
        self, start: StartParams, settings: SessionSettings, is_followed: Callable[[float | None], bool], now_s: float
    ) -> None:
        began_s = now_s - start.late_s
        self.setting = start.timer
        self.timer = SleepTimer.start(start.timer, began_s, began_s + settings.max_s)
        self.fade_out_s = start.fade_out_s
        self.fade_started_s = 0.0
        self._began_s = began_s
        self._latest_s = began_s + settings.max_s
        self._holds_in_pauses = settings.pause_holds_timer
        self._last_part_s = math.inf
        self._is_followed = is_followed

    @property
    def is_last_phase(self) -> bool:
        """Whether no other phase follows when the timer ends, also because that would be over by then.

        The maximum length of a session ends the night in any phase.
        """
        ends_s = self.timer.own_end_s
        return (ends_s is not None and ends_s >= self._latest_s) or not self._is_followed(ends_s)

    @property
    def _end(self) -> SleepTimer:
        """The end of the session: the timer of the last phase; before that only the maximum length of any session."""
        if self.is_last_phase:
            return self.timer
        return SleepTimer(TimerMode.OFF, None, self.timer.fade_from_boot_s, self._latest_s)

    @property
    def setting_again(self) -> TimerSetting | None:
        """The setting, to restart it; None: the default is meant.

        That is so for a timer until a time of day, which would come only tomorrow, and for a very short one, by which
        somebody ended the sound.
        """
        is_short = self.setting.duration_s is not None and self.setting.duration_s < SHORTEST_AGAIN_S
        return None if is_short or self.setting.until is not None else self.setting

    def restore(self, mode: TimerMode, left_s: float | None, now_s: float) -> None:
        """An interrupted session ends when it would have."""
        end_s = math.inf if left_s is None else now_s + left_s
        is_clock = mode is TimerMode.CLOCK
        self.timer = SleepTimer(
            mode, end_s if is_clock else None, now_s, self._latest_s, at_most_boot_s=math.inf if is_clock else end_s
        )

    def limit(self, settings: SessionSettings, now_s: float) -> str:
        """Apply changed limits; an end that comes nearer leaves room for the whole final fade.

        Returns a sentence about an end that this has moved.
        """
        before_s = self.left_s(now_s)
        self._holds_in_pauses = settings.pause_holds_timer
        latest_s = self._began_s + settings.max_s
        soonest_s = min(self._latest_s, now_s + self.fade_out_s + OUTPUT_LATENCY_S + STOP_NOW_S)
        self._latest_s = max(latest_s, soonest_s)
        self.timer = replace(self.timer, latest_boot_s=self._latest_s)
        left_s = self.left_s(now_s)
        if left_s is None or left_s == before_s:
            return ""
        return f"; session.max has changed, so it is silent in {format_duration(left_s)}"

    def set(self, setting: TimerSetting, now_s: float) -> None:
        """Start a new sleep timer now, in this phase or a new one; a held timer stays held."""
        is_held = self.timer.held_at_s is not None
        timer = SleepTimer.start(setting, now_s, self._latest_s)
        self.setting = setting
        self.timer = timer.hold(now_s) if is_held else timer
        self._last_part_s = math.inf

    def learn_time(self, now: Now) -> bool:
        """The clock is set: a timer until a time of day whose length was assumed ends at that time; True if so.

        Where that has passed, or comes at once, the final fade has its time, and the end does not move back for it.
        """
        assumed_s = self.timer.deadline_boot_s
        if not is_assumed(self.setting) or assumed_s is None:
            return False
        began_s = assumed_s - UNKNOWN_TIME_S
        setting = resolve(self.setting, moved(now.wall, began_s - now.boot_s), is_trusted=True)
        if setting == self.setting or setting.duration_s is None:
            return False
        soonest_s = min(assumed_s, now.boot_s + self.fade_out_s + OUTPUT_LATENCY_S)
        self.setting = setting
        self.timer = replace(self.timer, deadline_boot_s=max(began_s + setting.duration_s, soonest_s))
        return True

    def extend(self, by_s: float, now_s: float) -> None:
        """Move the end of the sleep timer; where its length was assumed, by hand from now on."""
        if is_assumed(self.setting):
            self.setting = TimerSetting.clock(UNKNOWN_TIME_S)
        self.timer = self.timer.extend(by_s, now_s)
        self._last_part_s = math.inf

    def at_most(self, left_s: float, now_s: float, *, is_asleep: bool = False) -> None:
        """End within a number of seconds; with ``is_asleep`` only until `awake`."""
        self.timer = self.timer.at_most(left_s, now_s, is_asleep=is_asleep)

    def awake(self) -> None:
        """Restore the end that was set by command."""
        self.timer = self.timer.awake()

    def pause(self, now_s: float) -> None:
        """A person pauses; the settings say whether that holds the timer."""
        if self._holds_in_pauses:
            self.hold(now_s)

    def hold(self, now_s: float) -> None:
        """The timer stands still until `resume`."""
        self.timer = self.timer.hold(now_s)

    def resume(self, now_s: float) -> None:
        """The pause is over."""
        self.timer = self.timer.release(now_s)

    def put_off_fade(self, now_s: float, track_left_s: float | None = None) -> None:
        """The fade was cancelled: one that is due again at once is delayed by half of what remains; the end stays."""
        if self.is_fade_due(now_s):
            self.timer = self.timer.refade(now_s)
        self._last_part_s = (track_left_s or math.inf) / 2

    def fade_from(self, at_s: float) -> None:
        """Begin a delayed fade at this time, where that is sooner."""
        self.timer = replace(self.timer, fade_from_boot_s=min(self.timer.fade_from_boot_s, at_s))

    def allow_rise(self, until_s: float) -> None:
        """Delay the final fade until the fade-in is over."""
        self.timer = replace(self.timer, fade_from_boot_s=max(self.timer.fade_from_boot_s, until_s))

    def left_s(self, now_s: float) -> float | None:
        """Seconds until silence; None where nothing sets an end."""
        return self._end.remaining_s(now_s)

    def phase_left_s(self, now_s: float) -> float | None:
        """Seconds until this phase is over, which for the last one is silence; None where no moment is set."""
        return self.timer.remaining_s(now_s) if self.timer.has_end else None

    def is_phase_due(self, now_s: float) -> bool:
        """Whether the next phase should begin now."""
        return not self.is_last_phase and self.timer.has_end and self.timer.is_due(now_s)

    def is_due(self, now_s: float) -> bool:
        """Whether it should be silent now."""
        return self._end.is_due(now_s)

    @property
    def reason(self) -> str:
        """The reason of an end by time: the sleep timer, or the maximum length of a session."""
        return "max_session" if self._end.is_last_moment else "timer"

    def is_cut_short(self, now_s: float) -> bool:
        """Whether it fades because of the maximum length of a session."""
        return self._end.is_last_moment and self.is_fade_due(now_s)

    def is_fade_due(self, now_s: float) -> bool:
        """Whether the final fade should have begun."""
        return self._end.is_fade_due(self.fade_out_s, now_s)

    def fade_s(self, now_s: float) -> float:
        """How long the fade that begins now takes, so that it is silent at the end."""
        return max((self._end.remaining_s(now_s) or 0.0) - OUTPUT_LATENCY_S, STOP_NOW_S)

    def fade_with_track_s(self, playing: PlayingItem) -> float | None:
        """How long a fade that begins now and ends with the track takes, at most half of it; None while it is too soon.

        For the track with which a timer to the end of track or playlist ends.
        """
        due_in_s = self.fade_with_track_in_s(playing)
        if playing.left_s is None or due_in_s is None or due_in_s > 0.0:
            return None
        return max(playing.left_s - OUTPUT_LATENCY_S, STOP_NOW_S)

    def fade_with_track_in_s(self, playing: PlayingItem) -> float | None:
        """Seconds of the track until that fade begins, below 0 where that is over; None while its end is unknown."""
        if playing.duration_s is None or playing.left_s is None or not self.is_last_phase:
            return None
        return playing.left_s - min(self.fade_out_s, playing.duration_s / 2, self._last_part_s)

    def fallen_db(self, left_s: float) -> float:
        """How far the final fade would have fallen by now, in dB, up to its whole fall."""
        over_s = self.fade_started_s or self.fade_out_s or 1.0
        return fallen_db(1.0 - min(left_s / over_s, 1.0), over_s)

    def due_s(self, now_s: float, last: PlayingItem | None) -> list[float | None]:
        """The instants at which something is due; ``last`` is what plays, where nothing follows it."""
        lefts_s = [self._end.remaining_s(now_s), self.phase_left_s(now_s)]
        ends_s = [None if left_s is None else now_s + left_s for left_s in lefts_s]
        until_fade_s = None if last is None else self.fade_with_track_in_s(last)
        ends_s.append(None if until_fade_s is None else now_s + until_fade_s)
        return [self._end.fade_starts_at(self.fade_out_s, now_s), *ends_s]
