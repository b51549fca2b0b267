"""The interfaces of this package; tests/contracts runs each against the real class and its fake."""

from __future__ import annotations

from typing import Protocol


class Notifier(Protocol):
    """The service manager, as the app needs it."""

    @property
    def watchdog_s(self) -> float | None:
        """The watchdog's period, None without one."""
        ...

    def ready(self) -> None:
        """The daemon is up."""
        ...

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        ...

    def reloading(self) -> None:
        """A reload began; `ready` ends it."""
        ...

    def stopping(self) -> None:
        """The daemon goes down."""
        ...

    def feed_watchdog(self) -> None:
        """All is well."""
        ...
