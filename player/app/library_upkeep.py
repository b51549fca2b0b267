"""Keeps the library's part of the daemon up to date: playlists are read, folders watched, and tracks measured in the
background. Main thread; the threads behind it deliver to the inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from player.core.events import LibraryRead, ScanMoved
from player.core.settings.session import Settings
from player.library.background_scan import ScanQueue
from player.library.folders import LibraryFolders, with_folders
from player.library.reader import LibraryReader
from player.session.memory.memory import WatchList

if TYPE_CHECKING:
    from player.app.parts import Inbound, Parts


class LibraryUpkeep:
    """What the library has, and what of it is read and measured.

    Args:
        settings: of the config; playlists of the library's folders are added here.
        watched: the files that should be identified by content.

    Attributes:
        settings: those of the config, with the playlists of the library's folders.
        notes: what in the library cannot be a playlist.
    """

    def __init__(
        self, settings: Settings, parts: Parts, put: Callable[[Inbound], None], watched: Callable[[], WatchList]
    ) -> None:
        self._reader = LibraryReader(parts.library, put, parts.recognise)
        self._scan = parts.make_scan(put)
        self._scan_queue = ScanQueue()
        self._watch = parts.make_folder_watch(put)
        self._watched = watched
        self._configured = settings
        self._folders = self._watch.open(settings.library)
        self.settings, self.notes = with_folders(settings, self._folders)

    def look(self, name: str) -> None:
        """Read a playlist, if there is one of that name, before others that wait to be read."""
        playlist = self.settings.playlist(name)
        if playlist is not None:
            self._reader.look(playlist, self._watched(), is_urgent=True)

    def look_at_all(self, folder: str = "") -> None:
        """Read the playlists again: all of them, or those that a folder of the library belongs to."""
        for playlist in self.settings.playlists:
            if not folder or any(f"{folder}/".startswith(f"{path}/") for path in playlist.paths):
                self._reader.look(playlist, self._watched())

    def look_within(self, library: str | None) -> LibraryFolders | None:
        """The content of a library that a new config names; None where it is the same. Any thread; may take seconds."""
        return None if library in {None, self._configured.library} else self._watch.look_within(library)

    def on_read(self, read: LibraryRead) -> None:
        """A playlist was read."""
        self._reader.has_delivered(read)
        self._scan_queue.on_library_read(read)

    def on_scan(self, moved: ScanMoved) -> None:
        """The background scan has progressed, or is over; what it found is read."""
        self._scan_queue.on_progress(moved)
        if moved.found:
            self.look_at_all()

    def measure(self, playlist: str | None, uris: tuple[str, ...]) -> None:
        """Let the background scan measure unmeasured tracks, first those that play, then those of their playlist."""
        if files := self._scan_queue.next_files(playlist, uris):
            self._scan.start(files)

    def retry_failed(self) -> None:
        """Measure once more what could not be measured."""
        self._scan_queue.retry_failed()

    def take_folders(self, found: LibraryFolders) -> str | None:
        """Take the library's new playlists, which replace its earlier ones; says what has changed, None for nothing."""
        if found.roots[:1] != (self._configured.library,):
            return None  # of a library that a reload has replaced
        before, self._folders = self.settings, found
        self.settings, self.notes = with_folders(self._configured, found)
        if self.settings == before:
            return None
        old, new = ({playlist.name for playlist in one.playlists} for one in (before, self.settings))
        told = [f"added {name}" for name in sorted(new - old)] + [f"removed {name}" for name in sorted(old - new)]
        return "the library has changed" + (f": {', '.join(told)}" if told else "")

    def change_settings(self, settings: Settings, folders: LibraryFolders | None) -> None:
        """Take the settings of a new config; ``folders`` is the content of its library, if that was looked at."""
        if settings.library != self._configured.library:
            self._watch.open(settings.library, waits=False)
            self._folders = folders or LibraryFolders()
        self._configured = settings
        self.settings, self.notes = with_folders(settings, self._folders)

    def close(self) -> None:
        """End what runs in the background."""
        self._scan.stop()
        self._watch.close()
