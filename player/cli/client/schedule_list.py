"""``lull schedule`` without a value: each start that the config plans in the coming days. Nobody is asked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from player.cli.paths import DEFAULT_CONFIG, chosen_config
from player.core.clock import SystemClock, elapsed_s, moved
from player.core.errors import LullError
from player.core.units import format_duration
from player.session.schedule.planner import next_start
from player.session.schedule.preview import playlist_of

if TYPE_CHECKING:
    from player.core.settings.session import Entry, Settings

DAYS: Final = 14


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the list."""
    parser.add_argument("--from", dest="since", metavar="ISO", help="list from then on: 2026-12-24T18:00 (now)")
    parser.add_argument("--days", type=int, default=DAYS, metavar="N", help=f"so many days, 1 to 366 ({DAYS})")
    parser.add_argument("--json", action="store_true", help="print the starts as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the starts; returns 0. Raises LullError for a time that cannot be read."""
    from player.config import load

    since = moment(args.since, SystemClock().now().wall)
    if not 1 <= args.days <= 366:
        raise LullError(f"--days {args.days} is out of range; allowed is 1 to 366")
    settings = load(chosen_config(args.config) or DEFAULT_CONFIG).settings
    found = list(starts(settings, since, args.days))
    if args.json:
        print(json.dumps([_fields(entry, planned, settings) for entry, planned in found], indent=2))
    else:
        print("\n".join(_lines(found, settings)) or f"no start is planned within {args.days} days")
    return 0


def moment(text: str | None, now: datetime) -> datetime:
    """An ISO time; without an offset it is local, and it is shown in the local zone in any case.

    Raises:
        LullError: it is no time.
    """
    if text is None:
        return now
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise LullError(f"--from {text!r} is no time; write 2026-12-24, 2026-12-24T18:00 or with an offset") from None
    return given.replace(tzinfo=now.tzinfo) if given.tzinfo is None else given.astimezone(now.tzinfo)


def starts(settings: Settings, since: datetime, days: int) -> Iterator[tuple[Entry, datetime]]:
    """The planned starts from an aware local time on, that moment included, oldest first."""
    entries = settings.planned()
    end = since + timedelta(days=days)
    after = moved(since, -1)
    while entries and (found := next_start(entries, after)) is not None and elapsed_s(found[1], end) > 0:
        at_once = [entry for entry in entries if next_start([entry], after) == (entry, found[1])]
        yield from ((entry, found[1]) for entry in at_once if playlist_of(entry, found[1], settings) is not None)
        after = found[1]


def _fields(entry: Entry, planned: datetime, settings: Settings) -> dict[str, Any]:
    timer = entry.timer or settings.timer
    ends = None if timer.duration_s is None else moved(planned, timer.duration_s)
    return {
        "start": planned.isoformat(timespec="seconds"),
        "entry": entry.name,
        "playlist": playlist_of(entry, planned, settings),
        "volume": settings.volume.default if entry.volume is None else entry.volume,
        "silent": None if ends is None else ends.isoformat(timespec="seconds"),
    }


def _lines(found: Sequence[tuple[Entry, datetime]], settings: Settings) -> Iterator[str]:
    width = max((len(entry.name) for entry, _ in found), default=0)
    for entry, planned in found:
        timer = entry.timer or settings.timer
        length = timer.mode.value if timer.duration_s is None else format_duration(timer.duration_s)
        about = f"{playlist_of(entry, planned, settings)}, timer {length}"
        yield f"{planned:%a} {planned.isoformat(timespec='seconds')}  {entry.name:{width}}  {about}"
