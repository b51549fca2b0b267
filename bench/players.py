"""lull beside other players: processor, memory, wake-ups and start, all in one run into one null sink.

`python bench/players.py [--seconds 60] [--only lull,mpv]` from the repository, on a machine that is otherwise quiet;
see bench/README.md for what the figures mean. Nothing here passes or fails by a time, but a player that is not heard
is not counted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from bench import contestants, usage
from bench.contestants import Contestant, Running, Stage
from player.core.errors import LullError
from tests.live.soundserver import SoundServer

WARM_UP_S: Final = 15.0
"""Left out: start, filling of buffers, and lull's fade, which takes 10 s."""
TRACK_S: Final = 300
LEAST_RMS: Final = 1e-4
"""-80 dBFS: lull plays the track at about -60 dBFS with its default volume, and a silent sink gives 0."""
IDLE_S: Final = 3.0
MEASURING_S: Final = 60.0
OURS: Final = "lull"
DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
PAGE: Final = """\
# What lull costs beside other players

This page is written by `python bench/players.py --docs`; bench/README.md says what each figure means. All players play
one MP3 (44.1 kHz stereo) through ALSA into the same sound server, one after the other. lull resamples by itself and has
its leveller, guard and limiter on; the others leave resampling to the server, so what the server spends is counted as
theirs. `mpv, limited` has a compressor and a limiter. Compare the ratios, not the figures of two machines.

Measured on {machine}, {seconds} s each.

```
{table}
```

lull over every rival, the worst ratio first; below 1 lull needs less:

```
{ratios}
```

The commands to a running speaker (`lull stop`, `lull status`) take 0.09 s of processor time on the same machine, with
compiled modules and without a config to read; 0.12 s with one. A bare Python takes 0.02 s of it.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; ``server_percent`` is what the sound server spent meanwhile."""

    name: str
    usage: usage.Usage
    server_percent: float
    ready_s: float | None


def make_track(path: Path) -> None:
    """Five minutes of stereo noise as an MP3, 44.1 kHz, 192 kbit/s: what rain and whispers are kept in."""
    noise = ";".join(
        f"anoisesrc=color=pink:amplitude=0.3:sample_rate=44100:seed={seed}:duration={TRACK_S}[{name}]"
        for seed, name in ((1, "l"), (2, "r"))
    )
    graph = f"{noise};[l][r]amerge=inputs=2"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", graph, "-c:a", "libmp3lame", "-b:a", "192k", str(path)],
        check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip


def measured(contestant: Contestant, stage: Stage, server_pid: int, duration_s: float) -> Row:
    """Start one, wait, make sure that it is heard, and watch it. Raises AssertionError when it is silent."""
    with contestant.start(stage) as running:
        time.sleep(WARM_UP_S if contestant.plays else IDLE_S)
        wait_until_alone(running.pid)
        if contestant.plays:
            rms = heard_rms(stage.server)
            assert rms > LEAST_RMS, f"{contestant.name} is not heard (RMS {rms:.2g}); see {stage.folder}/log"
        return watched(contestant.name, running, server_pid, duration_s)


def wait_until_alone(pid: int) -> None:
    """Until lull has measured the track, which it does once, in a process of its own; on a busy machine that lasts."""
    give_up_s = time.monotonic() + MEASURING_S
    while len(list(usage.tree(pid))) > 1 and time.monotonic() < give_up_s:
        time.sleep(0.5)


def watched(name: str, running: Running, server_pid: int, duration_s: float) -> Row:
    """Figures of a running player and of the sound server in the same seconds."""
    before = usage.sample(server_pid)
    figures = usage.measure(running.pid, duration_s)
    after = usage.sample(server_pid)
    spent_s = after.cpu_s[server_pid] - before.cpu_s[server_pid]
    return Row(name, figures, 100 * spent_s / (after.at_s - before.at_s), running.ready_s)


def heard_rms(server: SoundServer) -> float:
    """RMS of one second of what the sink plays."""
    with server.record() as recording:
        recording.wait_s(1.0)
    return float(np.sqrt(np.mean(np.square(recording.samples, dtype=np.float64))))


def table(rows: Sequence[Row]) -> str:
    """The figures."""
    lines = [_line("", ("CPU %", "PSS MB", "own MB", "RSS MB", "wakes/s", "threads", "READY s", "server %"))]
    for row in rows:
        used = row.usage
        memory = [f"{value:.1f}" for value in (used.pss_mb, used.own_mb, used.rss_mb)]
        ready = "" if row.ready_s is None else f"{row.ready_s:.2f}"
        rest = (f"{used.wakes_per_s:.1f}", f"{used.threads}", ready, f"{row.server_percent:.2f}")
        lines.append(_line(row.name, (f"{used.cpu_percent:.2f}", *memory, *rest)))
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure of lull over the same of a rival; above 1 lull needs more."""

    figure: str
    rival: str
    mine: float
    theirs: float

    @property
    def value(self) -> float:
        """Infinite where the rival needs nothing."""
        return self.mine / self.theirs if self.theirs else float("inf")


def ratios(rows: Sequence[Row]) -> list[Ratio]:
    """Each figure of lull as it is used, with a broker, over that of every rival, the worst first."""
    mine = next((row for row in rows if row.name == OURS), None)
    if mine is None:
        return []
    found = [
        Ratio(figure, row.name, _figures(mine)[figure], value)
        for row in rows
        if not row.name.startswith(OURS)
        for figure, value in _figures(row).items()
    ]
    return sorted(found, key=lambda ratio: -ratio.value)


def _figures(row: Row) -> dict[str, float]:
    """What is compared. PSS is left out: each further player that shares libraries with it lowers it."""
    used = row.usage
    return {
        "CPU % with the server's": used.cpu_percent + row.server_percent,
        "CPU % alone": used.cpu_percent,
        "own MB": used.own_mb,
        "RSS MB": used.rss_mb,
        "wakes/s": used.wakes_per_s,
    }


def ratio_table(found: Sequence[Ratio]) -> str:
    """One line for each ratio."""
    lines = [f"{'ratio':>6}  {'figure':24}{'lull':>8}{'rival':>8}  over"]
    lines += [f"{one.value:6.2f}  {one.figure:24}{one.mine:8.2f}{one.theirs:8.2f}  {one.rival}" for one in found]
    return "\n".join(lines)


def document(rows: Sequence[Row], duration_s: float) -> str:
    """docs/performance.md."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        os.uname().machine,
    )
    return PAGE.format(
        machine=f"{os.cpu_count()} cores of {model}",
        seconds=duration_s,
        table=table(rows),
        ratios=ratio_table(ratios(rows)),
    )


def _line(name: str, cells: Iterable[str]) -> str:
    return f"{name:14}" + "".join(f"{cell:>9}" for cell in cells)


def run(chosen: Sequence[Contestant], duration_s: float, folder: Path) -> list[Row]:
    """All of them, one after the other; says what is missing and what went wrong, and goes on."""
    track = folder / "noise.mp3"
    make_track(track)
    rows = []
    server = SoundServer()
    try:
        server.start()
        Path(server.env()["HOME"]).chmod(0o755)  # the same
        server_pid = next(one for one in usage.tree(os.getpid()) if _name_of(one) == "pulseaudio")
        stage = Stage(folder, server, track)
        contestants.compile_modules(stage)
        for contestant in chosen:
            if not contestants.is_installed(contestant):
                print(f"{contestant.name}: {contestant.program} is not installed", flush=True)
                continue
            print(f"{contestant.name} ...", flush=True)
            try:
                rows.append(measured(contestant, stage, server_pid, duration_s))
            except (AssertionError, OSError, LullError) as fault:
                print(f"{contestant.name}: not counted: {fault}\n{_log_tail(folder)}", flush=True)
    finally:
        server.close()
    return rows


def _name_of(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _log_tail(folder: Path) -> str:
    return "\n".join((folder / "log").read_text(errors="replace").splitlines()[-12:])


def main() -> None:
    """Print what is missing, the figures, and the ratios."""
    everyone = contestants.contestants()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long each is watched, 5 to 240 (60)")
    parser.add_argument("--only", default="", help="names that begin with one of these, separated by commas")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md too")
    args = parser.parse_args()
    if not 5 <= args.seconds <= TRACK_S - 60:
        parser.error(f"--seconds is 5 to {TRACK_S - 60}: the track must outlast it")
    wanted = tuple(args.only.split(","))
    chosen = [contestant for contestant in everyone if contestant.name.startswith(wanted)]
    if not chosen:
        parser.error(f"--only names none of: {', '.join(contestant.name for contestant in everyone)}")
    with tempfile.TemporaryDirectory(prefix="lull-bench-") as folder:
        Path(folder).chmod(0o755)  # VLC runs as nobody when we are root
        rows = run(chosen, args.seconds, Path(folder))
    print(f"\n{table(rows)}\n\n{ratio_table(ratios(rows))}")
    if args.docs:
        DOCUMENT.write_text(document(rows, args.seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
