"""``lull scan``: measures tracks, stores the results, and shows them."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from player.cli.exit_codes import DONE, INTERRUPTED, REFUSED
from player.cli.measure_first import MeasureRun, cores, open_store
from player.cli.paths import CONFIG_ORDER, add_config, chosen_config, own_home
from player.cli.terminal import show
from player.core.errors import LullError
from player.core.settings.safety import LimitSettings
from player.core.settings.session import Playlist
from player.system.privileges import become_owner_of

if TYPE_CHECKING:
    from player.config import Config
    from player.core.events import Track

DESCRIPTION = """\
Measure tracks: how loud they are, their range and true peak, and whatever in
them would startle a sleeper. Without PATHs all playlists of the config are
measured, streams left out. A file that was measured before is not decoded
again. What is found is kept in the config's state_dir, otherwise in
~/.local/share/lull, and from then on each track plays at the same loudness; one
that was not measured is treated as very loud, so it plays more quietly.

Ctrl-C keeps what was done. exit codes: 0 done, also where some files cannot be
played, 1 none of them can, or nothing was found, 2 wrong usage, 130 interrupted"""

_ANY: Final = "scan"


def add_parser(commands: Any) -> None:
    """Add ``scan`` to the command line."""
    parser = commands.add_parser(
        "scan",
        help="measure tracks and show what is in them",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help="files, folders or playlist files")
    add_config(parser, "the config; not needed with PATHs")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.add_argument("--jobs", type=_jobs, default=0, metavar="N", help="number of processes (default: all cores)")
    parser.add_argument("--all", action="store_true", help="measure again what was measured before")
    parser.set_defaults(run=run)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 to 64; this machine has {cores()} cores")
    return int(text)


@dataclass(frozen=True, slots=True)
class Material:
    """What to scan: files with the gain of the first playlist that has them, and what was left out."""

    tracks: tuple[tuple[Track, float], ...]
    streams: int
    warnings: tuple[str, ...]


def run(args: argparse.Namespace) -> int:
    """Measure, print the table or the object, return the exit code."""
    from player.cli import scan_table

    config = _config(args)
    limits = LimitSettings() if config is None else config.settings.limits
    folder = own_home() if config is None else config.state_dir
    if (user := become_owner_of(folder)) is not None:
        print(f"note: scanning as {user}, who owns {folder}", file=sys.stderr)
    material = find_material(args.paths, config)
    for warning in material.warnings:
        print(f"note: {warning}", file=sys.stderr)
    if not material.tracks and not material.streams:
        raise LullError("nothing to scan: no track was found")
    store = open_store(folder)
    measuring = MeasureRun((track.uri for track, _ in material.tracks), store, jobs=args.jobs, is_anew=args.all)
    is_interrupted = False
    try:
        measuring.run()
    except KeyboardInterrupt:
        is_interrupted = True
    finally:
        store.close()
    rows = scan_table.rows(material.tracks, measuring.results, limits)
    if args.json:
        print(
            json.dumps(scan_table.as_json(rows, material.streams, measuring, is_interrupted=is_interrupted), indent=2)
        )
    else:
        for line in scan_table.lines(rows, material.streams, measuring):
            show(line, margin=len(scan_table.HEAD) + 2)
    if is_interrupted:
        tally = measuring.tally
        print(
            f"interrupted: {tally.done} of {tally.files} tracks done and saved; scan again to continue",
            file=sys.stderr,
        )
        return INTERRUPTED
    if not material.streams and all(row.finding.measured is None for row in rows):
        print("lull: none of the tracks can be played", file=sys.stderr)
        return REFUSED
    return DONE


def _config(args: argparse.Namespace) -> Config | None:
    from player.config import load
    from player.library.folders import with_library

    path = args.config if args.paths else chosen_config(args.config)
    if path is not None:
        config = load(path, speaker=args.device)
        return replace(config, settings=with_library(config.settings)[0])
    if not args.paths:
        raise LullError(f"nothing to scan: give PATHs, or a config with playlists; looked for {CONFIG_ORDER}")
    return None


def find_material(paths: list[str], config: Config | None) -> Material:
    """The tracks of the paths, or of all playlists, with the one that plays first in front."""
    from player.core.events import is_web
    from player.library.files import FileLibrary

    playlists = (Playlist(_ANY, tuple(paths)),) if paths else config.settings.playlists if config else ()
    first = config.settings.first_playlist if config else None
    tracks: dict[str, tuple[Track, float]] = {}
    streams: set[str] = set()
    warnings: dict[str, None] = {}
    for playlist in sorted(playlists, key=lambda playlist: playlist.name != first):
        read = FileLibrary().read(playlist)
        warnings |= dict.fromkeys(read.warnings)
        found = (*read.opening, *read.tracks)
        streams |= {track.uri for track in found if is_web(track.uri)}
        for track in found:
            if not track.is_stream:
                tracks.setdefault(track.uri, (track, playlist.gain_db))
    return Material(tuple(tracks.values()), len(streams), tuple(warnings))
