"""The interfaces of this package; tests/contracts runs each against the real class and its fake."""

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

    A store that cannot be read returns nothing, which is safe: an unmeasured track counts as loud.
    """

    def answers(self) -> bool:
        """Whether it can be asked: False where `find` would hang, found out within seconds."""
        ...

    def find(self, mark: FileMark) -> MeasureResult | None:
        """The result for exactly this file by this version of the measuring, None without one."""
        ...

    def keep(self, mark: FileMark, finding: MeasureResult) -> None:
        """Save a result in place of an earlier one of that path. Raises StoreError, and then nothing has changed."""
        ...

    def close(self) -> None:
        """Close the file; may be called twice."""
        ...


class BackgroundScan(Protocol):
    """Measures files while the daemon runs, without disturbing playing; reports the progress as `ScanMoved`."""

    def start(self, paths: tuple[str, ...]) -> None:
        """Measure these files, in this order, instead of a running scan; returns soon."""
        ...

    def stop(self) -> None:
        """End the running scan within two seconds; nothing more is reported about it. May be called at any time."""
        ...
