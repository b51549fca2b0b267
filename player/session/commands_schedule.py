"""Commands about what will start: the schedule's switches and times, one start planned by hand. And what a start needs.

Main thread, standard library, pure. What cannot be done is refused before anything has changed.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeAlias

from player.core.clock import Now
from player.core.commands import NotTonight, SetSchedule, SetStartTime, Tonight
from player.core.errors import Refused, did_you_mean
from player.core.settings.session import ONCE, Entry, Playlist
from player.session.memory.memory import MovedStart
from player.session.outcome import Outcome
from player.session.schedule.planner import moment_of
from player.session.state import Keeper

Planning: TypeAlias = SetSchedule | SetStartTime | Tonight | NotTonight


def find_playlist(keeper: Keeper, name: str | None) -> Playlist:
    """The playlist of that name, or what play starts when it names none. Raises Refused where there is none."""
    settings = keeper.settings
    wanted = keeper.next_playlist if name is None else name
    if wanted is None:
        raise Refused("there is no playlist in the config")
    found = settings.playlist(wanted)
    if found is None:
        names = [playlist.name for playlist in settings.playlists]
        choices = ", ".join(names) or "none"
        raise Refused(f"no playlist {wanted!r}{did_you_mean(wanted, names)}; there are: {choices}")
    return found


def check_volume(keeper: Keeper, volume: int) -> None:
    """Raises Refused for a volume above the hard maximum."""
    highest = keeper.settings.volume.max
    if not 0 <= volume <= highest:
        raise Refused(f"volume {volume} is out of range; allowed is 0 to {highest} (volume.max)")


def _set_schedule(keeper: Keeper, is_enabled: bool | None, entry: str | None, out: Outcome) -> str:
    if entry is not None:
        return _set_entry(keeper, is_enabled, entry, out)
    keeper.is_schedule_enabled = (not keeper.is_schedule_enabled) if is_enabled is None else is_enabled
    text = f"schedule {'on' if keeper.is_schedule_enabled else 'off'}"
    out.tell("schedule_set", text, enabled=keeper.is_schedule_enabled, entry=None)
    return text


def _set_entry(keeper: Keeper, is_enabled: bool | None, name: str, out: Outcome) -> str:
    name, off = _entry(keeper, name).name, keeper.memory.off
    is_on = name in off if is_enabled is None else is_enabled
    (off.discard if is_on else off.add)(name)
    text = f"schedule entry {name} {'on' if is_on else 'off'}"
    out.tell("schedule_set", text, enabled=is_on, entry=name)
    return text


def _entry(keeper: Keeper, name: str) -> Entry:
    """The entry of that name in the config. Raises Refused where there is none."""
    entries = {entry.name: entry for entry in keeper.settings.schedule}
    if name not in entries:
        choices = ", ".join(entries) or "none"
        raise Refused(f"no schedule entry {name!r}{did_you_mean(name, entries)}; there are: {choices}")
    return entries[name]


def plan(keeper: Keeper, command: Planning, now: Now, out: Outcome) -> str:
    """Carry one of these out. Returns what was done, for people; raises Refused, and then nothing has changed."""
    match command:
        case SetSchedule(is_enabled, entry):
            return _set_schedule(keeper, is_enabled, entry, out)
        case SetStartTime():
            return _set_time(keeper, command, out)
        case Tonight():
            return _tonight(keeper, command, now, out)
        case NotTonight():
            return _not_tonight(keeper, out)


def _set_time(keeper: Keeper, command: SetStartTime, out: Outcome) -> str:
    entry, times = _entry(keeper, command.entry), keeper.memory.times
    if command.at is None:
        times.pop(entry.name, None)
        text = f"schedule entry {entry.name} at {entry.at:%H:%M} again, as the config says"
    else:
        times[entry.name] = MovedStart(command.at, (entry.at, entry.own_times))
        text = f"schedule entry {entry.name} at {command.at:%H:%M}"
    out.tell(
        "start_time_set", text, entry=entry.name, at=f"{command.at or entry.at:%H:%M}", moved=command.at is not None
    )
    return text


def _tonight(keeper: Keeper, wish: Tonight, now: Now, out: Outcome) -> str:
    if not now.trusted:
        raise Refused("tonight: the clock is not set yet; use play with a timer")
    playlist = None if wish.playlist is None else find_playlist(keeper, wish.playlist).name
    if wish.volume is not None:
        check_volume(keeper, wish.volume)
    zone = now.wall.tzinfo
    assert zone is not None
    days = [now.wall.date() + timedelta(days=ahead) for ahead in range(3)]
    day = next(day for day in days if moment_of(day, wish.at, zone) > now.wall)
    planned = moment_of(day, wish.at, zone).astimezone(zone)
    keeper.memory.once = Entry(
        ONCE, wish.at, frozenset({day.weekday()}), playlist, wish.volume, wish.timer, only_on=day, takes_over=True
    )
    text = f"plays {playlist or keeper.settings.first_playlist} once, at {planned:%a %H:%M}"
    out.tell("tonight_set", text, planned=planned.isoformat(timespec="seconds"), playlist=playlist)
    return text


def _not_tonight(keeper: Keeper, out: Outcome) -> str:
    if keeper.memory.once is None:
        raise Refused("tonight: nothing is planned by hand")
    keeper.memory.once = None
    out.tell("tonight_set", "nothing is planned by hand any more", planned=None, playlist=None)
    return "nothing is planned by hand any more"
