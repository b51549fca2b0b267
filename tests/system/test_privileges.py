"""Root in folders of somebody else: a real root and a real second user. Skipped where the tests do not run as root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.session.memory.records import Batch, texts
from player.storage.lock import only_daemon
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb
from player.system.crash_marker import crash_recorded
from player.system.privileges import foreign_part
from tests.audio_files import write_wav
from tests.calm_material import whisper
from tests.contracts.test_memory import KEPT
from tests.paths import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give up root")

OTHER = 65534
CONFIG = """\
state_dir: state
audio: {{output: wav, path: out.wav}}
playlists:
  night: {{paths: [{folder}]}}
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder of root that everybody can enter; pytest's own can be entered by root alone."""
    with tempfile.TemporaryDirectory(prefix="lull-test-root-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def give_away(*paths: Path) -> None:
    for path in paths:
        os.chown(path, OTHER, OTHER, follow_symlinks=False)


def lull(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "player", *words]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(home / "root")}
    return subprocess.run(command, cwd=home, env=env, capture_output=True, text=True, check=False, timeout=120)


def speaker(home: Path) -> Path:
    """A config with a state directory of the other user and one track; returns the state directory."""
    state, music = home / "state", home / "music"
    state.mkdir()
    music.mkdir()
    write_wav(music / "a.wav", whisper(4.0, "a"))
    (home / "lull.yaml").write_text(CONFIG.format(folder=music), encoding="utf-8")
    give_away(state)
    return state


def test_the_first_part_of_a_path_that_is_not_roots_is_found(home: Path) -> None:
    """A folder, a link in front of it, and a link of root that leads through the folder of another user."""
    (home / "mine" / "deep").mkdir(parents=True)
    assert foreign_part(home / "mine" / "deep" / "missing") is None
    (home / "other").mkdir()
    (home / "other" / "link").symlink_to(home / "mine")
    (home / "by root").symlink_to("other/../other/link/deep")
    give_away(home / "other")
    for path in ("other", "other/new", "other/link/deep", "by root"):
        facts = foreign_part(home / path)
        assert facts is not None, path
        assert facts.st_uid == OTHER
    (home / "up").symlink_to(home / "other" / "deep")
    (home / "other" / "deep").mkdir()
    (home / "new").mkdir()
    facts = foreign_part(home / "up" / ".." / "new")  # which is other/new, and not new
    assert facts is not None
    assert facts.st_uid == OTHER
    (home / "circle").symlink_to("circle")
    assert foreign_part(home / "circle") is None


def test_what_root_makes_in_the_state_directory_belongs_to_its_owner(home: Path) -> None:
    """`sudo lull run` by hand: the service can open lock, crash notes, database and copy afterwards."""
    state = speaker(home)
    with only_daemon(state), crash_recorded(state):
        store = MemoryDb(state, "this")
        store.write(Batch(texts(KEPT)))
        store.close()
    made = {path.name: path.stat().st_uid for path in state.iterdir()}
    assert {"daemon.lock", "crash.txt", "memory.db", "memory.json"} <= made.keys()
    assert set(made.values()) == {OTHER}


@pytest.mark.slow
def test_a_scan_as_root_works_as_the_user_of_the_state_directory(home: Path) -> None:
    """What it writes belongs to that user, as if the daemon had written it."""
    state = speaker(home)
    done = lull(home, "scan", "--config", "lull.yaml")
    assert done.returncode == 0, done.stderr
    assert f"who owns {state}" in done.stderr
    assert "cannot be saved" not in done.stderr
    made = list(state.iterdir())
    assert state / "lull.db" in made
    assert {path.stat().st_uid for path in made} == {OTHER}


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [("lull.db",), pytest.param(("lull.db-wal", "lull.db-shm", "lull.db-journal"), marks=pytest.mark.thorough)]
)
def test_a_link_in_the_state_directory_leads_root_nowhere(home: Path, names: tuple[str, ...]) -> None:
    """A file of root that the other user cannot write stays as it is, and stays root's."""
    state = speaker(home)
    victim = home / "victim"
    victim.write_bytes(b"")
    victim.chmod(0o600)
    for name in names:
        (state / name).symlink_to(victim)
        give_away(state / name)
    done = lull(home, "scan", "--config", "lull.yaml")
    assert done.returncode == 0, done.stderr
    facts = victim.stat()
    assert (facts.st_uid, facts.st_size, facts.st_mode & 0o777) == (0, 0, 0o600)


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("memory.db", "lull.db-shm"),
        pytest.param(("memory.db-wal", "memory.db-shm", "memory.json"), marks=pytest.mark.thorough),
    ],
)
def test_doctor_as_root_writes_through_no_link(home: Path, names: tuple[str, ...]) -> None:
    """It only looks, but SQLite writes an index beside what it reads."""
    state = speaker(home)
    for database in (MeasurementsDb(state), MemoryDb(state)):
        database.close()
    victim = home / "victim"
    victim.write_bytes(b"mine")
    for name in names:
        (state / name).unlink(missing_ok=True)
        (state / name).symlink_to(victim)
        give_away(state / name)
    assert "state_dir" in lull(home, "doctor", "--config", "lull.yaml").stdout
    assert (victim.read_bytes(), victim.stat().st_uid) == (b"mine", 0)


@pytest.mark.slow
def test_starter_tracks_through_a_link_of_another_user_are_written_as_that_user(home: Path) -> None:
    """The installer's folder is writable for a group: a link in it leads to where its owner may write, or nowhere."""
    (home / "etc").mkdir()
    (home / "srv").mkdir()
    (home / "srv" / "starter").symlink_to(home / "etc")
    give_away(home / "srv" / "starter")
    done = lull(home, "starter", str(home / "srv" / "starter"))
    assert done.returncode == 1
    assert "writing as" in done.stderr
    assert "Permission denied" in done.stderr
    assert not list((home / "etc").iterdir())


@pytest.mark.slow
def test_a_night_as_root_plays_as_the_user_of_its_folder(home: Path) -> None:
    """What it writes there follows that user's links with that user's rights alone."""
    folder, victim = home / "other", home / "victim"
    folder.mkdir()
    victim.write_bytes(b"kept")
    victim.chmod(0o600)
    (folder / "running.yaml").symlink_to(victim)
    give_away(folder, folder / "running.yaml")
    env = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "ALSA_CONFIG_PATH": "/nonexistent", "HOME": str(home)}
    command = [sys.executable, "-B", "-m", "player", "night", "--home", str(folder), "noise:rain"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=home, env=env, stdout=pipe, stderr=pipe, text=True) as night:
        assert night.stdout is not None
        said = night.stdout.readline()
        next(line for line in night.stdout if line.startswith("playing"))
        night.send_signal(signal.SIGINT)
        faults = night.communicate(timeout=60)[1]
    assert f"who owns {folder}" in said
    assert (night.returncode, "running.yaml cannot be written: Permission denied" in faults) == (0, True)
    assert (victim.read_bytes(), victim.stat().st_uid) == (b"kept", 0)
    assert {path.lstat().st_uid for path in folder.iterdir()} == {OTHER}
