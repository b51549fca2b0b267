"""How each player is made to play one file into one ALSA device, quietly, with nothing of the user's own in the way.

Each is a context manager that yields once the player runs and ends it afterwards. All go through ALSA's ``default``,
which leads to the sound server of `Stage`; mpv also speaks to that server directly, as it does by choice.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench import usage
from player.cli.private_broker import PrivateBroker
from player.storage.measurements_db import FILE_NAME
from tests.live.soundserver import SoundServer

PATIENCE_S: Final = 40.0
SCAN_S: Final = 120.0
ROOT: Final = Path(__file__).resolve().parent.parent
_NOBODY: Final = 65_534
RUN: Final = ["-m", "player", "run", "--config"]
_AUTOPLAY: Final = """
import sys
from pathlib import Path
from player.system import logging_setup as journal
from player.cli.run import serve
from player.config import load
config = load(Path(sys.argv[1]))
journal.set_up()
serve(config, autoplay=True)
"""
"""What `lull run` does, and then a play: without a broker nobody can ask for it, and a schedule needs a set clock."""
_UNGUARDED: Final = (
    "import player.audio.engine\nfrom tests.nights.open_chain import UnguardedChain\n"
    "player.audio.engine.Chain = UnguardedChain\n"
)
"""The product cannot be run without its guard; here a stage that only delays stands in its place."""


_TIMED: Final = """
import sys
from pathlib import Path
from bench import stages
stages.install(Path(sys.argv[1]).parent / stages.FILE)
"""
"""Before the daemon is started: its stages are timed in its own process."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all share.

    Attributes:
        folder: for their files.
        server_pid: the sound server's process; 0 where nobody measures it.
        compiled: folder of Python's compiled modules; an installed daemon has them.
        track: what is played.
    """

    folder: Path
    server: SoundServer
    server_pid: int
    compiled: str
    track: Path = Path()


@contextmanager
def open_stage() -> Iterator[Stage]:
    """A running sound server and a folder; both are gone afterwards."""
    server = SoundServer()
    with tempfile.TemporaryDirectory(prefix="lull-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # VLC runs as nobody when we are root
        try:
            server.start()
            Path(server.env()["HOME"]).chmod(0o755)  # the same
            pid = next(one for one in usage.tree(os.getpid()) if _name_of(one) == "pulseaudio")
            stage = Stage(folder, server, pid, server.env()["HOME"])
            with remote(stage):
                pass  # counts for nothing: an installed daemon has its modules compiled, and the disk's cache is warm
            yield stage
        finally:
            server.close()


@contextmanager
def stage_beside(stage: Stage, name: str, track: Path) -> Iterator[Stage]:
    """A stage with a sound server and a folder of its own, for a player that plays at the same time as others.

    What was measured on the other stage is known there.
    """
    server = SoundServer()
    folder = stage.folder / name
    folder.mkdir()
    for base in stage.folder.glob(f"{FILE_NAME}*"):
        shutil.copy(base, folder)
    try:
        server.start()
        yield replace(stage, folder=folder, server=server, server_pid=0, track=track)
    finally:
        server.close()


def _name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def make_noise(path: Path, duration_s: float) -> Path:
    """Stereo noise as an MP3, 44.1 kHz, 192 kbit/s: what rain and whispers are kept in."""
    noise = ";".join(
        f"anoisesrc=color=pink:amplitude=0.3:sample_rate=44100:seed={seed}:duration={duration_s}[{name}]"
        for seed, name in ((1, "l"), (2, "r"))
    )
    return make(path, f"{noise};[l][r]amerge=inputs=2", "-b:a", "192k")


def make(path: Path, graph: str, *options: str) -> Path:
    """A file of what a graph of ffmpeg's filters gives."""
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", graph, *options, str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    return path


@dataclass(frozen=True, slots=True)
class Running:
    """A started player; ``ready_s`` from the start to READY=1, for those that say so."""

    pid: int
    ready_s: float | None = None


@dataclass(frozen=True, slots=True)
class Contestant:
    """A player by its name in the table, the program that must be installed, and how it is started."""

    name: str
    program: str
    start: Callable[[Stage], AbstractContextManager[Running]]
    plays: bool = True


@contextmanager
def program(stage: Stage, command: list[str], extra: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in the stage's surroundings; SIGTERM at the end, SIGKILL to one that does not listen."""
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"} | stage.server.env() | {"HOME": str(stage.folder)}
    with (stage.folder / "log").open("ab") as log:
        log.write(f"\n# {' '.join(command)}\n".encode())
        log.flush()
        process = subprocess.Popen(
            command, env=env | (extra or {}), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def vlc(stage: Stage) -> Iterator[Running]:
    """``cvlc``; it does not run as root, so root starts it as nobody."""
    user = ["setpriv", f"--reuid={_NOBODY}", f"--regid={_NOBODY}", "--clear-groups", "--"] if os.geteuid() == 0 else []
    command = [*user, "cvlc", "--ignore-config", "--quiet", "--aout=alsa", "--alsa-audio-device=default"]
    with program(stage, [*command, "--", str(stage.track)]) as process:
        yield Running(process.pid)


def mpv(output: str, *options: str) -> Callable[[Stage], AbstractContextManager[Running]]:
    """``mpv`` with an audio output of its own choosing or ALSA."""

    @contextmanager
    def start(stage: Stage) -> Iterator[Running]:
        command = ["mpv", "--no-config", "--no-video", "--no-terminal", f"--ao={output}", *options]
        command += ["--", str(stage.track)]
        with program(stage, command) as process:
            yield Running(process.pid)

    return start


@contextmanager
def mpd(stage: Stage, mixer: str = "none") -> Iterator[Running]:
    """``mpd`` without a database, told over its socket what to play; ``mixer`` is its mixer_type."""
    address = stage.folder / "mpd.socket"
    config = stage.folder / "mpd.conf"
    config.write_text(
        f'music_directory "{stage.track.parent}"\nbind_to_address "{address}"\n'
        f'audio_output {{\n type "alsa"\n name "bench"\n device "default"\n mixer_type "{mixer}"\n}}\n'
    )
    with program(stage, ["mpd", "--no-daemon", "--stderr", str(config)]) as process:
        _tell_mpd(address, f'add "{stage.track}"', "play")
        yield Running(process.pid)


def _tell_mpd(address: Path, *commands: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection, connection.makefile("rw", encoding="utf-8") as talk:
        connection.settimeout(PATIENCE_S)
        connect(connection, address)
        talk.readline()
        for command in commands:
            talk.write(command + "\n")
            talk.flush()
            answer = talk.readline().strip()
            assert answer == "OK", f"mpd says {answer} to {command}"


def connect(connection: socket.socket, address: Path) -> None:
    """Connect to a player's socket once it is there."""
    give_up_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return connection.connect(str(address))
        except (FileNotFoundError, ConnectionRefusedError):
            assert time.monotonic() < give_up_s, f"nobody listens at {address.name}"
            time.sleep(0.05)


Say = Callable[[str, object], None]
"""Sends a command to lull, with its payload."""


@contextmanager
def remote(stage: Stage, folder: Path | None = None) -> Iterator[tuple[Running, Say]]:
    """The daemon with a broker, and how it is told what to do."""
    with _broker() as port, daemon(stage, RUN, f"{{host: 127.0.0.1, port: {port}}}", folder) as running:
        time.sleep(2.0)  # it is ready before the broker has answered, and forgets what came before that
        link = mqtt.Client(CallbackAPIVersion.VERSION2)
        link.connect("127.0.0.1", port)
        link.loop_start()

        def say(word: str, payload: object) -> None:
            sent = link.publish(f"lull/bench/cmd/{word}", str(payload))
            sent.wait_for_publish(PATIENCE_S)
            if not sent.is_published():
                raise TimeoutError(f"the broker has not taken {word} within {PATIENCE_S:g} s")

        try:
            yield running, say
        finally:
            link.loop_stop()


_ONE_BROKER_AT_A_TIME: Final = threading.Lock()
"""A free port is free until somebody else takes it."""


@contextmanager
def _broker() -> Iterator[int]:
    """The port of a private broker that listens."""
    with ExitStack() as stack:
        with _ONE_BROKER_AT_A_TIME:
            port = stack.enter_context(PrivateBroker()).port
            give_up_s = time.monotonic() + PATIENCE_S
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port), PATIENCE_S).close()
                    break
                except ConnectionRefusedError:
                    assert time.monotonic() < give_up_s, "mosquitto does not listen"
                    time.sleep(0.02)
        yield port


@contextmanager
def lull(stage: Stage) -> Iterator[Running]:
    """The daemon with a broker, which tells it to play."""
    with remote(stage) as (running, say):
        say("play", "")
        yield running


@contextmanager
def lull_idle(stage: Stage) -> Iterator[Running]:
    """The daemon with a broker, waiting for the night."""
    with remote(stage) as (running, _):
        yield running


@contextmanager
def lull_alone(stage: Stage, folder: Path | None = None) -> Iterator[Running]:
    """The daemon without a broker."""
    with daemon(stage, ["-c", _AUTOPLAY], "off", folder) as running:
        yield running


@contextmanager
def lull_unguarded(stage: Stage) -> Iterator[Running]:
    """The daemon without a broker, guard and output meter taken out."""
    with daemon(stage, ["-c", _UNGUARDED + _AUTOPLAY], "off") as running:
        yield running


def lull_timed(*beds: str) -> Callable[[Stage], AbstractContextManager[Running]]:
    """The daemon without a broker, its stages timed by bench/stages.py, with these paths as beds."""

    @contextmanager
    def start(stage: Stage) -> Iterator[Running]:
        with daemon(stage, ["-c", _TIMED + _AUTOPLAY], "off", beds=beds) as running:
            yield running

    return start


@contextmanager
def daemon(
    stage: Stage, arguments: list[str], broker: str, folder: Path | None = None, beds: Sequence[str] = ()
) -> Iterator[Running]:
    """The daemon as a unit of the service manager's would run it: readiness, watchdog, compiled modules.

    It plays ``folder``, or the stage's track, which was measured before, as on every night but the first, over beds of
    these paths.
    """
    under = {f"bed {number}": f"paths: ['{path}']" for number, path in enumerate(beds)}
    playlists = {"bench": f"paths: ['{folder or stage.track}'], bed: [{', '.join(under)}]", **under}
    listed = ", ".join(f"{name}: {{{keys}}}" for name, keys in playlists.items())
    config = stage.folder / "lull.yaml"
    config.write_text(
        f"device: bench\naudio: {{output: alsa, device: default, hold: 0s}}\nmqtt: {broker}\ntimer: off\n"
        f"fades: {{fade_in: 10s}}\nplaylists: {{{listed}}}\nstate_dir: {stage.folder}\n"
    )
    manager = stage.folder / "notify"
    manager.unlink(missing_ok=True)
    extra = {
        "NOTIFY_SOCKET": str(manager), "WATCHDOG_USEC": "30000000", "PYTHONPYCACHEPREFIX": stage.compiled,
    }  # fmt: skip
    if folder is None and stage.track.is_file():
        with program(stage, [sys.executable, "-m", "player", "scan", "--config", str(config)], extra) as scan:
            try:
                scan.wait(SCAN_S)
            except subprocess.TimeoutExpired:
                raise TimeoutError(f"lull scan did not end within {SCAN_S:g} s") from None
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(manager))
        heard.settimeout(PATIENCE_S)
        began_s = time.monotonic()
        with program(stage, [sys.executable, *arguments, str(config)], extra) as process:
            try:
                while b"READY=1" not in heard.recv(4096):
                    pass
            except TimeoutError:
                raise TimeoutError(f"lull was not ready within {PATIENCE_S:g} s") from None
            ready_s = time.monotonic() - began_s
            threading.Thread(target=_listen, args=(heard,), daemon=True).start()
            yield Running(process.pid, ready_s)


def _listen(manager: socket.socket) -> None:
    """Take what the daemon says, as a service manager does: its socket holds ten messages."""
    with suppress(OSError):  # closed, or nothing was said for longer than a watchdog waits
        while manager.recv(4096):
            pass


def contestants() -> tuple[Contestant, ...]:
    """All of them, in the order of the table."""
    python = sys.executable
    return (
        Contestant("cvlc", "cvlc", vlc),
        Contestant("mpv", "mpv", mpv("alsa")),
        Contestant("mpv, pulse", "mpv", mpv("pulse")),
        Contestant("mpv, limited", "mpv", mpv("alsa", "--af=lavfi=[acompressor,alimiter]")),
        Contestant("mpd", "mpd", mpd),
        Contestant("lull", python, lull),
        Contestant("lull, no mqtt", python, lull_alone),
        Contestant("lull, unguarded", python, lull_unguarded),
        Contestant("lull, idle", python, lull_idle, plays=False),
    )


def is_installed(contestant: Contestant) -> bool:
    """Whether its program is there."""
    return shutil.which(contestant.program) is not None
