"""``lull starter``: writes the starter tracks, so that a speaker without music has a first night."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from player.core.units import counted
from player.system.privileges import become_owner_of

DESCRIPTION = """\
Write three calm tracks (brushing, finger taps, page turning) into a folder, a
minute each, 35 MB in total. Existing files are kept. Rain, sea, a fan and noise
need no files: write noise:rain in place of a path."""


def add_parser(commands: Any) -> None:
    """Add ``starter`` to the command line."""
    parser = commands.add_parser(
        "starter",
        help="write the starter tracks into a folder",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="created if missing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the missing tracks and print how many there are. Raises StarterError: they cannot be written."""
    from player.cli.terminal import Progress
    from player.library.starter.writer import make_starter_library

    if (user := become_owner_of(args.folder)) is not None:
        print(f"note: writing as {user}, who can change where {args.folder} leads", file=sys.stderr)
    with Progress() as progress:
        tracks = make_starter_library(args.folder, lambda title, done: progress.show(f"making {title}", done))
    print(f"{counted(len(tracks), 'track')} in {args.folder}")
    return 0
