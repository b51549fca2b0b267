"""Contracts of this package, in prose; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from typing import Protocol

from player.core.events import LibraryRead
from player.core.measurement import FileMark, MeasureResult
from player.core.settings.session import Playlist


class Library(Protocol):
    """Looks up what a playlist's paths hold; may take seconds on a slow share, so never on the audio thread."""

    def read(self, playlist: Playlist) -> LibraryRead:
        """Tracks of the playlist in path order; what is missing or unreadable becomes a warning, never an error."""
        ...


class Store(Protocol):
    """Remembers across restarts. Any thread may call; a power cut loses at most the last seconds.

    A store that cannot be read knows nothing, which is safe: an unmeasured track counts as loud.
    """

    def find(self, mark: FileMark) -> MeasureResult | None:
        """What was found out about exactly this file by this version of the measuring, None where nothing was."""
        ...

    def keep(self, mark: FileMark, finding: MeasureResult) -> None:
        """Remember; what was known of that path is replaced. Raises StoreError, and then nothing has changed."""
        ...

    def close(self) -> None:
        """Close the file; may be called twice."""
        ...


class BackgroundScan(Protocol):
    """Measures files while the daemon runs, and never gets in the way of playing; tells of it as `ScanMoved`."""

    def start(self, paths: tuple[str, ...]) -> None:
        """Measure these files, in this order, instead of what is under way; returns soon."""
        ...

    def stop(self) -> None:
        """End what is under way, within two seconds; nothing is told of it any more. May be called at any time."""
        ...
