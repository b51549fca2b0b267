"""Nights that are remembered: a store beside the session, deaths of the daemon at any moment, and restarts."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from player.core.events import Track
from player.core.settings.session import Settings
from player.session.controller import Controller
from player.session.memory.records import Batch
from player.session.messages import NewSettings, Shutdown
from tests.fakes.engine import FakeEngine
from tests.fakes.memory import FakeMemoryStore
from tests.nights.night_rig import Nights


class Died(Exception):
    """The daemon died at a write."""


class Remembering(Nights):
    """Nights with a memory.

    Attributes:
        store: what survives.
        settings: in force from the next start on.
        dies_at_write: the daemon dies just before this write is made, counted from 1; None: it does not.
    """

    def __init__(
        self, settings: Settings, wall: datetime, tracks: Iterable[str] = "abcd", longest_idle_s: float = 10.0
    ) -> None:
        self.store = FakeMemoryStore()
        self.dies_at_write: int | None = None
        self.deaths = 0
        self.settings = settings
        super().__init__(settings, wall, tracks, longest_idle_s, self.store.recall())

    def write(self, batches: Iterable[Batch]) -> None:
        for batch in batches:
            if self.dies_at_write is not None and len(self.store.batches) + 1 >= self.dies_at_write:
                self.dies_at_write = None
                raise Died
            self.store.write(batch)

    def die(
        self, off_s: float = 2.0, boot: str | None = None, *, is_trusted: bool = True, has_crashed: bool = False
    ) -> None:
        """The daemon dies at once and is back after a while; with another ``boot`` the machine was off meanwhile."""
        self.deaths += 1
        self.clock.advance(off_s)
        if boot is not None:
            self.store.boot = boot
            self.clock.is_trusted = is_trusted
        durations = self.engine.durations
        self.engine = FakeEngine(self.engine.duration_s)
        self.engine.durations = durations
        self.engine.advance(self.now.boot_s)
        recalled = replace(self.store.recall(), has_crashed=has_crashed)
        self.session = Controller(self.settings, random.Random(self.deaths), recalled)
        self.look()
        self.tell(None)

    def reload(self, settings: Settings) -> None:
        """The config is read again, and says something else."""
        self.settings = settings
        self.tell(NewSettings(settings))

    def look(self) -> None:
        """The library looks at all playlists."""
        for name in self.library:
            self.tell(self.read(name))

    def rename(self, name: str, settings: Settings) -> None:
        """A folder that is a playlist gets another name, as in these settings."""
        self.library[f"{name} 2"] = self.library[name]
        self.reload(settings)

    def find(self, name: str, uris: Iterable[str]) -> None:
        """The library finds other tracks in a playlist."""
        self.library[name] = tuple(Track(uri, uri) for uri in uris)
        self.tell(self.read(name))

    def switch_off(self) -> None:
        """A clean end."""
        self.tell(Shutdown(1.2))
        self.run_for(3.0)
        self.write(self.session.close(self.now).writes)

    def restart(self, off_s: float = 2.0) -> None:
        """The service manager restarts it, as after an upgrade."""
        self.tell(Shutdown(1.2, is_restart=True))
        self.run_for(1.7)
        self.write(self.session.close(self.now).writes)
        self.die(off_s)

    @property
    def left_s(self) -> float | None:
        """What the state says is left of the session."""
        return self.session.snapshot(self.now).timer_remaining_s

    @property
    def ends(self) -> datetime | None:
        """When it is silent."""
        return self.session.snapshot(self.now).timer_ends
