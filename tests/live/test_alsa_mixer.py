"""The pinned mixer on a real ALSA library: PulseAudio's own control, through the plugin that Debian ships."""

from __future__ import annotations

import subprocess
import time

import numpy as np
import pytest

from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.alsa_mixer import LOOK_EVERY_S, MixerPin
from player.core.clock import SystemClock
from player.core.errors import SinkError
from player.core.settings.safety import MixerLevel, MixerSettings
from tests.contracts.test_sink import BUFFER_S
from tests.live.soundserver import SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

SOUND = np.full((4_800, 2), 0.01, np.float32)
FULL = 65_536
"""PulseAudio's 100 %, in its own steps and in ALSA's."""


class Bench:
    """A pinned sink into the sound server, and the volume that the server itself sees."""

    def __init__(self, control: str = "Master", level: MixerLevel = MixerLevel(80.0)) -> None:  # noqa: B008 - frozen
        self.told: list[str | None] = []
        self._at_s = SystemClock().now().boot_s + 600.0
        self.pin = MixerPin(MixerSettings(control, level), "default", self.told.append)
        self.sink = AlsaSink("default", BUFFER_S, SystemClock(), self.pin)

    def volumes(self) -> list[int]:
        """Steps of both channels, as pactl sees them."""
        said = subprocess.run(["pactl", "get-sink-volume", "bench"], capture_output=True, text=True, check=True).stdout
        return [int(part.split("/")[0]) for part in said.split("\n")[0].split(": ")[2:]]

    def turn(self, *volumes: str) -> None:
        subprocess.run(["pactl", "set-sink-volume", "bench", *volumes], check=True)

    def look(self, times: int = 1, *, is_silent: bool = False) -> None:
        """A look as it falls due, a minute later each."""
        for _ in range(times):
            self._at_s += LOOK_EVERY_S
            self.pin.look(self._at_s, is_silent=is_silent)


def test_it_is_set_before_the_device_is_opened_and_read_back(sound_server: SoundServer) -> None:
    """From 100 % down, and from 20 % up: the server is at 80 %, rounded down to its steps."""
    bench = Bench()
    for before in ("100%", "20%"):
        bench.turn(before)
        bench.sink.open()
        assert bench.volumes() == [FULL * 8 // 10] * 2
        bench.sink.close()
    assert bench.told == [None]


def test_somebody_turns_it_up_and_down_while_it_plays(sound_server: SoundServer) -> None:
    """Up: back at the next look. Down: left alone until nothing sounds. One channel of both: only that one."""
    bench = Bench()
    bench.sink.open()
    bench.sink.write(SOUND)
    bench.turn("150%")
    bench.look()
    assert bench.volumes() == [FULL * 8 // 10] * 2
    assert bench.told[-1] == "mixer control Master had been changed; it was set back to 80 %"
    bench.turn("100%", "30%")
    bench.look()
    low = bench.volumes()
    assert low[0] == FULL * 8 // 10
    assert low[1] < FULL // 2
    assert "raised when nothing plays" in str(bench.told[-1])
    bench.look(is_silent=True)
    assert bench.volumes() == [FULL * 8 // 10] * 2
    assert bench.told[-1] is None
    bench.sink.close()


def test_an_unknown_control_names_those_that_there_are(sound_server: SoundServer) -> None:
    """Sound plays all the same."""
    bench = Bench("PCM")
    bench.sink.open()
    bench.sink.write(SOUND)
    bench.sink.close()
    assert bench.told == [
        "mixer control PCM is not pinned: the mixer default has none of that name; it has: Master, Capture"
    ]


@pytest.mark.parametrize(
    ("control", "level", "said"),
    [
        ("Capture", MixerLevel(50.0), "it has no volume for playing"),
        ("Master", MixerLevel(-10.0, is_db=True), "it has no scale in decibels"),
    ],
)
def test_what_cannot_be_pinned_is_told_and_left_alone(
    sound_server: SoundServer, control: str, level: MixerLevel, said: str
) -> None:
    """A microphone's control, and decibels where PulseAudio's plugin has none.

    Newer plugins have decibels that do not move: the opening is refused then, because the level would be too high.
    """
    bench = Bench(control, level)
    before = bench.volumes()
    refused = ""
    try:
        bench.sink.open()
        bench.sink.close()
    except SinkError as error:
        refused = str(error)
    assert said in str(bench.told[-1:]) or "cannot be lowered" in refused
    assert refused or bench.volumes() == before


def test_a_server_that_dies_is_a_lost_device_and_the_pin_is_back_with_it(sound_server: SoundServer) -> None:
    """The look tells that the mixer is gone; started again at 100 %, the next opening sets it."""
    bench = Bench()
    bench.sink.open()
    sound_server.kill()
    bench.look()
    assert "not pinned any more: Connection refused" in str(bench.told[-1])
    with pytest.raises(SinkError):
        bench.sink.open()
    sound_server.start()
    assert bench.volumes() == [FULL, FULL]
    bench.sink.open()
    assert bench.volumes() == [FULL * 8 // 10] * 2
    assert bench.told[-1] is None
    bench.sink.close()


def test_a_look_is_short_beside_the_buffer(sound_server: SoundServer) -> None:
    """Shorter than the device's buffer in the middle of twenty, even through a sound server."""
    bench = Bench()
    bench.sink.open()
    took_s = []
    for _ in range(20):
        start_s = time.monotonic()
        bench.look()
        took_s.append(time.monotonic() - start_s)
    bench.sink.close()
    print(f"a look takes {1000 * sorted(took_s)[10]:.1f} ms, at most {1000 * max(took_s):.1f} ms")
    assert sorted(took_s)[10] < BUFFER_S


def test_a_hundred_looks_leak_nothing(sound_server: SoundServer) -> None:
    """One is made each minute; a leak would be a hundred descriptors."""
    import os

    bench = Bench()
    bench.sink.open()
    bench.look(10)
    held = len(os.listdir("/proc/self/fd"))
    bench.look(100)
    assert len(os.listdir("/proc/self/fd")) < held + 20
    bench.sink.close()
