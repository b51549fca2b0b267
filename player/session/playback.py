"""The owner of the running session: begins and ends it, and passes the engine's reports to it. Main thread, pure.

There is at most one session. The choices for the next one are in `player.session.next_session`.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from player.core.clock import Now, moved
from player.core.engine_orders import TRACKS
from player.core.events import (
    ClauseBroken,
    EngineFaulted,
    EngineReport,
    ItemStarted,
    LibraryRead,
    OutputFound,
    OutputLost,
    Track,
)
from player.core.limits import STOP_NOW_S
from player.core.settings.bed import Bed, named_beds
from player.core.settings.session import Order, Phase, Playlist, Settings, TimerSetting, TrackStart
from player.core.states import State
from player.session import bed_alone, recovery
from player.session.beds import Beds
from player.session.bookmark import Bookmark
from player.session.checks import find_playlist, find_track
from player.session.engine_reports import EngineReports
from player.session.interrupted import InterruptedSession
from player.session.library_findings import CALIBRATION, FALLBACK, LibraryFindings, found_in
from player.session.memory.memory import Memory
from player.session.memory.records import Documents, SessionRecord
from player.session.memory.rotation import Rotation
from player.session.next_session import NextSession, StartParams
from player.session.outcome import Outcome
from player.session.play_queue import PlayQueue
from player.session.session import Session
from player.session.session_end import again, announce_end
from player.session.sleep_timer import SHORTEST_S
from player.session.snooze import announce_missing_sound, end_snooze
from player.session.track_selection import ALL_BANNED, ResumePoint, TrackSelection

OPENING_S: Final = 2.0
"""Seconds within which the first track of a phase is opened."""

LOOK_AGAIN_S: Final = 15 * 60.0
"""Seconds after which the playlist is read again when a track begins: new files may be in folders without a watch."""


class Playback:
    """At most one session.

    Args:
        settings: what is in force.
        rng: seeded randomness for shuffling.
        rotation: remembers which tracks were heard.
        memory: learns which nights were used, and which tracks played well.
        findings: the tracks of each playlist.
        documents: what was saved before.

    Attributes:
        interrupted: the session that a crash or power cut interrupted; given up when another one begins.
        next_session: what the next session begins with.
        session: the running one; None when idle.
        output_fault: why there is no sound device; None while there is one.
    """

    def __init__(
        self,
        settings: Settings,
        rng: random.Random,
        rotation: Rotation,
        memory: Memory,
        findings: LibraryFindings,
        documents: Documents,
    ) -> None:
        self.settings = settings
        self.session: Session | None = None
        self.output_fault: str | None = None
        self.rotation = rotation
        self.findings = findings
        self.interrupted = InterruptedSession(documents.record)
        self.next_session = NextSession(settings, documents.choices)
        self._rng = rng
        self.memory = memory
        self._item_ids = iter(range(1, sys.maxsize))
        self._reports = EngineReports(memory)
        self._bookmark = Bookmark(memory.places)
        self._look_again_s = 0.0

    @property
    def state(self) -> State:
        """The state of the session."""
        return State.IDLE if self.session is None else self.session.state

    @property
    def is_listened_to(self) -> bool:
        """Whether a start of the schedule would interrupt listening: not in a pause, nor during a calibration."""
        is_noise = self.session is not None and self.session.queue.playlist is CALIBRATION
        return self.state in {State.PLAYING, State.FADING_OUT} and not is_noise

    @property
    def running(self) -> Session:
        """The running session, for commands that are valid only while there is one."""
        assert self.session is not None, "the table of obeyed commands let this through without a session"
        return self.session

    @property
    def volume(self) -> int:
        """The volume that was set: of the running session, or for the next one."""
        return self.next_session.volume if self.session is None else self.session.volume

    def nothing_to_play(self, playlist: str) -> str | None:
        """Why a playlist has nothing to play; None where it has something, or was not read yet."""
        read = self.findings.of(playlist)
        if read is None or self.memory.allowed((*read.opening, *read.tracks)):
            return None
        if read.tracks:
            return f"playlist {playlist!r} has nothing to play: {ALL_BANNED}"
        return f"playlist {playlist!r} has nothing to play" + (f": {read.warnings[0]}" if read.warnings else "")

    def sound_of(self, name: str | None, *, is_morning: bool = False) -> Playlist | None:
        """The playlist of that name, if it exists; a morning gets generated sound where it has nothing to play."""
        playlist = None if name is None else self.settings.playlist(name)
        if is_morning and (playlist is None or self.nothing_to_play(playlist.name) is not None):
            return FALLBACK
        return playlist

    def find_track(self, name: str, playlists: Sequence[Playlist]) -> tuple[Playlist, Track]:
        """The track of that title, or with that part in it, in the first playlist that has it. Raises Refused."""
        each = {playlist.name: self.findings.of(playlist.name) for playlist in playlists}
        found = {name: self.memory.allowed((*read.opening, *read.tracks)) for name, read in each.items() if read}
        own = found.get(playlists[0].name, ())
        is_own = any(name.casefold() in track.title.casefold() for track in own)
        among = own if is_own else [track for tracks in found.values() for track in tracks]
        track = find_track(name, among, playlists[0].name if len(playlists) == 1 else None)
        return next(one for one in playlists if track in found.get(one.name, ())), track

    def places_to_look(self, named: str | None = None) -> list[Playlist]:
        """The playlists in which a track is searched: the named one, otherwise the present one and then all."""
        if named is not None:
            return [find_playlist(self.settings, named)]
        present = None if self.session is None else self.settings.playlist(self.session.queue.playlist.name)
        if present is None:  # nothing plays, or what is in no library: the noise of a calibration or of a morning
            present = find_playlist(self.settings, self.next_session.playlist)
        return [present, *(one for one in self.settings.playlists if one.name != present.name)]

    # Beginning and ending.

    def begin(self, start: StartParams, playlist: Playlist, now: Now, out: Outcome, track: Track | None = None) -> None:
        """Begin a new session; over a sounding one it is blended in and moves to its own level."""
        before = self.session
        if before is not None:
            self._bookmark.leave(before.queue)
            announce_end(before, "taken_over", now, out, f"taken over by {start.why}")
        self.interrupted.give_up(f"{start.why} started another one", out)
        self.rotation.begin(playlist.name)
        self.next_session.has_started()
        queue = self._queue(playlist)
        queue.wanted = track
        beds = self._no_beds() if before is None else before.beds
        session = self._open(Session(start, queue, self.settings, now, beds), now, out)
        if before is not None:
            session.take_over_from(before, now.boot_s, out)
        self.set_beds(
            playlist.bed or () if start.bed is None else start.bed, now, out, is_of_playlist=start.bed is None
        )

    def resume_interrupted(
        self, start: StartParams, record: SessionRecord, point: ResumePoint | None, now: Now, out: Outcome
    ) -> Session:
        """Resume the interrupted session from where it would be by now."""
        playlist = self.sound_of(record.playlist, is_morning=record.morning is not None)
        assert playlist is not None, "whoever brings a session back has looked for its playlist"
        queue = self._queue(playlist)
        queue.selection.resume_point = point
        session = Session(start, queue, self.settings, now, self._no_beds(), is_resumed=True)
        if record.is_bed_alone:
            session.tracks.go(record.timer)
            queue.rest()
        self._open(session, now, out)
        self.set_beds(record.beds, now, out, is_of_playlist=record.is_bed_of_playlist)
        return session

    def set_beds(
        self, beds: tuple[Bed, ...], now: Now, out: Outcome, *, is_of_playlist: bool, outlasts: bool = False
    ) -> None:
        """Play these beds under the tracks, and no others; see `player.session.beds`."""
        playing = self.running.beds
        before, playing.is_of_playlist = playing.now, is_of_playlist
        playing.set(beds, now.boot_s, out, outlasts=outlasts)
        if playing.now != before:
            out.announce("bed_set", f"bed: {named_beds(playing.now)}", beds=[str(bed) for bed in playing.now])

    def _no_beds(self) -> Beds:
        return Beds(self._find_playlist, self._bed_queue)

    def _find_playlist(self, name: str) -> Playlist | None:
        """The playlist in the present settings."""
        return self.settings.playlist(name)

    def _open(self, session: Session, now: Now, out: Outcome) -> Session:
        self.session, start, playlist = session, session.start, session.queue.playlist
        session.is_output_lost = self.output_fault is not None
        self.interrupted.forget(out)
        self._count_night(session, now)
        out.announce(
            "session_started",
            f"playing {playlist.name} at volume {start.volume} ({start.why})",
            why=start.why,
            playlist=playlist.name,
            volume=start.volume,
            timer=start.timer.mode.value,
            timer_minutes=None if start.timer.duration_s is None else start.timer.duration_s / 60,
        )
        session.begin(now.boot_s, out)
        if self.findings.of(playlist.name) is not None:
            out.reads.append(playlist.name)  # what is new since the last look is there for later tonight
        self._look_again_s = now.boot_s + LOOK_AGAIN_S
        return session

    def _count_night(self, session: Session, now: Now) -> None:
        """Count the night in which the session began as used, as soon as the clock is set."""
        if now.trusted and not session.is_counted and session.queue.playlist is not CALIBRATION:
            self.memory.note_night(moved(now.wall, session.started.boot_s - now.boot_s))
            session.is_counted = True

    def change_playlist(
        self, playlist: Playlist, now: Now, out: Outcome, track: Track | None = None, *, is_phase: bool = False
    ) -> None:
        """Blend the running session into another playlist, and the bed of the one before into its bed."""
        self._bookmark.leave(self.running.queue)
        self.rotation.begin(playlist.name)
        queue = self._queue(playlist, has_opening=False)
        queue.wanted = track
        self.running.change_queue(queue, now.boot_s, out)
        if self.running.beds.is_of_playlist:
            self.set_beds(playlist.bed or (), now, out, is_of_playlist=True, outlasts=is_phase)

    def _queue(self, playlist: Playlist, *, has_opening: bool = True, layer: int = TRACKS) -> PlayQueue:
        places = self.memory.places
        selection = TrackSelection(playlist, self.rotation, self._rng, places, has_opening=has_opening)
        read = found_in(playlist) or self.findings.of(playlist.name)
        if read is not None:
            selection.set_tracks(read)
        return PlayQueue(selection, self._item_ids, self.settings.limits, layer)

    def _bed_queue(self, playlist: Playlist, layer: int) -> PlayQueue:
        """A queue for a bed, which repeats and begins at the beginning."""
        order = Order.IN_ORDER if playlist.order is Order.ONCE else playlist.order
        endless = replace(playlist, order=order, start=TrackStart.BEGINNING)
        return self._queue(endless, has_opening=False, layer=layer)

    def _end(self, session: Session, now: Now, out: Outcome) -> None:
        """End the session after it has reached silence."""
        self._bookmark.leave(session.queue)
        session.end()
        if session.end_reason == "timer":
            out.announce("timer_expired", "the sleep timer has run out")
            if session.queue.playlist is not CALIBRATION:  # the noise of a calibration is not repeated
                self.next_session.timer_ran_out(again(session), now.boot_s)
        announce_end(session, session.end_reason, now, out)
        self.session = None
        self._forget_removed_playlists()

    # Library, settings and time.

    def update_tracks(self, read: LibraryRead, now: Now, out: Outcome) -> None:
        """The library looked at a playlist."""
        self._forget_removed_playlists()  # it may have been removed while the library was read
        if self.session is not None and self.session.queue.playlist.name == read.playlist:
            self.session.queue.set_tracks(read, now.boot_s, out)
        if self.session is not None:
            self.session.beds.set_tracks(read, now.boot_s, out)

    def change_settings(self, settings: Settings, now: Now, out: Outcome) -> str:
        """Change only what differs. Returns a sentence about an end that has moved."""
        old, self.settings, session = self.settings, settings, self.session
        changed = [playlist for playlist in settings.playlists if playlist != old.playlist(playlist.name)]
        self.findings.forget(playlist.name for playlist in changed)
        self.next_session.change_settings(settings)
        self._forget_removed_playlists()
        if session is None:
            return ""
        for playlist in changed:
            if session.queue.playlist.name == playlist.name:
                session.queue.selection.playlist = playlist
        return session.change_settings(settings, old, now.boot_s, out)

    def _forget_removed_playlists(self) -> None:
        """Forget playlists that a reload removed, except what still plays."""
        playing = [] if self.session is None else [self.session.queue.playlist.name]
        playing += [] if self.session is None else [layer.queue.playlist.name for layer in self.session.beds]
        self.findings.keep_only({playlist.name for playlist in self.settings.playlists}.union(playing))

    def stop(self, over_s: float, reason: str, out: Outcome) -> None:
        """End the running session, where there is one."""
        if self.session is not None:
            self.session.stop(over_s, reason, out)

    def tick(self, now: Now, out: Outcome) -> None:
        """Do what has become due."""
        session = self.session
        if session is None:
            return
        self._count_night(session, now)
        recovery.end_silence(session, now.boot_s, out)
        end_snooze(session, now.boot_s, out)
        bed_alone.tick(session, now.boot_s, out)
        session.tick(now.boot_s, out)
        if announce_missing_sound(session, now.boot_s, out):
            self.change_playlist(FALLBACK, now, out)
        self._bookmark.look(session, now.boot_s)
        session.dropouts.tick(now.boot_s, out)
        if self._is_phase_over(session, now.boot_s):
            self.advance(now, out)
        if session.queue.is_over and session.state is not State.STOPPING and not session.is_outlasted(now.boot_s):
            session.stop(STOP_NOW_S, "end-of-track" if session.queue.is_last else "end-of-playlist", out)

    def _is_phase_over(self, session: Session, now_s: float) -> bool:
        """Whether the next phase should be blended in now: at the end of its timer, or of its last track."""
        if session.state not in {State.PLAYING, State.PAUSED}:
            return False
        queue = session.queue
        left_s = queue.left_s if queue.is_final else None
        is_ending = left_s is not None and left_s <= self.settings.fades.crossfade_s + OPENING_S
        # an end of the tracks may come before a timer that no phase would follow
        is_followed = (queue.is_over or is_ending) and session.phases.is_followed(now_s)
        return is_followed or session.end_plan.is_phase_due(now_s)

    def advance(self, now: Now, out: Outcome, *, is_by_hand: bool = False) -> None:
        """Blend into the next phase of the night; without one the session fades out.

        While somebody is known to be asleep, only an `advance` by hand makes it louder.
        """
        session = self.running
        found = session.phases.enter(now.boot_s)
        if found is None:
            fade = TimerSetting.clock(max(session.end_plan.fade_out_s, SHORTEST_S))
            session.end_plan.set(fade, now.boot_s)
            return
        phase, timer = found
        may_rise = is_by_hand or not session.night_mode.is_asleep
        session.enter_phase(phase, timer, now.boot_s, out, may_rise=may_rise)
        playlist = self.playlist_of(phase, session)
        if playlist != session.queue.playlist or session.queue.is_over:
            self.change_playlist(playlist, now, out, is_phase=True)
        else:
            session.queue.end_with(timer.mode, out)
        if phase.bed is not None:
            self.set_beds(phase.bed, now, out, is_of_playlist=False, outlasts=True)
        session.playlists.append(playlist.name)
        number, count = session.phases.number, session.phases.count
        text = f"phase {number} of {count}: {playlist.name} at volume {session.volume}"
        out.announce("phase_started", text, phase=number, phases=count, playlist=playlist.name, volume=session.volume)

    def playlist_of(self, phase: Phase, session: Session) -> Playlist:
        """The playlist of a phase, or the present one where that cannot be played."""
        present = session.queue.playlist
        if phase.playlist is None:
            return present
        playlist = self.settings.playlist(phase.playlist)
        return present if playlist is None or self.nothing_to_play(playlist.name) is not None else playlist

    # What the engine reports.

    def on_report(self, report: EngineReport, now: Now, out: Outcome) -> None:
        """Note the state of the device, and pass the report to the running session."""
        if isinstance(report, OutputLost):
            self.output_fault = report.reason
        elif isinstance(report, OutputFound):
            self.output_fault = None
        elif isinstance(report, ClauseBroken):
            text = f"{report.clause} would have been broken ({report.reason}); muted, the sound comes back slowly"
            out.announce("problem", text, problem=text, clause=report.clause)
        elif isinstance(report, EngineFaulted):
            out.announce("problem", f"audio engine error, recovered: {report.reason}", problem=report.reason)
        session = self.session
        if session is not None and self._reports.handle(session, report, now.boot_s, out):
            self._end(session, now, out)
        if session is not None and isinstance(report, ItemStarted):
            playing = session.queue.current
            if playing is not None and playing.item.id == report.item_id:
                self.findings.note_length(playing.track, report.duration_s)
            self._look_again(session.queue.playlist, now, out)

    def _look_again(self, playlist: Playlist, now: Now, out: Outcome) -> None:
        """Have the playlist read again if the last time is long ago."""
        if now.boot_s >= self._look_again_s:
            out.reads.append(playlist.name)
            self._look_again_s = now.boot_s + LOOK_AGAIN_S
