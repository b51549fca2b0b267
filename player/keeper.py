"""The keeper: holds at most one running session, begins and ends it, and keeps what outlives it. Main thread, pure.

What outlives a session: the settings, what the library found, the memory of what was heard, the volume and playlist
that a person chose for the next one, and whether the schedule is on.
"""

from __future__ import annotations

import itertools
import random
from typing import TypeVar

from player.clock import Now
from player.commands import Play
from player.events import (
    Asked,
    ClauseBroken,
    EngineFaulted,
    EngineReport,
    ItemEnded,
    ItemFailed,
    ItemStarted,
    LibraryRead,
    OutputFound,
    OutputLost,
    OutputUnderran,
    Progressed,
    RampArrived,
    RanDry,
    Tamed,
    Track,
)
from player.night.memory import Memory
from player.night.rotation import Rotation
from player.orders import Retune
from player.outcome import Outcome
from player.programme import Programme
from player.run import Run
from player.setbacks import Setbacks
from player.settings import Entry, Playlist, Settings, TimerSetting
from player.start import Start
from player.states import State
from player.units import format_duration

_Any = TypeVar("_Any")


class Keeper:
    """At most one `Run`, and what outlives it.

    Attributes:
        run: the running session, None when idle.
        output_fault: why there is no sound device, None while there is one.
        selected_playlist: what a person chose for the next start.
        idle_volume: the level that a person chose for the next start.
        idle_timer: the sleep timer that a person chose for the next start.
        idle_fade_out_s: the fade-out that a person chose for the next start.
        memory: what is remembered beyond one session.
        asked: the last command that was obeyed.
        expired: when a sleep timer has run out, and what brings its session back.
    """

    def __init__(self, settings: Settings, rng: random.Random) -> None:
        self.settings = settings
        self.run: Run | None = None
        self.is_schedule_enabled = True
        self.selected_playlist: str | None = None
        self.idle_volume: int | None = None
        self.idle_timer: TimerSetting | None = None
        self.idle_fade_out_s: float | None = None
        self.memory = Memory()
        self.asked: Asked | None = None
        self.expired: tuple[float, Play] | None = None
        self.output_fault: str | None = None
        self._rng = rng
        self._ids = itertools.count(1)
        self._rotation = Rotation(self.memory)
        self._entries_on: tuple[Entry, ...] = ()
        self._setbacks = Setbacks()
        self._tracks: dict[str, tuple[Track, ...]] = {}
        self._warned: dict[str, tuple[str, ...]] = {}

    @property
    def state(self) -> State:
        """Where the session stands."""
        return State.IDLE if self.run is None else self.run.state

    @property
    def volume(self) -> int:
        """The person's level: of the running session, or for the next one."""
        if self.run is not None:
            return self.run.volume
        return self.settings.volume.default if self.idle_volume is None else self.idle_volume

    @property
    def next_playlist(self) -> str | None:
        """What play starts when it names nothing."""
        return self.selected_playlist or self.settings.first_playlist

    @property
    def timer(self) -> TimerSetting:
        """What the sleep timer was set to: of the running session, or for the next one."""
        if self.run is not None:
            return self.run.ending.setting
        return self.settings.timer if self.idle_timer is None else self.idle_timer

    @property
    def fade_out_s(self) -> float:
        """How long the fade-out takes: of the running session, or of the next one."""
        if self.run is not None:
            return self.run.ending.fade_out_s
        return self.settings.fades.fade_out_s if self.idle_fade_out_s is None else self.idle_fade_out_s

    @property
    def entries_on(self) -> tuple[Entry, ...]:
        """What the schedule starts, with all that was changed by hand."""
        found = self.memory.planned(self.settings)
        if found != self._entries_on:
            self._entries_on = found
        return self._entries_on

    @property
    def tracks(self) -> dict[str, Track]:
        """Everything that the library found, by uri."""
        return {track.uri: track for tracks in self._tracks.values() for track in tracks}

    # Beginning and ending.

    def start_for(self, why: str, asked: Entry | Play, late_s: float = 0.0) -> Start:
        """What was asked for, filled up with the defaults and held under the caps."""
        settings = self.settings
        default = settings.volume.default if isinstance(asked, Entry) else self.volume
        timer = settings.timer if isinstance(asked, Entry) else self.timer
        fade_out_s = settings.fades.fade_out_s if isinstance(asked, Entry) else self.fade_out_s
        return Start(
            why=why,
            volume=settings.volume.cap(default if asked.volume is None else asked.volume),
            timer=timer if asked.timer is None else asked.timer,
            fade_in_s=settings.fades.fade_in_s if asked.fade_in_s is None else asked.fade_in_s,
            fade_out_s=fade_out_s if asked.fade_out_s is None else asked.fade_out_s,
            late_s=late_s,
        )

    def begin(self, start: Start, playlist: Playlist, now: Now, out: Outcome) -> None:
        """A new session; over one that sounds it is blended in and moves to its own level."""
        before = self.run
        if before is not None:
            self._tell_end(before, "taken_over", now, out)
        self.run = Run(start, self._programme(playlist), self.settings, now)
        self.run.is_output_lost = self.output_fault is not None
        self.idle_volume = self.idle_timer = self.idle_fade_out_s = self.expired = None
        if now.trusted:
            self.memory.use(now.wall)
        out.tell(
            "session_started",
            f"plays {playlist.name} at volume {start.volume} ({start.why})",
            why=start.why,
            playlist=playlist.name,
            volume=start.volume,
            timer=start.timer.mode.value,
            timer_minutes=None if start.timer.duration_s is None else start.timer.duration_s / 60,
        )
        self.run.begin(now.boot_s, out)
        if playlist.name in self._tracks:
            out.reads.append(playlist.name)  # what is new since the last look is there for later tonight
        if before is not None:
            self.run.take_over_from(before, out)

    def change_playlist(self, playlist: Playlist, now: Now, out: Outcome) -> None:
        """Blend the running session into another playlist."""
        assert self.run is not None
        self.run.programme = self._programme(playlist, is_last=self.run.programme.is_last)
        self.run.programme.begin(now.boot_s, out)

    def _programme(self, playlist: Playlist, *, is_last: bool = False) -> Programme:
        programme = Programme(playlist, self._tracks.get(playlist.name), self._rotation, self._rng, self._ids)
        programme.is_last = is_last
        programme.limits = self.settings.limits
        return programme

    def _end(self, run: Run, now: Now, out: Outcome) -> None:
        """Silence is reached: the session is over."""
        run.end()
        if run.end_reason == "timer":
            out.tell("timer_expired", "the sleep timer has run out")
            self.expired = now.boot_s, self._as_it_was(run)
        self._tell_end(run, run.end_reason, now, out)
        self.run = None

    @staticmethod
    def _as_it_was(run: Run) -> Play:
        """What brings a session back."""
        ending = run.ending
        return Play(run.programme.playlist.name, run.volume, ending.setting, fade_out_s=ending.fade_out_s)

    def rearmed(self, play: Play, now_s: float) -> Play:
        """Play, shortly after the sleep timer has run out: as it was, but for what is named. A button has no screen."""
        if self.expired is None or now_s - self.expired[0] > self.settings.session.rearm_s:
            return play
        before = self.expired[1]
        is_other = play.playlist not in {None, before.playlist} or self.settings.playlist(before.playlist or "") is None
        return Play(
            play.playlist if is_other else before.playlist,
            _first(play.volume, self.idle_volume, self.settings.volume.cap(before.volume or 0)),
            _first(play.timer, self.idle_timer, before.timer),
            play.fade_in_s,
            _first(play.fade_out_s, self.idle_fade_out_s, before.fade_out_s),
        )

    @staticmethod
    def _tell_end(run: Run, reason: str, now: Now, out: Outcome) -> None:
        run.taming.tell(out)
        played_s = now.boot_s - run.started.boot_s
        out.tell(
            "session_ended",
            f"session ended after {format_duration(played_s)} ({reason})",
            reason=reason,
            why=run.why,
            minutes=round(played_s / 60, 1),
            tamed=run.taming.count,
            largest_db=run.taming.largest_db,
        )

    # Reports.

    def take_report(self, report: EngineReport, now: Now, out: Outcome) -> None:
        """Hand the engine's report to the running session."""
        if isinstance(report, OutputLost):
            self.output_fault = report.reason
        elif isinstance(report, OutputFound):
            self.output_fault = None
        elif isinstance(report, ClauseBroken):
            text = f"{report.clause} would have been broken ({report.reason}); muted, the sound comes back slowly"
            out.tell("problem", text, problem=text, clause=report.clause)
        elif isinstance(report, EngineFaulted):
            out.tell("problem", f"the engine failed and goes on: {report.reason}", problem=report.reason)
        if self.run is not None:
            self._report_to(self.run, report, now, out)

    def _report_to(self, run: Run, report: EngineReport, now: Now, out: Outcome) -> None:
        programme = run.programme
        match report:
            case ItemStarted():
                programme.on_started(report, out)
                run.on_sound(now.boot_s, out)
            case ItemEnded():
                programme.on_ended(report, now.boot_s, out)
            case ItemFailed():
                programme.on_failed(report, now.boot_s, out)
            case RanDry():
                programme.on_dry(now.boot_s, out)
            case Progressed():
                run.on_progress(report)
            case RampArrived():
                if run.on_arrived(report, out):
                    self._end(run, now, out)
            case OutputLost():
                run.on_output_lost(out)
            case OutputFound():
                run.on_output_found(now.boot_s, out)
            case OutputUnderran():
                run.rise_again(now.boot_s, out)
            case Tamed(item_id):
                run.taming.take(report, programme.track_of(item_id), now.boot_s, out)
            case EngineFaulted() | ClauseBroken():
                self._come_back(run, report, now, out)

    def _come_back(self, run: Run, muted: EngineFaulted | ClauseBroken, now: Now, out: Outcome) -> None:
        """The engine muted itself: the first time it comes back at once, then later and later.

        After a fault the tracks are gone. After a clause the track goes on behind what would have broken it, unless
        that happens too often.
        """
        run.stay_silent(self._setbacks.note(now.boot_s), now.boot_s, out)
        if isinstance(muted, EngineFaulted):
            run.programme.on_fault("the engine failed in it", now.boot_s, out)
        elif self._setbacks.is_the_tracks_fault:
            run.programme.on_fault(f"it was about to break {muted.clause} again and again", now.boot_s, out)
        run.rise_again(now.boot_s, out)

    def take_library(self, read: LibraryRead, now: Now, out: Outcome) -> None:
        """The library looked at a playlist."""
        self._tracks[read.playlist] = read.tracks
        known, self._warned[read.playlist] = self._warned.get(read.playlist, ()), read.warnings
        for warning in (warning for warning in read.warnings if warning not in known):
            out.tell("track_skipped_over", warning, playlist=read.playlist, reason=warning)
        if self.run is not None and self.run.programme.playlist.name == read.playlist:
            self.run.programme.set_tracks(read.tracks, now.boot_s, out)

    # Settings.

    def change_settings(self, settings: Settings, now: Now, out: Outcome) -> None:
        """Touch only what changed; what sounds goes on, and a lower maximum is reached by a ramp."""
        old, self.settings = self.settings, settings
        out.order(Retune(settings.fades.crossfade_s, settings.limits.ceiling_dbtp, settings.limits.target_lufs))
        for playlist in settings.playlists:
            if playlist != old.playlist(playlist.name):
                self._tracks.pop(playlist.name, None)
                if self.run is not None and self.run.programme.playlist.name == playlist.name:
                    self.run.programme.playlist = playlist
            out.reads.append(playlist.name)
        if self.selected_playlist and settings.playlist(self.selected_playlist) is None:
            self.selected_playlist = None
        if self.idle_volume is not None:
            self.idle_volume = settings.volume.cap(self.idle_volume)
        if self.run is not None:
            self.run.fades = settings.fades
            self.run.asleep.settings = self.run.tapering.settings = settings
            self.run.programme.limits = settings.limits
            if self.run.volume > settings.volume.max:
                self.run.set_volume(settings.volume.max, now.boot_s, out)
        out.tell("settings_changed", "the config was read again")


def _first(*choices: _Any) -> _Any:
    """The first one that is not None, or the last."""
    return next((choice for choice in choices if choice is not None), choices[-1])
