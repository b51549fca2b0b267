"""A card that comes late, is pulled out and plugged in again: the real engine on the real ALSA sink on a fake card."""

from __future__ import annotations

import errno
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from player.audio.engine import Engine
from player.audio.engine_settings import EngineSettings
from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.alsa_mixer import MixerPin
from player.core.engine_orders import Crossfade, Item, PlayItem, RampTo
from player.core.events import EngineReport, OutputFound, OutputLost
from player.core.settings.safety import MixerLevel, MixerSettings
from tests import effort
from tests.engine_rig import LEVEL, POWER_METER, constant, fastest_rise, let_dc_through
from tests.fakes.alsa import FakeCard, FakeControl, FakeMixers, FakePcm
from tests.fakes.clock import FakeClock
from tests.fakes.source import FakeDecoder

DEVICE = "hw:CARD=DAC"


class Room:
    """An engine with a USB card, whose control PCM is pinned at 80 %; it stands at 100 % whenever it is plugged in."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.card = FakeCard(self.clock)
        self.control = FakeControl([100, 100])
        self.mixers = FakeMixers({})
        self.steps_at_open: list[list[int]] = []
        self.reports: list[EngineReport] = []
        monkeypatch.setattr("player.audio.sinks.alsa.AlsaPcm", self._open)
        monkeypatch.setattr("player.audio.sinks.alsa_mixer.alsaaudio.Mixer", self.mixers.open)
        monkeypatch.setattr("player.audio.sinks.alsa_mixer.alsaaudio.mixers", self.mixers.mixers)
        pin = MixerPin(MixerSettings("PCM", MixerLevel(80.0)), DEVICE, lambda _: None)
        sink = AlsaSink(DEVICE, 0.3, self.clock, pin)
        settings = EngineSettings(8.0, -1.0, -23.0, POWER_METER, 1.0)
        decoder = FakeDecoder({"tone": constant()})
        self.engine = Engine(sink, decoder, self.clock, self.reports.append, settings)
        let_dc_through(self.engine._chain)
        self.pull()

    def _open(self, *asked: Any) -> FakePcm:
        pcm = self.card.open(*asked)
        self.steps_at_open.append(list(self.control.steps))
        return pcm

    def pull(self) -> None:
        self.card.write_errno, self.card.open_errno = errno.ENODEV, errno.ENOENT
        self.mixers.cards.clear()

    def plug(self) -> None:
        self.card.write_errno = self.card.open_errno = None
        self.control.steps = [100, 100]
        self.mixers.cards["hw:DAC"] = {"PCM": self.control}

    def play(self) -> None:
        self.engine.order(PlayItem(Item(1, "tone", "tone"), Crossfade.BLEND))
        self.engine.order(RampTo(0.0, 10.0))

    def run(self, duration_s: float) -> None:
        until_s = self.clock.now().boot_s + duration_s
        while self.clock.now().boot_s < until_s:
            self.engine.step()

    def heard(self) -> npt.NDArray[np.float32]:
        return np.frombuffer(bytes(self.card.heard), "<f4").reshape(-1, 2)

    def told(self) -> list[type[EngineReport]]:
        return [type(report) for report in self.reports if isinstance(report, OutputLost | OutputFound)]


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    return Room(monkeypatch)


def test_a_card_that_comes_late_is_waited_for_and_no_other_is_taken(room: Room) -> None:
    """A minute after boot it is there: the mixer is lowered before the device is opened; only its name was asked."""
    room.run(60.0)
    assert room.told() == [OutputLost]
    room.plug()
    room.run(6.0)
    assert room.told() == [OutputLost, OutputFound]
    assert room.steps_at_open == [[80, 80]]
    assert {asked.device for asked in room.card.asked} == {DEVICE}


@pytest.mark.slow
def test_pulled_out_and_plugged_in_it_goes_on_from_silence(room: Room) -> None:
    """It comes back at 100 %: lowered before it is opened, silent until a ramp is ordered, then 6 dB/s at most."""
    room.plug()
    room.play()
    room.run(15.0)
    assert room.heard()[-1, 0] == pytest.approx(LEVEL)
    room.pull()
    room.run(20.0)
    room.card.heard.clear()
    room.plug()
    room.run(8.0)
    assert room.told() == [OutputLost, OutputFound]
    assert not room.heard().any()
    room.engine.order(RampTo(0.0, 10.0))
    room.run(12.0)
    assert room.steps_at_open == [[80, 80], [80, 80]]
    assert room.heard()[-1, 0] == pytest.approx(LEVEL)
    assert fastest_rise(room.heard()) <= 6.05


@pytest.mark.slow
def test_many_times_out_and_in_leave_no_handle(room: Room) -> None:
    """Each time lowered first; one device and no mixer is held in the end, and nothing was ever heard at full scale."""
    room.plug()
    room.play()
    times = effort.examples(4, 50)
    for _ in range(times):
        room.run(1.0)
        room.pull()
        room.run(1.0)
        room.plug()
        room.run(6.0)
    assert room.steps_at_open == [[80, 80]] * (times + 1)
    assert room.card.held == 1
    assert room.mixers.held == 0
    assert np.abs(room.heard()).max() <= LEVEL * 1.001
