"""Real recordings through the real chain, beside what mpv's filters make of them: the yardstick of the sound path.

`python bench/real.py FOLDER` from the repository; see bench/README.md for the columns. FOLDER has ``calm`` and
``hazard`` recordings. Everything is rendered faster than real time and judged from what left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path
from shutil import copytree
from typing import Any, Final

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # so that it runs as a file, without -m

from bench import real_figures as figures
from bench.real_chain import PEERS, Played, filtered, play
from bench.real_material import (
    QUICK_CALM,
    SHORT_PLAYED_S,
    VERSION,
    HazardTrack,
    PhraseTrack,
    RealSet,
    decode,
    hazard_nights,
    phrase_tracks,
    short_sessions,
)
from bench.real_tables import calm_table, hazard_table, level_table, named_table, short_table
from player.cli.measure_first import measure_first, open_store
from player.core.settings.session import Order

LULL: Final = "lull"
Task = tuple[str, Callable[..., Any], tuple[Any, ...]]


def calm_alone(name: str, path: str, player: str, state: Path | None) -> dict[str, Any]:
    """A calm recording by itself."""
    if player in PEERS:
        raw = decode(Path(path))
        return asdict(figures.calm_row(name, raw, filtered(raw, PEERS[player])))
    played = _play([path], state, is_examined=True)
    return asdict(figures.calm_row(name, played.decoded(), played.out, played))


def phrase_alone(track: PhraseTrack, player: str, state: Path | None) -> dict[str, Any]:
    """A phrase that is repeated."""
    if player in PEERS:
        raw = decode(Path(track.path))
        row = figures.phrase_row(track, raw, filtered(raw, PEERS[player]), 0.0)
    else:
        played = _play([track.path], state)
        start_s = played.tracks[0].first_frame / 48_000
        row = figures.phrase_row(track, played.decoded(), played.out, start_s)
    return {**asdict(row), "spread_db": row.spread_db}


def short_files(name: str, paths: list[str], _player: str, state: Path | None) -> dict[str, Any]:
    """Short files, again and again; lull alone, for no filter sees a file's end."""
    played = _play(paths, state, is_examined=True, order=Order.IN_ORDER, longest_s=SHORT_PLAYED_S)
    return asdict(figures.short_row(name, played))


def chapter(tracks: list[HazardTrack], player: str, state: Path | None) -> list[dict[str, Any]]:
    """A few hazardous tracks, one after the other."""
    if player in PEERS:
        raws = [decode(Path(track.path)) for track in tracks]
        starts = np.cumsum([0, *(len(raw) for raw in raws[:-1])]).tolist()
        raw = np.concatenate(raws)
        rows = figures.hazard_rows(tracks, starts, ([raw], filtered(raw, PEERS[player])), ())
    else:
        played = _play([track.path for track in tracks], state)
        sounds = ([played.decoded(played.tracks[first::2]) for first in (0, 1)], played.out)
        beside = [played.beside(track.path) for track in tracks]
        rows = figures.hazard_rows(tracks, figures.starts_of(played, tracks), sounds, played.mutes_s, beside)
    return [asdict(row) for row in rows]


def _play(paths: list[str], state: Path | None, **how: Any) -> Played:
    """With a copy of the measurements, because a store has one owner; without any where there is no state."""
    if state is None:
        return play(paths, None, **how)
    with tempfile.TemporaryDirectory(prefix="lull-real-") as made:
        own = Path(made) / "state"
        copytree(state, own)
        return play(paths, own, **how)


def tasks(args: argparse.Namespace, real: RealSet, kept: Path, state: Path) -> Iterator[Task]:
    """All that is to be done: for which table, by which function, with what; first measures the files."""
    names = _chosen(args, real)
    nights = hazard_nights(real, kept, is_quick=args.quick) if args.only in {None, "hazards"} else []
    is_calm = args.only in {None, "calm", "levels"}
    phrases = phrase_tracks(real, kept, is_quick=args.quick) if args.only in {None, "calm"} else []
    calm = {name: str(path) for name, path in real.calm().items() if name in names} if is_calm else {}
    if args.names:
        wanted = args.names.split(",")
        nights = [[track for track in tracks if {track.hazard, track.kind} & set(wanted)] for tracks in nights]
        nights = [tracks for tracks in nights if tracks]
        phrases = [track for track in phrases if track.name.split()[0] in wanted]
    shorts = short_sessions(real, kept) if args.only in {None, "shorts"} and not (args.quick or args.names) else []
    files = [
        *calm.values(),
        *(path for _, paths in shorts for path in paths),
        *(track.path for track in phrases),
        *(one.path for tracks in nights for one in tracks),
    ]
    if not args.unmeasured:
        _measure(files, state)
    players = [LULL, *(PEERS if args.peers else ())]
    for player in players:
        where = state if player == LULL and not args.unmeasured else None
        yield from (("calm", calm_alone, (name, path, player, where)) for name, path in calm.items())
        yield from (("phrases", phrase_alone, (track, player, where)) for track in phrases)
        if player == LULL:
            yield from (("shorts", short_files, (name, paths, player, where)) for name, paths in shorts)
        yield from (("hazards", chapter, (tracks, player, where)) for tracks in nights)


def _chosen(args: argparse.Namespace, real: RealSet) -> set[str]:
    if args.names:
        return set(args.names.split(","))
    return set(QUICK_CALM) if args.quick else set(real.calm())


def _measure(files: list[str], state: Path) -> None:
    store = open_store(state)
    measure_first(files, store)
    store.close()


def collect(work: list[Task], jobs: int) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """By player and table, all rows."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [(what, call, given, pool.submit(call, *given)) for what, call, given in work]
        for number, (what, call, given, future) in enumerate(waiting, 1):
            rows = future.result()
            player = given[-2]
            found.setdefault(player, {}).setdefault(what, []).extend(rows if call is chapter else [rows])
            print(f"\r{number}/{len(waiting)} {player} {what}    ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


def tables(found: dict[str, dict[str, list[dict[str, Any]]]], *, is_named: bool) -> str:
    """What people read."""
    parts = []
    own = found[LULL]
    if "calm" in own:
        parts.append(calm_table(found, is_named=is_named))
        parts.append(level_table(found))
    if "shorts" in own:
        parts.append(short_table(own["shorts"]))
    if "hazards" in own:
        parts.append(hazard_table(found))
        if is_named:
            parts.append(named_table(own["hazards"]))
    return "\n\n".join(parts)


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the folder of real recordings")
    parser.add_argument("--only", choices=("calm", "hazards", "levels", "shorts"), help="one table alone")
    parser.add_argument("--names", help="recordings or kinds of hazards, separated by commas")
    parser.add_argument("--quick", action="store_true", help="6 calm recordings, one phrase, 12 hazards")
    parser.add_argument("--peers", action="store_true", help="mpv's filters on the same material")
    parser.add_argument("--each", action="store_true", help="a line for each recording and hazard")
    parser.add_argument("--unmeasured", action="store_true", help="lull as on the first night: no file was measured")
    parser.add_argument("--jobs", type=int, default=1, help="processes (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all rows here")
    args = parser.parse_args()
    real = RealSet(args.folder)
    if not ((args.folder / "calm").is_dir() and (args.folder / "hazard").is_dir()):
        print(f"{args.folder}: no folder with calm and hazard recordings; nothing was measured", file=sys.stderr)
        return 2
    mark = hashlib.sha256(f"{args.folder.resolve()} {VERSION}".encode()).hexdigest()[:12]
    kept = Path(tempfile.gettempdir()) / f"lull-bench-real-{mark}"
    kept.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lull-real-state-") as made:
        found = collect(list(tasks(args, real, kept, Path(made))), args.jobs)
    if not found:
        print(f"nothing was measured: no recording or kind of hazard is called {args.names}", file=sys.stderr)
        return 2
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n")
    print(tables(found, is_named=args.each))
    return 0


if __name__ == "__main__":
    sys.exit(main())
