"""Rest nights: the effect of the same sounds every night wears off, so some nights of a week can do without. Pure.

Which nights they are is drawn from the week itself, so it is the same after a restart and differs from week to week.
"""

from __future__ import annotations

import random
from datetime import date, datetime, timedelta
from typing import Final

from player.core.settings.safety import RestNights
from player.session.memory.memory import night_of, tonight

TOLD_FROM: Final = 18
"""Hour from which a rest night is announced for the coming night."""


def is_rest(night: date, rests: RestNights | None) -> bool:
    """Whether a night, named by the date on which it begins, is one of those of its week."""
    if rests is None:
        return False
    year, week, weekday = night.isocalendar()
    chosen = random.Random(f"{year}-{week}").sample(range(1, 8), rests.per_week)  # noqa: S311 - variety, no secret
    return weekday in chosen


def rests_at(planned: datetime, rests: RestNights | None) -> bool:
    """Whether a start at that local time lies in a rest night."""
    return is_rest(night_of(planned), rests)


def coming_rest(wall: datetime, rests: RestNights | None) -> date | None:
    """The rest night that is announced at that local time, on the evening before; None without one."""
    if rests is None or wall.hour < TOLD_FROM:
        return None
    night = tonight(wall) + timedelta(days=1)
    return night if is_rest(night, rests) else None
