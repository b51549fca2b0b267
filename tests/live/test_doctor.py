"""``lull doctor`` beside a real broker, a real sound server and a real daemon."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from player.cli.doctor.facts import BrokerAnswer
from player.cli.doctor.probes.alsa import try_device
from player.cli.doctor.probes.broker import probe
from player.core.settings.mqtt import MqttSettings, TlsSettings
from tests.audio_files import noise, write_wav
from tests.live.broker import RealBroker, free_port
from tests.live.daemon import ROOT, Daemon, Listener
from tests.live.soundserver import SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]


def at(port: int, **more: Any) -> MqttSettings:
    return MqttSettings(host="127.0.0.1", port=port, **more)


def examined(config: Path) -> tuple[int, dict[str, list[dict[str, Any]]], float]:
    """Exit code, findings by check, and how long it took."""
    began_s = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "player", "doctor", "--json", "--config", str(config)],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    took_s = time.monotonic() - began_s
    assert done.stdout, done.stderr
    found: dict[str, list[dict[str, Any]]] = {}
    for one in json.loads(done.stdout)["findings"]:
        found.setdefault(one["check"], []).append(one)
    return done.returncode, found, took_s


def test_each_way_to_miss_a_broker_is_told_apart(broker: RealBroker, tmp_path: Path) -> None:
    """A name without an address, a closed port, TLS where there is none, and a broker that lets lull in."""
    assert probe(MqttSettings(host="no-such-host.invalid"), "bedroom", 6).reached is BrokerAnswer.NO_NAME
    assert probe(at(free_port()), "bedroom", 6).reached is BrokerAnswer.REFUSED
    assert probe(at(broker.port, tls=TlsSettings()), "bedroom", 6).reached is BrokerAnswer.TLS
    assert probe(at(broker.port), "bedroom", 6).reached is BrokerAnswer.UP


def test_a_wrong_password_is_a_refused_login(tmp_path: Path) -> None:
    """The right one is let in, and a file that cannot be read is neither."""
    broker = RealBroker()
    passwords = broker.add_user("lull", "right")
    broker.start(["allow_anonymous false", f"password_file {passwords}"])
    try:
        for word, expected in (("right", BrokerAnswer.UP), ("wrong", BrokerAnswer.LOGIN)):
            (tmp_path / "pw").write_text(word)
            state = probe(at(broker.port, username="lull", password_file=str(tmp_path / "pw")), "bedroom", 6)
            assert state.reached is expected, state
        state = probe(at(broker.port, username="lull", password_file=str(tmp_path / "none")), "bedroom", 6)
        assert state.password_fault
    finally:
        broker.close()


def test_a_broker_that_hangs_is_left_in_time(broker: RealBroker) -> None:
    """Frozen, it takes the connection and never answers."""
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        state = probe(at(broker.port), "bedroom", 2)
        assert state.reached is BrokerAnswer.SILENT
        assert time.monotonic() - began_s < 4
    finally:
        os.kill(broker.pid, signal.SIGCONT)


@pytest.mark.usefixtures("sound_server")
def test_a_real_device_says_what_it_takes() -> None:
    """ALSA through a sound server: opened as lull does, with its formats, rates and channels."""
    trial = try_device("default", 0.3, 20)
    assert trial.fault is None
    assert "48000 Hz, 2 channels" in trial.granted
    assert {"S16_LE", "FLOAT_LE"} <= set(trial.formats)
    assert trial.rates_hz
    assert 2 in trial.channels


def test_a_frozen_sound_server_does_not_hold_the_doctor_up(sound_server: SoundServer, tmp_path: Path) -> None:
    """The whole examination ends within 15 s, and the device is what is wrong."""
    path = tmp_path / "lull.yaml"
    path.write_text(f"playlists: {{rain: {{paths: [{tmp_path}]}}}}\nmqtt: off\nstate_dir: {tmp_path}\n")
    with sound_server.frozen():
        code, found, took_s = examined(path)
    assert code == 1
    assert found["sound device"][0]["level"] == "wrong"
    assert took_s < 15


def test_beside_a_running_daemon_all_is_right(sound_server: SoundServer, broker: RealBroker, tmp_path: Path) -> None:
    """The speaker is seen on the broker, the device can be shared, and nothing that it does is disturbed."""
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "calm.wav", noise(60.0, peak=0.02))
    text = (
        f"device: bedroom\nmqtt: {{host: 127.0.0.1, port: {broker.port}}}\nstate_dir: {tmp_path / 'state'}\n"
        f"playlists: {{rain: {{paths: [{tmp_path / 'music'}]}}}}\n"
    )
    daemon, listener = Daemon(tmp_path, text), Listener(broker.port)
    try:
        daemon.measure()
        daemon.start()
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        listener.command("play")
        listener.wait_event("track_started")
        since = len(listener.heard)
        code, found, _ = examined(daemon.config)
        assert code == 0, found
        assert found["speaker"][0]["level"] == "right"
        assert found["service"][0]["what"].startswith("lull runs")
        assert found["playlist rain"] == [{"check": "playlist rain", "level": "right", "what": "1 track", "mend": None}]
        told = {heard.fields["event_type"] for heard in listener.heard[since:] if heard.topic.endswith("/event")}
        assert not told & {"problem", "session_ended", "paused"}
    finally:
        daemon.kill()
        listener.close()
