"""A bucket that fills at a rate up to a bound: so many at once, and so many a second for long. Pure; time comes in."""

from __future__ import annotations


class Bucket:
    """Full at first.

    Args:
        bound: so many may be taken at once.
        per_s: so many come back each second.
    """

    def __init__(self, bound: float, per_s: float) -> None:
        self._bound = bound
        self._per_s = per_s
        self._level = bound
        self._at_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Take one out; False where there is none."""
        since_s = 0.0 if self._at_s is None else max(0.0, now_s - self._at_s)
        self._level = min(self._bound, self._level + since_s * self._per_s)
        self._at_s = now_s
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True
