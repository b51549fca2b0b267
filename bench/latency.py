"""How long after a command it is heard, lull beside mpv and mpd: `python bench/latency.py` from the repository.

Each plays a steady tone through ALSA into the same private sound server, whose sink is recorded. A command is heard
when the level of 10 ms is 0.3 dB off what it was. lull gets `volume` over MQTT, mpv `volume` over its socket, and mpd
`pause`. What is recorded is late by up to 60 ms, for all alike. It needs what bench/players.py needs.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from bench import contestants
from bench.contestants import RUN, Stage, daemon
from bench.players import WARM_UP_S
from player.cli.private_broker import PrivateBroker
from player.core.units import RATE_HZ
from tests import audio_files
from tests.live.soundserver import SoundServer

WINDOW: Final = RATE_HZ // 100
HEARD_DB: Final = 0.3
PAUSE_S: Final = 3.0
"""Between two commands; lull's volume arrives within it."""

Send = Callable[[int], None]
"""Sends a command that is heard; the number says which one of a row."""
Samples = npt.NDArray[np.float32]


@contextmanager
def lull(stage: Stage) -> Iterator[Send]:
    """The daemon; its volume goes down and up again by 2 dB."""
    with PrivateBroker() as broker, daemon(stage, RUN, f"{{host: 127.0.0.1, port: {broker.port}}}"):
        time.sleep(2.0)
        link = mqtt.Client(CallbackAPIVersion.VERSION2)
        link.connect("127.0.0.1", broker.port)
        link.loop_start()
        link.publish("lull/bench/cmd/play", b"").wait_for_publish(5.0)

        def send(number: int) -> None:
            link.publish("lull/bench/cmd/volume", (30, 26)[number % 2])

        try:
            yield send
        finally:
            link.loop_stop()


@contextmanager
def mpv(stage: Stage) -> Iterator[Send]:
    """``mpv``; its volume goes down and up again."""
    address = stage.folder / "mpv.socket"
    with contestants.mpv("alsa", f"--input-ipc-server={address}")(stage), _connected(address) as link:

        def send(number: int) -> None:
            command = {"command": ["set_property", "volume", (100, 90)[number % 2]]}
            link.sendall(json.dumps(command).encode() + b"\n")

        yield send


@contextmanager
def mpd(stage: Stage) -> Iterator[Send]:
    """``mpd``, which pauses and goes on."""
    with contestants.mpd(stage), _connected(stage.folder / "mpd.socket") as link:

        def send(number: int) -> None:
            link.sendall(f"pause {number % 2}\n".encode())

        yield send


@contextmanager
def _connected(address: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as link:
        contestants.connect(link, address)
        yield link


PLAYERS: Final = {"lull": ("python3", lull), "mpv": ("mpv", mpv), "mpd": ("mpd", mpd)}


def measured(stage: Stage, player: Callable[[Stage], AbstractContextManager[Send]], times: int) -> list[float]:
    """Seconds from each command until it is heard."""
    chance = random.Random(1)
    with player(stage) as send, stage.server.record() as recording:
        time.sleep(WARM_UP_S)
        sent_s = []
        for number in range(1, times + 1):
            time.sleep(PAUSE_S + chance.random() / 2)
            sent_s.append(time.clock_gettime(time.CLOCK_BOOTTIME))
            send(number)
        time.sleep(PAUSE_S)
    heard = (heard_after(recording.samples, at_s - recording.started_boot_s) for at_s in sent_s)
    return [delay_s for delay_s in heard if delay_s is not None]


def heard_after(samples: Samples, at_s: float) -> float | None:
    """How long after an instant the level changes; None where it does not within the pause."""
    first = int((at_s - 0.1) * RATE_HZ)
    part = samples[max(0, first) : first + int((0.1 + PAUSE_S) * RATE_HZ)]
    windows = part[: len(part) // WINDOW * WINDOW].reshape(-1, WINDOW * 2).astype(np.float64)
    levels = 10.0 * np.log10(np.square(windows).mean(axis=1) + 1e-12)
    changed = np.flatnonzero(np.abs(levels - np.median(levels[:10])) > HEARD_DB)
    return None if not len(changed) else float(changed[0] * WINDOW / RATE_HZ - 0.1)


def main() -> None:
    """Print a line for each player."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20, help="commands to each (20)")
    parser.add_argument("--only", default="", help="names, separated by commas")
    args = parser.parse_args()
    server = SoundServer()
    with tempfile.TemporaryDirectory(prefix="lull-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        stage = Stage(folder, server, audio_files.write_wav(folder / "tone.wav", audio_files.sine(1_000.0, 290.0)))
        try:
            server.start()
            print(f"{'':6}{'median ms':>11}{'worst ms':>10}{'heard':>7}")
            for one, (program, player) in PLAYERS.items():
                if args.only and one not in args.only.split(","):
                    continue
                if one != "lull" and not shutil.which(program):
                    print(f"{one}: {program} is not installed")
                    continue
                delays = [1e3 * delay_s for delay_s in measured(stage, player, args.times)]
                middle, worst = (statistics.median(delays), max(delays)) if delays else (float("nan"), float("nan"))
                print(f"{one:6}{middle:11.0f}{worst:10.0f}{len(delays):4d}/{args.times}", flush=True)
        finally:
            server.close()


if __name__ == "__main__":
    main()
