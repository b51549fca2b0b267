"""Keeps the place in a long track at which listening ended. Main thread, pure.

That is where the final fade began, or a stop, or where sleep was detected, whichever came first; and
where another playlist took over. What plays after that does not count as heard: it neither moves the place nor ends the
track.
"""

from __future__ import annotations

from typing import Final

from player.core.settings.session import TrackStart
from player.core.states import State
from player.session.memory.places import LONG_S, Places
from player.session.play_queue import PlayQueue
from player.session.session import Session

END_S: Final = 90.0
"""A track of which no more is left has been heard to its end: the longest blend into the next one begins a minute
before."""


class Bookmark:
    """Keeps at most one place for each time that listening ends."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._kept_in: PlayQueue | None = None

    def look(self, session: Session, now_s: float) -> None:
        """Keep the place once listening has ended; forget the place of a track that is at its end."""
        queue = session.queue
        is_ending = session.state in {State.FADING_OUT, State.STOPPING}
        if is_ending or session.night_mode.asleep_s(now_s) is not None:
            self.leave(queue)
            return
        self._kept_in = None
        playing = queue.current
        if playing is not None and playing.left_s is not None and playing.left_s <= END_S:
            self._places.clear(playing.track.uri)

    def leave(self, queue: PlayQueue) -> None:
        """Listening has ended: keep the place, once."""
        if self._kept_in is queue:
            return
        self._kept_in = queue
        playing = queue.current
        if playing is None or playing.left_s is None or playing.track.is_stream or playing.duration_s is None:
            return
        if queue.playlist.start is not TrackStart.RESUME or playing.duration_s < LONG_S:
            return
        if playing.left_s <= END_S:
            self._places.clear(playing.track.uri)
        else:
            self._places.note(playing.track.uri, playing.position_s, playing.duration_s)
