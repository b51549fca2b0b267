"""How dates and times of single days are read from the config. Main thread; pure."""

from __future__ import annotations

import re
from datetime import date, time

from player.config.readers import ConfigValue, clock_time, day_of, text
from player.config.yaml_tree import Table, shown
from player.core.days import DAYS, Dates


def dates(spot: ConfigValue) -> Dates:
    """A date, ``2026-12-24``, or two with ``to`` between them; both are meant."""
    value = text(spot)
    parts = re.split(r"\s+to\s+", value.strip(), maxsplit=1)
    try:
        first, last = (date.fromisoformat(part) for part in (parts[0], parts[-1]))
    except ValueError:
        raise ValueError(f"{shown(value)} is not a date; write 2026-12-24, or 2026-12-24 to 2027-01-02") from None
    return Dates(first, last)


def own_times(spot: ConfigValue) -> tuple[tuple[int, time], ...]:
    """Times of single days, ``{fri: "23:00", weekend: "23:30"}``: weekday (Monday is 0) and time, each day once."""
    if not isinstance(spot.node, Table):
        raise ValueError('must be a table of days and times, such as {fri: "23:00", weekend: "23:30"}')
    found: dict[int, time] = {}
    for name, row in spot.rows().items():
        try:
            days = day_of(name)
            if twice := [DAYS[day] for day in days if day in found]:
                raise ValueError(f"contains {', '.join(twice)} twice")
            found |= dict.fromkeys(days, clock_time(row))
        except ValueError as error:
            spot.blame(str(error))
    return tuple(sorted(found.items()))
