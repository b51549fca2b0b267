"""The real daemon on a state directory that cannot be written, and on one that is full: a warning, and a working night.

Each daemon has mounts of its own (a private mount namespace), so nothing is left behind.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
fades: {{fade_in: 10s, stop: 1s}}
trust_clock: true
state_dir: {folder}/state
playlists:
  tones: {{paths: [{folder}/music]}}
"""
NAMESPACE = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "--user", "--map-root-user")
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"'
SMALL = 'mount -t tmpfs -o size=256k none "$0" && exec "$@"'


def can_mount() -> bool:
    """Whether this machine lets us have mounts of our own."""
    tried = subprocess.run([*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False)
    return tried.returncode == 0


needs_mounts = pytest.mark.skipif(not can_mount(), reason="no mount namespace here: neither root nor user namespaces")


@pytest.fixture
def daemon(tmp_path: Path, broker: RealBroker) -> Iterator[Daemon]:
    """One track, and a state directory that has been used before."""
    (tmp_path / "music").mkdir()
    (tmp_path / "state").mkdir()
    write_wav(tmp_path / "music" / "one.wav", sine(440.0, 60.0, peak=0.25))
    made = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=tmp_path))
    yield made
    made.kill()


def fill(path: Path) -> None:
    """Write until there is no room left."""
    with path.open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(1024))


def plays(daemon: Daemon, listener: Listener) -> None:
    """A start, a track, a ban, a stop, and a clean end."""
    assert listener.command("play")[1]["done"]
    listener.wait_state("a track", lambda state: state["state"] == "playing" and state["track"] == "one")
    assert listener.command("volume", volume=20)[1]["done"]
    assert listener.command("stop", now=True)[1]["done"]
    listener.wait_state("silence", lambda state: state["state"] == "idle")
    assert daemon.stop() == 0


@needs_mounts
def test_a_state_directory_that_cannot_be_written_is_a_warning_and_a_working_night(
    daemon: Daemon, listener: Listener, tmp_path: Path
) -> None:
    """As with a read-only root; what was remembered before it became so is still known."""
    daemon.start()
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    assert listener.command("skip_tonight")[1]["done"]
    assert daemon.stop() == 0
    since = len(listener.heard)
    daemon.start(wrapper=(*NAMESPACE, "sh", "-c", READ_ONLY, str(tmp_path / "state")))
    told = listener.wait(
        "the problem",
        lambda heard: heard.is_state and not heard.retained and "nothing new is saved" in str(heard.fields["problem"]),
        since,
    )
    assert told.fields["skip_tonight"] is True
    plays(daemon, listener)


@needs_mounts
def test_a_full_disk_is_a_warning_and_a_working_night(daemon: Daemon, listener: Listener, tmp_path: Path) -> None:
    """It fills up while the daemon runs."""
    daemon.start(wrapper=(*NAMESPACE, "sh", "-c", SMALL, str(tmp_path / "state")))
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    inside = Path(f"/proc/{daemon.pid}/root{tmp_path}/state/filler")
    fill(inside)
    assert listener.command("play")[1]["done"]
    listener.wait_state("the problem", lambda state: "is saved" in str(state["problem"]))
    plays(daemon, listener)
