"""The schedule: its entries with their changes by command, what starts now and next. Main thread, pure.

It carries out the commands that change it; a refusal changes nothing. It does not start
anything itself: the controller asks `due` and reports the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any, TypeAlias, TypeVar

from player.core.clock import Now
from player.core.commands import ChangeEntry, NotTonight, SetSchedule, SetStartTime, SkipTonight, Tonight
from player.core.days import DAYS, words_of
from player.core.errors import Refused, choices, did_you_mean
from player.core.settings.session import ONCE, Entry, Settings
from player.core.snapshot import EntryState
from player.session.checks import NOT_SET, check_volume, find_playlist
from player.session.memory.memory import night_of, tonight
from player.session.memory.records import EntryChange, MovedStart, Switches
from player.session.outcome import Outcome
from player.session.schedule.planner import Due, Missed, Planner, next_moment
from player.session.schedule.preview import Coming, Preview, playlist_of, why_not
from player.session.schedule.rest_nights import coming_rest, is_rest

T = TypeVar("T")
ScheduleCommand: TypeAlias = SetSchedule | SetStartTime | ChangeEntry | Tonight | NotTonight | SkipTonight


def planned_entries(settings: Settings, switches: Switches) -> tuple[Entry, ...]:
    """The entries with the changes by command: switched off, moved to another time, and a single start.

    With the whole schedule switched off, only the single start.
    """
    once = () if switches.once is None else (switches.once,)
    if not switches.is_enabled:
        return once
    entries = settings.planned()
    if not (switches.off or switches.times or switches.changes or once):
        return entries  # the usual case, and asked several times at every turn
    on = [changed_entry(entry, switches, settings) for entry in entries if entry.name not in switches.off]
    return (*on, *once)


def changed_entry(entry: Entry, switches: Switches, settings: Settings) -> Entry:
    """The entry with its changes; each change is valid until the config's value changes.

    A playlist that does not exist any more is ignored.
    """
    found, change = entry, dict(switches.changes).get(entry.name, EntryChange())
    moved = dict(switches.times).get(entry.name)
    if moved is not None and moved.instead_of == (entry.at, entry.own_times):
        found = replace(found, at=moved.at, own_times=())
    if change.days is not None and change.days[1] == entry.days:
        days = change.days[0]
        found = replace(found, days=days, own_times=tuple(one for one in found.own_times if one[0] in days))
    if change.playlist is not None and change.playlist[1] == entry.playlist and settings.playlist(change.playlist[0]):
        found = replace(found, playlist=change.playlist[0])
    if change.volume is not None and change.volume[1] == entry.volume:
        found = replace(found, volume=settings.volume.cap(change.volume[0]))
    return found


def _changes(entry: Entry, to: Entry) -> tuple[str, ...]:
    """The changes of an entry."""
    pairs = {"at": (entry.at, entry.own_times) != (to.at, to.own_times)} if entry.days == to.days else {
        "at": entry.at != to.at
    }  # fmt: skip
    pairs |= {key: getattr(entry, key) != getattr(to, key) for key in ("days", "playlist", "volume")}
    return tuple(key for key, differs in pairs.items() if differs)


class Schedule:
    """The schedule with its state.

    Args:
        settings: the entries.
        switches: the changes that were saved before a restart.
        is_new: nothing is known of an earlier daemon.

    Attributes:
        switches: the changes by command; replaced only here.
    """

    def __init__(self, settings: Settings, switches: Switches, *, is_new: bool = False) -> None:
        self.switches = switches
        self._settings = settings
        self._planner = Planner(switches.made, switches.changed_at, switches.missed, is_new=is_new)
        self._preview = Preview()

    @property
    def is_enabled(self) -> bool:
        """Whether the whole schedule is on."""
        return self.switches.is_enabled

    @property
    def waits_for_the_clock(self) -> bool:
        """Whether there is an entry that needs a set clock to start."""
        return bool(self._settings.schedule) and self.is_enabled

    @property
    def _entries(self) -> tuple[Entry, ...]:
        return planned_entries(self._settings, self.switches)

    def recall(self, switches: Switches) -> None:
        """Take saved changes that became readable late, unless something was changed since, and the starts made."""
        self._planner.recall(switches.made, switches.changed_at, switches.missed)
        newest = self.switches if self.switches.is_changed else switches
        told = self.switches.rest_told or switches.rest_told
        self.switches = replace(newest, made=self._planner.made, missed=self._planner.missed, rest_told=told)

    def change_settings(self, settings: Settings) -> None:
        """Take other entries; new ones count from now on."""
        self._settings = settings

    # What starts.

    def coming(self, wall: datetime) -> Coming | None:
        """The next start; None while the schedule is switched off."""
        entries = self._entries
        return self._preview.look(entries, self.switches.skipped, self._settings, wall) if entries else None

    def due(self, now: Now) -> Iterator[Due | Missed]:
        """What did not start, and last what starts now."""
        self._forget_the_past(now)
        entries = self._entries
        is_enabled = self.is_enabled or bool(entries)
        catch_up_s = self._settings.catch_up_s
        for due in self._planner.due(entries, now, catch_up_s, is_enabled=is_enabled, why_not=self._why_not):
            yield due
            if due.entry.name == ONCE:
                self.switches = replace(self.switches, once=None)
        made, missed = self._planner.made, self._planner.missed
        if self.switches.made is not made or self.switches.missed is not missed:
            self.switches = replace(self.switches, made=made, missed=missed)

    def _why_not(self, entry: Entry, planned: datetime) -> str | None:
        return why_not(entry, planned, self.switches.skipped, self._settings)

    def playlist_of(self, due: Due) -> str | None:
        """The playlist of an entry, another one in a rest night."""
        return playlist_of(due.entry, due.planned, self._settings)

    def _forget_the_past(self, now: Now) -> None:
        """Drop a start by `tonight` whose night passed while the speaker was off."""
        once = self.switches.once
        if now.trusted and once is not None and once.only_on is not None and (now.wall.date() - once.only_on).days > 1:
            self.switches = replace(self.switches, once=None)

    def announce_rest_night(self, now: Now, out: Outcome) -> None:
        """Announce a rest night, once, on the evening before."""
        rests = self._settings.rest_nights
        night = coming_rest(now.wall, rests) if now.trusted and self.is_enabled else None
        if rests is not None and night not in {None, self.switches.rest_told}:
            self.switches = replace(self.switches, rest_told=night)
            instead = "nothing" if rests.playlist is None else rests.playlist
            text = f"tomorrow is a rest night: the schedule plays {instead}"
            out.announce("rest_night", text, night=night.isoformat(), playlist=rests.playlist)

    # What is shown.

    def is_skipped(self, wall: datetime) -> bool:
        """Whether this night is skipped."""
        return self.switches.skipped == tonight(wall)

    def is_rest_night(self, wall: datetime) -> bool:
        """Whether this night is a rest night."""
        return is_rest(tonight(wall), self._settings.rest_nights)

    def entry_states(self, coming: Coming | None) -> dict[str, EntryState]:
        """The schedule by name: what is switched on, at what time, and when it starts next."""
        once = self.switches.once
        listed = self._settings.schedule if once is None else (*self._settings.schedule, once)
        each = {} if coming is None else coming.each
        return {entry.name: self._entry_state(entry, each.get(entry.name)) for entry in listed}

    def _entry_state(self, entry: Entry, next_start: datetime | None) -> EntryState:
        settings, to = self._settings, changed_entry(entry, self.switches, self._settings)
        changed = _changes(entry, to)
        return EntryState(
            is_enabled=entry.name not in self.switches.off,
            at=to.at,
            is_moved="at" in changed,
            next_start=next_start,
            days=tuple(DAYS[day] for day in sorted(to.days)),
            playlist=to.playlist or settings.first_playlist,
            volume=settings.volume.default if to.volume is None else to.volume,
            changed=changed,
        )

    # Commands.

    def execute(self, command: ScheduleCommand, now: Now, out: Outcome) -> str:
        """Carry a command out. Returns what was done, for people; raises Refused, and then nothing has changed."""
        before = self._entries, self.is_enabled
        match command:
            case SetSchedule(is_enabled, entry):
                text = self._switch(is_enabled, out) if entry is None else self._switch_entry(is_enabled, entry, out)
            case SetStartTime():
                text = self._move(command, out)
            case ChangeEntry():
                text = self._change(command, out)
            case Tonight():
                text = self._plan_once(command, now, out)
            case NotTonight():
                text = self._cancel_once(out)
            case SkipTonight(is_skipped):
                text = self._skip_tonight(is_skipped, now, out)
        if now.trusted and (self._entries, self.is_enabled) != before:
            self.switches = replace(self.switches, changed_at=now.wall)
        return text

    def _switch(self, is_enabled: bool | None, out: Outcome) -> str:
        is_on = not self.is_enabled if is_enabled is None else is_enabled
        self.switches = replace(self.switches, is_enabled=is_on)
        text = f"schedule {'on' if is_on else 'off'}"
        out.announce("schedule_set", text, enabled=is_on, entry=None)
        return text

    def _switch_entry(self, is_enabled: bool | None, name: str, out: Outcome) -> str:
        name, off = self._entry(name).name, self.switches.off
        is_on = name in off if is_enabled is None else is_enabled
        self.switches = replace(self.switches, off=off - {name} if is_on else off | {name})
        text = f"schedule entry {name} {'on' if is_on else 'off'}"
        out.announce("schedule_set", text, enabled=is_on, entry=name)
        return text

    def _entry(self, name: str) -> Entry:
        """The entry of that name in the config. Raises Refused where there is none."""
        entries = {entry.name: entry for entry in self._settings.schedule}
        if name not in entries:
            guess = did_you_mean(name, entries)
            raise Refused(f"unknown schedule entry {name!r}{guess}; available: {choices(entries)}")
        return entries[name]

    def _move(self, command: SetStartTime, out: Outcome) -> str:
        entry, times = self._entry(command.entry), dict(self.switches.times)
        if command.at is None:
            times.pop(entry.name, None)
            text = f"schedule entry {entry.name} back at {entry.at:%H:%M}, as in the config"
        else:
            times[entry.name] = MovedStart(command.at, (entry.at, entry.own_times))
            text = f"schedule entry {entry.name} at {command.at:%H:%M}"
        self.switches = replace(self.switches, times=_sorted(times))
        at = f"{command.at or entry.at:%H:%M}"
        out.announce("start_time_set", text, entry=entry.name, at=at, moved=command.at is not None)
        return text

    def _change(self, command: ChangeEntry, out: Outcome) -> str:
        entry, changes = self._entry(command.entry), dict(self.switches.changes)
        fields: dict[str, Any] = dict.fromkeys(command.back & {"days", "playlist", "volume"})
        if command.days is not None:
            fields["days"] = (command.days, entry.days)
        if command.playlist is not None:
            fields["playlist"] = (find_playlist(self._settings, command.playlist).name, entry.playlist)
        if command.volume is not None:
            check_volume(self._settings, command.volume)
            fields["volume"] = (command.volume, entry.volume)
        changes[entry.name] = replace(changes.get(entry.name, EntryChange()), **fields)
        times = dict(self.switches.times)
        if "at" in command.back:
            times.pop(entry.name, None)
        kept = {name: change for name, change in changes.items() if change != EntryChange()}
        self.switches = replace(self.switches, times=_sorted(times), changes=_sorted(kept))
        state = self._entry_state(entry, None)
        days = words_of(tuple(DAYS.index(day) for day in state.days))
        text = f"schedule entry {entry.name}: {days} at {state.at:%H:%M}, {state.playlist} at volume {state.volume}"
        text += "" if state.changed else ", as in the config"
        out.announce("entry_set", text, entry=entry.name, changed=state.changed)
        return text

    def _plan_once(self, wish: Tonight, now: Now, out: Outcome) -> str:
        if not now.trusted:
            raise Refused(f"tonight: {NOT_SET}; use play with a timer")
        playlist = None if wish.playlist is None else find_playlist(self._settings, wish.playlist).name
        if wish.volume is not None:
            check_volume(self._settings, wish.volume)
        planned = next_moment(wish.at, now.wall)
        day = planned.date()
        once = Entry(
            ONCE, wish.at, frozenset({day.weekday()}), playlist, wish.volume, wish.timer, only_on=day, takes_over=True
        )
        self.switches = replace(self.switches, once=once)
        text = f"playing {playlist or self._settings.first_playlist} once, at {planned:%a %H:%M}"
        out.announce("tonight_set", text, planned=planned.isoformat(timespec="seconds"), playlist=playlist)
        return text

    def _cancel_once(self, out: Outcome) -> str:
        if self.switches.once is None:
            raise Refused("tonight: no start is planned by hand")
        self.switches = replace(self.switches, once=None)
        text = "the start that was planned by hand is cancelled"
        out.announce("tonight_set", text, planned=None, playlist=None)
        return text

    def _skip_tonight(self, is_skipped: bool | None, now: Now, out: Outcome) -> str:
        if not now.trusted:
            raise Refused(f"skip_tonight: {NOT_SET}, so it is not known which night this is")
        night, once = tonight(now.wall), self.switches.once
        skips = self.switches.skipped != night if is_skipped is None else is_skipped
        self.switches = replace(self.switches, skipped=night if skips else None)
        text = "the schedule skips tonight" if skips else "the schedule does not skip tonight"
        if skips and once is not None and _is_in_night(once, night):
            text += f", except the start planned by hand at {once.at:%H:%M}: `tonight off` cancels it"
        out.announce("skip_tonight_set", text, skipped=skips)
        return text


def _sorted(by_name: Mapping[str, T]) -> tuple[tuple[str, T], ...]:
    return tuple(sorted(by_name.items(), key=lambda pair: pair[0]))


def _is_in_night(once: Entry, night: date) -> bool:
    """Whether a start by `tonight` lies in a night."""
    return once.only_on is not None and night_of(datetime.combine(once.only_on, once.at)) == night
