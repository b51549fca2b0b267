"""What guard and meters cost: the whole daemon with and without them, and mpv with and without its own, in one run.

`python bench/guard.py [--seconds 60] [--rounds 2]` from the repository, on a quiet machine; see bench/README.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Final

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from bench.contestants import Contestant, lull_alone, lull_unguarded, mpv
from bench.players import TRACK_S, Row, run, table

GUARDED: Final = "lull"
UNGUARDED: Final = "lull, open"
FILTERED: Final = "mpv, filters"
CONTESTANTS: Final = (
    Contestant(GUARDED, sys.executable, lull_alone),
    Contestant(UNGUARDED, sys.executable, lull_unguarded),
    Contestant(FILTERED, "mpv", mpv("alsa", "--af=lavfi=[acompressor,alimiter]")),
    Contestant("mpv", "mpv", mpv("alsa")),
)


def ratios(rows: Sequence[Row]) -> str:
    """Processor time of the guarded daemon over that of the others, means over the rounds."""
    spent = {
        name: mean(row.usage.cpu_percent for row in rows if row.name == name) for name in {row.name for row in rows}
    }
    lines = []
    for rival, limit in ((UNGUARDED, "at most 1.5"), (FILTERED, "at most 1"), ("mpv", "")):
        if rival in spent and GUARDED in spent:
            lines.append(f"CPU of {GUARDED} over {rival:14}{spent[GUARDED] / spent[rival]:6.2f}  {limit}")
    return "\n".join(lines)


def main() -> None:
    """Print the figures of each round, and the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60, help="how long each is watched, 5 to 240 (60)")
    parser.add_argument("--rounds", type=int, default=2, help="how often (2)")
    args = parser.parse_args()
    if not 5 <= args.seconds <= TRACK_S - 60 or args.rounds < 1:
        parser.error(f"--seconds is 5 to {TRACK_S - 60}, --rounds at least 1")
    rows: list[Row] = []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory(prefix="lull-bench-") as folder:
            Path(folder).chmod(0o755)
            rows += run(CONTESTANTS, args.seconds, Path(folder))
    print(f"\n{table(rows)}\n\n{ratios(rows)}")


if __name__ == "__main__":
    main()
