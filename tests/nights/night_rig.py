"""Whole nights in no time: the real session, schedule, timer and rotation, a fake engine, a fake clock."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from player.core.clock import Now, elapsed_s
from player.core.commands import Command, ReplyTo, Request
from player.core.events import Answer, Event, LibraryRead, News, Track
from player.core.settings.session import Settings
from player.core.states import State
from player.session.controller import WAKE_S, Controller
from player.session.memory.records import Batch, RecalledMemory
from player.session.messages import Message
from player.session.outcome import Outcome
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeEngine


@dataclass(frozen=True)
class Told:
    """A piece of news and when it was told."""

    now: Now
    news: News


class Nights:
    """Runs a session through virtual time, waking it exactly when it asks to be woken or when the engine reports."""

    def __init__(
        self,
        settings: Settings,
        wall: datetime,
        tracks: Iterable[str] = ("a", "b", "c", "d"),
        longest_idle_s: float = 10.0,
        recalled: RecalledMemory | None = None,
    ) -> None:
        self.clock = FakeClock(wall)
        self.engine = FakeEngine()
        self.session = Controller(settings, random.Random(7), recalled)
        self.written: list[Batch] = []
        self.told: list[Told] = []
        self.answers: list[Answer] = []
        self.library = {playlist.name: tuple(Track(uri, uri) for uri in tracks) for playlist in settings.playlists}
        self.on_step: Callable[[], None] = lambda: None
        self.openings: dict[str, tuple[Track, ...]] = {}
        self.longest_step_s = WAKE_S
        self._longest_idle_s = longest_idle_s
        for playlist in settings.playlists:
            self.tell(LibraryRead(playlist.name, self.library[playlist.name]))

    @property
    def now(self) -> Now:
        return self.clock.now()

    @property
    def state(self) -> State:
        return self.session.state

    def tell(self, message: Message | None) -> Outcome:
        """Hand a message to the session at the present instant and carry its outcome out."""
        now = self.now
        out = self.session.handle(message, now)
        for order in out.orders:
            self.engine.order(order)
        self.write(out.writes)
        self._hear(out.events)
        for name in out.reads:
            self.tell(self.read(name))
        self.take_reports()
        return out

    def read(self, name: str) -> LibraryRead:
        """What the library finds in a playlist."""
        return LibraryRead(name, self.library.get(name, ()), opening=self.openings.get(name, ()))

    def write(self, batches: Iterable[Batch]) -> None:
        """Take what is to be remembered."""
        self.written.extend(batches)

    def command(self, command: Command, origin: str = "test") -> Answer:
        """Send a command and return its answer."""
        before = len(self.answers)
        self.tell(Request(command, origin, ReplyTo(id="1")))
        assert len(self.answers) == before + 1, "each request has exactly one answer"
        return self.answers[-1]

    def run_for(self, duration_s: float) -> None:
        """Let virtual time pass."""
        end_s = self.now.boot_s + duration_s
        while (left_s := end_s - self.now.boot_s) > 1e-6:
            self._step(left_s)

    def run_until(self, wall: datetime) -> None:
        """Let virtual time pass until a wall time."""
        self.run_for((wall - self.now.wall).total_seconds())

    def events(self, event_type: str) -> list[Told]:
        """All news of a type."""
        return [told for told in self.told if told.news.type == event_type]

    def _step(self, left_s: float) -> None:
        now = self.now
        longest_s = WAKE_S if self.engine.is_rising else self.longest_step_s
        wait_s = self.session.wait_s(now, longest_s)
        assert wait_s <= longest_s, "a step of the wall clock must be noticed"
        if self.state is State.IDLE and wait_s == longest_s:
            wait_s = self._sleep_long()
        due_s = self.engine.next_s()
        if due_s is not None:
            wait_s = min(wait_s, max(0.0, due_s - now.boot_s))
        self.clock.advance(min(max(wait_s, 1e-3), left_s))
        if not self.take_reports():
            self.tell(None)  # a report brings the time with it, as in the daemon's own loop
        self.on_step()

    def _sleep_long(self) -> float:
        """A fast way through idle days: as long as the harness allows, but not past the next start."""
        planned = self.session.snapshot(self.now).next_start
        until_s = self._longest_idle_s if planned is None else elapsed_s(self.now.wall, planned)
        return max(10.0, min(self._longest_idle_s, until_s))

    def take_reports(self) -> bool:
        """Hand what the engine reports to the session; False where it reports nothing."""
        reports = self.engine.advance(self.now.boot_s)
        for report in reports:
            self.tell(report)
        return bool(reports)

    def _hear(self, events: Iterable[Event]) -> None:
        for event in events:
            if isinstance(event, News):
                self.told.append(Told(self.now, event))
            else:
                self.answers.append(event)


def later(wall: datetime, **parts: float) -> datetime:
    """A wall time moved by real time, with the right offset afterwards."""
    assert wall.tzinfo is not None
    return (wall.astimezone(UTC) + timedelta(**parts)).astimezone(wall.tzinfo)
