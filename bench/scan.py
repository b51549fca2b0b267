"""What measuring costs beside ffmpeg.

Each file is measured by a scan worker (decoding by libVLC included) and by ``ffmpeg -af ebur128=peak=true -f null -``,
in turns, each bound to the same single core, so that a second of processor time means the same for both. The figure is
processor time, user and system, for a second of sound. The worker's start is shown apart: it is paid once for a scan,
ffmpeg's for each file, and is left in there. Without files it makes two minutes of noise whose level moves, in six
formats. The last lines are what a file costs besides its length, and 10 000 known tracks.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import time
from pathlib import Path
from typing import Final

from bench import contestants, report
from player.core.clock import SystemClock
from player.core.measurement import MeasureResult
from player.library.file_id import mark_of
from player.library.scan_pool import COMMAND, ScanSettings
from player.library.scanner import Scan
from player.storage.measurements_db import MeasurementsDb

ROUNDS: Final = 3
DURATION_S: Final = 120.0
SHORT_FILES: Final = 100
RATES: Final = (44_100, 48_000)
FORMATS: Final = {
    "wav": (), "flac": (), "mp3": ("-b:a", "192k"), "ogg": ("-q:a", "5"), "m4a": ("-b:a", "160k"),
    "opus": ("-b:a", "128k"),
}  # fmt: skip
KNOWN: Final = 10_000


def make_files(folder: Path) -> list[Path]:
    """Pink noise under a slow tremolo, in every format, at both rates; Opus knows one."""
    files = []
    for rate_hz in RATES:
        base = folder / f"{rate_hz}.wav"
        noise = f"anoisesrc=c=pink:r={rate_hz}:d={DURATION_S}:a=0.3"
        mix = f"{noise}:seed=1[l];{noise}:seed=2[r];[l][r]amerge=inputs=2,tremolo=f=0.2:d=0.6"
        run(["ffmpeg", "-v", "error", "-y", "-filter_complex", mix, "-c:a", "pcm_s16le", str(base)])
        files.append(base)
        for kind, options in FORMATS.items():
            if kind != "wav" and not (kind == "opus" and rate_hz != RATES[-1]):
                path = folder / f"{rate_hz}.{kind}"
                run(["ffmpeg", "-v", "error", "-y", "-i", str(base), *options, str(path)])
                files.append(path)
    return files


def run(command: list[str]) -> None:
    """A program that must not fail."""
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def children_s() -> float:
    """Processor time of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def by_ffmpeg(path: Path) -> float:
    """Processor seconds of ffmpeg for the file."""
    before_s = children_s()
    run(["ffmpeg", "-v", "error", "-nostats", "-i", str(path), "-af", "ebur128=peak=true", "-f", "null", "-"])
    return children_s() - before_s


class Worker:
    """A scan worker, and what it has used so far."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip

    def used_s(self) -> float:
        """Processor time of all its threads, ended ones included, to a hundredth of a second."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def measure(self, path: Path) -> tuple[float, float]:
        """Processor seconds for the file, and how many seconds of sound are in it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        before_s = self.used_s()
        self._process.stdin.write(json.dumps(str(path)) + "\n")
        for line in self._process.stdout:
            said = json.loads(line)
            if "measured" in said:
                assert said["measured"], said["fault"]
                return self.used_s() - before_s, said["measured"]["duration_s"]
        raise AssertionError("the worker has died")

    def end(self) -> float:
        """Close it; the most memory it ever held, in MB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        self._process.communicate()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024


def compare(files: list[Path]) -> tuple[list[str], tuple[report.Ratio, ...]]:
    """One line a file: milliseconds of one core for a second of sound, the least of some rounds in turns."""
    worker = Worker()
    start_s, _ = worker.measure(files[0])
    lines, ratios = [report.line("", ("lull ms", "ffmpeg ms", "ratio"))], []
    for path in files:
        ours, theirs, length_s = [], [], 0.0
        for _ in range(ROUNDS):
            used_s, length_s = worker.measure(path)
            ours.append(used_s)
            theirs.append(by_ffmpeg(path))
        ours_ms, theirs_ms = (1000 * min(values) / length_s for values in (ours, theirs))
        ratios.append(report.Ratio(f"scan, {path.name[-28:]}, ms/s", "ffmpeg ebur128", ours_ms, theirs_ms))
        if path is files[0]:
            start_s -= min(ours)
        lines.append(report.line(path.name[-23:], (f"{ours_ms:.2f}", f"{theirs_ms:.2f}", f"{ratios[-1].value:.2f}")))
    lines.append(besides_its_length(worker, files[0].with_name("short.mp3"), 1.0))
    lines.append(f"start of a worker {start_s:.2f} s, the most memory that it held {worker.end():.0f} MB")
    return lines, tuple(ratios)


def besides_its_length(worker: Worker, path: Path, length_s: float) -> str:
    """Processor time of a file of one second less that of a second of a longer file."""
    long = path.with_name("long.mp3")
    for made, duration_s in ((path, length_s), (long, SHORT_FILES * length_s)):
        contestants.make(made, f"anoisesrc=color=pink:amplitude=0.3:sample_rate=44100:duration={duration_s}")
    short_s = sum(worker.measure(path)[0] for _ in range(SHORT_FILES))
    on_top_ms = 1e3 * (short_s - worker.measure(long)[0]) / SHORT_FILES
    ffmpeg_ms = 1e3 * min(by_ffmpeg(path) for _ in range(ROUNDS))
    short_ms = 1e3 * short_s / SHORT_FILES
    return f"an MP3 of 1 s {short_ms:.1f} ms (ffmpeg {ffmpeg_ms:.1f}), {on_top_ms:.1f} of it besides its length"


def known(folder: Path) -> str:
    """How long 10 000 tracks take that did not change."""
    store = MeasurementsDb(folder / "known state")
    music = folder / "known"
    music.mkdir()
    paths = [str(music / f"{index}.flac") for index in range(KNOWN)]
    for path in paths:
        Path(path).write_bytes(b"x")
        store.keep(mark_of(path), MeasureResult(None, "is empty"))
    began_s = time.perf_counter()
    done = sum(1 for found in Scan(paths, store, SystemClock(), ScanSettings()).run() if found is not None)
    took_s = time.perf_counter() - began_s
    store.close()
    return f"{done} known tracks looked up in {took_s:.1f} s"


def part(folder: Path, files: list[Path]) -> report.Part:
    """A line for each file."""
    files, cores = files or make_files(folder), os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        lines, ratios = compare(files)
    finally:
        os.sched_setaffinity(0, cores)
    return report.Part("Measuring, ms of one core for a second of sound", "\n".join([*lines, known(folder)]), ratios)
