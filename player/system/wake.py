"""A descriptor with which one thread ends the waiting of another. Linux's eventfd; the standard library alone."""

from __future__ import annotations

import contextlib
import os
import threading


class WakeUp:
    """One thread waits for it with others (``select``, ``poll``) and closes it at its end; any thread wakes it."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._is_closed = False
        self._lock = threading.Lock()

    def fileno(self) -> int:
        """Readable from `wake` on."""
        return self._fd

    def wake(self) -> None:
        """End this and all further waits, until `clear`; does nothing when the other thread has ended."""
        with self._lock:
            if not self._is_closed:
                os.eventfd_write(self._fd, 1)

    def clear(self) -> None:
        """Let the next wait last again. Only the thread that waits."""
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._fd)

    def close(self) -> None:
        """Close the descriptor: from now on its number may belong to another file."""
        with self._lock:
            self._is_closed = True
            os.close(self._fd)
