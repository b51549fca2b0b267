"""One command to many: three real daemons on one broker, each answers for itself."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.cli.main import main
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: {device}
audio: {{output: silent}}
mqtt: {{host: 127.0.0.1, port: {port}, groups: [{groups}]}}
trust_clock: true
state_dir: state
playlists:
  rain: {{paths: [{folder}]}}
"""
SPEAKERS = {"bedroom": "upstairs", "kitchen": "", "nursery": "upstairs"}


@pytest.fixture
def daemons(tmp_path: Path, broker: RealBroker, listener: Listener) -> Iterator[dict[str, Daemon]]:
    """Three speakers that are online; two of them are upstairs."""
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "tone.wav", sine(440.0, 60.0, peak=0.1))
    made: dict[str, Daemon] = {}
    for device, groups in SPEAKERS.items():
        (tmp_path / device).mkdir()
        text = CONFIG.format(device=device, port=broker.port, groups=groups, folder=tmp_path / "music")
        made[device] = Daemon(tmp_path / device, text)
        made[device].start()
    for device in made:
        topic = f"lull/{device}/state"
        listener.wait(f"{device} to be idle", lambda heard, topic=topic: heard.topic == topic)
    yield made
    for daemon in made.values():
        daemon.kill()


def lull(port: int, *argv: str) -> int:
    """The exit code of a client command."""
    return main([*argv, "--host", "127.0.0.1", "--port", str(port)])


def test_each_speaker_answers_a_command_to_all_or_to_its_group(
    daemons: dict[str, Daemon], broker: RealBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """On its own topic, on the one response topic of MQTT 5 with the correlation data, and at the shell."""
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(broker.port), "-V", "5", "-t", "my/answers", "-t", "ready"]
    command += ["-C", "4", "-W", "10", "-F", "%D %p"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        publish = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(broker.port), "-V", "5"]
        subprocess.run([*publish, "-t", "ready", "-m", "yes", "-r"], check=True)
        listening.stdout.readline()
        more = ["-D", "publish", "response-topic", "my/answers", "-D", "publish", "correlation-data", "seven"]
        subprocess.run([*publish, "-t", "lull/all/cmd/play", "-m", "rain", *more], check=True)
        lines = [listening.stdout.readline() for _ in SPEAKERS]
    answers = [line.split(" ", 1) for line in lines]
    assert {correlation for correlation, _ in answers} == {"seven"}
    assert {json.loads(payload)["device"] for _, payload in answers} == set(SPEAKERS)
    assert all(json.loads(payload)["done"] for _, payload in answers)
    assert lull(broker.port, "--group", "upstairs", "volume", "20") == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == ["bedroom", "nursery"]
    assert lull(broker.port, "--all", "stop") == 0
    assert [line.split(":")[0] for line in capsys.readouterr().out.splitlines()] == list(SPEAKERS)


def test_who_does_not_answer_is_named(
    daemons: dict[str, Daemon], broker: RealBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    """A daemon that hangs counts as online until the broker misses it; the others have stopped long before."""
    daemons["kitchen"].send(signal.SIGSTOP)
    began_s = time.monotonic()
    try:
        code = lull(broker.port, "--all", "stop", "--timeout", "1.5")
    finally:
        daemons["kitchen"].send(signal.SIGCONT)
    out, err = capsys.readouterr()
    assert code == 3
    assert [line.split(":")[0] for line in out.splitlines()] == ["bedroom", "nursery"]
    assert err == "lull: kitchen: online, but no answer within 1.5 s\n"
    assert time.monotonic() - began_s < 4.0
