"""How long after a command it is heard, lull beside mpv and mpd.

Each plays a steady tone through ALSA into a private sound server, whose sink is recorded. A command is heard when the
level of 10 ms is 0.3 dB off what it was; the first sound after silence (`resume`, `play` from idle) is the first sample
that is not zero. By `seek` and `next` mpv and mpd move to a softer tone; lull fades the old one down to silence first.
The sink takes 50 ms at once, so less than that cannot be told apart, and counts as 50 ms.

Several players play at the same time, each into a sound server of its own, because lull needs up to 10 s after most
commands until its level stands still again. Every wait has an end: a player that does not answer is named and left out.
"""

from __future__ import annotations

import json
import random
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from bench import contestants, report, usage
from bench.contestants import Running, Stage
from bench.players import OURS, WARM_UP_S
from bench.scan import children_s
from player.core.errors import LullError
from player.core.units import RATE_HZ

WINDOW: Final = RATE_HZ // 100
HEARD_DB: Final = 0.3
BEFORE: Final = 5
"""Number of windows before a command in which the level must be constant: 50 ms. The 50 ms after them are left out,
because the recording may be early."""
WITHIN_S: Final = 1.5
"""A command that is not heard within this time counts as not heard."""
LEAST_MS: Final = 50.0
ASKED: Final = ("status", "stop")
COMMANDS: Final = 5
SHORT_S: Final = 2.0
"""From a command to the next where the level has come to rest: a change of the volume is over within it."""
CALM_S: Final = 12.0
"""The same for lull where the sound rises from silence, by 6 dB/s."""
CLOSED_S: Final = 6.0
"""From a stop to the next play: lull has faded out and closed the device."""
TONE_S: Final = 240.0
SOFT_FROM_S: Final = 120.0
"""From here on the second tone is softer."""

Send = Callable[[str], None]
"""Sends a command: a key of `KINDS`."""
Samples = npt.NDArray[np.float32]


@contextmanager
def lull(stage: Stage) -> Iterator[tuple[Running, Send]]:
    """The daemon, told over MQTT; its volume goes down and up again by 2 dB."""
    words = {
        "softer": ("volume", 26), "louder": ("volume", 30), "resume": ("play", ""), "forth": ("seek", 130),
        "back": ("seek", 10),
    }  # fmt: skip
    with contestants.remote(stage) as (running, say):
        yield running, lambda command: say(*words.get(command, (command, "")))


@contextmanager
def mpv(stage: Stage) -> Iterator[tuple[Running, Send]]:
    """``mpv``, told over its socket."""
    address = stage.folder / "mpv.socket"
    words = {
        "softer": ["set_property", "volume", 90], "louder": ["set_property", "volume", 100],
        "pause": ["set_property", "pause", True], "resume": ["set_property", "pause", False],
        "next": ["playlist-next"], "forth": ["seek", 130, "absolute"], "back": ["seek", 10, "absolute"],
        "stop": ["stop"], "play": ["loadfile", str(stage.track)],
    }  # fmt: skip
    options = ("--idle", "--loop-playlist", f"--input-ipc-server={address}")
    with contestants.mpv("alsa", *options)(stage) as running, _connected(address) as link:

        def send(command: str) -> None:
            orders = [words[command]]
            if command == "play":
                orders.append(["loadfile", str(_softer(stage)), "append"])  # a loadfile empties the playlist
            link.sendall("".join(json.dumps({"command": order}) + "\n" for order in orders).encode())

        yield running, send


@contextmanager
def mpd(stage: Stage) -> Iterator[tuple[Running, Send]]:
    """``mpd``, told over its socket."""
    words = {
        "softer": "setvol 90", "louder": "setvol 100", "pause": "pause 1", "resume": "pause 0", "forth": "seekcur 130",
        "back": "seekcur 10",
    }  # fmt: skip
    with contestants.mpd(stage, "software") as running, _connected(stage.folder / "mpd.socket") as link:

        def send(command: str) -> None:
            link.sendall(f"{words.get(command, command)}\n".encode())

        for command in (f'add "{_softer(stage)}"', "repeat 1", "setvol 100"):
            send(command)
        yield running, send


def _softer(stage: Stage) -> Path:
    """The tone that `next` leads to."""
    return stage.track.with_name("softer.flac")


@contextmanager
def _connected(address: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(contestants.PATIENCE_S)
        contestants.connect(link, address)
        yield link


Player = Callable[[Stage], AbstractContextManager[tuple[Running, Send]]]
PLAYERS: Final[dict[str, Player]] = {OURS: lull, "mpv": mpv, "mpd": mpd}
KINDS: Final = {
    "softer": "volume down", "louder": "volume up", "pause": "pause", "resume": "resume", "next": "next",
    "forth": "seek", "back": "seek", "stop": "stop", "play": "play from idle",
}  # fmt: skip
ROUNDS: Final = (
    (2, (("softer", SHORT_S), ("louder", SHORT_S))),
    (4, (("pause", CALM_S), ("resume", SHORT_S))),
    (3, (("next", CALM_S),)),
    (3, (("forth", CALM_S), ("back", CALM_S))),
    (4, (("stop", CALM_S), ("play", CLOSED_S))),
)
"""How many lulls share the work, and what each of them is sent again and again, with the seconds to wait before it."""
RIVALS_SHARE: Final = 2
"""How many of each other player share it."""
APART_S: Final = 0.7
"""They are started one after the other: a start takes half a second of processor time, and none may break off another's
sound, which doubles its buffer."""


@dataclass(frozen=True, slots=True)
class Rig:
    """One player, and what it is told: commands with the seconds to wait before each."""

    name: str
    number: int
    script: tuple[tuple[str, float], ...]

    @property
    def lasts_s(self) -> float:
        """How long the script takes."""
        return sum(wait_s for _, wait_s in self.script)


def rigs(name: str, times: int) -> list[Rig]:
    """All players of one name; together they are told each kind of command so many times."""
    chance = random.Random(1)
    made: list[Rig] = []
    for shared_by, steps in ROUNDS:
        counts = [0] * (shared_by if name == OURS else RIVALS_SHARE)
        per_round = sum(KINDS[word] == KINDS[steps[0][0]] for word, _ in steps)
        for number in range(-(-times // per_round)):
            counts[number % len(counts)] += 1
        for count in filter(None, counts):
            script = [(word, _wait_s(name, wait_s, chance)) for _ in range(count) for word, wait_s in steps]
            made.append(Rig(name, len(made), tuple(script)))
    return made


def _wait_s(name: str, wait_s: float, chance: random.Random) -> float:
    """With a random part, so that the commands meet each moment of a block; other players have no slow rise."""
    return (wait_s if name == OURS else SHORT_S) + chance.random() / 2


def measured(stage: Stage, rig: Rig) -> dict[str, list[float]]:
    """Milliseconds from each command of a kind until it is heard.

    Raises:
        OSError, LullError, AssertionError, subprocess.SubprocessError: the player, its broker or server is lost.
    """
    sent = []
    time.sleep(rig.number * APART_S)
    with (
        contestants.stage_beside(stage, f"{rig.name}-{rig.number}", stage.track) as own,
        PLAYERS[rig.name](own) as (running, send),
        own.server.record() as recording,
    ):
        send("play")
        time.sleep(WARM_UP_S)
        for word, wait_s in rig.script:
            time.sleep(wait_s)
            if not usage.is_running(running.pid):
                raise ProcessLookupError(f"it has ended before {word!r}")
            sent.append((word, time.clock_gettime(time.CLOCK_BOOTTIME)))
            send(word)
        time.sleep(WITHIN_S)
    delays_ms: dict[str, list[float]] = defaultdict(list)
    for word, at_s in sent:
        delay_s = heard_after(recording.samples, at_s - recording.started_boot_s)
        delays_ms[KINDS[word]] += [] if delay_s is None else [max(LEAST_MS, 1e3 * delay_s)]
    return delays_ms


def heard_after(samples: Samples, at_s: float, within_s: float = WITHIN_S) -> float | None:
    """How long after an instant the level changes; None if it does not within that time, or was not constant before."""
    first = int((at_s - 0.1) * RATE_HZ)
    part = samples[max(0, first) : first + int((0.1 + within_s) * RATE_HZ)]
    windows = part[: len(part) // WINDOW * WINDOW].reshape(-1, WINDOW * 2).astype(np.float64)
    levels = 10.0 * np.log10(np.square(windows).mean(axis=1) + 1e-20)
    if len(levels) <= BEFORE or np.ptp(levels[:BEFORE]) > HEARD_DB / 3:
        return None
    changed = np.flatnonzero(np.abs(levels - np.median(levels[:10])) > HEARD_DB)
    return None if not len(changed) else float(changed[0] * WINDOW / RATE_HZ - 0.1)


def part(stage: Stage, times: int) -> report.Part:
    """A line for each command to each player: the median and the worst. First lull, then the others together."""
    tone = contestants.make(stage.folder / "tone.flac", _tone(f"if(lt(t,{SOFT_FROM_S}),1,0.5)"))
    contestants.make(stage.folder / "softer.flac", _tone("0.5"))
    stage = replace(stage, track=tone)
    installed = [name for name in PLAYERS if name == OURS or shutil.which(name)]
    for name in set(PLAYERS).difference(installed):
        print(f"{name}: is not installed", flush=True)
    with contestants.lull_idle(stage):
        pass  # it has measured the tone
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in installed}
    for names in ([OURS], [name for name in installed if name != OURS]):
        together = [rig for name in names for rig in rigs(name, times)]
        for rig, delays_ms in _together(stage, together):
            for kind, values in delays_ms.items():
                found[rig.name][kind] += values
    return _table(found, times)


def _tone(gain: str) -> str:
    return f"sine=frequency=1000:duration={TONE_S:g},volume='{gain}':eval=frame"


def _together(stage: Stage, together: Sequence[Rig]) -> Iterator[tuple[Rig, dict[str, list[float]]]]:
    """The results of all rigs, which run at the same time; a lost player is named."""
    if not together:
        return
    names = ", ".join(dict.fromkeys(rig.name for rig in together))
    lasts_s = WARM_UP_S + max(rig.number * APART_S + rig.lasts_s for rig in together)
    print(f"{names}, latency, {len(together)} at the same time, {lasts_s:.0f} s ...", flush=True)
    with ThreadPoolExecutor(len(together)) as pool:
        running = [(rig, pool.submit(measured, stage, rig)) for rig in together]
        for rig, result in running:
            try:
                yield rig, result.result()
            except (AssertionError, OSError, LullError, subprocess.SubprocessError) as fault:
                kinds = ", ".join(dict.fromkeys(KINDS[word] for word, _ in rig.script))
                print(f"{rig.name} ({kinds}): not counted: {fault or type(fault).__name__}", flush=True)


def _table(found: dict[str, dict[str, list[float]]], times: int) -> report.Part:
    lines, medians = [report.line("", ("command", "median ms", "worst ms", "heard"), 16)], {}
    for name, delays_ms in found.items():
        medians[name] = {f"{kind}, ms": statistics.median(values) for kind, values in delays_ms.items() if values}
        for kind in dict.fromkeys(KINDS.values()):
            values = delays_ms[kind]
            figures = (f"{statistics.median(values):.0f}", f"{max(values):.0f}") if values else ("", "")
            lines.append(report.line(name, (kind, *figures, f"{len(values)}/{max(times, len(values))}"), 16))
    ours = medians.pop(OURS, {})
    return report.Part("From a command to its sound", "\n".join(lines), report.compared(ours, medians))


def commands_part(stage: Stage) -> report.Part:
    """Processor time of the commands to a running speaker, with compiled modules and a config; the least of five."""
    lines = [report.line("", ("CPU s",))]
    extra = {"PYTHONPYCACHEPREFIX": stage.compiled}
    with contestants.remote(stage):
        for name, arguments in {
            "python -c pass": ["-c", "pass"],
            **{f"lull {word}": ["-m", "player", word, "--config", f"{stage.folder}/lull.yaml"] for word in ASKED},
        }.items():
            spent = []
            for _ in range(COMMANDS):
                before_s = children_s()
                with contestants.program(stage, [sys.executable, *arguments], extra) as process:
                    process.wait(contestants.PATIENCE_S)
                spent.append(children_s() - before_s)
            lines.append(report.line(name, (f"{min(spent):.3f}",)))
    return report.Part("Commands to a running speaker", "\n".join(lines))
