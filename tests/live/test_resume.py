"""The real daemon is killed while it plays, and started again: what goes on, and what stays silent."""

from __future__ import annotations

import signal
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 40, max: 60}}
fades: {{fade_in: 10s, fade_out: 60s, crossfade: 2s, stop: 1s}}
timer: {{default: 30m}}
trust_clock: true
state_dir: state
playlists:
  tones: {{paths: [{folder}]}}
"""


class House:
    """A daemon that can be killed, and somebody who listens."""

    def __init__(self, folder: Path, port: int, listener: Listener) -> None:
        music = folder / "music"
        music.mkdir()
        for name, hz in (("one", 440.0), ("two", 640.0)):
            write_wav(music / f"{name}.wav", sine(hz, 40.0, peak=0.25))
        self.memory = folder / "state" / "memory.db"
        self.daemon = Daemon(folder, CONFIG.format(port=port, folder=music))
        self.listener = listener

    def start(self) -> dict[str, Any]:
        """Start it, and wait for the first state that it publishes itself."""
        since = len(self.listener.heard)
        self.daemon.start()
        own = self.listener.wait(
            "its first state", lambda heard: heard.topic.endswith("/state") and not heard.retained, since
        )
        return own.fields

    def kill(self) -> None:
        """As the kernel would."""
        self.daemon.send(signal.SIGKILL)
        self.daemon.wait_end()

    def wait_playing(self) -> dict[str, Any]:
        """Until a track plays."""
        return self.listener.wait_state("a track", lambda state: state["state"] == "playing" and state["track"])


@pytest.fixture
def house(tmp_path: Path, broker: RealBroker, listener: Listener) -> Iterator[House]:
    """A house whose daemon ends with the test."""
    made = House(tmp_path, broker.port, listener)
    yield made
    made.daemon.kill()


def test_a_daemon_that_was_killed_goes_on_and_one_that_was_stopped_does_not(house: House) -> None:
    """SIGKILL while it plays: the same level, track and end. Then a ban and a stop by hand, SIGKILL again: silence."""
    house.start()
    house.listener.command("play", volume=35, timer="20m")
    before = house.wait_playing()
    house.kill()
    house.start()
    after = house.wait_playing()
    assert (after["why"], after["volume"], after["track"]) == ("resume", 35, before["track"])
    ends = [datetime.fromisoformat(state["timer"]["ends"]) for state in (before, after)]
    assert abs(ends[1] - ends[0]) <= timedelta(seconds=2)

    assert house.listener.command("never_again")[1]["done"]
    assert house.listener.command("stop", now=True)[1]["done"]
    house.listener.wait_state("silence", lambda state: state["state"] == "idle")
    house.kill()
    state = house.start()
    assert (state["state"], state["problems"]) == ("idle", [])
    house.listener.command("play")
    assert house.wait_playing()["track"] not in {None, before["track"]}
    assert house.daemon.stop() == 0
    base = sqlite3.connect(house.memory)
    sessions = [reason for (reason,) in base.execute("SELECT reason FROM sessions ORDER BY id")]
    base.close()
    assert sessions == ["interrupted", "stop", "shutdown"]


@pytest.mark.parametrize(("number", "why"), [(signal.SIGINT, "resume"), (signal.SIGTERM, None)])
def test_the_service_manager_restarts_or_stops_it(
    house: House, monkeypatch: pytest.MonkeyPatch, number: signal.Signals, why: str | None
) -> None:
    """SIGINT comes before a restart: the night goes on after it, at its level. After SIGTERM it stays silent."""
    monkeypatch.setenv("NOTIFY_SOCKET", "/run/no-such-socket")
    house.start()
    house.listener.command("play", volume=35)
    before = house.wait_playing()
    house.daemon.send(number)
    assert house.daemon.wait_end() == 0
    state = house.start()
    assert state["why"] == why
    if why is not None:
        after = house.wait_playing()
        assert (after["volume"], after["track"], after["problems"]) == (35, before["track"], [])
    assert house.daemon.stop() == 0


def test_a_damaged_memory_is_set_aside_and_the_night_goes_on(house: House) -> None:
    """What was there is kept under another name, the state says so, and it plays."""
    house.memory.parent.mkdir()
    house.memory.write_bytes(b"this is no database" * 500)
    house.start()
    house.listener.wait_state("the problem", lambda state: "memory.db.damaged" in str(state["problem"]))
    assert house.memory.with_name("memory.db.damaged").exists()
    assert house.listener.command("play")[1]["done"]
    house.wait_playing()
    assert house.daemon.stop() == 0
