"""What would make the running session louder by what the config says: for triggers in the quiet hours.

Main thread, standard library, pure.
"""

from __future__ import annotations

from player.core.settings.session import Playlist
from player.session.playback import Playback
from player.session.session import Session


class Louder:
    """Looks at what would come after a command."""

    def __init__(self, playback: Playback) -> None:
        self._playback = playback

    def is_next_phase(self, now_s: float) -> bool:
        """Whether `advance` would raise the volume, or lay a bed under the tracks."""
        session = self._playback.session
        found = None if session is None else session.phases.next_by_hand(session.volume, now_s)
        if session is None or found is None:
            return False
        phase, volume = found
        playlist = self._playback.playlist_of(phase, session)
        return volume > session.volume or (_brings_bed(session, playlist) if phase.bed is None else bool(phase.bed))

    def brings_bed(self, name: str) -> bool:
        """Whether a change to the playlist of that name would lay a bed under the tracks."""
        session, playlist = self._playback.session, self._playback.settings.playlist(name)
        return session is not None and playlist is not None and _brings_bed(session, playlist)


def _brings_bed(session: Session, playlist: Playlist) -> bool:
    """Beds that somebody named stay, whatever the playlist brings."""
    is_other = playlist.name != session.queue.playlist.name
    return is_other and session.beds.is_of_playlist and bool(playlist.bed)
