"""Starting threads where the process may be at its limit of tasks (``TasksMax`` of the service). Any thread."""

from __future__ import annotations

import threading
from typing import Final

TOO_MANY: Final = "there are too many threads"


def has_started(thread: threading.Thread) -> bool:
    """Start a thread; False, and nothing has happened, where there is no room for another one."""
    try:
        thread.start()
    except RuntimeError:  # can't start new thread
        return False
    return True
