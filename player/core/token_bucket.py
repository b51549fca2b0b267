"""A token bucket: limits a burst and a sustained rate. Pure; the time is an argument."""

from __future__ import annotations


class Bucket:
    """Full at first.

    Args:
        bound: maximum number that can be taken at once.
        per_s: number that is refilled each second.
    """

    def __init__(self, bound: float, per_s: float) -> None:
        self._bound = bound
        self._per_s = per_s
        self._level = bound
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Take one token; False when there is none."""
        since_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._level = min(self._bound, self._level + since_s * self._per_s)
        self._at_s = now_s
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True
