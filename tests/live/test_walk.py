"""A week of somebody without a terminal, step by step: what is pressed in Home Assistant, and what is seen there.

The speaker, the broker and the library are real; the home is that of tests/mqtt/discovery, which knows nothing but the
announcement. Sound is copied into a folder, as a share or a stick would bring it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from player.mqtt.discovery.entry_entities import entry_key
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Heard, Listener
from tests.live.test_discovery import DEVICE, Panel, write_tone
from tests.mqtt.discovery import home_assistant

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}, discovery: {{id: bed}}}}
trust_clock: true
state_dir: {folder}/state
library: {folder}/music
schedule:
  - {{name: friday, at: "22:30", days: [fri]}}
"""
LONG_S = 60.0
"""The library looks into its folders at least this often."""


class Walk:
    """Somebody, the speaker, and the panel."""

    def __init__(self, folder: Path, broker: RealBroker) -> None:
        self.music = folder / "music"
        for made in (self.music, folder / "state"):
            made.mkdir()
        write_tone(self.music / "rain" / "Drops.wav")
        self.listener = Listener(broker.port, "lull/#", "homeassistant/#")
        self.daemon = Daemon(folder, CONFIG.format(port=broker.port, folder=folder))
        self.daemon.start()
        self.panel = Panel(self.listener, self._announced())

    def _announced(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = {}
        for topic in (DEVICE, f"homeassistant/time/bed/{entry_key('friday')}_at/config"):
            heard = self.listener.wait(topic, lambda heard, topic=topic: heard.topic == topic and bool(heard.payload))
            found |= home_assistant.read(heard.topic, heard.payload)
        return found

    def wait_tracks(self, count: int, since: int = 0) -> None:
        """Wait until the speaker lists so many tracks; the library looks into its folders every minute at least."""

        def is_it(heard: Heard) -> bool:
            return heard.topic == "lull/bedroom/tracks" and bool(heard.payload) and heard.fields["count"] == count

        self.listener.wait(f"{count} tracks", is_it, since, patience_s=LONG_S + 30.0)

    def night(self) -> str:
        """What the sensor "Last night" shows."""
        report = next(heard for heard in reversed(self.listener.heard) if heard.topic == "lull/bedroom/night")
        return home_assistant.value(self.panel.entities["night"], json.loads(report.payload))


@pytest.fixture
def walk(tmp_path: Path, broker: RealBroker) -> Iterator[Walk]:
    made = Walk(tmp_path, broker)
    yield made
    made.daemon.kill()
    made.listener.close()


@pytest.mark.long
def test_a_week_without_a_terminal(walk: Walk) -> None:
    """A track is added, Friday is set to 23:15, a track is banned, and the report is read in the morning."""
    panel, listener = walk.panel, walk.listener

    # 1. Before the first night the page of the device says that nothing plays, and nothing on it is unknown.
    assert {panel.shows(key) for key in ("track", "why", "timer_ends", "phase")} == {"Nothing is playing"}
    assert walk.night() == "No night is recorded yet"

    # 2. A recording is copied into the folder of the playlist.
    write_tone(walk.music / "rain" / "Gutter.wav")
    walk.wait_tracks(2)

    # 3. Friday's entry is set to 23:15; its switch stays on.
    friday = entry_key("friday")
    panel.use(f"{friday}_at", "23:15:00")
    panel.see(f"{friday}_at", "23:15")
    assert panel.shows(friday) == "ON"
    assert "T23:15:00" in panel.shows("next_start")

    # 4. Play is switched on; the track that plays is banned, and the other one follows.
    panel.use("play", "payload_on")
    panel.see("sounding", "ON")
    banned = panel.shows("track")
    assert banned in {"Drops", "Gutter"}
    panel.use("never_again")
    panel.see("track", *({"Drops", "Gutter"} - {banned}))

    # 5. A button that can do nothing says why.
    panel.use("advance")
    panel.see("answer", "Refused: advance: no phase follows")

    # 6. Fifteen minutes more, softer, and in the end silence.
    panel.use("extend")
    panel.use("volume", 12.0)
    panel.see("volume", "12")
    since = len(listener.heard)
    panel.use("play", "payload_off")
    panel.see("state", "Silent")

    # 7. In the morning the report is there, and says so in one line.
    listener.wait("the report", lambda heard: heard.topic == "lull/bedroom/night" and heard.fields["end"], since)
    assert "2 tracks, nothing lowered" in walk.night()
    assert str(walk.music) not in walk.night()

    # 8. After a restart Friday is still at 23:15, and the track is still banned.
    assert walk.daemon.stop() == 0
    since = len(listener.heard)
    walk.daemon.start()
    listener.wait("it is back", lambda heard: heard.topic == DEVICE, since)
    panel.see(f"{friday}_at", "23:15")
    walk.wait_tracks(1, since)
