"""The real daemon on a state directory that cannot be written, is full, or hangs: a warning, and a working night.

Each daemon has mounts of its own (a private mount namespace), so nothing is left behind. A disk that hangs is a file
system of its own that is frozen (fsfreeze): reading works, and whoever writes waits in the kernel; or a share whose
server does not answer, where reading waits as well.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from player.storage.writer_thread import HANGS
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import PATIENCE_S, Daemon, Listener
from tests.live.share import Share, can_share

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
    (tmp_path / "state").mkdir(exist_ok=True)
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
        lambda heard: heard.is_state and not heard.retained and "happens is saved" in str(heard.fields["problem"]),
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


@pytest.fixture
def frozen_disk(tmp_path: Path) -> Iterator[Callable[[bool], None]]:
    """An ext4 under the state directory; called with True it hangs, with False it answers again."""
    (tmp_path / "state").mkdir(exist_ok=True)
    subprocess.run(["truncate", "-s", "16M", str(tmp_path / "image")], check=True)
    made = subprocess.run(["mkfs.ext4", "-q", str(tmp_path / "image")], capture_output=True, check=False)
    mount = ["mount", "-o", "loop", str(tmp_path / "image"), str(tmp_path / "state")]
    if made.returncode or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted from a file here")

    def freeze(is_frozen: bool) -> None:
        option = "-f" if is_frozen else "-u"
        subprocess.run(["fsfreeze", option, str(tmp_path / "state")], check=True, capture_output=True)

    yield freeze
    with contextlib.suppress(subprocess.CalledProcessError):
        freeze(False)
    subprocess.run(["umount", "-l", str(tmp_path / "state")], check=True)


def second_track(folder: Path) -> None:
    write_wav(folder / "music" / "two.wav", sine(640.0, 60.0, peak=0.25))


def test_a_night_begins_while_the_disk_hangs_and_it_is_taken_in_later(
    frozen_disk: Callable[[bool], None], daemon: Daemon, listener: Listener, tmp_path: Path
) -> None:
    """A ban of an earlier night holds, since it can be read; the problem is told, and is over when the disk answers."""
    second_track(tmp_path)
    daemon.start()
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    assert listener.command("play")[1]["done"]
    track = listener.wait_state("a track", lambda state: state["track"])["track"]
    assert listener.command("never_again")[1]["done"]
    assert listener.command("stop", now=True)[1]["done"]
    assert daemon.stop() == 0
    frozen_disk(True)
    since = len(listener.heard)
    daemon.start()
    listener.wait("a state", lambda heard: heard.is_state and not heard.retained and heard.payload, since)
    listener.wait_state("the problem", lambda state: HANGS in str(state["problem"]))
    assert listener.command("play")[1]["done"]
    playing = listener.wait_state("a track", lambda state: state["state"] == "playing" and state["track"])
    assert {playing["track"], track} == {"one", "two"}
    assert not listener.command("like")[1]["done"], "it is not on the disk"
    frozen_disk(False)
    listener.wait_state("no problem", lambda state: state["problem"] is None)
    assert listener.command("tracks", text="one")[1]["done"]
    assert daemon.stop() == 0


@pytest.mark.parametrize("has_copy", [True, False])
def test_a_stop_while_the_disk_hangs_and_an_end_of_lull_before_it_answers(
    frozen_disk: Callable[[bool], None],
    daemon: Daemon,
    listener: Listener,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_copy: bool,
) -> None:
    """The run-time directory knows of the stop; without one the session is resumed, as the disk has it."""
    (tmp_path / "run").mkdir()
    if has_copy:
        monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "run"))
    daemon.start()
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    assert listener.command("play")[1]["done"]
    listener.wait_state("a track", lambda state: state["track"])
    frozen_disk(True)
    assert listener.command("stop", now=True)[1]["done"]
    listener.wait_state("silence", lambda state: state["state"] == "idle")
    daemon.send(signal.SIGTERM)
    give_up_s = time.monotonic() + PATIENCE_S
    while "the latest changes are not saved" not in daemon.log():
        assert time.monotonic() < give_up_s
        time.sleep(0.05)
    time.sleep(0.5)
    frozen_disk(False)  # a process that waits in the kernel cannot end
    assert daemon.wait_end() == 0
    since = len(listener.heard)
    daemon.start()
    told = listener.wait("a state", lambda heard: heard.is_state and not heard.retained and heard.payload, since)
    assert told.fields["state"] == ("idle" if has_copy else "playing")
    assert daemon.stop() == 0


@pytest.mark.skipif(not can_share(), reason="no FUSE here: that takes root and /dev/fuse")
def test_a_night_begins_while_a_share_with_the_memory_hangs(daemon: Daemon, listener: Listener, tmp_path: Path) -> None:
    """Not even a look at a file returns. Stopped and started again meanwhile, as systemd would."""
    share = Share(tmp_path / "state", tmp_path / "mnt")
    daemon.config.write_text(daemon.config.read_text().replace("/state", "/mnt"), encoding="utf-8")
    try:
        share.hang()
        daemon.start()
        listener.wait_state("the problem", lambda state: HANGS in str(state["problem"]))
        assert listener.command("play")[1]["done"]
        listener.wait_state("a track", lambda state: state["state"] == "playing" and state["track"] == "one")
        assert listener.command("stop", now=True)[1]["done"]
        listener.wait_state("silence", lambda state: state["state"] == "idle")
        share.go_on()
        listener.wait_state("a share that cannot be written", lambda state: HANGS not in str(state["problem"]))
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        share.close()
