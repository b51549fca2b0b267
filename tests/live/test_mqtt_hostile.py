"""The real daemon and a hostile house: what it must refuse with a reason, drop, survive, and publish again."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent}}
mqtt: {{host: 127.0.0.1, port: {port}, protocol: "{protocol}"}}
trust_clock: true
state_dir: state
playlists:
  rain: {{paths: [{folder}]}}
"""
BOMBS: list[tuple[str, bytes, str]] = [
    ("volume", b"loud", "is not a number"),
    ("volume", b"[30]", "JSON list"),
    ("volume", b'{"volume": null}', "needs a value"),
    ("volume", b'{"volume": true}', "is not a number"),
    ("volume", b"9" * 400, "not a number"),
    ("volume", b'{"volume": 1e999}', "not a usable number"),
    ("play", b'{"playlist": {"name": "rain"}}', "is not a text"),
    ("play", b'{"playlist": "rain", "playlist": "sea"}', "appears twice"),
    ("play", b"\xff\xfe\xfd", "not UTF-8"),
    ("play", b"ra\x00in", "control characters"),
    ("play", b"rian", "did you mean"),
    ("play", b"[" * 4000, "nested more than"),
    ("play", b'{"a":' * 800, "nested more than"),
    ("play", b'{"volume": 99}', "0 to 60"),
    ("play", b"{", "is not JSON"),
    ("play", b"x" * 5000, "longer than the 4096 bytes"),
    ("plya", b"", "did you mean 'play'"),
    ("", b'{"command": 5}', "is not a text"),
    ("", b"", "needs a command"),
]
"""Verb, payload, and what the reason says."""

Make = Callable[[str], Daemon]


@pytest.fixture
def make(tmp_path: Path, broker: RealBroker) -> Iterator[Make]:
    """Starts daemons that speak one version of the protocol, and ends them with the test."""
    daemons: list[Daemon] = []
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "tone.wav", sine(440.0, 60.0, peak=0.1))

    def start(protocol: str) -> Daemon:
        text = CONFIG.format(port=broker.port, protocol=protocol, folder=tmp_path / "music")
        daemons.append(Daemon(tmp_path, text))
        daemons[-1].start()
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.kill()


def settled(fields: dict[str, Any]) -> dict[str, Any]:
    """The state without what runs along with the clock, and without what was refused last."""
    apart = {"position", "level", "timer", "entries", "refused"}
    return {key: value for key, value in fields.items() if key not in apart}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_what_is_hostile_is_refused_with_a_reason_and_changes_nothing(
    make: Make, listener: Listener, protocol: str
) -> None:
    """At each QoS; what was retained before is dropped; a megabyte is kept out by the broker or refused unread."""
    listener.publish("lull/bedroom/cmd/play", b"rain", retain=True)
    listener.publish("lull/all/cmd", b'{"command": "play"}', retain=True)
    daemon = make(protocol)
    before = settled(listener.wait_state("idle", lambda fields: fields["state"] == "idle"))
    for number, (verb, payload, reason) in enumerate(BOMBS):
        since = len(listener.heard)
        listener.publish(f"lull/bedroom/cmd/{verb}".rstrip("/"), payload, qos=number % 3)
        refused = listener.wait_event("command_rejected", since).fields
        assert reason in refused["reason"], (verb, payload[:40], refused["reason"])
    since = len(listener.heard)
    listener.publish("lull/bedroom/cmd/play", b"y" * 1_000_000)
    if protocol == "3.1.1":
        assert "longer than" in listener.wait_event("command_rejected", since).fields["reason"]
    _, answer = listener.command("status")
    assert settled(answer["state"]) == before
    assert "Traceback" not in daemon.log()
    assert daemon.is_running


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_command_that_comes_twice_is_one_step(make: Make, listener: Listener, protocol: str) -> None:
    """Same id and content, as a sender repeats it that lost the acknowledgement: obeyed once, answered twice."""
    make(protocol)
    volume = listener.wait_state("idle", lambda fields: fields["state"] == "idle")["volume"]
    payload = json.dumps({"volume": "+5", "id": "same"})
    for _ in range(2):
        since = len(listener.heard)
        listener.publish("lull/bedroom/cmd/volume", payload)
        answer = listener.wait("an answer", lambda heard: heard.topic.endswith("/reply"), since).fields
        assert answer["done"]
        assert answer["state"]["volume"] == volume + 5
    listener.publish("lull/bedroom/cmd/volume", json.dumps({"volume": "+5", "id": "other"}))
    listener.wait_state("another step", lambda fields: fields["volume"] == volume + 10)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_a_broker_that_forgot_everything_is_told_everything(
    make: Make, broker: RealBroker, listener: Listener, protocol: str
) -> None:
    """Restarted without its retained store while something plays: availability and state are there again, and true."""
    daemon = make(protocol)
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    listener.command("play", playlist="rain", volume=20)
    listener.wait_state("playing", lambda fields: fields["track"] is not None)
    broker.kill()
    broker.start()
    late = Listener(broker.port)
    try:
        late.wait("online", lambda heard: heard.topic == "lull/bedroom/availability" and heard.payload == b"online")
        state = late.wait_state("playing again", lambda fields: fields["state"] == "playing")
        assert (state["playlist"], state["volume"], state["why"]) == ("rain", 20, "mqtt")
        daemon.send(signal.SIGKILL)
        late.wait("offline", lambda heard: heard.topic.endswith("/availability") and heard.payload == b"offline")
        daemon.wait_end()
        since = len(late.heard)
        daemon.start()
        late.wait("online", lambda heard: heard.topic.endswith("/availability") and heard.payload == b"online", since)
        since = len(late.heard)
        assert daemon.stop() == 0
        late.wait("offline", lambda heard: heard.topic.endswith("/availability") and heard.payload == b"offline", since)
    finally:
        late.close()
