"""Triggers with everything real but the sound device: daemon, libVLC, mosquitto, both versions of the protocol."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from player.core.settings.mqtt import MqttProtocol
from player.mqtt.triggers.rules import DEBOUNCE_S
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import ROOT, Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

BUTTON = "zigbee2mqtt/bedside button"
SENSOR = "zigbee2mqtt/bed sensor"
TRIGGERS = """\
  - {name: single, topic: zigbee2mqtt/bedside button, path: action, equals: single, do: toggle}
  - {name: double, topic: zigbee2mqtt/bedside button, path: action, equals: double, do: extend, with: {minutes: 15}}
  - {name: hold, topic: zigbee2mqtt/bedside button, path: action, one_of: [hold, long], do: stop}
  - {name: empty bed, topic: zigbee2mqtt/bed sensor, path: occupancy, equals: false, for: 3s, do: stop}
"""
CONFIG = """\
device: bedroom
audio: {output: silent, hold: 0s}
mqtt: {host: 127.0.0.1, port: %d, protocol: "%s"}
fades: {stop: 0.5s, pause: 0.5s}
trust_clock: true
state_dir: state
playlists: {tones: {paths: [%s]}}
triggers:
%s
"""
Start = Callable[..., Daemon]


@pytest.fixture
def start(tmp_path: Path, broker: RealBroker, listener: Listener) -> Iterator[Start]:
    """Starts the daemon and waits until it listens."""
    folder = tmp_path / "tones"
    folder.mkdir()
    write_wav(folder / "one.wav", sine(440.0, 60.0, peak=0.25))
    daemons: list[Daemon] = []

    def run(protocol: MqttProtocol = MqttProtocol.V5) -> Daemon:
        daemon = Daemon(tmp_path, CONFIG % (broker.port, protocol.value, folder, TRIGGERS))
        daemons.append(daemon)
        daemon.start()
        listener.wait_state("the daemon", lambda fields: fields["state"] == "idle")
        # triggers are subscribed before anything is answered
        listener.command("status")
        return daemon

    yield run
    for daemon in daemons:
        daemon.kill()


def press(listener: Listener, action: str | None, **more: Any) -> None:
    """A message as zigbee2mqtt sends it, and the one after it."""
    listener.publish(BUTTON, json.dumps({"action": action, "battery": 97, "linkquality": 120}), **more)


@contextlib.contextmanager
def pressing(listener: Listener, action: str) -> Iterator[None]:
    """The same press once a second, from another thread, while the block runs."""
    is_over = threading.Event()

    def press_on() -> None:
        while not is_over.is_set():
            press(listener, action)
            is_over.wait(1.0)

    presser = threading.Thread(target=press_on)
    presser.start()
    try:
        yield
    finally:
        is_over.set()
        presser.join()


@pytest.mark.parametrize("protocol", [MqttProtocol.V5, MqttProtocol.V311])
def test_a_button_plays_extends_pauses_and_ends_the_night(
    start: Start, listener: Listener, protocol: MqttProtocol
) -> None:
    """The example of the docs; `why` and the journal name the trigger. What comes after a press does nothing."""
    daemon = start(protocol)
    for nothing in ("", None):
        press(listener, nothing)
    press(listener, "single")
    press(listener, "")
    state = listener.wait_state("sound", lambda fields: fields["state"] == "playing" and fields["track"])
    assert state["why"] == "trigger:single"
    ends = state["timer"]["remaining"]
    press(listener, "double")
    listener.wait_event("timer_set")
    state = listener.wait_state("more time", lambda fields: fields["timer"]["remaining"] > ends + 850)
    assert state["asked"]["by"] == "trigger:double"
    time.sleep(DEBOUNCE_S)  # nobody presses twice so soon; a radio does, and that is one press
    press(listener, "single")
    listener.wait_state("a pause", lambda fields: fields["state"] == "paused")
    press(listener, "hold")
    assert listener.wait_event("session_ended").fields["why"] == "trigger:single"
    journal = [line for line in daemon.log().splitlines() if "asks for" in line]
    assert len(journal) == 2, daemon.log()
    assert all("trigger:single asks for toggle: " in line and f" on {BUTTON}" in line for line in journal)


@pytest.mark.parametrize("protocol", [MqttProtocol.V5, MqttProtocol.V311])
def test_a_retained_press_is_never_obeyed_and_a_broker_may_restart(
    start: Start, listener: Listener, broker: RealBroker, protocol: MqttProtocol
) -> None:
    """Kept from before the start: dropped. After a broker's restart the button works again."""
    press(listener, "single", retain=True)
    start(protocol)
    listener.publish("lull/bedroom/cmd/volume", "31")
    assert listener.wait_state("the volume", lambda fields: fields["volume"] == 31)["state"] == "idle"
    broker.kill()
    broker.start()
    seen = len(listener.heard)
    listener.wait("the speaker", lambda heard: heard.topic.endswith("/state"), seen, patience_s=30)
    listener.command("status")
    press(listener, "single")
    listener.wait_event("session_started", seen)


def test_an_empty_bed_ends_the_night_and_somebody_in_it_does_not(start: Start, listener: Listener) -> None:
    """The condition has to hold; a message of somebody there ends the count, so the next one counts from its beginning.

    A busy machine makes everything later, so only the earliest time is sure.
    """
    start()
    press(listener, "single")
    listener.wait_state("sound", lambda fields: fields["state"] == "playing")
    listener.publish(SENSOR, '{"occupancy":false}')
    listener.publish(SENSOR, '{"occupancy":true}')
    time.sleep(1.5)
    sent_s = time.clock_gettime(time.CLOCK_BOOTTIME)  # before: the broker's answer to a message may be late
    listener.publish(SENSOR, '{"occupancy":false}')
    ended = listener.wait_event("session_ended")
    assert ended.at_s - sent_s >= 3.0 + 0.45
    assert ended.fields["reason"] == "stop"


def test_a_reload_listens_to_other_topics_without_a_new_connection(start: Start, listener: Listener) -> None:
    """The old button is deaf, the new one works, and the speaker was never offline."""
    daemon = start()
    daemon.config.write_text(daemon.config.read_text().replace(BUTTON, "other/button") + "volume: {max: 50}\n")
    daemon.send(signal.SIGHUP)
    listener.wait_state("the new config", lambda fields: fields["volume_max"] == 50)
    offline = [heard for heard in listener.heard if heard.payload == b"offline"]
    press(listener, "single")
    listener.publish("other/button", '{"action":"single"}')
    listener.wait_state("sound", lambda fields: fields["state"] == "playing")
    assert [heard for heard in listener.heard if heard.payload == b"offline"] == offline == []
    assert daemon.log().count("broker: connected") == 1
    assert daemon.log().count("asks for toggle") == 1


def test_a_flood_neither_starts_sound_again_and_again_nor_delays_a_stop(
    start: Start, listener: Listener, broker: RealBroker
) -> None:
    """About a thousand presses a second for five: a handful of starts, and each stop is obeyed within a second."""
    daemon = start()
    flood = Listener(broker.port)
    is_over = threading.Event()

    def press_on() -> None:
        while not is_over.wait(0.02):
            for _ in range(20):
                flood.send(BUTTON, '{"action":"single"}')

    presser = threading.Thread(target=press_on)
    presser.start()
    try:
        delays_s = []
        for _ in range(4):
            is_over.wait(1.2)
            sent_s, answer = listener.command("stop", now=True)
            found = [heard for heard in listener.heard if heard.topic.endswith("/reply")]
            delays_s.append(next(heard.at_s for heard in found if heard.fields["id"] == answer["id"]) - sent_s)
    finally:
        is_over.set()
        presser.join()
        flood.close()
    starts = [heard for heard in listener.heard if b'"session_started"' in heard.payload]
    print(f"stops answered after {[round(delay_s, 2) for delay_s in delays_s]} s, {len(starts)} starts")
    assert max(delays_s) < 1.0
    assert 1 <= len(starts) <= 6
    assert daemon.is_running
    listener.wait_state("silence", lambda fields: fields["state"] in {"idle", "paused"})


def test_watching_tells_what_comes_and_ends_by_ctrl_c(start: Start, listener: Listener) -> None:
    """With the state of the speaker that runs beside it, and without acting."""
    daemon = start()
    command = [sys.executable, "-m", "player", "triggers", "watch", "--config", str(daemon.config)]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    ) as seen:
        assert seen.stdout is not None
        giving_up = threading.Timer(30.0, seen.kill)
        giving_up.start()
        assert seen.stdout.readline().startswith("listening to zigbee2mqtt/bedside button, ")
        # the broker may take this press before the subscription, which is on another connection
        with pressing(listener, "double"):
            lines = [seen.stdout.readline().strip() for _ in range(5)]
        assert lines[0].endswith('zigbee2mqtt/bedside button {"action": "double", "battery": 97, "linkquality": 120}')
        assert lines[1] == "single: does not fire: action 'double' is not 'single'"
        assert lines[2:4] == [
            "double: fires: action is 'double'",
            "extend minutes=15: refused, because the speaker is idle",
        ]
        os.kill(seen.pid, signal.SIGINT)
        assert seen.wait(10) == 0
        giving_up.cancel()
        assert seen.stderr is not None
        assert seen.stderr.read() == ""


def test_watching_without_a_broker_ends_with_3(tmp_path: Path) -> None:
    """And says where none is."""
    config = tmp_path / "lull.yaml"
    config.write_text(CONFIG % (9, "5", tmp_path, TRIGGERS))
    command = [sys.executable, "-m", "player", "triggers", "watch", "--config", str(config)]
    ended = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == 3
    assert "no connection to the broker at 127.0.0.1:9" in ended.stderr
