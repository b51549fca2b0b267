"""The session: the one place that decides. Main thread, standard library, pure.

`Controller.handle(message, now)` takes a request, a report, or nothing but the passing of time, and returns an
`Outcome`: orders for the engine and events for everyone. It reads no clock, starts no thread, touches no device.

A request is checked whole before anything is changed: what it refuses, it refuses with a reason that names the
offender and the choices, and nothing has happened. A running session is a `player.session.session.Session`; there is
never more than one.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, TypeAlias

from player.core.clock import Now, elapsed_s
from player.core.commands import (
    AllowAgain,
    GetStatus,
    NeverAgain,
    NotTonight,
    Request,
    SetSchedule,
    SetStartTime,
    SkipTonight,
    Stop,
    Tonight,
)
from player.core.errors import Refused
from player.core.events import Answer, EngineReport, LastCommand, LibraryRead, Snapshot
from player.core.limits import STOP_NOW_S
from player.core.settings.session import ONCE, Settings
from player.core.states import State
from player.session.commands import obey
from player.session.crash_resume import CrashResume
from player.session.engine_reports import take_report
from player.session.memory.memory import DIED_OF_IT, WatchList
from player.session.memory.records import Documents, RecalledMemory
from player.session.memory.write_policy import WritePolicy, kept_of
from player.session.outcome import Outcome
from player.session.schedule.planner import Due, Missed, Planner
from player.session.schedule.preview import Coming, Preview, playlist_of, why_not
from player.session.schedule.rest_nights import RestNightNotice
from player.session.session import Session
from player.session.silence_alarm import NO_SOUND_S
from player.session.snapshot import snapshot_of
from player.session.state import Keeper

REMEMBERED: Final = (NeverAgain, AllowAgain, SkipTonight, SetStartTime, Tonight, NotTonight, SetSchedule)
"""Commands that promise something for later nights: they are done once they are written."""
WAKE_S: Final = 10.0
"""The longest wait: a step of the wall clock is noticed within it."""


@dataclass(frozen=True, slots=True)
class Shutdown:
    """The daemon is asked to end: fade out within so many seconds."""

    over_s: float


@dataclass(frozen=True, slots=True)
class NewSettings:
    """A reload: what is in force from now on."""

    settings: Settings


@dataclass(frozen=True, slots=True)
class ExternalProblem:
    """Something outside the session is wrong (``text``), or right again (None); it is shown as a problem."""

    key: str
    text: str | None


@dataclass(frozen=True, slots=True)
class MemoryFound:
    """The memory could be read only now, after the start: all that is known from it and since."""

    kept: Documents


Message: TypeAlias = Request | EngineReport | LibraryRead | Shutdown | NewSettings | ExternalProblem | MemoryFound


class Controller:
    """States, schedule, timer and volume, driven by messages and time.

    Args:
        settings: what a night is made of.
        rng: seeded randomness for shuffling; the session has no other.
        recalled: what was written down before; None: nothing was.
    """

    def __init__(self, settings: Settings, rng: random.Random, recalled: RecalledMemory | None = None) -> None:
        recalled = recalled or RecalledMemory()
        self._keeper = Keeper(settings, rng, recalled)
        self._planner = Planner(recalled.kept.switches.made, recalled.kept.switches.changed_at)
        self._reprise = CrashResume(recalled)
        self._notebook = WritePolicy(recalled.kept)
        self._troubles = {f"recalled {fault}": fault for fault in recalled.faults}
        self._said: tuple[str, ...] = ()
        self._said_at: Now | None = None
        self._preview = Preview()
        self._rest_teller = RestNightNotice()
        self._is_closing = False

    @property
    def state(self) -> State:
        """Where the session stands."""
        return self._keeper.state

    @property
    def volume(self) -> int:
        """The person's level: of the running session, or for the next one."""
        return self._keeper.volume

    @property
    def is_output_lost(self) -> bool:
        """Whether there is no sound device at the moment."""
        return self._keeper.output_fault is not None

    @property
    def watched(self) -> WatchList:
        """What the library should look at more closely than others."""
        return self._keeper.memory.watched

    def wait_s(self, now: Now, longest_s: float = WAKE_S) -> float:
        """How long nothing will be due; ten seconds at most, so that a step of the wall clock is noticed soon."""
        coming = self._coming(now)
        if coming is not None and coming.first is not None:
            longest_s = min(longest_s, max(0.0, elapsed_s(now.wall, coming.first[1])))
        if self._notebook.due_s is not None:
            longest_s = min(longest_s, max(0.0, self._notebook.due_s - now.boot_s))
        run = self._keeper.run
        return longest_s if run is None else run.next_wake_s(now.boot_s, longest_s)

    def problems(self, now: Now) -> tuple[str, ...]:
        """What is wrong now, a sentence each."""
        if now is self._said_at:
            return self._said  # looked at when this turn ended
        keeper = self._keeper
        found = list(self._troubles.values())
        if keeper.output_fault is not None:
            found.append(f"no sound device: {keeper.output_fault}")
        if keeper.settings.schedule and keeper.is_schedule_enabled and not now.trusted:
            found.append("the clock is not set yet; the schedule waits, commands work")
        if self._reprise.problem is not None:
            found.append(self._reprise.problem)
        found.extend(f"{death.uri}: {DIED_OF_IT}" for death in keeper.memory.set_aside)
        if keeper.run is not None:
            found.extend(_problems_of(keeper.run, now.boot_s))
        return tuple(found)

    def handle(self, message: Message | None, now: Now) -> Outcome:
        """Take one message, or with None just the time; every call also does what has become due."""
        out = Outcome()
        self._said_at = None
        self._reprise.tick(self._keeper, now, out)
        if isinstance(message, Request):
            self._answer(message, now, out)
        elif message is not None:
            self._take(message, now, out)
        self._start_what_is_due(now, out)
        self._keep_time(now, out)
        self._tell_rest_night(now, out)
        self._tell_problems(now, out)
        self._notebook.note(self._keeper, now.wall)
        self._notebook.write_what_is_due(self._kept(now), now.boot_s, out)
        if self._keeper.run is not None:
            self._keeper.run.tally.take(out)
        return out

    def close(self, now: Now) -> Outcome:
        """The end of the daemon: what is to be written before it."""
        out = Outcome()
        self._notebook.note(self._keeper, now.wall)
        self._notebook.write_all(self._kept(now), now.boot_s, out)
        return out

    def _kept(self, now: Now) -> Documents:
        return kept_of(self._keeper, self._planner, self._reprise.tries, now, self._notebook.written)

    def snapshot(self, now: Now) -> Snapshot:
        """The whole state, for people and homes."""
        return snapshot_of(self._keeper, self._coming(now), self.problems(now), now)

    def _answer(self, request: Request, now: Now, out: Outcome) -> None:
        """Obey, and answer whoever waits; a refusal is news even when nobody waits."""
        try:
            if self._is_closing and not isinstance(request.command, Stop | GetStatus):
                raise Refused("the speaker is being switched off")
            planned_before = self._keeper.plan
            text = obey(self._keeper, request, now, out)
        except Refused as refusal:
            out.events.append(Answer(request.reply_to, is_done=False, text=str(refusal), data={}))
            out.tell("command_rejected", str(refusal), reason=str(refusal), origin=request.origin)
        else:
            if now.trusted and self._keeper.plan != planned_before:
                self._keeper.memory.changed_at = now.wall
            if not isinstance(request.command, GetStatus):
                self._keeper.asked = LastCommand(text, request.origin, now.wall)
            is_kept = isinstance(request.command, REMEMBERED)
            out.events.append(Answer(request.reply_to, is_done=True, text=text, data={}, must_be_written=is_kept))

    def _take(self, message: Message, now: Now, out: Outcome) -> None:
        keeper = self._keeper
        match message:
            case LibraryRead():
                keeper.take_library(message, now, out)
            case Shutdown(over_s):
                self._is_closing = True
                keeper.give_up_interrupted("the speaker is being switched off", out)
                if keeper.run is not None:
                    keeper.run.stop(over_s, "shutdown", out)
            case NewSettings(settings):
                keeper.change_settings(settings, now, out)
            case ExternalProblem(key, text):
                self._troubles.pop(key, None)
                if text is not None:
                    self._troubles[key] = text
            case MemoryFound(kept):
                kept.recall(keeper.memory)
                keeper.is_schedule_enabled = kept.switches.is_enabled
            case Request():
                raise AssertionError("requests are answered, not taken")
            case _:
                take_report(keeper, message, now, out)

    def _coming(self, now: Now) -> Coming | None:
        """What the schedule starts next; None while it is switched off."""
        keeper = self._keeper
        entries = keeper.entries_on
        return self._preview.look(entries, keeper.memory, keeper.settings, now.wall) if entries else None

    def _start_what_is_due(self, now: Now, out: Outcome) -> None:
        keeper = self._keeper
        settings = keeper.settings
        self._forget_the_past(now)
        entries = keeper.entries_on
        is_enabled = keeper.is_schedule_enabled or bool(entries)
        for due in self._planner.due(entries, now, settings.catch_up_s, is_enabled=is_enabled):
            reason = due.reason if isinstance(due, Missed) else self._start(due, now, out)
            if due.entry.name == ONCE:
                keeper.memory.once = None
            if reason is not None:
                text = f"{due.entry.name} at {due.planned:%H:%M} did not start: {reason}"
                out.tell("start_missed", text, entry=due.entry.name, planned=due.planned.isoformat(), reason=reason)

    def _forget_the_past(self, now: Now) -> None:
        """A start that was planned by hand for a night that is long over, while the speaker was off."""
        once = self._keeper.memory.once
        if now.trusted and once is not None and once.only_on is not None:
            is_over = (now.wall.date() - once.only_on).days > 1
            self._keeper.memory.once = None if is_over else once

    def _start(self, due: Due, now: Now, out: Outcome) -> str | None:
        """Begin what the schedule says; returns why not."""
        keeper, entry = self._keeper, due.entry
        if self._is_closing:
            return "the speaker is being switched off"
        left_out = why_not(entry, due.planned, keeper.memory, keeper.settings)
        if left_out is not None:
            return left_out
        # a session that was paused and forgotten plays nothing that could be disturbed
        if keeper.state in {State.PLAYING, State.FADING_OUT} and not entry.takes_over:
            return "a session is running"
        timer = entry.timer or keeper.settings.timer
        if timer.duration_s is not None and due.late_s >= timer.duration_s:
            return "its planned end has passed"
        name = playlist_of(entry, due.planned, keeper.settings)
        playlist = None if name is None else keeper.settings.playlist(name)
        if playlist is None:
            return f"there is no playlist {name!r}"
        keeper.begin(keeper.start_for(f"schedule:{entry.name}", entry, due.late_s), playlist, now, out)
        return None

    def _keep_time(self, now: Now, out: Outcome) -> None:
        run = self._keeper.run
        if run is None:
            return
        run.tick(now.boot_s, out)
        if run.programme.is_over and run.state is not State.STOPPING:
            run.stop(STOP_NOW_S, "end-of-track" if run.programme.is_last else "end-of-playlist", out)

    def _tell_rest_night(self, now: Now, out: Outcome) -> None:
        rests = self._keeper.settings.rest_nights
        night = self._rest_teller.coming(now.wall, rests) if now.trusted and self._keeper.is_schedule_enabled else None
        if rests is not None and night is not None:
            instead = "nothing" if rests.playlist is None else rests.playlist
            text = f"tomorrow is a rest night: the schedule plays {instead}"
            out.tell("rest_night", text, night=night.isoformat(), playlist=rests.playlist)

    def _tell_problems(self, now: Now, out: Outcome) -> None:
        found = self.problems(now)
        for text in found:
            if text not in self._said:
                out.tell("problem", text, problem=text)
        for text in self._said:
            if text not in found:
                out.tell("problem_cleared", f"over: {text}", problem=text)
        self._said, self._said_at = found, now


def _problems_of(run: Session, now_s: float) -> list[str]:
    """What is wrong with the running session, a sentence each."""
    found = [run.programme.problem] if run.programme.problem else []
    if not found and run.unheard.is_overdue(now_s):
        found.append(f"nothing has been heard for {NO_SOUND_S:.0f} s, though it plays")
    if run.silent_until_s is not None:
        found.append("silent for a while: the sound broke off again and again")
    return found
