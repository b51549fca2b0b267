"""``lull schedule`` without a value: lists the starts of the coming days, as planned by the config and changed by
command.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final

from player.cli.exit_codes import NO_ANSWER, USAGE
from player.cli.paths import config_file
from player.cli.terminal import show
from player.core.clock import SystemClock, elapsed_s, moved
from player.core.days import DAYS as DAY_NAMES
from player.core.errors import LullError
from player.core.settings.session import ONCE, Entry
from player.session.memory.memory import tonight
from player.session.memory.records import EntryChange, MovedStart, Switches
from player.session.schedule.planner import next_start
from player.session.schedule.preview import night_of_entry, playlist_of, timer_of, why_not
from player.session.schedule.schedule import planned_entries

if TYPE_CHECKING:
    from player.core.settings.session import Settings

DAYS: Final = 14
YEARS: Final = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the list."""
    parser.add_argument("--from", dest="since", metavar="ISO", help="list from then on: 2026-12-24T18:00 (now)")
    parser.add_argument("--json", action="store_true", help="print the starts as JSON")


def run(args: argparse.Namespace, ask: Callable[[], Mapping[str, Any] | None]) -> int:
    """Print the starts; returns the exit code. ``ask`` is the speaker's state, None where it does not answer.

    Raises:
        LullError: the config or the time cannot be read.
    """
    from player.config import load
    from player.storage.memory_db import calibration_in

    now = SystemClock().now().wall
    days = DAYS if args.days is None else int(args.days)
    try:
        since = moment(args.since, now)
        if not 1 <= days <= 366:
            raise LullError(f"--days {args.days} is out of range; allowed is 1 to 366")
    except LullError as fault:
        print(f"lull: {fault}", file=sys.stderr)
        return USAGE
    file = args.config if args.host is not None else config_file(args.config)
    if file is None:
        return _without_config(ask(), since, days, is_json=args.json)
    config = load(file, calibration_in, args.device)
    settings = config.settings
    is_asked = config.mqtt is not None or args.host is not None
    state = ask() if is_asked else None
    if is_asked and state is None:
        print("lull: so this is what the config plans, without what was changed by hand:", file=sys.stderr)
    switches = Switches() if state is None else switches_of(state, settings, now)
    found = list(starts(settings, since, days, switches))
    if args.json:
        print(json.dumps([_fields(entry, planned, settings) for entry, planned in found], indent=2))
    else:
        why = "" if switches.is_enabled else "; the schedule is switched off"
        show("\n".join(_lines(found, settings)) or f"no start is planned within {days} days{why}")
    return 0


def _without_config(state: Mapping[str, Any] | None, since: datetime, days: int, *, is_json: bool) -> int:
    """Print the next start of each entry, which the speaker publishes; returns the exit code."""
    if state is None:
        return NO_ANSWER
    entries: Mapping[str, Mapping[str, Any]] = state.get("entries", {})
    told = {name: entry["next"] for name, entry in entries.items() if entry["next"] is not None}
    starts = sorted((datetime.fromisoformat(start).astimezone(since.tzinfo), name) for name, start in told.items())
    found = [(at, name) for at, name in starts if 0 <= elapsed_s(since, at) < days * 24 * 3600]
    if is_json:
        print(json.dumps([_told(at, name, entries[name]) for at, name in found], indent=2))
        return 0
    print("lull: without its config only the next start of each entry is known:", file=sys.stderr)
    width = max((len(name) for _, name in found), default=0)
    lines = [f"{_when(at)}  {name:{width}}  {entries[name].get('playlist') or ''}".rstrip() for at, name in found]
    show("\n".join(lines) or f"no start is planned within {days} days")
    return 0


def _told(planned: datetime, name: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    """A start for programs, as the speaker tells it; its end is not published."""
    start = {"start": planned.isoformat(timespec="seconds"), "entry": name}
    return {**start, "playlist": entry.get("playlist"), "volume": entry.get("volume"), "silent": None}


def _when(planned: datetime) -> str:
    """A start for people, who know their zone."""
    return f"{planned:%a %Y-%m-%d %H:%M}"


def moment(text: str | None, now: datetime) -> datetime:
    """An ISO time; without an offset it is local, and it is shown in the local zone in any case.

    Raises:
        LullError: the text is not a time.
    """
    if text is None:
        return now
    try:
        given = datetime.fromisoformat(text)
        if not now.year - YEARS <= given.year <= now.year + YEARS:
            raise LullError(f"--from {text!r} is out of range; allowed are {YEARS} years before and after today")
    except ValueError:
        raise LullError(
            f"--from {text!r} is not a time; write 2026-12-24, 2026-12-24T18:00 or with an offset"
        ) from None
    return given.replace(tzinfo=now.tzinfo) if given.tzinfo is None else given.astimezone(now.tzinfo)


def switches_of(state: Mapping[str, Any], settings: Settings, now: datetime) -> Switches:
    """The changes by command, from the state of the speaker (docs/mqtt.md)."""
    told = state.get("entries", {})
    listed = [(entry, told[entry.name]) for entry in settings.schedule if entry.name in told]
    moved = tuple(
        (entry.name, MovedStart(time.fromisoformat(told[entry.name]["at"]), (entry.at, entry.own_times)))
        for entry, _ in listed
        if told[entry.name]["moved"]
    )
    once = told.get(ONCE, {})
    by_hand = None if once.get("next") is None else datetime.fromisoformat(once["next"]).astimezone(now.tzinfo)
    return Switches(
        is_enabled=state.get("schedule", True),
        off=frozenset(name for name, entry in told.items() if not entry["enabled"]),
        skipped=tonight(now) if state.get("skip_tonight") else None,
        times=moved,
        changes=tuple((entry.name, _change_of(entry, fields)) for entry, fields in listed if fields.get("changed")),
        once=None
        if by_hand is None
        else Entry(
            ONCE, by_hand.time(), only_on=by_hand.date(), playlist=once.get("playlist"), volume=once.get("volume")
        ),
    )


def _change_of(entry: Entry, told: Mapping[str, Any]) -> EntryChange:
    """The changes of an entry, from its state."""
    changed = told["changed"]
    days = frozenset(DAY_NAMES.index(day) for day in told["days"])
    return EntryChange(
        (days, entry.days) if "days" in changed else None,
        (told["playlist"], entry.playlist) if "playlist" in changed else None,
        (told["volume"], entry.volume) if "volume" in changed else None,
    )


def starts(settings: Settings, since: datetime, days: int, switches: Switches) -> Iterator[tuple[Entry, datetime]]:
    """The planned starts from an aware local time on, that moment included, oldest first."""
    entries = planned_entries(settings, switches)
    end = since + timedelta(days=days)
    after = moved(since, -1)
    while entries and (found := next_start(entries, after)) is not None and elapsed_s(found[1], end) > 0:
        at_once = [entry for entry in entries if next_start([entry], after) == (entry, found[1])]
        yield from (
            (entry, found[1]) for entry in at_once if why_not(entry, found[1], switches.skipped, settings) is None
        )
        after = found[1]


def _fields(entry: Entry, planned: datetime, settings: Settings) -> dict[str, Any]:
    """One start for programs."""
    if entry.name == ONCE:
        return _told(planned, ONCE, {"playlist": entry.playlist, "volume": entry.volume})
    ends_s = [one.ends_s for one in night_of_entry(entry, planned, settings) if one.never is None][-1]
    ends = None if ends_s is None else moved(planned, ends_s)
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
        yield f"{_when(planned)}  {entry.name:{width}}  {_about(entry, planned, settings)}"


def _about(entry: Entry, planned: datetime, settings: Settings) -> str:
    """What a start plays, and until when where phases follow; the timer of a start by `tonight` is not published."""
    if entry.name == ONCE:
        return "planned by hand" if entry.playlist is None else f"{entry.playlist}, planned by hand"
    kind = "morning: " if entry.is_morning else ""
    text = f"{kind}{playlist_of(entry, planned, settings)}, timer {timer_of(entry, settings)}"
    phases = [one for one in night_of_entry(entry, planned, settings) if one.never is None]
    text += "".join(f", then {one.phase.playlist or 'the same'}" for one in phases if one.phase is not None)
    ends_s = phases[-1].ends_s
    return text if len(phases) == 1 or ends_s is None else f"{text}, silent at {moved(planned, ends_s):%H:%M}"
