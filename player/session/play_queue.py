"""The queue: which track a session plays, which one follows, and what to do when one cannot be played.

Main thread, standard library, pure: time comes in, orders and news go out through an `Outcome`. Volume,
timers and states belong to the session.

A file that fails is set aside and another one is taken at once, ahead of time where possible. A stream that drops is
tried again after 2, 5 and 15 seconds before another track is taken. When nothing can be played there is one problem
and silence, and everything is retried after a pause that grows to five minutes: a share that is late still makes a
night.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from player.core.engine_orders import TRACKS, Crossfade, LevelItem, PlayItem, QueueItem
from player.core.events import ItemEnded, ItemFailed, ItemStarted, LibraryRead, Progressed, Track
from player.core.settings.safety import LimitSettings
from player.core.settings.session import Playlist, TimerMode
from player.core.units import format_duration
from player.session.outcome import Outcome
from player.session.queue_item import PlayingItem, item_of
from player.session.stream_retries import StreamRetries
from player.session.track_selection import ALL_BANNED, TrackSelection

FIRST_PAUSE_S: Final = 5.0
LAST_PAUSE_S: Final = 300.0
SHORTEST_TRACK_S: Final = 2.0
"""Minimum seconds of a track; a shorter one may end before the next is open, and is left out like a broken one."""
REQUEUE_S: Final = 60.0
"""The next track is opened 20 s ahead; until well before that its gain may still change."""
KEPT: Final = 50
"""Number of tracks that `previous` can go back to."""
SPREE: Final = 20
"""Number of failures in a row without a pause; further attempts are a second apart."""


class PlayQueue:
    """The tracks of one session.

    Args:
        selection: chooses them.
        ids: numbers of items, never used twice.
        limits: limits for the gains of tracks; a reload replaces them.
        layer: their layer; of a bed's tracks only faults are announced.
    """

    def __init__(
        self, selection: TrackSelection, ids: Iterator[int], limits: LimitSettings, layer: int = TRACKS
    ) -> None:
        self.selection = selection
        self.limits = limits
        self._layer = layer
        self._is_resting = False
        self.current: PlayingItem | None = None
        self.problem: str | None = None
        self.is_over = False
        """Everything that was to be played has been played."""
        self.is_last = False
        """Nothing follows the current track (a timer to the end of the track)."""
        self.wanted: Track | None = None
        """The track that was asked for by name, to begin with; None once it plays."""
        self.retry_at_s: float | None = None
        self._heard: list[Track] = []
        self._queued: PlayingItem | None = None
        self._rotation = selection.rotation
        self._ids = ids
        self._failures = 0
        self._pause_s = FIRST_PAUSE_S
        self._streams = StreamRetries()
        self._retry_track: Track | None = None
        self._titles: dict[int, Track] = {}

    @property
    def playlist(self) -> Playlist:
        """The playlist that it plays from."""
        return self.selection.playlist

    @property
    def following(self) -> Track | None:
        """The track after the current one, if that is decided."""
        return None if self._queued is None else self._queued.track

    @property
    def left_s(self) -> float | None:
        """Seconds left of the current track, None where that is unknown."""
        return None if self.current is None else self.current.left_s

    def track_of(self, item_id: int | None) -> Track | None:
        """The track of an item that sounds or has sounded recently."""
        return None if item_id is None else self._titles.get(item_id)

    def begin(self, now_s: float, out: Outcome) -> None:
        """Play a first track, blending it over whatever sounds; wait where the library has not looked yet."""
        if self.selection.tracks is None:
            out.reads.append(self.playlist.name)
        elif not self._is_resting:
            self._play_first(now_s, out)

    def set_tracks(self, read: LibraryRead, now_s: float, out: Outcome) -> None:
        """The library has looked (again)."""
        self.selection.set_tracks(read)
        if self.current is None and self._retry_track is None and not self._is_resting:
            self._rotation.readmit_failed()
            self._play_first(now_s, out)
        self._take_measurements(out)

    def _play_first(self, now_s: float, out: Outcome) -> None:
        """Continue where the session was interrupted, or begin."""
        if self.wanted is not None:
            self.play(self.wanted, out, Crossfade.BLEND)
            return
        point = self.selection.pop_resume_point()
        if point is None:
            self._play_another(now_s, out, Crossfade.BLEND)
        else:
            self._play(point[0], out, Crossfade.BLEND, start_s=point[1])

    def _take_measurements(self, out: Outcome) -> None:
        """Level the current track once it is measured, and the queued one while there is time before it is opened."""
        current, queued, left_s = self.current, self._queued, self.left_s
        track = None if current is None else self.selection.measured_now(current.track)
        item = None if current is None or track is None else current.level(track, self.playlist, self.limits)
        if item is not None:
            out.order(LevelItem(item, self._layer))
        track = None if queued is None else self.selection.measured_now(queued.track)
        if track is not None and left_s is not None and left_s >= REQUEUE_S:
            self._queued = self._playing(track)
            out.order(QueueItem(self._queued.item, self._layer))

    def skip(self, out: Outcome, *, is_disliked: bool = True) -> bool:
        """Go to another track now; False where there is none, and then nothing has changed."""
        playing = self.current
        is_only = playing is not None and self.selection.is_only(playing.track.uri)
        if playing is not None and not playing.is_sounding:
            if not self.selection.has_another(playing.track.uri):
                return False
            if not is_only:  # skipped before the last choice was heard: that one was not wanted either
                self._rotation.mark_skipped(self.playlist.name, playing.track.uri)
        track = self.selection.next()
        if track is None:
            return False
        if playing is not None and playing.is_sounding and is_disliked and not is_only:
            self._rotation.mark_skipped(self.playlist.name, playing.track.uri)
        self._play(track, out, Crossfade.SKIP)
        return True

    def play(self, track: Track, out: Outcome, crossing: Crossfade = Crossfade.SKIP) -> None:
        """Play a track that a person named."""
        self.wanted = None
        self._play(track, out, crossing)

    def previous(self, out: Outcome) -> bool:
        """Go back to the track before; False where there is none, and then nothing has changed."""
        is_known = self.current is not None and self.current.was_announced
        before = [track for track in (self._heard[:-1] if is_known else self._heard) if self._rotation.is_usable(track)]
        if not before:
            return False
        self._heard = before[:-1]
        self._play(before[-1], out, Crossfade.SKIP)
        return True

    def leave_out(self, uri: str, out: Outcome) -> bool:
        """A track was banned: play another one instead where it plays or follows; False where there is none."""
        if self._queued is not None and self._queued.track.uri == uri:
            self._queue_another(out)
        if self.current is None or self.current.track.uri != uri:
            return True
        return self.skip(out, is_disliked=False)

    def on_fault(self, reason: str, now_s: float, out: Outcome) -> None:
        """Take another track after a fault in the middle of one, which may have caused it."""
        if self._is_resting:
            return
        if self.current is not None:
            self._set_aside(self.current.track, reason, out)
        self.current = self._queued = None
        self._play_another(now_s, out, Crossfade.BLEND)

    def play_on(self, out: Outcome) -> None:
        """Play the current track from where it was, after the engine dropped the tracks."""
        if self.current is not None:
            start_s = 0.0 if self.current.track.is_stream else self.current.position_s
            self._play_from(self.current, start_s, Crossfade.BLEND, out)

    def seek(self, position_s: float, out: Outcome) -> None:
        """Play the current track from another place."""
        assert self.current is not None
        self._play_from(self.current, position_s, Crossfade.SKIP, out)

    def _play_from(self, playing: PlayingItem, start_s: float, crossing: Crossfade, out: Outcome) -> None:
        """Continue in the same track: it is not a new one in the history, and its length is known."""
        self._play(playing.track, out, crossing, start_s=start_s)
        assert self.current is not None
        self.current.duration_s = playing.duration_s
        self.current.was_announced = playing.was_announced

    def rest(self) -> None:
        """Stop after the tracks have ended, while a bed continues; `wake_up` plays the next one."""
        self.current = self._queued = self.retry_at_s = self._retry_track = self.problem = None
        self.is_over = False
        self._is_resting = True

    def wake_up(self, now_s: float, out: Outcome) -> None:
        """Continue after `rest`, if nothing plays yet."""
        was_resting, self._is_resting = self._is_resting, False
        if was_resting and self.current is None:
            self._play_another(now_s, out, Crossfade.BLEND)

    def end_with(self, mode: TimerMode, out: Outcome) -> None:
        """Let nothing follow the current track, or play each track once, or continue indefinitely."""
        before = self.is_last, self.selection.is_once
        self.is_last, self.selection.is_once = mode is TimerMode.END_OF_TRACK, mode is TimerMode.END_OF_PLAYLIST
        if before != (self.is_last, self.selection.is_once) and self.current is not None and self.current.is_sounding:
            self._queue_another(out)

    @property
    def last(self) -> PlayingItem | None:
        """The current track, if nothing follows it."""
        return self.current if self.is_final else None

    @property
    def is_final(self) -> bool:
        """Whether a timer to the end of track or playlist ends with the current track."""
        return self.is_last or (self.selection.is_once and self._queued is None and self.selection.tracks is not None)

    def on_started(self, report: ItemStarted, out: Outcome) -> None:
        """A track began to sound: make it the current one, and choose what follows."""
        playing = self._by_id(report.item_id)
        if playing is None:
            return
        if playing is self._queued:
            self._queued = None
            if self.current is not None and self.current.track.uri == playing.track.uri:
                playing.was_announced = self.current.was_announced  # a short loop repeats thousands of times
        playing.duration_s = report.duration_s
        playing.position_s = playing.item.start_s
        playing.is_sounding = True
        self.current = playing
        self._titles = {**{key: self._titles[key] for key in list(self._titles)[-3:]}, playing.item.id: playing.track}
        if report.duration_s is None or report.duration_s >= SHORTEST_TRACK_S:
            self._tell_of_stream(playing.track)
            self._failures = 0
            self._pause_s = FIRST_PAUSE_S
        if not playing.was_announced:
            self._announce_start(playing.track, out)
            playing.was_announced = True
        self._leave_out_if_too_short(playing, out)
        self._queue_another(out)
        self._take_measurements(out)

    def _announce_start(self, track: Track, out: Outcome) -> None:
        if self._layer != TRACKS:
            return
        name = self.playlist.name
        self._heard = [*self._heard[1 - KEPT :], track]
        self._rotation.mark_played(name, track.uri)
        out.announce("track_started", f"track {track.title}", track=track.title, uri=track.uri, playlist=name)

    def _leave_out_if_too_short(self, playing: PlayingItem, out: Outcome) -> None:
        length_s, track = playing.duration_s, playing.track
        if length_s is not None and length_s < SHORTEST_TRACK_S and not track.is_stream:
            self._set_aside(track, f"too short to be played softly ({format_duration(length_s)})", out)

    def on_progress(self, report: Progressed) -> None:
        """Take the place in the current track."""
        playing = self.current
        if playing is not None and playing.item.id == report.item_id:
            playing.position_s = report.position_s
            if playing.track.is_stream:
                self._streams.on_progress(playing.track.uri, report.position_s)
                self._tell_of_stream(playing.track)

    def on_ended(self, report: ItemEnded, now_s: float, out: Outcome) -> None:
        """A track is over; the end of the current one matters only for a stream, which should have no end."""
        playing = self.current
        if report.faults and (damaged := self._titles.get(report.item_id)) is not None:
            text = f"{damaged.uri} is damaged in {report.faults} places; they were silenced"
            out.announce("track_damaged", text, track=damaged.title, uri=damaged.uri, places=report.faults)
        if playing is not None and playing.item.id == report.item_id and playing.track.is_stream:
            self._retry_stream(playing.track, "the stream ended", now_s, out)

    def on_failed(self, report: ItemFailed, now_s: float, out: Outcome) -> None:
        """A track could not be opened or broke off: announce it, and take another one."""
        playing = self._by_id(report.item_id)
        if playing is None:
            return
        if playing.track.is_stream and playing is self.current and not report.is_slow:
            self._retry_stream(playing.track, report.reason, now_s, out)
            return
        is_behind_its_end = playing.item.start_s > 0.0 and not report.played_s  # of a file whose length nobody knows
        if is_behind_its_end and self.is_last and playing is self.current:
            return  # it ends when nothing sounds any more
        if not is_behind_its_end:
            self._set_aside(playing.track, report.reason, out)
        if playing is self._queued:
            self._queued = None
            self._queue_another(out)
        elif self._queued is None:
            self.current = None
            self._play_another(now_s, out, Crossfade.BLEND)

    def on_dry(self, now_s: float, out: Outcome) -> None:
        """Handle that nothing sounds and nothing is queued."""
        if self._is_resting:
            return
        if self.is_last:
            self.is_over = True
        elif self.retry_at_s is None and self.selection.tracks is not None:
            self.current = None
            self._play_another(now_s, out, Crossfade.BLEND)

    def on_tick(self, now_s: float, out: Outcome) -> None:
        """Retry what was delayed."""
        if self.retry_at_s is None or now_s < self.retry_at_s:
            return
        self.retry_at_s = None
        if self._retry_track is not None:
            track, self._retry_track = self._retry_track, None
            was_heard = self.current is not None and self.current.was_announced and self.current.track == track
            self._play(track, out, Crossfade.BLEND)
            if self.current is not None:
                self.current.was_announced = was_heard  # a stream that comes back is not a new track in the history
            return
        self._rotation.readmit_failed()
        out.reads.append(self.playlist.name)
        self._play_another(now_s, out, Crossfade.BLEND)

    def knows(self, item_id: int) -> bool:
        """Whether an item belongs to this queue: it sounds, has sounded recently, or is queued."""
        return self._by_id(item_id) is not None or item_id in self._titles

    def _by_id(self, item_id: int) -> PlayingItem | None:
        return next((one for one in (self.current, self._queued) if one is not None and one.item.id == item_id), None)

    def _playing(self, track: Track, start_s: float | None = None) -> PlayingItem:
        """Play a track from a place, or from where its playlist says."""
        if start_s is None:
            is_again = self.current is not None and self.current.track.uri == track.uri
            start_s = self.selection.start_s(track, is_again=is_again)
        item = item_of(track, next(self._ids), start_s, self.playlist, self.limits)
        return PlayingItem(item, track, position_s=start_s)

    def _play(self, track: Track, out: Outcome, crossing: Crossfade, start_s: float | None = None) -> None:
        self.current = self._playing(track, start_s)
        self._queued = self.retry_at_s = self._retry_track = None
        out.order(PlayItem(self.current.item, crossing, self._layer))

    def _play_another(self, now_s: float, out: Outcome, crossing: Crossfade) -> None:
        track = self.selection.next()
        if track is not None and self._failures < SPREE:
            self._play(track, out, crossing)
        elif track is not None:
            self._retry_track = track
            self.retry_at_s = now_s + 1.0
        elif self.selection.has_finished:
            self.is_over = True
        else:
            self._give_up_for_now(now_s)

    def _give_up_for_now(self, now_s: float) -> None:
        self.current = None
        why = f": {ALL_BANNED}" if self.selection.is_all_banned else ""
        self.problem = f"playlist {self.playlist.name!r} has nothing that can be played{why}"
        self.retry_at_s = now_s + self._pause_s
        self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)

    def _queue_another(self, out: Outcome) -> None:
        # nothing waits behind a stream: when it drops, it is the stream itself that is tried again first
        is_stream = self.current is not None and self.current.track.is_stream
        track = None if self.is_last or is_stream else self.selection.next()
        self._queued = None if track is None else self._playing(track)
        out.order(QueueItem(None if self._queued is None else self._queued.item, self._layer))

    def _set_aside(self, track: Track, reason: str, out: Outcome) -> None:
        self._failures += 1
        self._rotation.mark_failed(track.uri)
        text = f"left out {track.uri}: {reason}"
        out.announce("track_skipped_over", text, track=track.title, uri=track.uri, reason=reason)

    def _retry_stream(self, track: Track, reason: str, now_s: float, out: Outcome) -> None:
        self._queued = None
        out.order(QueueItem(None, self._layer))
        pause_s = self._streams.pause_s(track.uri, reason)
        self._tell_of_stream(track)
        if pause_s is not None:
            self._retry_track = track
            self.retry_at_s = now_s + pause_s
            return
        self._set_aside(track, reason, out)
        self.current = None
        self._play_another(now_s, out, Crossfade.BLEND)

    def _tell_of_stream(self, track: Track) -> None:
        """Announce the problem of a stream that sounds or is retried, or its end."""
        why = self._streams.problem(track.uri)
        self.problem = None if why is None else f"{track.title} {why}"
