"""What lull costs beside its rivals, all of it in one run: `python -m bench` from the repository.

On a machine that is otherwise quiet; see bench/README.md for what the figures mean. Nothing here passes or fails by a
time, but a player that is not heard is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import contestants, growth, latency, material, players, report, scan, stages
from bench.contestants import Stage

PARTS: Final = ("players", "stages", "latency", "commands", "scan", "growth", "layers")
USUAL: Final = ",".join(part for part in PARTS if part != "layers")
FEW: Final = ("cvlc", "mpv", "mpd", players.OURS)
"""Who plays recordings; noise is played by all."""


def main() -> None:
    """Print the tables as they are measured, and the ratios of all of them in the end."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "sources", nargs="*", type=Path, metavar="FILE|FOLDER",
        help="what is played besides noise; of a folder its recordings, joined (the starter tracks, mixed)",
    )  # fmt: skip
    parser.add_argument("--only", default=USUAL, help=f"some of {','.join(PARTS)} (all but layers)")
    parser.add_argument("--names", default="", help="players whose names begin with one of these (A,B)")
    parser.add_argument("--seconds", type=int, default=20, help="how long each player is watched, from 5 on (20)")
    parser.add_argument("--times", type=int, default=20, help="how often each command is sent (20)")
    parser.add_argument("--most", type=int, default=growth.SIZES[-1], help="tracks of the largest library (50000)")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md")
    args = parser.parse_args()
    if args.seconds < 5 or args.times < 1 or args.most < growth.SIZES[0]:
        parser.error(f"--seconds is at least 5, --times 1, --most {growth.SIZES[0]}")
    if unknown := set(args.only.split(",")) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    if missing := [str(path) for path in args.sources if not path.exists()]:
        parser.error(f"no such file or folder: {', '.join(missing)}")
    if empty := [str(path) for path in args.sources if path.is_dir() and not material.recordings(path)]:
        parser.error(f"no recordings in {', '.join(empty)}")
    began_s, parts = time.monotonic(), []
    with contestants.open_stage() as stage:
        for part in measured(stage, args):
            print(f"\n{part.title}:\n{part.table}\n", flush=True)
            parts.append(part)
    print(report.ratio_table(ratio for part in parts for ratio in part.ratios))
    print(f"\nmeasured in {time.monotonic() - began_s:.0f} s")
    if args.docs:
        report.write_document(report.text(parts))


def measured(stage: Stage, args: argparse.Namespace) -> Iterator[report.Part]:
    """The parts that are asked for, one after the other."""
    wanted = args.only.split(",")
    if {"players", "stages", "layers"}.intersection(wanted):
        yield from _played(stage, args, wanted)
    if "latency" in wanted:
        yield latency.part(stage, args.times)
    if "commands" in wanted:
        yield latency.commands_part(stage)
    if "scan" in wanted:
        yield scan.part(stage.folder, [path for path in args.sources if path.is_file()])
    if "growth" in wanted:
        yield growth.part(stage, args.most)


def _played(stage: Stage, args: argparse.Namespace, wanted: Sequence[str]) -> Iterator[report.Part]:
    chosen = [one for one in contestants.contestants() if one.name.startswith(tuple(args.names.split(",")))]
    duration_s = 2 * players.WARM_UP_S + players.MEASURING_S + args.seconds
    tracks = material.tracks(stage.folder, args.sources, duration_s)
    for number, (name, track) in enumerate(tracks.items()):
        playing = replace(stage, track=track)
        if "players" in wanted:
            some = chosen if number == 0 else [one for one in chosen if one.name in FEW]
            yield players.part(playing, some, args.seconds, name)
        if "stages" in wanted and number == 0:
            yield stages.part(playing, args.seconds, name)
        if "layers" in wanted and number == 0:
            yield stages.layers_part(playing, args.seconds, name)


if __name__ == "__main__":
    main()
