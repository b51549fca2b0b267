"""What the background scan should do next: pure, on the main thread, standard library.

It is told what the library found and how the scan gets on, and says which files to begin with. A file is handed to a
scan once, and again only after `retry_failed`: a file that cannot be measured or saved must not keep a scan running
indefinitely.
"""

from __future__ import annotations

from player.core.events import LibraryRead, ScanMoved


class ScanQueue:
    """Which files of the library nobody has measured, and which of them a scan has been given."""

    def __init__(self) -> None:
        self._unmeasured: dict[str, tuple[str, ...]] = {}
        self._tried: set[str] = set()
        self._under_way: tuple[str, ...] = ()
        self._first: str | None = None

    def on_library_read(self, read: LibraryRead) -> None:
        """The library looked at a playlist."""
        known = set(self._unmeasured.get(read.playlist, ())) - set(read.unmeasured)
        self._tried -= known  # should one of them become unknown again, it has changed
        self._unmeasured[read.playlist] = read.unmeasured

    def on_progress(self, moved: ScanMoved) -> None:
        """The scan has got on, or is over."""
        if moved.is_over:
            self._tried.update(self._under_way)
            self._under_way = ()

    def retry_failed(self) -> None:
        """What could not be measured is tried once more: a night begins, or a person asked for the config again."""
        self._tried.clear()

    def next_files(self, first: str | None) -> tuple[str, ...]:
        """What a scan should begin with now, in order, replacing the one that may be under way; mostly nothing.

        Args:
            first: the playlist that is played, or will be next: its tracks come first.
        """
        is_other, self._first = first != self._first, first
        names = sorted(self._unmeasured, key=lambda name: name != first)
        wanted = [path for name in names for path in self._unmeasured[name] if path not in self._tried]
        files = tuple(dict.fromkeys(wanted))
        if not files or (self._under_way and not (is_other and self._unmeasured.get(first or ""))):
            return ()
        self._under_way = files
        return files
