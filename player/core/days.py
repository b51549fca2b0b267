"""Weekdays as people write them (``mon``, ``weekdays``; Monday is 0), and spans of dates. Pure, any thread."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from player.core.errors import did_you_mean

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Weekday names in the order of `datetime.date.weekday`."""
DAY_GROUPS: Final[Mapping[str, Sequence[int]]] = {"daily": range(7), "weekdays": range(5), "weekend": (5, 6)}
_LONG_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def day_of(word: str) -> Sequence[int]:
    """The weekdays that a word means. Raises ValueError with a hint when it means none."""
    value = word.lower()
    if value in DAY_GROUPS:
        return DAY_GROUPS[value]
    for names in (DAYS, _LONG_DAYS):
        if value in names:
            return (names.index(value),)
    known = [*DAYS, *DAY_GROUPS]
    guess = did_you_mean(value, known) or did_you_mean(value, _LONG_DAYS)
    raise ValueError(f"is not a day{guess}; choose from {', '.join(known)}")


def words_of(days: Collection[int]) -> str:
    """The days in words: ``daily``, ``weekdays``, ``mon, tue``."""
    for name, group in DAY_GROUPS.items():
        if set(group) == set(days):
            return name
    return ", ".join(DAYS[day] for day in sorted(days))


@dataclass(frozen=True, slots=True)
class Dates:
    """The local dates from ``first`` to ``last``, both included."""

    first: date
    last: date

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"{self.first} to {self.last} ends before it begins")

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last

    def __str__(self) -> str:
        return str(self.first) if self.first == self.last else f"{self.first} to {self.last}"
