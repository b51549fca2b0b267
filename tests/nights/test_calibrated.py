"""A simulated meter at the pillow: what `calibrate` notes, and what the state says of the level afterwards.

The room is a number: so many dB between the A-weighted level of the output and the pillow. The meter is made of the
rounded table of IEC 61672-1 and knows nothing of the formula in the player.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from player.app.offline import Rehearsal, VirtualClock
from player.audio.decoder.noise import NoiseDecoder
from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.core.clock import Now
from player.core.commands import Advance, Command, Play, Request, SetVolume, Stop
from player.core.commands_level import Calibrate, NoteReading, SetLevel
from player.core.events import Event, LibraryRead, News
from player.core.limits import CEILING_DBTP
from player.core.settings.safety import TARGET_LUFS
from player.core.settings.session import TIMER_OFF, Playlist, Settings, VolumeSettings
from player.core.verbs import VERBS
from player.library.files import FileLibrary
from player.session.controller import Controller
from player.session.library_findings import CALIBRATION
from tests import effort
from tests.audio.dsp.test_a_weighting import TABLE
from tests.engine_rig import POWER_METER
from tests.nights.played_night import KeepingSink
from tests.signals import RATE_HZ

ROOM_DB = 88.0
KINDS = ("brown", "rain", "sea", "fan")
SETTINGS = Settings(
    playlists=tuple(Playlist(kind, (f"noise:{kind}",)) for kind in KINDS), volume=VolumeSettings(default=30, max=60)
)


def read_meter(sound: np.ndarray) -> float:
    """What a meter at the pillow reads of this: A-weighted mean in dB, by the table."""
    spectrum = np.fft.rfft(sound.astype(float), axis=0)
    hz = np.fft.rfftfreq(len(sound), 1 / RATE_HZ)
    gains = 10 ** (np.interp(np.log(np.maximum(hz, 1.0)), np.log(list(TABLE)), list(TABLE.values())) / 10)
    power = np.sum(np.sum(np.abs(spectrum) ** 2, axis=1) * gains) * 2 / len(sound) ** 2 / 2
    return float(ROOM_DB + 10 * np.log10(power))


class Bedroom:
    """The real session, noise, engine and chain on a virtual clock."""

    def __init__(self) -> None:
        self.clock = VirtualClock(datetime(2026, 1, 1, 22, 30, tzinfo=UTC))
        self.controller = Controller(SETTINGS, random.Random(1))
        self.told: list[Event] = []
        library: Any = FileLibrary(None)
        self._rehearsal = Rehearsal(
            SETTINGS, self.controller, library, self.clock, lambda _, one: self.told.append(one)
        )
        self._sink = KeepingSink(self.clock)
        settings = EngineSettings(8.0, CEILING_DBTP, TARGET_LUFS, POWER_METER, hold_s=0.0, is_offline=True)
        no_files: Any = None
        seeds = iter(range(1000))
        self._rehearsal.attach(
            Engine(self._sink, NoiseDecoder(no_files, seeds), self.clock, self._rehearsal.report, settings)
        )
        for playlist in SETTINGS.playlists:
            self._rehearsal.tell(LibraryRead(playlist.name, library.read(playlist).tracks))

    def _hear(self, _now: Now, event: Event) -> None:
        self.told.append(event)

    def ask(self, command: Command) -> None:
        self._rehearsal.tell(Request(command, "test"))

    def run(self, seconds: float) -> np.ndarray:
        """Let it play; returns the last ten seconds of that."""
        self._sink.blocks.clear()
        until_s = self._rehearsal.now_s + seconds
        while self._rehearsal.now_s < until_s:
            self._rehearsal.step()
        return np.concatenate(self._sink.blocks)[-10 * RATE_HZ :]

    @property
    def shown(self) -> float | None:
        return self.controller.snapshot(self.clock.now()).level_dba

    def refusals(self) -> list[str]:
        return [one.text for one in self.told if isinstance(one, News) and one.type == "command_rejected"]


@pytest.fixture
def bedroom() -> Bedroom:
    """With the noise played and the meter read."""
    room = Bedroom()
    room.ask(Calibrate())
    room.ask(NoteReading(read_meter(room.run(25.0))))
    assert room.refusals() == []
    room.run(5.0)
    return room


def test_the_state_says_what_a_meter_reads_within_one_decibel(bedroom: Bedroom) -> None:
    """Four sounds with spectra that have nothing in common, at four volumes."""
    few = 4 if effort.is_thorough() else 2
    for kind, volume in list(zip(KINDS, (60, 45, 30, 20), strict=True))[:few]:
        bedroom.ask(Play(kind, volume, TIMER_OFF))
        sound = bedroom.run(25.0)
        assert bedroom.shown == pytest.approx(read_meter(sound), abs=1.0), kind
    bedroom.ask(Stop())
    bedroom.run(10.0)
    assert bedroom.shown is None


@pytest.mark.thorough
def test_a_level_that_is_asked_for_is_the_level_of_noise(bedroom: Bedroom) -> None:
    """``volume 35 dBA``, with the noise that it is defined by; half a decibel is a point of the volume."""
    bedroom.ask(Calibrate())
    bedroom.run(15.0)
    bedroom.ask(SetLevel(35.0))
    assert read_meter(bedroom.run(25.0)) == pytest.approx(34.75, abs=0.5)


def test_a_level_may_stand_wherever_a_command_has_a_volume(bedroom: Bedroom) -> None:
    """``play``, its phases and their floors, ``tonight`` and an entry: the same volume as ``volume 35 dBA``."""
    bedroom.ask(SetLevel(35.0))
    wanted = bedroom.controller.volume
    said = {
        "playlist": "brown",
        "volume": "35 dBA",
        "then": [{"volume": "33 dB(A)", "taper": {"by": 3, "floor": "30 dBA"}}],
    }
    bedroom.ask(VERBS["play"].command(said))
    snapshot = bedroom.controller.snapshot(bedroom.clock.now())
    assert (snapshot.volume, snapshot.playlist) == (wanted, "brown")
    bedroom.run(20.0)
    bedroom.ask(Advance())
    bedroom.run(20.0)
    assert bedroom.controller.volume == pytest.approx(wanted - 4, abs=1)
    bedroom.ask(VERBS["tonight"].command({"at": "23:15", "volume": "35 dBA"}))
    assert bedroom.controller.snapshot(bedroom.clock.now()).entries["tonight"].volume == wanted
    assert bedroom.refusals() == []


def test_a_level_of_which_nobody_knows_the_volume_starts_nothing() -> None:
    """A guess is good enough for a config, which says so; a command is refused."""
    room = Bedroom()
    room.ask(VERBS["play"].command({"volume": "35 dBA"}))
    room.ask(VERBS["play"].command({"then": [{"volume": "35 dBA"}]}))
    assert (
        room.refusals() == ["35 dBA: it is not known how loud a volume is at the pillow; `calibrate` measures it"] * 2
    )
    assert room.controller.snapshot(room.clock.now()).state == "idle"


@pytest.mark.thorough
def test_the_noise_rises_softly_at_the_maximum_and_stops_by_itself() -> None:
    """Never above the cap; after five minutes it is silent, and nothing of it comes again with `play`."""
    room = Bedroom()
    room.ask(Calibrate())
    early = read_meter(room.run(11.0)[: RATE_HZ // 2])
    steady = read_meter(room.run(30.0))
    assert early < steady - 20.0
    state = room.controller.snapshot(room.clock.now())
    assert (state.playlist, state.volume) == (CALIBRATION.name, 60)
    room.run(300.0)
    assert room.controller.snapshot(room.clock.now()).state == "idle"
    room.ask(Play())
    assert (room.controller.volume, room.controller.snapshot(room.clock.now()).playlist) == (30, "brown")


def test_a_reading_that_proves_nothing_is_refused() -> None:
    """Without the noise, before it has stood for ten seconds, and over a session that plays."""
    room = Bedroom()
    room.ask(NoteReading(40.0))
    room.ask(SetLevel(40.0))
    room.ask(Calibrate())
    room.run(15.0)
    room.ask(NoteReading(40.0))
    room.ask(Stop())
    room.run(6.0)
    room.ask(Play("rain"))
    room.ask(Calibrate())
    room.ask(SetVolume(20))
    assert [text.split(":")[0] for text in room.refusals()] == ["calibrate", "volume", "calibrate", "calibrate"]
    assert room.shown is None
