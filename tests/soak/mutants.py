"""Thousands of broken audio files through the real decoder, with the contract's meter on what is heard.

``python -m tests.soak.mutants 10000`` plays so many on all cores and says what came of them; ``--first SEED`` begins
elsewhere, ``--jobs N`` takes so many processes. A batch whose process dies or hangs is played again one by one, so that
the culprit is named: a decoder that crashes takes the daemon with it, whose answer is another track.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.live.daemon import ROOT
from tests.soak.mutation import make_originals

BATCH: Final = 8
PATIENCE_S: Final = 240.0
"""A batch takes ten seconds on a desktop."""
COUNTED: Final = ("started", "skipped", "damaged", "crackling", "rasping", "muted")
WORKER: Final = ("setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-m", "tests.soak.mutant_worker")


@dataclass
class Tally:
    """What came of the mutants.

    Attributes:
        played: so many were given to the decoder, in ``seconds`` of sound.
        counts: tracks that started, were skipped over, were played with damage, crackle for a while, or have a short
            noise in them that begins with a click; and how often the output meter fell silent rather than let
            something through.
        crashes, hangs: the mutant, and what happened.
        bad: what broke the contract, by kind.
        memory_mb: the most that a process took, without the recording.
    """

    played: int = 0
    seconds: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    bad: dict[str, list[str]] = field(default_factory=dict)
    memory_mb: int = 0

    def add(self, result: dict[str, Any], count: int) -> None:
        """A batch was played to its end."""
        self.played += count
        self.seconds += result["seconds"]
        self.counts.update({kind: result[kind] for kind in COUNTED})
        self.memory_mb = max(self.memory_mb, result["memory_mb"])
        for kind, ones in result["bad"].items():
            self.bad.setdefault(kind, []).extend(ones)
        if result["hung"]:
            self.hangs.append(f"{result['hung']} decoder threads did not end")

    @property
    def found(self) -> list[str]:
        """What went wrong, a line each."""
        return [
            *(f"crash: {one}" for one in self.crashes),
            *(f"hang: {one}" for one in self.hangs),
            *(f"{kind}: {one}" for kind, ones in self.bad.items() for one in ones),
        ]

    def __str__(self) -> str:
        """A few lines."""
        bad = ", ".join(f"{kind} {len(ones)}" for kind, ones in self.bad.items()) or "nothing"
        lines = [
            f"{self.played} mutants, {self.seconds / 3600:.1f} h of sound: {self.counts['started']} sounded, "
            f"{self.counts['skipped']} skipped over, {self.counts['damaged']} with damage silenced, "
            f"{self.counts['crackling']} that crackle, {self.counts['rasping']} with a noise longer than a click, "
            f"{self.counts['muted']} mutes by the output meter; "
            f"crashes {len(self.crashes)}, hangs {len(self.hangs)}, at most {self.memory_mb} MB; "
            f"against the contract: {bad}",
            *self.found,
        ]
        return "\n".join(lines)


def play(folder: Path, first: int, count: int, tally: Tally) -> None:
    """Play a batch in a process of its own; where it dies, each mutant alone."""
    command = [*WORKER, str(folder), str(first), str(count)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    except subprocess.TimeoutExpired as late:
        said = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        _alone(folder, first, count, tally, tally.hangs, f"nothing for {PATIENCE_S:.0f} s; {_opened(said)}")
        return
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode == 0:
        tally.add(lines[-1]["result"], count)
        return
    what = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
    _alone(folder, first, count, tally, tally.crashes, f"{what}; {_opened(done.stdout)}; {done.stderr[-600:].strip()}")


def _alone(folder: Path, first: int, count: int, tally: Tally, found: list[str], what: str) -> None:
    if count == 1:
        tally.played += 1
        found.append(f"seed {first}: {what}")
        return
    blamed = len(tally.crashes) + len(tally.hangs)
    for seed in range(first, first + count):
        play(folder, seed, 1, tally)
    if len(tally.crashes) + len(tally.hangs) == blamed:
        found.append(f"seeds {first} to {first + count - 1}, none of them alone: {what}")


def _opened(said: str) -> str:
    names = [json.loads(line)["opened"] for line in said.splitlines() if '"opened"' in line]
    return f"opened last {', '.join(names[-2:]) or 'nothing'}"


def hunt(count: int, folder: Path, first: int = 0, jobs: int = 2, *, is_told: bool = False) -> Tally:
    """Play so many mutants from a seed on."""
    make_originals(folder)
    subprocess.run([*WORKER, str(folder), "measure"], cwd=ROOT, check=True, timeout=PATIENCE_S)
    tally, began_s = Tally(), time.monotonic()
    told: list[str] = []

    def turn(start: int) -> None:
        play(folder, start, min(BATCH, first + count - start), tally)
        if is_told:
            for one in [one for one in tally.found if one not in told]:
                told.append(one)
                print(f"\n{one}", file=sys.stderr)
            line = f"{tally.played} in {time.monotonic() - began_s:.0f} s, {len(told)} found"
            print(f"\r{line}", end="", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(turn, range(first, first + count, BATCH)))
    return tally


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lull-mutants-") as folder:
        tally = hunt(args.count, Path(folder), args.first, args.jobs, is_told=True)
    print(f"\n{tally}")
    return 1 if tally.hangs or tally.bad else 0


if __name__ == "__main__":
    sys.exit(main())
