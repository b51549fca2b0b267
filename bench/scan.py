"""What measuring costs beside ffmpeg, in one run: `python -m bench.scan [FILE...]` from the repository.

Each file is measured by a scan worker (decoding by libVLC included) and by ``ffmpeg -af ebur128=peak=true -f null -``,
in turns, each bound to the same single core, so that a second of processor time means the same for both. The figure is
processor time, user and system, for a second of sound; the ratio above 1 says that lull needs less. The worker's start
is shown apart: it is paid once for a scan, ffmpeg's for each file, and is left in there. Without FILEs it makes five
minutes of noise whose level moves, in six formats. A last line times 10 000 known tracks.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from player.core.clock import SystemClock
from player.core.measurement import MeasureResult
from player.library.file_id import mark_of
from player.library.scan_pool import COMMAND, ScanSettings
from player.library.scanner import Scan
from player.storage.measurements_db import MeasurementsDb

ROUNDS: Final = 5
DURATION_S: Final = 300.0
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


def compare(files: list[Path]) -> None:
    """One line a file: milliseconds of one core for a second of sound, the least of some rounds in turns."""
    worker = Worker()
    start_s, _ = worker.measure(files[0])
    print(f"{'file':28} {'lull':>7} {'ffmpeg':>7} {'ratio':>6}   (ms of one core for a second of sound)")
    ratios = []
    for path in files:
        ours, theirs, length_s = [], [], 0.0
        for _ in range(ROUNDS):
            used_s, length_s = worker.measure(path)
            ours.append(used_s)
            theirs.append(by_ffmpeg(path))
        ours_ms, theirs_ms = (1000 * min(values) / length_s for values in (ours, theirs))
        ratios.append(theirs_ms / ours_ms)
        if path is files[0]:
            start_s -= min(ours)
        print(f"{path.name[-28:]:28} {ours_ms:7.2f} {theirs_ms:7.2f} {ratios[-1]:6.2f}")
    print(f"geometric mean of the ratios {statistics.geometric_mean(ratios):.2f}")
    print(f"start of a worker {start_s:.2f} s, the most memory that it held {worker.end():.0f} MB")


def known(folder: Path) -> None:
    """How long 10 000 tracks take that did not change."""
    store = MeasurementsDb(folder / "state")
    music = folder / "known"
    music.mkdir()
    paths = [str(music / f"{index}.flac") for index in range(KNOWN)]
    for path in paths:
        Path(path).write_bytes(b"x")
        store.keep(mark_of(path), MeasureResult(None, "is empty"))
    began_s = time.perf_counter()
    done = sum(1 for found in Scan(paths, store, SystemClock(), ScanSettings()).run() if found is not None)
    print(f"{done} known tracks looked up in {time.perf_counter() - began_s:.1f} s")
    store.close()


def main() -> int:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        files = args.files or make_files(Path(name))
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
        compare(files)
        known(Path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
