"""A process at its limit of tasks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock


@contextmanager
def no_more_threads(*names: str) -> Iterator[list[str]]:
    """No thread begins, or none of these names; what should have begun is in the list. Timers are called ``timer``."""
    refused: list[str] = []
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        name = "timer" if isinstance(thread, threading.Timer) else thread.name
        if names and name not in names:
            start(thread)
            return
        refused.append(name)
        raise RuntimeError("can't start new thread")

    with mock.patch.object(threading.Thread, "start", refuse):
        yield refused
