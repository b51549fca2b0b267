"""What lull costs beside its rivals, all of it in one run: `python -m bench` from the repository.

On a machine that is otherwise quiet; see bench/README.md for what the figures mean. Nothing here passes or fails by a
time, but a player that is not heard is not counted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import contestants, growth, latency, players, report, scan, stages
from bench.contestants import Stage

PARTS: Final = ("players", "stages", "layers", "latency", "scan", "growth")


def main() -> None:
    """Print the tables as they are measured, and the ratios of all of them in the end."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="recordings that are played besides noise")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--names", default="", help="players whose names begin with one of these (A,B)")
    parser.add_argument("--seconds", type=int, default=60, help="how long each player is watched, from 5 on (60)")
    parser.add_argument("--times", type=int, default=20, help="how often each command is sent (20)")
    parser.add_argument("--most", type=int, default=growth.SIZES[-1], help="tracks of the largest library (50000)")
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md")
    args = parser.parse_args()
    if args.seconds < 5 or args.times < 1 or args.most < growth.SIZES[0]:
        parser.error(f"--seconds is at least 5, --times 1, --most {growth.SIZES[0]}")
    if unknown := set(args.only.split(",")) - set(PARTS):
        parser.error(f"--only knows {', '.join(PARTS)}, not {', '.join(sorted(unknown))}")
    if missing := [str(path) for path in args.files if not path.is_file()]:
        parser.error(f"no such file: {', '.join(missing)}")
    with contestants.open_stage() as stage:
        parts = []
        for part in measured(stage, args):
            print(f"\n{part.title}:\n{part.table}\n", flush=True)
            parts.append(part)
    print(report.ratio_table(ratio for part in parts for ratio in part.ratios))
    if args.docs:
        report.write_document(report.text(parts))


def measured(stage: Stage, args: argparse.Namespace) -> Iterator[report.Part]:
    """The parts that are asked for, one after the other."""
    wanted = args.only.split(",")
    chosen = [one for one in contestants.contestants() if one.name.startswith(tuple(args.names.split(",")))]
    files = [path.resolve() for path in args.files]
    if {"players", "stages", "layers"}.intersection(wanted):
        duration_s = 2 * players.WARM_UP_S + players.MEASURING_S + args.seconds
        noise = contestants.make_noise(stage.folder / "noise.mp3", duration_s)
        for track in (noise, *files):
            playing = replace(stage, track=track)
            if "players" in wanted:
                yield players.part(playing, chosen, args.seconds, track.stem)
            if "stages" in wanted:
                yield stages.part(playing, args.seconds, track.stem)
            if "layers" in wanted:
                yield stages.layers_part(playing, args.seconds, track.stem)
    if "latency" in wanted:
        yield latency.part(stage, args.times)
    if "scan" in wanted:
        yield scan.part(stage.folder, files)
    if "growth" in wanted:
        yield growth.part(stage, args.most)


if __name__ == "__main__":
    main()
