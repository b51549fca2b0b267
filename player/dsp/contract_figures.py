"""What an examination yields: a figure with its limit, and when it was broken. Frozen, on any thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MOST_TIMES: Final = 20
"""So many offences are listed; they are counted all."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    Attributes:
        clause: C1 to C10.
        text: what was measured, for people.
        value: the worst of it; None where there was nothing to measure, such as the level of silence.
        unit: of value and limit; empty for a count.
        limit: ``value`` may not be more.
        holds: whether it is not.
        at: when it was more, seconds from the start, the first 20.
    """

    clause: str
    text: str
    value: float | None
    unit: str
    limit: float
    holds: bool
    at: tuple[float, ...] = ()


class Offences:
    """Counts, and remembers the first times; those within ``apart_s`` of the last one are the same."""

    def __init__(self, apart_s: float = 0.0) -> None:
        self.count = 0
        self.at: list[float] = []
        self._apart_s = apart_s
        self._last_s = -1e9

    def add(self, at_s: float, count: int = 1) -> None:
        """It happened at that time."""
        if at_s - self._last_s > self._apart_s and len(self.at) < MOST_TIMES:
            self.at.append(round(at_s, 3))
        self._last_s = at_s
        self.count += count

    def figure(self, clause: str, text: str) -> Figure:
        """None may happen."""
        return Figure(clause, text, float(self.count), "", 0.0, self.count == 0, tuple(self.at))


class Worst:
    """The largest value, and the times at which it was over the limit.

    Args:
        limit: what may be reached and not exceeded.
        tolerance: of the measuring, not of the promise.
    """

    def __init__(self, limit: float, tolerance: float = 0.0) -> None:
        self.value = float("-inf")
        self.limit = limit
        self._tolerance = tolerance
        self._offences = Offences(apart_s=1.0)

    def see(self, value: float, at_s: float) -> None:
        """One more value."""
        self.value = max(self.value, value)
        if value - self.limit > self._tolerance:
            self._offences.add(at_s)

    def figure(self, clause: str, text: str, unit: str) -> Figure:
        """The result."""
        value = None if self.value == float("-inf") else self.value
        return Figure(clause, text, value, unit, self.limit, self._offences.count == 0, tuple(self._offences.at))
