"""The controller: takes all messages, and passes each to its owner. Main thread, standard library, pure.

`Controller.handle(message, now)` takes a request, a report, or None for the passing of time alone, and returns an
`Outcome`: orders for the engine and events for everyone. It reads no clock, starts no thread and touches no device.

It passes each message to one of its owners, which handle it and are the only ones that change what they own:

    Playback          the running session, and through it level, timer and queue; what the next session begins with
    Schedule          the entries, what a person changed in them, and which starts have been made
    Memory            bans, tracks that lull died of, nights used; Rotation: what was heard
    LibraryFindings   the tracks of each playlist
    NightLog          the report of the night, from what all others announce

`CrashResume` brings an interrupted session back, and `WritePolicy` says when what is written down. A request is checked
whole before anything is changed: a refusal names what is wrong and the choices, and nothing has happened.
"""

from __future__ import annotations

import math
import random
from dataclasses import replace
from typing import Any, Final

from player.core.clock import Now, elapsed_s
from player.core.commands import (
    QUERIES,
    Advance,
    AllowAgain,
    Asleep,
    Awake,
    ChangeEntry,
    Command,
    ExtendTimer,
    GetStatus,
    GetTracks,
    Like,
    NeverAgain,
    NotTonight,
    Pause,
    Request,
    Resume,
    SetFade,
    SetSchedule,
    SetStartTime,
    SetTimer,
    ShortenTimer,
    SkipTonight,
    Snooze,
    Stop,
    Toggle,
    Tonight,
    Unlike,
)
from player.core.commands_level import Calibrate, NoteReading
from player.core.engine_orders import Retune
from player.core.errors import Refused
from player.core.events import Answer, LibraryRead, Progressed
from player.core.night_report import NightReport
from player.core.published import fields_of
from player.core.settings.session import FAVOURITES, Settings
from player.core.snapshot import Snapshot, TrackList
from player.core.states import OBEYED, State
from player.core.units import counted
from player.session import calibrate, commands, commands_memory, commands_timer, recovery
from player.session.beds import TracksLayer
from player.session.crash_resume import RESTARTED, CrashResume
from player.session.library_findings import LibraryFindings
from player.session.louder import Louder
from player.session.memory.memory import Memory, WatchList
from player.session.memory.records import Documents, RecalledMemory
from player.session.memory.rotation import Rotation
from player.session.memory.write_policy import WritePolicy
from player.session.messages import ExternalProblem, MemoryFound, Message, NewSettings, Shutdown
from player.session.night_log import NightLog
from player.session.outcome import Outcome
from player.session.playback import Playback
from player.session.schedule.planner import Due, Missed
from player.session.schedule.schedule import Schedule
from player.session.snapshot import LastAsked, SteadyEnd, problems_of, snapshot_of
from player.session.track_list import TrackLister, favourites_of

REMEMBERED: Final = (
    NeverAgain, AllowAgain, Like, Unlike, SkipTonight, SetStartTime, ChangeEntry, Tonight, NotTonight, SetSchedule,
    NoteReading,
)  # fmt: skip
"""Commands with an effect on later nights: they are answered once the change is on the disk."""
WAKE_S: Final = 10.0
"""Maximum seconds of a wait, so that a step of the wall clock is noticed within this time."""


class Controller:
    """Takes messages and time, and lets their owners handle them.

    Args:
        settings: what a night is made of.
        rng: seeded randomness for shuffling; the session has no other.
        recalled: what was saved before; None: nothing.
    """

    def __init__(self, settings: Settings, rng: random.Random, recalled: RecalledMemory | None = None) -> None:
        recalled = recalled or RecalledMemory()
        documents = recalled.documents
        self._settings = settings
        self._memory = Memory()
        documents.recall(self._memory)
        self._rotation = Rotation(self._memory)
        self._rotation.recall(recalled.heard)
        self._findings = LibraryFindings()
        self._playback = Playback(settings, rng, self._rotation, self._memory, self._findings, documents)
        self.louder = Louder(self._playback)
        self._tracks = TrackLister(self._findings, self._memory, self._rotation)
        self._schedule = Schedule(settings, documents.switches, is_new=recalled.is_empty)
        self._crash_resume = CrashResume(recalled, self._memory)
        self._write_policy = WritePolicy(documents, recalled.boot)
        self._night = NightLog(documents.night)
        self.asked = LastAsked()
        self._external_problems = {f"recalled {fault}": fault for fault in recalled.faults}
        self._announced_problems: tuple[str, ...] = ()
        self._announced_at: Now | None = None
        self._shown_end = SteadyEnd()
        self._is_closing = False

    @property
    def state(self) -> State:
        """The state of the session."""
        return self._playback.state

    @property
    def volume(self) -> int:
        """The volume that was set: of the running session, or for the next one."""
        return self._playback.volume

    def volume_at(self, level_dba: float) -> int | None:
        """The volume that has this level in dB(A) at the pillow; None without a calibration."""
        return calibrate.volume_at(level_dba, self._memory, self._settings)

    @property
    def tracks_layer(self) -> TracksLayer:
        """Whether the tracks sound, or only the bed that outlasts them."""
        return TracksLayer() if self._playback.session is None else self._playback.session.tracks

    @property
    def is_output_lost(self) -> bool:
        """Whether there is no sound device at the moment."""
        return self._playback.output_fault is not None

    @property
    def night(self) -> NightReport:
        """The report of this night, or of the last one."""
        return self._night.report

    @property
    def playing(self) -> tuple[str, ...]:
        """What plays and what follows, as uris."""
        if self._playback.session is None:
            return ()
        queue = self._playback.session.queue
        current = None if queue.current is None else queue.current.track
        return tuple(track.uri for track in (current, queue.following) if track is not None)

    @property
    def tracks(self) -> TrackList:
        """The tracks that can be played, for remotes; the same object as long as nothing has changed."""
        return self._tracks.listed(self._settings, is_idle=self.state is State.IDLE)

    @property
    def watched(self) -> WatchList:
        """The files that the library should identify by content."""
        return self._memory.watched

    def wait_s(self, now: Now, longest_s: float = WAKE_S) -> float:
        """Seconds until something is due; ten at most, so that a step of the wall clock is noticed soon."""
        coming = self._schedule.coming(now.wall)
        if coming is not None and coming.first is not None:
            longest_s = min(longest_s, max(0.0, elapsed_s(now.wall, coming.first[1])))
        if self._write_policy.due_s is not None:
            longest_s = min(longest_s, max(0.0, self._write_policy.due_s - now.boot_s))
        session = self._playback.session
        return longest_s if session is None else session.next_wake_s(now.boot_s, longest_s)

    def problems(self, now: Now) -> tuple[str, ...]:
        """The present problems, a sentence each."""
        if now is self._announced_at:
            return self._announced_problems  # looked at when this turn ended
        found = [*self._external_problems.values(), *filter(None, [self._crash_resume.problem])]
        if self._schedule.waits_for_the_clock and not now.trusted:
            found.append("the clock is not set yet; the schedule waits, commands work")
        return (*found, *problems_of(self._playback, self._memory, now.boot_s))

    def handle(self, message: Message | None, now: Now) -> Outcome:
        """Take one message, or with None just the time; every call also does what has become due."""
        out = Outcome()
        self._announced_at = None
        self._crash_resume.tick(self._playback, now, out)
        if isinstance(message, Request):
            self._answer(message, now, out)
        elif message is not None:
            self._handle_message(message, now, out)
        if isinstance(message, Request) and isinstance(message.command, Pause | Resume):
            self._crash_resume.tick(self._playback, now, out)  # what an interrupted session does has just changed
        self._start_what_is_due(now, out)
        self._night.correct(commands_timer.learn_time(self._playback, now, out))
        self._playback.tick(now, out)
        self._schedule.announce_rest_night(now, out)
        self._announce_problems(now, out)
        self._night.note(self._playback, self._memory, self._external_problems, now, out)
        self._write_policy.note(self._rotation, self._findings, now.wall, out)
        self._write_policy.write_what_is_due(self._documents(now), now.boot_s, out)
        if self._playback.session is not None:
            self._playback.session.statistics.count(out)
        out.reads = [name for name in out.reads if self._settings.playlist(name) is not FAVOURITES]
        return out

    def close(self, now: Now) -> Outcome:
        """Prepare the end of the daemon: returns what must be written before it."""
        out = Outcome()
        self._write_policy.note(self._rotation, self._findings, now.wall, out)
        self._write_policy.write_all(self._documents(now), now.boot_s, out)
        return out

    def _documents(self, now: Now) -> Documents:
        tries = self._crash_resume.tries
        return self._write_policy.documents(self._playback, self._schedule, self._memory, self.night, tries, now)

    def snapshot(self, now: Now) -> Snapshot:
        """The whole state, for people and homes."""
        shown = snapshot_of(self._playback, self._schedule, self._memory, self.asked, self.problems(now), now)
        ends = self._shown_end.show(shown.timer_ends)
        return replace(
            shown,
            timer_ends=ends,
            next_phase=None if shown.next_phase is None else ends,
            track_choices=self.tracks.choices,
            volume_limit=self._playback.settings.volume.max,
        )

    # Messages.

    def _answer(self, request: Request, now: Now, out: Outcome) -> None:
        """Carry out a request and answer it; a refusal is announced even when no answer is expected."""
        try:
            is_pause = isinstance(request.command, Toggle) and self.state in {State.PLAYING, State.FADING_OUT}
            if self._is_closing and not is_pause and not isinstance(request.command, (Stop, Pause, *QUERIES)):
                raise Refused("the speaker is shutting down")
            self._check_state(request)
            command = calibrate.in_volumes(request.command, self._memory, self._settings)
            text = self._execute(command, request.origin, now, out)
        except Refused as refusal:
            self.asked.refuse(str(refusal), request.origin, now.wall)
            out.events.append(Answer(request.reply_to, is_done=False, text=str(refusal), data={}))
            out.announce("command_rejected", str(refusal), reason=str(refusal), origin=request.origin)
        else:
            if not isinstance(request.command, QUERIES):
                self.asked.obey(text, request.origin, now.wall)
            is_kept, data = isinstance(request.command, REMEMBERED), self._data_of(request.command)
            out.events.append(Answer(request.reply_to, is_done=True, text=text, data=data, must_be_written=is_kept))

    def _data_of(self, command: Command) -> dict[str, Any]:
        """What the answer to a query holds beside the state."""
        return fields_of(self._tracks.find(command.text, self._settings)) if isinstance(command, GetTracks) else {}

    def _check_state(self, request: Request) -> None:
        """Raises Refused where the table does not allow the command in this state."""
        command = request.command
        is_allowed = type(command) in OBEYED[self.state]
        if is_allowed or (isinstance(command, Pause | Resume) and self._playback.interrupted.record is not None):
            return
        if self._playback.session is None:
            raise Refused(f"{request.verb}: nothing is playing")
        way_back = "; play continues it" if isinstance(command, Toggle | Resume | Advance) else ""
        raise Refused(f"{request.verb}: the session is ending{way_back}")

    def _execute(self, command: Command, origin: str, now: Now, out: Outcome) -> str:
        match command:
            case SetSchedule() | SetStartTime() | ChangeEntry() | Tonight() | NotTonight() | SkipTonight():
                return self._schedule.execute(command, now, out)
            case NeverAgain() | AllowAgain() | Like() | Unlike() | Calibrate() | NoteReading():
                text = commands_memory.execute(command, self._memory, self._playback, now, out)
                self._update_favourites(now, out)
                return text
            case Asleep() | Awake() if self._playback.session is None:
                return self._crash_resume.notice(command, self._playback, now, out)
            case SetTimer() | ExtendTimer() | ShortenTimer() | SetFade() | Asleep() | Awake() | Snooze():
                return commands_timer.execute(self._playback, command, now, out)
            case GetTracks(wanted):
                return counted(self._tracks.find(wanted, self._settings).count, "track")
            case GetStatus():
                return f"state is {self.state}"
            case _:
                return commands.execute(self._playback, command, origin, now, out)

    def _handle_message(self, message: Message, now: Now, out: Outcome) -> None:
        match message:
            case LibraryRead():
                self._findings.update(message, out)
                self._memory.learn_keys((*message.opening, *message.tracks))
                self._playback.update_tracks(message, now, out)
                self._update_favourites(now, out)
            case Shutdown():
                self._is_closing = True
                self._close_session(message, now, out)
            case NewSettings(settings, text):
                self._change_settings(settings, text, now, out)
            case ExternalProblem(key, text):
                self._external_problems.pop(key, None)
                self._external_problems |= {} if text is None else {key: text}
                if key == "memory" and text is None:  # measurements were out of reach as well
                    out.reads.extend(playlist.name for playlist in self._settings.playlists)
            case MemoryFound(documents):
                commands_memory.take_late(documents, self._memory, self._playback, out)
                self._update_favourites(now, out)
                self._schedule.recall(documents.switches)
                self._night.recall(documents.night)
                self._crash_resume.take_late(documents, self._playback, is_asked=self.asked.obeyed is not None)
            case Request():
                raise AssertionError("requests are answered")
            case _:
                if isinstance(message, Progressed):
                    self._night.on_progress(message, self._playback.session, now)
                self._playback.on_report(message, now, out)

    def _close_session(self, shutdown: Shutdown, now: Now, out: Outcome) -> None:
        """End the session, or before a restart fall silent in it, so that the next start resumes it."""
        session = self._playback.session
        if not shutdown.is_restart or self._documents(now).record is None:
            self._playback.interrupted.give_up("the speaker is shutting down", out)
            self._playback.stop(shutdown.over_s, "shutdown", out)
        elif session is not None:
            self._crash_resume.tries = RESTARTED
            recovery.stay_silent(session, math.inf, now.boot_s, out, shutdown.over_s)

    def _update_favourites(self, now: Now, out: Outcome) -> None:
        """Liked tracks, or the library, have changed."""
        before = self._findings.favourites
        found = self._findings.favourites = favourites_of(self._findings, self._memory, self._settings)
        if found is not None and found != before:
            self._playback.update_tracks(found, now, out)

    def _change_settings(self, settings: Settings, text: str, now: Now, out: Outcome) -> None:
        """Take new settings after a reload: change only what differs; the sound continues."""
        self._settings = settings
        out.order(Retune(settings.fades.crossfade_s, settings.limits.ceiling_dbtp, settings.limits.target_lufs))
        out.reads.extend(playlist.name for playlist in settings.playlists)
        self._schedule.change_settings(settings)
        self._update_favourites(now, out)
        out.announce("settings_changed", text + self._playback.change_settings(settings, now, out))

    # What becomes due.

    def _start_what_is_due(self, now: Now, out: Outcome) -> None:
        for due in self._schedule.due(now):
            reason = due.reason if isinstance(due, Missed) else self._start(due, now, out)
            if reason is not None:
                text = f"{due.entry.name} at {due.planned:%H:%M} did not start: {reason}"
                out.announce("start_missed", text, entry=due.entry.name, planned=due.planned.isoformat(), reason=reason)

    def _start(self, due: Due, now: Now, out: Outcome) -> str | None:
        """Begin what the schedule starts; returns why not, or None."""
        entry = due.entry
        if self._is_closing:
            return "the speaker is shutting down"
        if self._playback.is_listened_to and not (entry.takes_over or entry.is_morning):
            return "a session is running"
        name = self._schedule.playlist_of(due)
        playlist = self._playback.sound_of(name, is_morning=entry.is_morning)
        if playlist is None:
            return f"there is no playlist {name!r}"
        start = self._playback.next_session.start_params(f"schedule:{entry.name}", entry, playlist, now, due.late_s)
        if not start.then and start.timer.duration_s is not None and due.late_s >= start.timer.duration_s:
            return "its planned end has passed"
        self._playback.begin(start, playlist, now, out)
        return None

    def _announce_problems(self, now: Now, out: Outcome) -> None:
        found = self.problems(now)
        for text in found:
            if text not in self._announced_problems:
                out.announce("problem", text, problem=text)
        for text in self._announced_problems:
            if text not in found:
                out.announce("problem_cleared", f"resolved: {text}", problem=text)
        self._announced_problems, self._announced_at = found, now
