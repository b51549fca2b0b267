"""Reads playlists in threads of their own: a share may hang, and then the other playlists are still read.

At most one read of a playlist at a time. Called on the main thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TypeAlias

from player.core.events import LibraryRead
from player.core.settings.session import Playlist
from player.library.ports import Library
from player.session.memory.memory import WatchList

log = logging.getLogger("lull")

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
        self._busy: set[str] = set()
        self._again: dict[str, tuple[Playlist, WatchList]] = {}

    def look(self, playlist: Playlist, watched: WatchList) -> None:
        """Read a playlist soon; if it is being read, once more after that."""
        if playlist.name in self._busy:
            self._again[playlist.name] = playlist, watched
            return
        self._busy.add(playlist.name)
        threading.Thread(target=self._read, args=(playlist, watched), name="lull-librarian", daemon=True).start()

    def has_delivered(self, read: LibraryRead) -> None:
        """A result has arrived: its playlist may be read again."""
        self._busy.discard(read.playlist)
        again = self._again.pop(read.playlist, None)
        if again is not None:
            self.look(*again)

    def _read(self, playlist: Playlist, watched: WatchList) -> None:
        try:
            read = self._recognise(self._library.read(playlist), watched)
        except Exception as fault:  # the thread ends here: the playlist can be read again later
            log.exception("the library could not read %s", playlist.name)
            read = LibraryRead(playlist.name, (), (f"playlist {playlist.name!r} cannot be read: {fault}",))
        self._deliver(read)
