"""What keeps noise out of the log: repeated messages are counted, and each source has a quota of lines.

A broker that is away for a night, or a decoder that fails at every frame, would otherwise fill a journal that lies on
an SD card. Counting repeats is not enough for a source that puts a new number into each message, so each source may
also write only so many lines. Pure: `now_s` is an argument, and the caller holds the lock (a logging handler has one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from player.core.token_bucket import Bucket

REPEAT_WINDOW_S: Final = 600.0
MAX_TEXTS: Final = 64
"""Maximum number of different texts that are remembered; a further one replaces the oldest."""
LINES_AT_ONCE: Final = 10.0
LINES_PER_S: Final = 1.0 / 60.0
TELL_AFTER_S: Final = 600.0


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


class LogQuota:
    """A quota of lines for each source, by its name."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._left_out: dict[str, int] = {}
        self._since_s: dict[str, float] = {}

    def take(self, source: str, now_s: float) -> bool:
        """Whether the source may say a line now; one that it may not is counted."""
        if self._buckets.setdefault(source, Bucket(LINES_AT_ONCE, LINES_PER_S)).take(now_s):
            return True
        self._since_s.setdefault(source, now_s)
        self._left_out[source] = self._left_out.get(source, 0) + 1
        return False

    def take_counts(self, now_s: float) -> list[tuple[str, int]]:
        """Sources of which something was left out ten minutes ago, with how much since then; forgets it."""
        due = [source for source, since_s in self._since_s.items() if now_s - since_s >= TELL_AFTER_S]
        for source in due:
            del self._since_s[source]
        return [(source, self._left_out.pop(source)) for source in due]
