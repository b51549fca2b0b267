"""One session from its start to silence: its level, its sleep timer, and the state on which both depend.

Main thread, standard library, pure. Every change of level is a ramp with a target. After anything that cost samples the
engine is at silence; `player.session.recovery` brings the level back.

There is one deadline. The final fade is finished at the deadline; a volume command in the middle of it takes the fade
over, keeps the person's level for half of what remains, and fades over the other half. The deadline does not move.
"""

from __future__ import annotations

from typing import Final

from player.core.clock import Now
from player.core.clock import moved as moved_wall
from player.core.engine_orders import RampTo, Then
from player.core.events import GuardReported, Progressed, RampArrived
from player.core.limits import FALL_DEPTH_DB, SHORTEST_RISE_S, STOP_NOW_S
from player.core.settings.session import Phase, Settings, TimerSetting
from player.core.states import Move, State, moved
from player.core.units import SILENCE_DB, format_duration
from player.session.beds import Beds, TracksLayer
from player.session.dropouts import DropoutReport, SilenceAlarm
from player.session.end_plan import EndPlan
from player.session.morning import Morning
from player.session.next_session import StartParams
from player.session.night_mode import NightMode, TaperProgress
from player.session.outcome import Outcome
from player.session.phases import PhasePlan
from player.session.play_queue import PlayQueue
from player.session.statistics import GuardReport, SessionStatistics
from player.session.volume_ramp import LATE_S, VolumeRamp, fit_s

_SOUNDING: Final = frozenset({State.PLAYING, State.FADING_OUT})


class Session:
    """A running session.

    Attributes:
        state: where it stands in `player.core.states.MOVES`; IDLE once it is over.
        ramp: the level and the orders that move it.
        is_resumed: it was interrupted and resumed.
        is_counted: its night is counted as used.
        phases: the parts of its night; ``playlists`` names what they played, in this order.
        end_reason: what ends or ended it: timer, stop, end-of-track, end-of-playlist, shutdown.

    Why a session that plays may be silent:
        _awaits_sound: from the start until the first track sounds; meaningless after that.
        is_output_lost: there is no sound device; valid in every state; written by `player.session.recovery`.
        muted_until_s: silent until then on the boot clock, see `player.session.recovery`; None without such a silence.
        _is_cut_short: the stop is as short as it can be; valid while STOPPING.
        _silent_at_s: when the final fade is over; valid while FADING_OUT.
    """

    def __init__(
        self,
        start: StartParams,
        queue: PlayQueue,
        settings: Settings,
        now: Now,
        beds: Beds,
        *,
        is_resumed: bool = False,
    ) -> None:
        self.state = moved(State.IDLE, Move.START)
        self.start = start
        self.why = start.why
        self.queue = queue
        self.ramp = VolumeRamp(start.volume, settings.fades)
        began = Now(now.boot_s - start.late_s, moved_wall(now.wall, -start.late_s), now.trusted)
        written = start.volume if start.phase_volume is None else start.phase_volume
        self.phases = PhasePlan(start.then, began, written, settings.timer, start.phase)
        self.playlists = [queue.playlist.name]
        self.end_plan = EndPlan(start, settings.session, self.phases.is_followed, now.boot_s)
        self.fade_in_s = start.fade_in_s
        self.morning = None if start.morning is None else Morning(start.morning, now.boot_s)
        self.night_mode = NightMode(settings, now.boot_s - start.late_s, is_morning=start.morning is not None)
        self.taper_progress = TaperProgress(settings, self.night_mode, now.boot_s)
        self.taper_progress.phase = self.phases.current
        self.guard_report = GuardReport()
        self.dropouts = DropoutReport()
        self.statistics = SessionStatistics()
        self.started = now
        self.is_counted = False
        self.end_reason = "stop"
        self.level_db: float | None = None
        self.level_a_db: float | None = None
        self.held_db = 0.0
        self._awaits_sound = True
        self.silence_alarm = SilenceAlarm()
        self.is_output_lost = False
        self.is_resumed = is_resumed
        self._is_cut_short = False
        self.muted_until_s: float | None = None
        self._silent_at_s = 0.0
        self.beds = beds
        self.tracks = TracksLayer()

    @property
    def volume(self) -> int:
        """The volume that was set, 0-100, never above the cap in force."""
        return self.ramp.volume

    @property
    def is_muted(self) -> bool:
        """Whether it is silent for a while because of repeated interruptions."""
        return self.muted_until_s is not None

    @property
    def is_heard(self) -> bool:
        """Whether it sounds, or would sound at a volume above 0."""
        return self.state in _SOUNDING and not (self._awaits_sound or self.is_output_lost or self.is_muted)

    def is_outlasted(self, now_s: float) -> bool:
        """Whether its timer or playlist ends only the tracks, because a bed continues without them."""
        is_last = self.state is State.PLAYING and self.end_plan.is_last_phase and not self.tracks.is_gone
        return is_last and self.beds.outlasts_s > 0.0 and not self.end_plan.is_cut_short(now_s)

    def is_fade_due(self, now_s: float) -> bool:
        """Whether the final fade should have begun."""
        return self.end_plan.is_fade_due(now_s) and not self.is_outlasted(now_s)

    def begin(self, now_s: float, out: Outcome) -> None:
        """Choose the first track; the level rises when it sounds."""
        self.queue.end_with(self.end_plan.timer.mode, out)
        self.queue.begin(now_s, out)

    def take_over_from(self, before: Session, now_s: float, out: Outcome) -> None:
        """Begin while something sounds already: go to the own level from there, and cancel a stop."""
        self.ramp.db = before.ramp.db
        self._awaits_sound = False
        self.silence_alarm = before.silence_alarm
        before.tracks.come_back(self.ramp.way_s, out)
        self.rise(max(self.fade_in_s / (1 if self.morning else 2), self.ramp.way_s), now_s, out)

    def end(self) -> None:
        """Finish after silence has been reached."""
        self.state = moved(self.state, Move.END)

    def pause(self, now_s: float, out: Outcome) -> None:
        """Fall silent and keep the place."""
        self.state = moved(self.state, Move.PAUSE)
        self.end_plan.pause(now_s)
        self.ramp.going_to = None
        self._awaits_sound = False
        out.order(RampTo(SILENCE_DB, self.ramp.fades.pause_s, Then.HOLD))
        out.announce("paused", "paused")

    def resume(self, now_s: float, out: Outcome, over_s: float = SHORTEST_RISE_S) -> None:
        """Come back from a pause, by a rise from silence."""
        self.state = moved(self.state, Move.RESUME)
        self.end_plan.resume(now_s)
        self.end_plan.put_off_fade(now_s)
        self._keep_tracks(now_s, out)
        self.rise(over_s, now_s, out)
        out.announce("resumed", "resumed")

    def take_back(self, now_s: float, out: Outcome, over_s: float | None = None) -> None:
        """Cancel the final fade, or a stop that is not complete, because somebody is awake."""
        move = Move.TAKE_BACK if self.state is State.FADING_OUT else Move.START
        self.state = moved(self.state, move)
        self.end_plan.resume(now_s)
        self.end_plan.put_off_fade(now_s, self.queue.left_s)
        self._keep_tracks(now_s, out)
        self.rise(self.ramp.way_s if over_s is None else over_s, now_s, out)

    def _keep_tracks(self, now_s: float, out: Outcome) -> None:
        """Bring tracks back that fade under a bed, because somebody is awake."""
        if self.tracks.is_leaving and self.tracks.come_back(SHORTEST_RISE_S, out):
            self.end_plan.put_off_fade(now_s, self.queue.left_s)

    def stop(self, over_s: float, reason: str, out: Outcome) -> None:
        """End by a fade of ``over_s``."""
        self.state = moved(self.state, Move.STOP)
        self.end_reason = reason
        self.ramp.going_to = 0
        self._awaits_sound = False
        self._is_cut_short = over_s <= STOP_NOW_S
        out.order(RampTo(SILENCE_DB, max(over_s, STOP_NOW_S), Then.STOP))

    def fade_out(self, over_s: float, reason: str, now_s: float, out: Outcome) -> None:
        """Begin the final fade; a faster ramp that already runs downwards comes first."""
        if self.ramp.falls_faster(FALL_DEPTH_DB / over_s, over_s / 2, now_s):
            return
        self.state = moved(self.state, Move.FADE)
        self.ramp.going_to = 0
        self._fade(over_s, reason, now_s, out)
        out.announce("fading_out", f"fading out over {format_duration(over_s)}", seconds=round(over_s), reason=reason)

    def _fade(self, over_s: float, reason: str, now_s: float, out: Outcome) -> None:
        self.end_reason = reason
        self.end_plan.fade_started_s = over_s
        self._silent_at_s = now_s + over_s
        out.order(RampTo(SILENCE_DB, over_s, Then.STOP))

    def change_settings(self, settings: Settings, old: Settings, now_s: float, out: Outcome) -> str:
        """Use other settings; a lower maximum is reached by a ramp. Returns a sentence about an end that has moved."""
        text = ""
        self.ramp.fades = settings.fades
        self.night_mode.settings = self.taper_progress.settings = settings
        self.queue.limits, self.phases.default = settings.limits, settings.timer
        if settings.session != old.session:
            text = self.end_plan.limit(settings.session, now_s)
        if settings.session.taper != old.session.taper:
            self.taper_progress.restart(now_s)
        # the final fade is above a lower maximum only for a short while, and does not rise again for it
        if self.volume > settings.volume.max and not (self.state is State.FADING_OUT or self.tracks.is_leaving):
            self.set_volume(settings.volume.max, now_s, out)
        return text

    def change_queue(self, queue: PlayQueue, now_s: float, out: Outcome) -> None:
        """Blend into another playlist."""
        self.queue = queue
        self.queue.end_with(self.end_plan.timer.mode, out)
        self.queue.begin(now_s, out)

    def set_volume(self, volume: int, now_s: float, out: Outcome) -> None:
        """Move to a level, at most to the cap; during the final fade the level is kept for half of what remains.

        A request above the cap of the night must not make it softer at once: a level above the cap continues to sink
        slowly.
        """
        self.ramp.volume = min(volume, self.night_mode.volume_max(now_s))
        self.taper_progress.restart(now_s)
        is_gliding = self.volume < volume and self.ramp.db > self.ramp.target_db
        over_s = self.ramp.glide_s if is_gliding else self.ramp.way_s
        if self.state is State.FADING_OUT:
            self.take_back(now_s, out, over_s)
        elif self.state is State.PLAYING:
            self._keep_tracks(now_s, out)
            self.rise(over_s, now_s, out)

    def _lower_for_the_night(self, now_s: float, out: Outcome) -> None:
        """Lower the level slowly, for the cap of the night or the taper.

        The final fade gives way to that only where it falls more slowly, and never rises for it.
        """
        tapered = self.taper_progress.tick(self.volume, now_s) if self.state is State.PLAYING else self.volume
        lower = min(tapered, self.night_mode.volume_max(now_s))
        if self.volume <= lower:
            return
        over_s = self.ramp.lower(lower, now_s)
        fall_db = self.ramp.db - self.ramp.target_db
        if self.state is State.PLAYING and self.muted_until_s is None:
            self.rise(over_s, now_s, out)
        elif self.state is State.FADING_OUT and self.end_plan.fade_started_s * fall_db > FALL_DEPTH_DB * over_s:
            self.take_back(now_s, out, over_s)  # a fade of hours would stay above the cap for long
            self.end_plan.fade_from(now_s + over_s)

    def enter_phase(
        self, phase: Phase, timer: TimerSetting, now_s: float, out: Outcome, *, may_rise: bool = True
    ) -> None:
        """Enter the next phase of the night: start its timer, and move slowly to its level."""
        self.end_plan.set(timer, now_s)
        self.taper_progress.phase = phase
        self.taper_progress.restart(now_s)
        volume = min(self.phases.level(self.volume, may_rise=may_rise), self.night_mode.volume_max(now_s))
        if volume == self.volume:
            return
        over_s = self.ramp.lower(volume, now_s) if volume < self.volume else self.ramp.lift(volume)
        if self.state is State.PLAYING and self.muted_until_s is None:
            self.rise(over_s, now_s, out)

    def set_timer(self, setting: TimerSetting, now_s: float, out: Outcome) -> None:
        """Start a new sleep timer now."""
        self.end_plan.set(setting, now_s)
        self._apply_timer(now_s, out)

    def extend_timer(self, by_s: float, now_s: float, out: Outcome) -> None:
        """Move the end of the sleep timer."""
        self.end_plan.extend(by_s, now_s)
        self._apply_timer(now_s, out)

    def shorten_timer(self, left_s: float, now_s: float, out: Outcome, *, is_asleep: bool = False) -> None:
        """End within a number of seconds; nothing becomes longer or louder by it, also in the final fade."""
        self.end_plan.at_most(left_s, now_s, is_asleep=is_asleep)
        self.queue.end_with(self.end_plan.timer.mode, out)
        ends_in_s = self.end_plan.fade_s(now_s)
        if self.state is State.FADING_OUT and now_s + ends_in_s < self._silent_at_s:
            self._fade(ends_in_s, self.end_plan.reason, now_s, out)
        elif self.tracks.silent_at_s is not None and now_s + ends_in_s < self.tracks.silent_at_s:
            self.tracks.leave(ends_in_s, now_s, out)

    def fall_asleep(self, within_s: float | None, now_s: float, out: Outcome) -> None:
        """Sleep was detected: apply the night's stricter limits, and end within a number of seconds."""
        self.night_mode.fall_asleep(now_s)
        if within_s is not None:
            self.shorten_timer(within_s, now_s, out, is_asleep=True)

    def wake_up(self) -> None:
        """Cancel `fall_asleep`. The end is again the one that was set; the level and a running fade stay as they are.

        Nothing becomes louder by it, because somebody who only turned over must not be woken.
        """
        self.night_mode.wake_up()
        if self.state is not State.FADING_OUT:
            self.end_plan.awake()

    def _apply_timer(self, now_s: float, out: Outcome) -> None:
        self.queue.end_with(self.end_plan.timer.mode, out)
        if self.state is State.FADING_OUT:
            self.take_back(now_s, out)
        self._keep_tracks(now_s, out)

    # What the engine reports.

    def on_sound(self, now_s: float, out: Outcome) -> bool:
        """A track began: the first one brings the level up. True where it was interrupted in its final fade instead."""
        if not self._awaits_sound:
            return False
        self._awaits_sound = False
        if self.state is not State.PLAYING or self.is_output_lost:
            return False
        if self.is_resumed and self.is_fade_due(now_s):
            return True
        rise_s = fit_s(self.fade_in_s, self.end_plan.left_s(now_s), 2 / 3 if self.morning else 1 / 3)
        self.end_plan.allow_rise(now_s + rise_s)
        self.rise(rise_s, now_s, out)
        return False

    def on_progress(self, report: Progressed) -> None:
        """Take the present level and the place in the track."""
        self.ramp.db = report.volume_db
        self.level_db, self.level_a_db = report.level_db, report.level_a_db
        self.held_db = report.held_db
        self.silence_alarm.note(report.level_db, report.position_s)
        self.queue.on_progress(report)

    def on_guard(self, report: GuardReported, now_s: float, out: Outcome) -> None:
        """Take a report of the guard; one at the steep beginning of an ordered rise is ignored."""
        began_s = now_s - report.duration_s
        if began_s > self.dropouts.over_s and not self.ramp.is_own_rise(began_s):
            self.guard_report.add(report, self.queue.track_of(report.item_id), now_s, out)

    def on_arrived(self, report: RampArrived, out: Outcome) -> bool:
        """A ramp has reached its target; True when that ends the session."""
        self.ramp.db = report.target_db
        if report.then is Then.STOP:
            if self.state in {State.STOPPING, State.FADING_OUT}:
                return True
            self.queue.play_on(out)  # a command took the stop back just as silence was reached
            self.beds.play_on(out)
        elif self.state is State.PLAYING:
            self.ramp.has_arrived(report.target_db)
        return False

    # What becomes due.

    def tick(self, now_s: float, out: Outcome) -> None:
        """Begin the final fade when it is due, and ensure silence at the deadline."""
        self.queue.on_tick(now_s, out)
        self.guard_report.tick(now_s, out)
        self.night_mode.tick(now_s, out)
        self._lower_for_the_night(now_s, out)
        if self.state is State.STOPPING:
            self._meet_deadline(now_s, out)
        elif self.is_outlasted(now_s):
            pass  # `player.session.bed_alone` ends the tracks
        elif self.end_plan.is_due(now_s):
            self.stop(STOP_NOW_S, self.end_plan.reason, out)
        elif self.is_heard:
            self._begin_fade_if_due(now_s, out)
        self.silence_alarm.expect(now_s if self._should_sound else None)

    @property
    def _should_sound(self) -> bool:
        """Whether silence would be a fault: it plays, its volume is not 0, and there is no reason for silence."""
        return self.state is State.PLAYING and self.volume > 0 and not (self.is_output_lost or self.muted_until_s)

    def _meet_deadline(self, now_s: float, out: Outcome) -> None:
        """Shorten, once, a long stop that was ordered shortly before the deadline."""
        if self.end_plan.is_due(now_s) and not self._is_cut_short:
            self._is_cut_short = True
            out.order(RampTo(SILENCE_DB, STOP_NOW_S, Then.STOP))

    def _begin_fade_if_due(self, now_s: float, out: Outcome) -> None:
        """Begin the final fade; a running one is made faster where the last track ends before it."""
        if self.state is not State.FADING_OUT and self.end_plan.is_fade_due(now_s):
            self.fade_out(self.end_plan.fade_s(now_s), self.end_plan.reason, now_s, out)
        over_s = None if self.queue.last is None else self.end_plan.fade_with_track_s(self.queue.last)
        if over_s is not None and self.state is not State.FADING_OUT:
            self.fade_out(over_s, self.end_plan.timer.mode.value, now_s, out)
        elif over_s is not None and now_s + over_s < self._silent_at_s - LATE_S:
            self._fade(over_s, self.end_plan.timer.mode.value, now_s, out)

    def next_wake_s(self, now_s: float, longest_s: float) -> float:
        """Seconds until something is due, at most ``longest_s``."""
        due = [*self.end_plan.due_s(now_s, self.queue.last), self.queue.retry_at_s, self.muted_until_s]
        due += [self.taper_progress.due_s(self.volume), *self.night_mode.due_s(), self.silence_alarm.due_s]
        due += [*self.dropouts.due_s(), *self.beds.due_s(), self.guard_report.due_s()]
        due.append(None if self.morning is None else self.morning.snoozed_until_s)
        waits = [at_s - now_s for at_s in due if at_s is not None and at_s > now_s]
        return min([longest_s, *waits])

    def rise(self, over_s: float, now_s: float, out: Outcome) -> None:
        """Move to the volume that was set, as soon as there is sound and a device."""
        if not self._awaits_sound and not self.is_output_lost:
            self.muted_until_s = None
            self.ramp.go(over_s, now_s, out)
