"""Reads playlists in threads of their own: a share may hang, and then the playlists that lie elsewhere are still read.

At most one read of a playlist at a time, and of all a few: a library may have hundreds of folders, and the service has
a limit of threads. Those of one place (`quarter_of`) usually hang together, so they may use only a part of the threads.
Called on the main thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, TypeAlias

from player.audio.decoder.native_threads import quarter_of
from player.core.events import LibraryRead
from player.core.settings.session import Playlist
from player.core.threads import has_started
from player.library.ports import Library
from player.session.memory.memory import WatchList

log = logging.getLogger("lull")

MOST: Final = 16
MOST_OF_A_QUARTER: Final = 4
"""Maximum number of playlists that are read at once, and of those from one place."""

Recognise: TypeAlias = Callable[[LibraryRead, WatchList], LibraryRead]
"""Adds the keys of watched contents to the library's result; may take as long as reading does."""


class LibraryReader:
    """Passes the result of each read to ``deliver``, from the thread that read.

    Args:
        library: reads the playlist; may hang.
        deliver: takes a result on any thread; must not block.
        recognise: finds watched contents under other names.
    """

    def __init__(self, library: Library, deliver: Callable[[LibraryRead], None], recognise: Recognise) -> None:
        self._library = library
        self._deliver = deliver
        self._recognise = recognise
        self._busy: dict[str, str] = {}
        self._waiting: dict[str, tuple[Playlist, WatchList, str]] = {}

    def look(self, playlist: Playlist, watched: WatchList, *, is_urgent: bool = False) -> None:
        """Read a playlist soon, an urgent one before all that wait; if it is being read, once more after that."""
        wanted = playlist, watched, quarter_of(playlist.paths[0]) if playlist.paths else ""
        if is_urgent:
            self._waiting.pop(playlist.name, None)
            self._waiting = {playlist.name: wanted, **self._waiting}
        else:
            self._waiting[playlist.name] = wanted
        self._begin()

    def has_delivered(self, read: LibraryRead) -> None:
        """A result has arrived: its playlist may be read again, and another one instead of it."""
        self._busy.pop(read.playlist, None)
        self._begin()

    def _begin(self) -> None:
        """Read what waits, as far as there is room for it."""
        for name, (playlist, watched, quarter) in list(self._waiting.items()):
            if len(self._busy) >= MOST:
                return
            if name in self._busy or list(self._busy.values()).count(quarter) >= MOST_OF_A_QUARTER:
                continue
            thread = threading.Thread(target=self._read, args=(playlist, watched), name="lull-librarian", daemon=True)
            if not has_started(thread):  # tried again with the next look
                return
            del self._waiting[name]
            self._busy[name] = quarter

    def _read(self, playlist: Playlist, watched: WatchList) -> None:
        try:
            read = self._recognise(self._library.read(playlist), watched)
        except Exception as fault:  # the thread ends here: the playlist can be read again later
            log.exception("the library could not read %s", playlist.name)
            read = LibraryRead(playlist.name, (), (f"playlist {playlist.name!r} cannot be read: {fault}",))
        self._deliver(read)
