"""Repeated messages: the same text is said once, then counted, and the count is said when its time is over.

Pure: `now_s` is an argument. Whoever uses it brings the lock; a logging handler has one. A broker that is away for a
night, or a decoder that stumbles over every frame, would otherwise fill a journal that lies on an SD card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

REPEAT_WINDOW_S: Final = 600.0
MAX_TEXTS: Final = 64
"""More different texts than this at a time push the oldest out; memory stays bounded."""


@dataclass(frozen=True, slots=True)
class LogMessage:
    """What makes two messages the same."""

    logger: str
    level: int
    text: str


@dataclass(slots=True)
class _Window:
    began_s: float
    times_more: int = 0


class LogDedup:
    """Remembers what was said in the last ``window_s`` seconds."""

    def __init__(self, window_s: float = REPEAT_WINDOW_S, max_texts: int = MAX_TEXTS) -> None:
        self._window_s = window_s
        self._max_texts = max_texts
        self._windows: dict[LogMessage, _Window] = {}  # in the order of their beginning

    def is_new(self, message: LogMessage, now_s: float) -> bool:
        """Whether to say it; False when it was said within the window, and then it is counted."""
        window = self._windows.get(message)
        if window is not None and now_s - window.began_s < self._window_s:
            window.times_more += 1
            return False
        self._windows.pop(message, None)
        self._windows[message] = _Window(now_s)
        return True

    def take_counts(self, now_s: float) -> list[tuple[LogMessage, int]]:
        """Messages whose window is over (or had to make room), with how often they came again; forgets them."""
        over: list[tuple[LogMessage, int]] = []
        for message, window in list(self._windows.items()):
            if now_s - window.began_s < self._window_s and len(self._windows) <= self._max_texts:
                break
            del self._windows[message]
            if window.times_more:
                over.append((message, window.times_more))
        return over
