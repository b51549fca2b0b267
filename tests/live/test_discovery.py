"""Discovery with a real mosquitto and the real daemon: each entity driven as a home drives it, and taken back again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from player.core.settings.mqtt import MqttProtocol
from player.core.units import RATE_HZ
from player.mqtt.discovery.entry_entities import entry_key
from tests.live.broker import RealBroker
from tests.live.daemon import PATIENCE_S, ROOT, Daemon, Heard, Listener, hours_away
from tests.mqtt.discovery import home_assistant

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: {device}
audio: {{output: silent, hold: 0s}}
mqtt:
  {{host: 127.0.0.1, port: {port}, protocol: "{protocol}", discovery: {{id: bed, media_player: true, mode: {mode}}}}}
trust_clock: true
state_dir: {folder}/state
volume: {{max: {max}}}
playlists:
  rain: {{paths: [rain]}}
  sea: {{paths: [sea]}}
schedule:
  - {{name: weeknights, at: "{at}"}}
{more}"""
WEEKEND = f'  - {{name: week end, at: "{hours_away(12)}", days: [fri]}}\n'
DEVICE = "homeassistant/device/bed/config"


class Home:
    """A broker, a speaker, and what a home makes of them."""

    def __init__(self, folder: Path, broker: RealBroker, listener: Listener) -> None:
        self.folder = folder
        self.broker = broker
        self.listener = listener
        self.values: dict[str, Any] = {
            "device": "bedroom", "port": broker.port, "protocol": MqttProtocol.V5.value, "folder": folder,
            "mode": "home-assistant", "max": 60, "more": WEEKEND, "at": hours_away(9),
        }  # fmt: skip
        for track in ("rain/Drops", "rain/Gutter", "sea/Waves"):
            write_tone(folder / f"{track}.wav")
        (folder / "state").mkdir()
        self.daemon = Daemon(folder, "")

    def start(self, **changes: Any) -> None:
        """Start the daemon with some values of the config changed."""
        self.write(**changes)
        self.daemon.start()

    def reload(self, **changes: Any) -> int:
        """Change the config while it runs; returns the number of the next message."""
        since = len(self.listener.heard)
        self.write(**changes)
        self.daemon.send(signal.SIGHUP)
        return since

    def write(self, **changes: Any) -> None:
        self.values |= changes
        self.daemon.config.write_text(CONFIG.format(**self.values), encoding="utf-8")

    def announced(
        self, since: int = 0, matches: Callable[[dict[str, dict[str, Any]]], bool] = bool
    ) -> dict[str, dict[str, Any]]:
        """The entities of the first announcement from message number ``since`` on that matches."""

        def is_it(heard: Heard) -> bool:
            if heard.topic != DEVICE or not heard.payload or b'{"p":"switch"}' in heard.payload:
                return False
            return matches(home_assistant.read(heard.topic, heard.payload))

        heard = self.listener.wait("an announcement", is_it, since)
        return home_assistant.read(heard.topic, heard.payload)

    def wait_empty(self, topic: str, since: int) -> None:
        """Wait until a retained message is taken away."""
        self.listener.wait(f"nothing on {topic}", lambda heard: heard.topic == topic and not heard.payload, since)

    def forget(self) -> subprocess.CompletedProcess[str]:
        """``lull run --forget``."""
        command = [sys.executable, "-m", "player", "run", "--config", str(self.daemon.config), "--forget"]
        return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)


def write_tone(path: Path) -> None:
    """Forty seconds of a quiet sine, another one for each name: a file is known by its content."""
    path.parent.mkdir(exist_ok=True)
    pitch = 0.03 + sum(path.stem.encode()) / 1e5
    samples = (600 * np.sin(np.arange(40 * RATE_HZ) * pitch)).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.tobytes())


@pytest.fixture
def home(tmp_path: Path, broker: RealBroker) -> Iterator[Home]:
    listener = Listener(broker.port, "lull/#", "homeassistant/#")
    built = Home(tmp_path, broker, listener)
    yield built
    built.daemon.kill()
    listener.close()


class Panel:
    """Somebody at a home's panel: presses, sets, and looks."""

    def __init__(self, listener: Listener, entities: dict[str, dict[str, Any]]) -> None:
        self.listener = listener
        self.entities = entities

    def use(self, key: str, asked: str | float = "payload_press") -> None:
        """Set an entity to a value, or send one of the payloads that its message names."""
        fields = self.entities[key]
        sent = fields[asked] if isinstance(asked, str) and asked.startswith("payload_") else asked
        self.listener.publish(*home_assistant.command(fields, sent))

    def see(self, key: str, *shown: str) -> None:
        """Wait until an entity shows one of these."""
        fields = self.entities[key]
        self.listener.wait_state(f"{key} {shown}", lambda state: home_assistant.value(fields, state) in shown)

    def shows(self, key: str) -> str:
        """What it shows now."""
        state = next(heard for heard in reversed(self.listener.heard) if heard.is_state)
        return home_assistant.value(self.entities[key], state.fields)


def other(shown: str, *all_of_them: str) -> str:
    return next(name for name in all_of_them if name != shown)


@pytest.mark.parametrize("protocol", list(MqttProtocol))
def test_every_entity_is_driven_and_its_state_follows(home: Home, protocol: MqttProtocol) -> None:
    """Numbers, choice, switches and buttons with the payloads of their messages; the sensors show what came of it."""
    home.start(protocol=protocol.value)
    panel = Panel(home.listener, home.announced())
    for key, asked, shown in (
        ("volume", 22.0, "22"), ("timer", 0.0, "0"), ("timer", 30.0, "30"), ("fade", 2.5, "2.5"),
        ("playlist", "sea", "sea"), ("skip_tonight", "payload_on", "ON"), ("skip_tonight", "payload_off", "OFF"),
        (entry_key("week end"), "payload_off", "OFF"), (entry_key("week end"), "payload_on", "ON"),
        (entry_key("weeknights"), "payload_off", "OFF"), (entry_key("weeknights"), "payload_on", "ON"),
        ("schedule", "payload_off", "OFF"),
    ):  # fmt: skip
        panel.use(key, asked)
        panel.see(key, shown)
    panel.see("next_start", "None")
    panel.use("schedule", "payload_on")
    panel.see("schedule", "ON")
    assert panel.shows("next_start") != "None"
    panel.use("play", "payload_on")
    panel.see("play", "ON")
    panel.see("track", "Waves")
    assert (panel.shows("state"), panel.shows("why")) == ("Playing", "By hand over MQTT")
    assert (panel.shows("problem"), panel.shows("clock_trusted"), panel.shows("nights_used")) == ("OFF", "ON", "1")
    ends = panel.shows("timer_ends")
    panel.use("extend")
    home.listener.wait_state("15 minutes more", lambda state: (state["timer"]["ends"] or ends)[11:16] not in {"", ends})
    since = len(home.listener.heard)
    panel.use("playlist", "rain")
    panel.see("track", "Drops", "Gutter")
    home.listener.wait_event("track_started", since)  # what has not begun to sound is not a track before another one
    second = other(panel.shows("track"), "Drops", "Gutter")
    panel.use("next")
    panel.see("track", second)
    panel.use("previous")
    panel.see("track", other(second, "Drops", "Gutter"))
    panel.use("next")
    panel.see("track", second)
    panel.see("phase", "1 of 1")
    home.listener.command("play", then=[{"volume": 15, "for": "1h"}])
    panel.see("phase", "1 of 2")
    assert panel.shows("next_phase") == panel.shows("timer_ends") != "None"
    panel.use("advance")
    panel.see("phase", "2 of 2")
    assert (panel.shows("next_phase"), panel.shows("volume")) == ("No phase follows", "15")
    panel.use("never_again")
    panel.see("track", other(second, "Drops", "Gutter"))
    panel.use("allow_again")
    allowed = home.listener.wait_event("allowed_again")
    assert allowed.fields["event_type"] in panel.entities["activity"]["event_types"]
    assert allowed.topic == panel.entities["activity"]["state_topic"]
    panel.use("play", "payload_off")
    panel.see("state", "Stopping", "Silent")
    panel.use("stop_now")
    panel.see("state", "Silent")
    assert (panel.shows("play"), panel.shows("sounding")) == ("OFF", "OFF")
    assert panel.shows("track") == panel.shows("timer_ends") == panel.shows("why") == "Nothing is playing"
    assert home.daemon.stop() == 0


def test_the_schedule_is_set_at_the_panel_and_survives_a_restart(home: Home) -> None:
    """Days, playlist and volume of an entry, and back to the config; a start for once; why a button was refused."""
    home.start()
    panel, entry = Panel(home.listener, home.announced()), entry_key("week end")
    changes = ((f"{entry}_days", "sat, sun", "sat, sun"), (f"{entry}_playlist", "sea", "sea"))
    for key, asked, shown in (*changes, (f"{entry}_volume", 12.0, "12"), ("tonight_text", "23:15", "23:15")):
        panel.use(key, asked)
        panel.see(key, shown)
    assert home.daemon.stop() == 0
    since = len(home.listener.heard)
    home.start()
    home.announced(since)
    for key, _, shown in changes:
        panel.see(key, shown)
    panel.use("not_tonight")
    panel.see("tonight_text", "")
    panel.use(f"{entry}_reset")
    panel.see(f"{entry}_days", "fri")
    panel.use("advance")
    panel.see("answer", "Refused: advance: nothing is playing")
    assert home.daemon.stop() == 0


def test_a_liked_track_can_be_chosen(home: Home) -> None:
    """The switch is on while it plays; it is a choice of the select, which plays it, and the first one of the list."""
    home.start()
    panel = Panel(home.listener, home.announced())
    assert "play_track" not in panel.entities
    home.listener.command("play", track="Drops")
    panel.see("track", "Drops")
    panel.use("liked", "payload_on")
    panel.see("liked", "ON")
    panel.entities = home.announced(matches=lambda entities: "play_track" in entities)
    assert panel.entities["play_track"]["options"] == ["Drops"]
    row = {"title": "Drops", "playlist": "rain", "length": 40, "liked": True}
    topic = "lull/bedroom/tracks"
    home.listener.wait("the list", lambda heard: heard.topic == topic and heard.fields["tracks"][:1] == [row])
    panel.use("playlist", "sea")
    panel.see("track", "Waves")
    assert (panel.shows("liked"), panel.shows("play_track")) == ("OFF", "None")
    panel.use("play_track", "Drops")
    panel.see("play_track", "Drops")
    panel.use("liked", "payload_off")
    panel.see("liked", "OFF")
    since = len(home.listener.heard)
    home.daemon.kill()
    home.daemon.start()
    home.listener.wait("the list", lambda heard: heard.topic == topic and heard.fields["count"] == 3, since)


def test_the_media_player_follows_and_commands(home: Home) -> None:
    """One plain value on each topic; its volume of 1 is the cap."""
    home.start()
    topic = "homeassistant/media_player/bed/config"
    fields = home.listener.wait("the player", lambda heard: heard.topic == topic and heard.payload).fields

    def see(name: str, value: bytes) -> None:
        wanted = fields[f"state_{name}_topic"]
        home.listener.wait(f"{name} {value!r}", lambda heard: heard.topic == wanted and heard.payload == value, since)

    since = len(home.listener.heard)
    home.listener.publish(fields["command_play_topic"], fields["command_play_payload"])
    see("state", b"playing")
    see("duration", b"40")
    home.listener.publish(fields["command_volume_topic"], "0.25")
    see("volume", b"0.25")
    home.listener.publish(fields["command_volume_topic"], "1.0")
    see("volume", b"0.60")
    home.listener.publish(fields["command_pause_topic"], fields["command_pause_payload"])
    see("state", b"paused")
    home.listener.publish(fields["command_volume_topic"], "40")
    rejected = home.listener.wait_event("command_rejected", since)
    assert "0 to 1" in rejected.fields["reason"]


def test_a_home_is_told_again_by_its_birth_and_after_a_broker_without_memory(home: Home) -> None:
    """Announcement, availability and state: all three, each time."""
    home.start()
    home.announced()
    since = len(home.listener.heard)
    home.listener.publish("homeassistant/status", "online")
    home.announced(since)
    for name in ("availability", "state"):
        home.listener.wait(name, lambda heard, name=name: heard.topic == f"lull/bedroom/{name}", since)
    home.broker.kill()
    home.broker.start()
    since = len(home.listener.heard)
    home.announced(since)
    for name in ("availability", "state"):
        home.listener.wait(name, lambda heard, name=name: heard.topic == f"lull/bedroom/{name}", since)


def test_a_speaker_that_is_forgotten_takes_its_device_back_last(home: Home) -> None:
    """Home Assistant logs a warning for each entity with a message of its own that is there when its device goes."""
    home.start()
    home.announced()
    assert home.daemon.stop() == 0
    since = len(home.listener.heard)
    assert home.forget().returncode == 0
    home.wait_empty(DEVICE, since)
    removed = [heard.topic for heard in home.listener.heard[since:] if heard.topic.endswith("/config")]
    assert removed[-1] == DEVICE
    assert len(removed) > 1


def test_what_a_reload_changes_is_announced_and_what_it_removes_is_taken_back(home: Home) -> None:
    """A playlist, the cap, an entry, the name, the whole device; `--forget` clears what is left."""
    home.start()
    assert entry_key("week end") in home.announced()
    since = home.reload(max=40, more="")
    after = home.announced(since, lambda found: entry_key("week end") not in found)
    assert after["volume"]["max"] == 40
    parting = next(heard for heard in home.listener.heard[since:] if heard.topic == DEVICE)
    assert json.loads(parting.payload)["cmps"][entry_key("week end")] == {"p": "switch"}
    since = home.reload(device="nursery")
    moved = home.announced(since)
    assert moved["volume"]["unique_id"] == after["volume"]["unique_id"]
    assert moved["volume"]["state_topic"] == "lull/nursery/state"
    for name in ("state", "availability", "media/state"):
        home.wait_empty(f"lull/bedroom/{name}", since)
    refused = home.forget()
    assert refused.returncode == 1
    assert "is running" in refused.stderr
    since = home.reload(mode="off")
    home.wait_empty(DEVICE, since)
    home.wait_empty("homeassistant/media_player/bed/config", since)
    assert home.daemon.stop() == 0
    done = home.forget()
    assert (done.returncode, done.stderr) == (0, "")
    assert "retained messages of nursery cleared" in done.stdout
    left = Listener(home.broker.port, "lull/#", "homeassistant/#")
    left.publish("lull/sentinel", "x", retain=True)
    left.wait("the sentinel", lambda heard: heard.topic == "lull/sentinel")
    assert [heard.topic for heard in left.heard] == ["lull/sentinel"]
    left.close()
    home.broker.kill()
    assert home.forget().returncode == 3
