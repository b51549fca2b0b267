"""A background scan that measures nothing: `player.library.ports.BackgroundScan` that keeps what it was asked for."""

from __future__ import annotations

from collections.abc import Callable

from player.core.events import ScanMoved


class FakeScan:
    """Remembers what was started; a test says how it gets on.

    Attributes:
        started: the files of each start.
        stops: how often it was stopped.
    """

    def __init__(self, deliver: Callable[[ScanMoved], None] = lambda _moved: None) -> None:
        self.started: list[tuple[str, ...]] = []
        self.stops = 0
        self._deliver = deliver

    def start(self, paths: tuple[str, ...]) -> None:
        self.started.append(paths)

    def stop(self) -> None:
        self.stops += 1

    def move(self, found: int, *, is_over: bool, fault: str | None = None) -> None:
        """Say that it got on, or why it cannot."""
        self._deliver(ScanMoved(found, is_over, fault, self.started[-1]))
