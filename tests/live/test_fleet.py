"""A home with several speakers in one file: real daemons, each chosen by name, on one real broker."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.cli.main import main
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import PATIENCE_S, Daemon, Listener
from tests.live.test_state_dir import NAMESPACE

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
audio: {{output: silent}}
mqtt: {{host: 127.0.0.1, port: {port}}}
trust_clock: true
volume: {{default: 30, max: 50}}
playlists:
  rain: {{paths: [{folder}]}}
speakers:
  bedroom: {{state_dir: {folder}/../bedroom}}
  child: {{state_dir: {folder}/../child, volume: {{default: 10, max: 20}}, mqtt: {{groups: [small]}}}}
  garage: {{state_dir: {folder}/../garage}}
"""
PLAYED_S = 3.0


@pytest.fixture
def home(tmp_path: Path, broker: RealBroker, listener: Listener) -> Iterator[Daemon]:
    """Bedroom and child play; the garage is in the file and not there."""
    (tmp_path / "music").mkdir()
    write_wav(tmp_path / "music" / "tone.wav", sine(440.0, 60.0, peak=0.1))
    text = CONFIG.format(port=broker.port, folder=tmp_path / "music")
    daemons = [Daemon(tmp_path, text), Daemon(tmp_path, text)]
    for device, daemon in zip(("bedroom", "child"), daemons, strict=True):
        daemon.start("--device", device)
    for device in ("bedroom", "child"):
        topic = f"lull/{device}/state"
        listener.wait(f"{device} to be idle", lambda heard, topic=topic: heard.topic == topic)
    yield daemons[0]
    for daemon in daemons:
        daemon.kill()


def test_one_command_reaches_all_of_the_file_and_names_who_is_missing(
    home: Daemon, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status, volume, stop and the report of the night: a line for each, 3 for the garage, within a bounded time."""
    config = ("--config", str(home.config))
    assert main(["--all", "play", *config]) == 3
    shown = capsys.readouterr()
    assert [line.split(":")[0] for line in shown.out.splitlines()] == ["bedroom", "child"]
    assert shown.err == "lull: garage: is not online, so it was not asked\n"
    assert main(["--all", "volume", "40", *config]) == 3  # refused by the child's, and the garage is missing
    shown = capsys.readouterr()
    assert shown.out.startswith("bedroom: volume 40")
    assert "lull: child: volume 40 is out of range" in shown.err
    time.sleep(PLAYED_S)
    began_s = time.monotonic()
    assert main(["stop", "--all", *config]) == 3
    assert time.monotonic() - began_s < 5.0
    for device in ("bedroom", "child"):
        listener.wait(
            f"the night of {device}",
            lambda heard, device=device: heard.topic == f"lull/{device}/night" and heard.fields["end"] is not None,
        )
    capsys.readouterr()
    assert main(["--all", "report", *config]) == 3
    shown = capsys.readouterr()
    assert [line.split(":")[0] for line in shown.out.splitlines()] == ["bedroom", "child"]
    assert all("1 track, nothing lowered" in line for line in shown.out.splitlines())
    assert shown.err == "lull: garage: it is in the config, but the broker does not know it\n"
    assert main(["report", "--all", "--json", *config]) == 3
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["device"], one["night"]["track_count"]) for one in told] == [("bedroom", 1), ("child", 1)]
    assert main(["--group", "small", "report", *config]) == 0
    assert capsys.readouterr().out.startswith("child: ")
    assert main(["report", "--group", "nobody", "--timeout", "1", *config]) == 3
    assert "no speaker of the group 'nobody' answered" in capsys.readouterr().err


def test_the_report_of_one_speaker_over_mqtt_is_that_of_its_memory(
    home: Daemon, listener: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    """From any machine, and when the speaker is off; who has never been there is said so."""
    listener.command("play")
    time.sleep(PLAYED_S)
    listener.command("stop")
    listener.wait(
        "the night",
        lambda heard: heard.topic == "lull/bedroom/night" and heard.fields["end"] is not None,
    )
    home.stop()
    config = ("--config", str(home.config))
    assert main(["report", "--device", "bedroom", *config]) == 0
    over_mqtt = capsys.readouterr().out
    assert "tracks      1: tone" in over_mqtt
    assert "started by mqtt" in over_mqtt
    assert main(["report", "--device", "child", *config]) == 1
    assert main(["report", "--device", "garage", "--timeout", "1", *config]) == 3
    assert "the broker knows no speaker of that name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("has_own_id", "told"),
    [
        (True, "another speaker is called 'bedroom' too"),
        (False, "does another lull with the device name 'bedroom' run on this machine"),
    ],
)
def test_a_twin_of_the_same_name_is_told(
    tmp_path: Path,
    home: Daemon,
    listener: Listener,
    capsys: pytest.CaptureFixture[str],
    has_own_id: bool,
    told: str,
) -> None:
    """A second machine that says it is the bedroom, and a second service here (or a copied card): the state says so."""
    (tmp_path / "twin").mkdir()
    text = home.config.read_text(encoding="utf-8").replace("/../bedroom", "/../another")
    twin = Daemon(tmp_path / "twin", text)
    twin.start("--device", "bedroom", wrapper=_other_machine(tmp_path) if has_own_id else ())
    try:
        listener.wait(
            "the problem",
            lambda heard: heard.topic == "lull/bedroom/state" and told in " ".join(heard.fields["problems"]),
        )
        if has_own_id:  # the other two end each other's connections, so an order may be lost
            give_up_s = time.monotonic() + PATIENCE_S
            while told not in _status(home, capsys):  # the latest state may be that of the one that has not noticed yet
                assert time.monotonic() < give_up_s, "one of the two never tells of the other"
    finally:
        twin.stop()


def _status(home: Daemon, capsys: pytest.CaptureFixture[str]) -> str:
    """What ``lull status`` prints of the bedroom."""
    assert main(["status", "--device", "bedroom", "--timeout", "30", "--config", str(home.config)]) == 0
    return capsys.readouterr().out


def _other_machine(folder: Path) -> tuple[str, ...]:
    """A command in front of the daemon that gives it another machine id; skips where that is not allowed."""
    (folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n", encoding="ascii")
    mounted = f'mount --bind {folder}/machine-id /etc/machine-id && exec "$0" "$@"'
    wrapper = (*NAMESPACE, "sh", "-c", mounted)
    if subprocess.run([*wrapper, "true"], check=False, capture_output=True).returncode:
        pytest.skip("a namespace of mounts may not be made here")
    return wrapper
