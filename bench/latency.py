"""How long after a command it is heard, lull beside mpv and mpd.

Each plays a steady tone through ALSA into the same private sound server, whose sink is recorded. A command is heard
when the level of 10 ms is 0.3 dB off what it was; the first sound of a `play` from idle is the first sample that is not
zero. What is recorded is late by up to 60 ms, for all alike.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench import contestants, report
from bench.contestants import Stage
from bench.players import OURS, WARM_UP_S
from player.core.units import RATE_HZ
from tests.live.soundserver import Recording

WINDOW: Final = RATE_HZ // 100
HEARD_DB: Final = 0.3
PAUSE_S: Final = 3.0
"""Between two commands; a change of the volume, and a pause, are over within it."""
TONE_S: Final = 1_200
STOP_S: Final = 6.0
"""From a stop to the next play: lull has faded out and closed the device."""

Send = Callable[[str], None]
"""Sends a command: ``softer``, ``louder``, ``pause``, ``go on``, ``next``, ``seek``, ``stop`` or ``play``."""
Samples = npt.NDArray[np.float32]


@contextmanager
def lull(stage: Stage) -> Iterator[Send]:
    """The daemon, told over MQTT; its volume goes down and up again by 2 dB."""
    words = {"softer": ("volume", 26), "louder": ("volume", 30), "go on": ("play", ""), "seek": ("seek", 600)}
    with contestants.remote(stage) as (_, say):
        yield lambda command: say(*words.get(command, (command, "")))


@contextmanager
def mpv(stage: Stage) -> Iterator[Send]:
    """``mpv``, told over its socket."""
    address = stage.folder / "mpv.socket"
    words = {
        "softer": ["set_property", "volume", 90], "louder": ["set_property", "volume", 100],
        "pause": ["set_property", "pause", True], "go on": ["set_property", "pause", False],
        "stop": ["stop"], "play": ["loadfile", str(stage.track)],
    }  # fmt: skip
    with contestants.mpv("alsa", "--idle", f"--input-ipc-server={address}")(stage), _connected(address) as link:
        yield lambda command: link.sendall(json.dumps({"command": words[command]}).encode() + b"\n")


@contextmanager
def mpd(stage: Stage) -> Iterator[Send]:
    """``mpd``, told over its socket; it has no volume of its own here."""
    words = {"pause": "pause 1", "go on": "pause 0"}
    with contestants.mpd(stage), _connected(stage.folder / "mpd.socket") as link:
        yield lambda command: link.sendall(f"{words.get(command, command)}\n".encode())


@contextmanager
def _connected(address: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as link:
        contestants.connect(link, address)
        yield link


Player = Callable[[Stage], AbstractContextManager[Send]]
PLAYERS: Final[dict[str, Player]] = {OURS: lull, "mpv": mpv, "mpd": mpd}
COMMANDS: Final = {
    "volume": ("softer", "louder"), "pause, go on": ("pause", "go on"), "next": ("next",), "seek": ("seek",),
    "play from idle": ("play",),
}  # fmt: skip
MOVE_S: Final = 12.0
"""From a `next`, a `seek` or a `play` to the next command: what comes rises from silence by 6 dB/s."""


MOVES: Final = ("next", "seek")
RISING: Final = (*MOVES, "pause, go on")
"""The level still moves for some seconds after these."""
LACKS: Final = {"mpv": MOVES, "mpd": (*MOVES, "volume")}
"""They jump within a steady tone without a change of its level; mpd has no volume here."""


def measured(stage: Stage, player: Player, times: int, kinds: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds from each command of these kinds until it is heard, and from the stop before each play from idle."""
    chance, sent = random.Random(1), []
    with player(stage) as send, stage.server.record() as recording:
        send("play")
        time.sleep(WARM_UP_S)
        for kind in kinds:
            for number in range(times):
                words = COMMANDS[kind]
                if kind == "play from idle":
                    time.sleep(MOVE_S)
                    sent.append(("stop", time.clock_gettime(time.CLOCK_BOOTTIME)))
                    send("stop")
                    time.sleep(STOP_S)
                time.sleep(MOVE_S if kind in RISING else PAUSE_S + chance.random() / 2)
                sent.append((kind, time.clock_gettime(time.CLOCK_BOOTTIME)))
                send(words[number % len(words)])
        time.sleep(PAUSE_S)
    heard = (*kinds, "stop")
    return {kind: _delays_ms(recording, [at_s for one, at_s in sent if one == kind]) for kind in heard}


def _delays_ms(recording: Recording, sent_s: Sequence[float]) -> list[float]:
    heard = (heard_after(recording.samples, at_s - recording.started_boot_s) for at_s in sent_s)
    return [1e3 * delay_s for delay_s in heard if delay_s is not None]


def heard_after(samples: Samples, at_s: float, within_s: float = PAUSE_S) -> float | None:
    """How long after an instant the level changes; None where it does not within such a time."""
    first = int((at_s - 0.1) * RATE_HZ)
    part = samples[max(0, first) : first + int((0.1 + within_s) * RATE_HZ)]
    windows = part[: len(part) // WINDOW * WINDOW].reshape(-1, WINDOW * 2).astype(np.float64)
    levels = 10.0 * np.log10(np.square(windows).mean(axis=1) + 1e-20)
    changed = np.flatnonzero(np.abs(levels - np.median(levels[:10])) > HEARD_DB)
    return None if not len(changed) else float(changed[0] * WINDOW / RATE_HZ - 0.1)


def part(stage: Stage, times: int) -> report.Part:
    """A line for each command to each player: the median and the worst."""
    stage = replace(stage, track=contestants.make(stage.folder / "tone.flac", f"sine=frequency=1000:duration={TONE_S}"))
    lines, medians = [report.line("", ("command", "median ms", "worst ms", "heard"), 16)], {}
    for name, player in PLAYERS.items():
        if name != OURS and not shutil.which(name):
            print(f"{name}: is not installed", flush=True)
            continue
        print(f"{name}, latency ...", flush=True)
        delays = measured(stage, player, times, [kind for kind in COMMANDS if kind not in LACKS.get(name, ())])
        medians[name] = {f"{kind}, ms": statistics.median(found) for kind, found in delays.items() if found}
        for kind, found in delays.items():
            if found:
                figures = (f"{statistics.median(found):.0f}", f"{max(found):.0f}", f"{len(found)}/{times}")
                lines.append(report.line(name, (kind, *figures), 16))
    return report.Part("From a command to its sound", "\n".join(lines), report.compared(medians.pop(OURS, {}), medians))
