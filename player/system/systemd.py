"""systemd: readiness, status, reloading, stopping and the watchdog, and native journal entries.

The only file that imports systemd-python. Called on the main thread; `send_to_journal` on any thread. Without a service
manager (no NOTIFY_SOCKET) every call does nothing, and one that cannot be reached does not end the daemon: it will act
on its own timeouts. The messages are those of sd_notify(3). They are sent from here, because libsystemd's function
waits without end while the manager's socket is full, and systemd-python holds the interpreter's lock meanwhile: no
thread would run, and the sound would break off.

`Heartbeat` says when the service manager's watchdog is fed, and when it is not: pure, `now_s` is an argument. One that
is fed from a timer calls a frozen audio thread healthy. Here it is fed only if `blocks_rendered`, which the audio
thread alone counts up, has moved since the last feeding, or if silence is what is expected. Feeding is due every
quarter of the period and looked at at least as often, so a healthy daemon is never closer than half a period to its
end, and a thread that froze is found within one and a quarter.
"""

from __future__ import annotations

import contextlib
import math
import os
import socket
from collections.abc import Callable, Mapping
from typing import Final

from player.core import clock
from player.core.text import clean_text

_STATUS_LENGTH: Final = 200
"""``systemctl status`` is read by people; one line of a terminal or two."""
_PATIENCE_S: Final = 0.1
"""Maximum seconds that a message waits for room in the manager's socket; after that it is dropped."""


def read_watchdog_s() -> float | None:
    """Seconds of the watchdog that was set for this very process, None without one.

    WATCHDOG_USEC is inherited by children; WATCHDOG_PID says whom it is meant for (sd_watchdog_enabled(3)).
    """
    period_us = os.environ.get("WATCHDOG_USEC", "")
    pid = os.environ.get("WATCHDOG_PID", "")
    is_mine = not pid or pid == str(os.getpid())
    if not is_mine or not period_us.isascii() or not period_us.isdigit() or int(period_us) == 0:
        return None
    return int(period_us) / 1e6


def is_service() -> bool:
    """Whether a service manager has started this process and is told about it."""
    return bool(os.environ.get("NOTIFY_SOCKET"))


class SystemdNotifier:
    """Talks to the service manager that started the daemon, if one did.

    A READY that did not fit into the socket is sent again with each feeding, so that the manager does not end a healthy
    daemon.

    Args:
        monotonic_us: microseconds of CLOCK_MONOTONIC.
    """

    def __init__(self, monotonic_us: Callable[[], int] = clock.monotonic_us) -> None:
        self._monotonic_us = monotonic_us
        self._watchdog_s = read_watchdog_s()
        self._owes_ready = False

    @property
    def watchdog_s(self) -> float | None:
        """The watchdog's period in seconds, None without one."""
        return self._watchdog_s

    def ready(self) -> None:
        """The daemon is up, or a reload is finished."""
        self._owes_ready = not _tell("READY=1")

    def status(self, text: str) -> None:
        """Send one line for ``systemctl status``; line breaks become spaces, because each line is a variable.

        A title may contain bytes of a file name that are not UTF-8; each of them is written as a question mark.
        """
        _tell("STATUS=" + clean_text(text, _STATUS_LENGTH).encode(errors="replace").decode())

    def reloading(self) -> None:
        """A reload began; `ready` ends it. The time lets the manager tell this reload from an earlier one."""
        _tell(f"RELOADING=1\nMONOTONIC_USEC={self._monotonic_us()}")

    def stopping(self) -> None:
        """The daemon goes down."""
        _tell("STOPPING=1")

    def feed_watchdog(self) -> None:
        """Tell the manager that all is well, which restarts the watchdog's period."""
        if self._owes_ready:
            self.ready()
        _tell("WATCHDOG=1")


def _tell(state: str) -> bool:
    """Send one message if there is a manager; False where its socket had no room for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return True
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.settimeout(_PATIENCE_S)
        try:
            sender.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except TimeoutError:
            return False
    return True


def send_to_journal(message: str, fields: Mapping[str, str]) -> None:
    """Write one entry with fields of its own; does nothing without a journal.

    Raises:
        OSError: the journal is there and does not take the entry.
    """
    from systemd.journal import sendv  # noqa: PLC0415 - 0.7 MB that only a daemon under systemd needs

    # file names may hold bytes that are no UTF-8; an entry about one must not fail over it
    sendv(
        *(f"{key}={value}".encode(errors="backslashreplace") for key, value in {"MESSAGE": message, **fields}.items())
    )


FEEDS_PER_PERIOD: Final = 4


class Heartbeat:
    """Decides at each check whether the watchdog is fed.

    Args:
        watchdog_s: the watchdog's period, None without one: then it is never due.
    """

    def __init__(self, watchdog_s: float | None) -> None:
        assert watchdog_s is None or watchdog_s > 0, watchdog_s
        self._every_s = math.inf if watchdog_s is None else watchdog_s / FEEDS_PER_PERIOD
        self._has_watchdog = watchdog_s is not None
        self._fed_s = -math.inf
        self._fed_at_block: int | None = None

    def wait_s(self) -> float:
        """Maximum seconds between two checks; infinite without a watchdog."""
        return self._every_s

    def is_due(self, now_s: float, blocks_rendered: int, *, is_silence_expected: bool) -> bool:
        """Whether to feed now; after True the feeding counts as done.

        The first check always feeds: no block can have been rendered yet.
        """
        if not self._has_watchdog or now_s - self._fed_s < self._every_s:
            return False
        if blocks_rendered == self._fed_at_block and not is_silence_expected:
            return False
        self._fed_s = now_s
        self._fed_at_block = blocks_rendered
        return True
