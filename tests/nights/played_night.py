"""A night through the real session, engine, libVLC and chain on a virtual clock: the machinery of `lull rehearse`.

Its output is kept. Tracks are scanned first, once for each folder.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import numpy as np

from player.app.offline import Rehearsal, VirtualClock
from player.audio.decoder.vlc_decoder import VlcDecoder
from player.audio.dsp.chain import Chain
from player.audio.dsp.planned_gain import PlannedGain
from player.audio.dsp.types import Block
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.cli.measure_first import MeasuredLibrary
from player.core.clock import Clock, Now
from player.core.commands import Command, Play, Request
from player.core.events import Event, News
from player.core.limits import CEILING_DBTP
from player.core.settings.safety import TARGET_LUFS, FadeSettings
from player.core.settings.session import TIMER_OFF, Order, Playlist, Settings, VolumeSettings
from player.session.controller import Controller
from tests.engine_rig import POWER_METER
from tests.hazard_material import Night
from tests.nights.open_chain import OpenChain
from tests.signals import RATE_HZ, Sound, frames_of

FADES = FadeSettings(fade_in_s=10.0, fade_out_s=60.0, crossfade_s=4.0)
LONGEST_S = 3600.0
SEED = 1


class Unplanned(PlannedGain):
    """Lowers nothing."""

    def apply(self, block: Block, at_frame: int, peek: Callable[[int], Block]) -> Block:
        """The block as it is."""
        del at_frame, peek
        return block


class KeepingSink:
    """Keeps what is written; its write moves the clock."""

    buffer_s = delay_s = 0.0

    def __init__(self, clock: Clock) -> None:
        self.blocks: list[Block] = []
        self._clock = clock

    def open(self, buffer_times: int = 1) -> None:
        """Always there."""

    def write(self, block: Block) -> None:
        """Keep it."""
        self.blocks.append(block.copy())
        self._clock.sleep(len(block) / RATE_HZ)

    def drain(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing is held."""


@dataclass(frozen=True, slots=True)
class Started:
    """When a track was first heard, and when the next one was."""

    file: str
    at_s: float
    until_s: float


@dataclass(slots=True)
class Played:
    """What was heard, and what was told."""

    sound: Sound
    news: list[tuple[float, News]] = field(default_factory=list)
    faults: int = 0

    def tracks(self) -> list[Started]:
        """What was played, in order."""
        starts = [(at_s, Path(news.data["uri"]).name) for at_s, news in self.news if news.type == "track_started"]
        ends = [at_s for at_s, _ in starts[1:]] + [len(self.sound) / RATE_HZ]
        return [Started(name, at_s, until_s) for (at_s, name), until_s in zip(starts, ends, strict=True)]

    def told(self, kind: str) -> list[tuple[float, News]]:
        """News of a type."""
        return [(at_s, news) for at_s, news in self.news if news.type == kind]

    def part(self, from_s: float, to_s: float) -> Sound:
        """A stretch."""
        return self.sound[frames_of(from_s) : frames_of(to_s)]

    def where(self, at_s: float) -> str:
        """Which track sounds at a time, and where in the recording."""
        names = [track.file for track in self.tracks() if track.at_s <= at_s]
        return f"{at_s:.2f} s ({names[-1] if names else 'nothing'})"


Meddle = Callable[[Now], Command | None]


def play(
    night: Night, *, is_open: bool = False, is_levelled: bool = True, volume: int = 100, meddle: Meddle | None = None
) -> Played:
    """The whole night; ``is_open`` without the stages behind the mixer; ``meddle`` may command after each block."""
    with patch("player.audio.deck.PlannedGain", PlannedGain if is_levelled else Unplanned):
        return _play(night, is_open=is_open, volume=volume, meddle=meddle)


def _play(night: Night, *, is_open: bool, volume: int, meddle: Meddle | None) -> Played:
    clock = VirtualClock(datetime(2026, 1, 1, 22, 30, tzinfo=UTC))
    playlist = Playlist("night", tuple(map(str, night.paths())), Order.ONCE)
    settings = Settings(volume=VolumeSettings(default=volume, max=100), fades=FADES, playlists=(playlist,))
    played = Played(np.zeros((0, 2), np.float32))
    library = MeasuredLibrary(night.folder / "state")

    def hear(now: Now, event: Event) -> None:
        if isinstance(event, News):
            played.news.append((now.boot_s, event))

    rehearsal = Rehearsal(settings, Controller(settings, random.Random(SEED)), library, clock, hear)
    sink = KeepingSink(clock)
    engine_settings = EngineSettings(
        FADES.crossfade_s, CEILING_DBTP, TARGET_LUFS, POWER_METER, hold_s=0.0, is_offline=True
    )
    with patch("player.audio.engine.Chain", OpenChain if is_open else Chain):
        engine = Engine(sink, VlcDecoder(), clock, rehearsal.report, engine_settings)
    rehearsal.attach(engine)
    rehearsal.tell(Request(Play("night", volume, TIMER_OFF), "test"))
    try:
        while not rehearsal.is_idle and clock.now().boot_s < LONGEST_S:
            command = meddle(clock.now()) if meddle else None
            if command is not None:
                rehearsal.tell(Request(command, "test"))
            rehearsal.step()
    finally:
        engine.finish()
    played.sound = np.concatenate(sink.blocks)
    played.faults = engine._chain.faults
    return played
