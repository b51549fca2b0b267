"""lull beside other players: processor, memory, wake-ups and start, all in one run into one null sink."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bench import contestants, report, usage
from bench.contestants import Contestant, Running, Stage
from player.core.errors import LullError
from tests.live.soundserver import SoundServer

WARM_UP_S: Final = 15.0
"""Left out: start, filling of buffers, and lull's fade, which takes 10 s."""
RIVALS_WARM_UP_S: Final = 5.0
"""The same for players that begin at their level."""
LEAST_RMS: Final = 1e-5
"""-100 dBFS: lull plays the track at about -60 dBFS with its default volume, and a silent sink gives 0."""
IDLE_S: Final = 3.0
MEASURING_S: Final = 120.0
OURS: Final = "lull"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``server_percent`` is what the sound server spent meanwhile."""

    name: str
    usage: usage.Usage
    server_percent: float
    ready_s: float | None


def measured(contestant: Contestant, stage: Stage, duration_s: float) -> Row:
    """Start one, wait, make sure that it is heard, and watch it. Raises AssertionError when it is silent."""
    with contestant.start(stage) as running:
        time.sleep(_warm_up_s(contestant))
        wait_until_alone(running.pid)
        if contestant.plays:
            rms = heard_rms(stage.server)
            assert rms > LEAST_RMS, f"{contestant.name} is not heard (RMS {rms:.2g}); see {stage.folder}/log"
        return watched(contestant.name, running, stage.server_pid, duration_s)


def _warm_up_s(contestant: Contestant) -> float:
    if not contestant.plays:
        return IDLE_S
    return WARM_UP_S if contestant.name.startswith(OURS) else RIVALS_WARM_UP_S


def wait_until_alone(pid: int) -> None:
    """Until lull has measured the track, which it does once, in a process of its own; on a busy machine that lasts.

    Raises AssertionError where it does not end.
    """
    give_up_s = time.monotonic() + MEASURING_S
    while len(list(usage.tree(pid))) > 1:
        assert time.monotonic() < give_up_s, "it is still measuring the track; is the machine busy?"
        time.sleep(0.5)


def watched(name: str, running: Running, server_pid: int, duration_s: float) -> Row:
    """Figures of a running player and of the sound server in the same seconds."""
    before = usage.sample(server_pid)
    figures = usage.measure(running.pid, duration_s)
    after = usage.sample(server_pid)
    server_percent = 100 * usage.spent_s(before, after) / (after.at_s - before.at_s)
    return Row(name, figures, server_percent, running.ready_s)


def heard_rms(server: SoundServer) -> float:
    """RMS of one second of what the sink plays."""
    with server.record() as recording:
        recording.wait_s(1.0)
    return float(np.sqrt(np.mean(np.square(recording.samples, dtype=np.float64))))


def table(rows: Sequence[Row]) -> str:
    """The figures."""
    names = ("CPU %", "server %", "PSS MB", "own MB", "RSS MB", "wakes/s", "threads", "READY s")
    lines = [report.line("", names)]
    for row in rows:
        used = row.usage
        cells = [used.cpu_percent, row.server_percent, used.pss_mb, used.own_mb, used.rss_mb, used.wakes_per_s]
        ready = "" if row.ready_s is None else f"{row.ready_s:.2f}"
        shown = [f"{value:.{2 if at < 2 else 1}f}" for at, value in enumerate(cells)]
        lines.append(report.line(row.name, (*shown, f"{used.threads}", ready)))
    return "\n".join(lines)


def ratios(rows: Sequence[Row], material: str) -> tuple[report.Ratio, ...]:
    """Lull as it is used, with a broker, over every rival."""
    figures = {row.name: _figures(row, material) for row in rows}
    if OURS not in figures:
        return ()
    rivals = {name: found for name, found in figures.items() if not name.startswith(OURS)}
    return report.compared(figures[OURS], rivals)


def _figures(row: Row, material: str) -> dict[str, float]:
    """What is compared. PSS is left out: each further player that shares libraries with it lowers it."""
    used = row.usage
    return {
        f"CPU % with the server's, {material}": used.cpu_percent + row.server_percent,
        f"CPU % alone, {material}": used.cpu_percent,
        f"own MB, {material}": used.own_mb,
        f"RSS MB, {material}": used.rss_mb,
        f"wakes/s, {material}": used.wakes_per_s,
    }


def part(stage: Stage, chosen: Sequence[Contestant], duration_s: float, material: str) -> report.Part:
    """All of them, one after the other; says what is missing and what went wrong, and goes on."""
    rows = []
    for contestant in chosen:
        if not contestants.is_installed(contestant):
            print(f"{contestant.name}: {contestant.program} is not installed", flush=True)
            continue
        print(f"{contestant.name}, {material} ...", flush=True)
        try:
            rows.append(measured(contestant, stage, duration_s))
        except (AssertionError, OSError, LullError) as fault:
            print(f"{contestant.name}: not counted: {fault}\n{_log_tail(stage.folder)}", flush=True)
    return report.Part(f"Playing {material}, {duration_s:g} s each", table(rows), ratios(rows, material))


def _log_tail(folder: Path) -> str:
    return "\n".join((folder / "log").read_text(errors="replace").splitlines()[-12:])
