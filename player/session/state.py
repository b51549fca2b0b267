"""The keeper: holds at most one running session, begins and ends it, and keeps what outlives it. Main thread, pure.

What outlives a session: the settings, what the library found, the memory of what was heard, the volume and playlist
that a person chose for the next one, and whether the schedule is on.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import asdict

from player.core.clock import Now
from player.core.commands import Play
from player.core.engine_orders import Retune
from player.core.events import LastCommand, LibraryRead, Track
from player.core.settings.session import Entry, Playlist, Settings, TimerSetting
from player.core.states import State
from player.session.dropout_backoff import DropoutBackoff
from player.session.memory.memory import Memory
from player.session.memory.records import Choices, EndedSession, RecalledMemory, SessionRecord
from player.session.memory.rotation import Rotation
from player.session.outcome import Outcome
from player.session.play_queue import PlayQueue
from player.session.replay import as_it_was, rearmed
from player.session.session import Session
from player.session.start_params import StartParams
from player.session.track_selection import ResumePoint, TrackSelection


class Keeper:
    """At most one `Session`, and what outlives it.

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
        interrupted: the session that was broken off by a death of the daemon, as long as it may be brought back.
        boot: names the time since the machine was switched on.
        rotation: remembers what was heard.
        setbacks: counts how often the sound broke off.
        ended: sessions that ended since somebody last emptied it.
    """

    def __init__(self, settings: Settings, rng: random.Random, recalled: RecalledMemory) -> None:
        kept = recalled.kept
        self.settings = settings
        self.run: Session | None = None
        self.is_schedule_enabled = kept.switches.is_enabled
        self.boot = recalled.boot
        self.selected_playlist = kept.choices.playlist
        self.idle_volume = kept.choices.volume
        self.idle_timer = kept.choices.timer
        self.idle_fade_out_s = kept.choices.fade_out_s
        self.memory = Memory()
        kept.recall(self.memory)
        self._drop_what_is_gone()
        self.interrupted = kept.record
        self.ended: list[EndedSession] = []
        self.asked: LastCommand | None = None
        self.expired: tuple[float, Play] | None = None
        self.output_fault: str | None = None
        self._rng = rng
        self._ids = itertools.count(1)
        self.rotation = Rotation(self.memory)
        self.rotation.recall(recalled.heard)
        self.setbacks = DropoutBackoff()
        self._reads: dict[str, LibraryRead] = {}

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
        """What starts by itself, with all that was changed by hand; with the schedule off what was planned by hand."""
        return self.memory.planned(self.settings, is_enabled=self.is_schedule_enabled)

    @property
    def plan(self) -> tuple[bool, tuple[Entry, ...]]:
        """Whether the schedule is on, and what it starts."""
        return self.is_schedule_enabled, self.entries_on

    @property
    def tracks(self) -> dict[str, Track]:
        """Everything that the library found, by uri."""
        return {track.uri: track for read in self._reads.values() for track in (*read.opening, *read.tracks)}

    def playlists_with(self, uri: str) -> list[str]:
        """Names of the playlists that have a track."""
        return [name for name, read in self._reads.items() if any(t.uri == uri for t in (*read.opening, *read.tracks))]

    @property
    def choices(self) -> Choices:
        """What a person chose for the next start."""
        return Choices(self.selected_playlist, self.idle_volume, self.idle_timer, self.idle_fade_out_s)

    # Beginning and ending.

    def start_for(self, why: str, asked: Entry | Play, late_s: float = 0.0) -> StartParams:
        """What was asked for, filled up with the defaults and held under the caps."""
        settings = self.settings
        default = settings.volume.default if isinstance(asked, Entry) else self.volume
        timer = settings.timer if isinstance(asked, Entry) else self.timer
        fade_out_s = settings.fades.fade_out_s if isinstance(asked, Entry) else self.fade_out_s
        return StartParams(
            why=why,
            volume=settings.volume.cap(default if asked.volume is None else asked.volume),
            timer=timer if asked.timer is None else asked.timer,
            fade_in_s=settings.fades.fade_in_s if asked.fade_in_s is None else asked.fade_in_s,
            fade_out_s=fade_out_s if asked.fade_out_s is None else asked.fade_out_s,
            late_s=late_s,
        )

    def begin(self, start: StartParams, playlist: Playlist, now: Now, out: Outcome) -> None:
        """A new session; over one that sounds it is blended in and moves to its own level."""
        before = self.run
        if before is not None:
            self._tell_end(before, "taken_over", now, out, f"taken over by {start.why}")
        self.give_up_interrupted(f"{start.why} started another one", out)
        self.rotation.begin(playlist.name)
        self.run = Session(start, self._programme(playlist, has_opening=True), self.settings, now)
        self.idle_volume = self.idle_timer = self.idle_fade_out_s = self.expired = None
        self._begin(self.run, now, out)
        if before is not None:
            self.run.take_over_from(before, out)

    def go_on(
        self, start: StartParams, record: SessionRecord, place: ResumePoint | None, now: Now, out: Outcome
    ) -> Session:
        """The session that was broken off, from where it would be by now."""
        playlist = self.settings.playlist(record.playlist)
        assert playlist is not None, "whoever brings a session back has looked for its playlist"
        programme = self._programme(playlist, has_opening=True)
        programme.choice.place = place
        self.run = Session(start, programme, self.settings, now)
        self.run.is_resumed = True
        self._begin(self.run, now, out)
        return self.run

    def forget_interrupted(self) -> None:
        """The session that was broken off is over in any case; what was heard of it belongs into the log."""
        if self.interrupted is not None:
            self.ended.append(self.interrupted.ended)
            self.interrupted = None

    def give_up_interrupted(self, reason: str, out: Outcome) -> None:
        """The session that was broken off, where there is one, does not go on, and that is told."""
        if self.interrupted is not None:
            text = f"the session that was broken off does not go on: {reason}"
            out.tell("session_lost", text, reason=reason, playlist=self.interrupted.playlist)
            self.forget_interrupted()

    def _begin(self, run: Session, now: Now, out: Outcome) -> None:
        start, playlist = run.start, run.programme.playlist
        self.forget_interrupted()
        run.is_output_lost = self.output_fault is not None
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
        run.begin(now.boot_s, out)
        if playlist.name in self._reads:
            out.reads.append(playlist.name)  # what is new since the last look is there for later tonight

    def change_playlist(self, playlist: Playlist, now: Now, out: Outcome) -> None:
        """Blend the running session into another playlist."""
        assert self.run is not None
        self.rotation.begin(playlist.name)
        self.run.programme = self._programme(playlist, has_opening=False)
        self.run.programme.end_with(self.run.ending.timer.mode, out)
        self.run.programme.begin(now.boot_s, out)

    def _programme(self, playlist: Playlist, *, has_opening: bool) -> PlayQueue:
        choice = TrackSelection(playlist, self.rotation, self._rng)
        choice.has_opening = has_opening
        programme = PlayQueue(choice, self._ids)
        programme.limits = self.settings.limits
        if playlist.name in self._reads:
            choice.take(self._reads[playlist.name])
        return programme

    def end(self, run: Session, now: Now, out: Outcome) -> None:
        """Silence is reached: the session is over."""
        run.end()
        if run.end_reason == "timer":
            out.tell("timer_expired", "the sleep timer has run out")
            self.expired = now.boot_s, as_it_was(run)
        self._tell_end(run, run.end_reason, now, out)
        self.run = None
        self._forget_removed_playlists()

    def rearmed(self, play: Play, now_s: float) -> Play:
        """Play, shortly after the sleep timer has run out: as it was, but for what is named."""
        if self.expired is None or now_s - self.expired[0] > self.settings.session.rearm_s:
            return play
        return rearmed(play, self.expired[1], self.choices, self.settings)

    def _tell_end(self, run: Session, reason: str, now: Now, out: Outcome, said: str | None = None) -> None:
        run.taming.tell(out)
        played_s = now.boot_s - run.started.boot_s
        name, began, minutes = run.programme.playlist.name, run.started.wall, round(played_s / 60, 1)
        self.ended.append(EndedSession(began, run.why, name, minutes, reason, run.tally.problems))
        out.tell(
            "session_ended",
            run.tally.line(played_s, said or reason, f"{name} from {began:%H:%M}", run.taming),
            reason=reason,
            why=run.why,
            playlist=name,
            started=began.isoformat(timespec="seconds"),
            minutes=minutes,
            tamed=run.taming.count,
            largest_db=run.taming.largest_db,
            **asdict(run.tally),
        )

    # Library and settings.

    def take_library(self, read: LibraryRead, now: Now, out: Outcome) -> None:
        """The library looked at a playlist."""
        known, self._reads[read.playlist] = self._reads.get(read.playlist), read
        self._forget_removed_playlists()  # it may have gone while the library looked
        for warning in (warning for warning in read.warnings if known is None or warning not in known.warnings):
            out.tell("track_skipped_over", warning, playlist=read.playlist, reason=warning)
        self.memory.look_at((*read.opening, *read.tracks))
        if self.run is not None and self.run.programme.playlist.name == read.playlist:
            self.run.programme.set_tracks(read, now.boot_s, out)

    def change_settings(self, settings: Settings, now: Now, out: Outcome) -> None:
        """Touch only what changed; what sounds goes on, and a lower maximum is reached by a ramp."""
        old, self.settings, told = self.settings, settings, "the config was read again"
        out.order(Retune(settings.fades.crossfade_s, settings.limits.ceiling_dbtp, settings.limits.target_lufs))
        for playlist in settings.playlists:
            if playlist != old.playlist(playlist.name):
                self._reads.pop(playlist.name, None)
                if self.run is not None and self.run.programme.playlist.name == playlist.name:
                    self.run.programme.choice.playlist = playlist
            out.reads.append(playlist.name)
        self._drop_what_is_gone()
        self._forget_removed_playlists()
        if self.run is not None:
            self.run.fades = settings.fades
            self.run.asleep.settings = self.run.tapering.settings = settings
            self.run.programme.limits = settings.limits
            if settings.session != old.session:
                told += self.run.ending.limit(settings.session, now.boot_s)
            if settings.session.taper != old.session.taper:
                self.run.tapering.begin_anew(now.boot_s)
            # the final fade is above a lower maximum for a short while at most, and does not come up again for it
            if self.run.volume > settings.volume.max and self.run.state is not State.FADING_OUT:
                self.run.set_volume(settings.volume.max, now.boot_s, out)
        out.tell("settings_changed", told)

    def _forget_removed_playlists(self) -> None:
        """What a reload took away is not looked up any more, but for what still plays."""
        playing = None if self.run is None else self.run.programme.playlist.name
        gone = {name for name in self._reads if name != playing and self.settings.playlist(name) is None}
        for name in gone:
            del self._reads[name]

    def _drop_what_is_gone(self) -> None:
        """What was chosen under other settings holds as far as these allow it."""
        if self.selected_playlist and self.settings.playlist(self.selected_playlist) is None:
            self.selected_playlist = None
        if self.idle_volume is not None:
            self.idle_volume = self.settings.volume.cap(self.idle_volume)
