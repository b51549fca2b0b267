"""How much a source of noise may say: some lines at once, and then one now and then; what is left out is counted.

Pure: `now_s` is an argument, and whoever uses it brings the lock. Saying each text once is not enough for a decoder
that puts another number into each of its complaints.
"""

from __future__ import annotations

from typing import Final

from player.core.token_bucket import Bucket

AT_ONCE: Final = 10.0
PER_S: Final = 1.0 / 60.0
TELL_AFTER_S: Final = 600.0


class LogQuota:
    """One ration for each source, by name."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._left_out: dict[str, int] = {}
        self._since_s: dict[str, float] = {}

    def take(self, source: str, now_s: float) -> bool:
        """Whether the source may say a line now; one that it may not is counted."""
        if self._buckets.setdefault(source, Bucket(AT_ONCE, PER_S)).take(now_s):
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
