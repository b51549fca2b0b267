"""``lull starter``: writes the starter tracks, so that a speaker without music has a first night."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from player.system.privileges import become_owner_of

DESCRIPTION = """\
Write six calm tracks (rain, sea, brown noise, brushing, finger taps, page
turning) into a folder, 230 MB in total. Existing files are kept."""


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
    """Write the missing tracks and print how many there are."""
    if (user := become_owner_of(args.folder)) is not None:
        print(f"note: writing as {user}, who can change where {args.folder} leads", file=sys.stderr)
    print(f"{write_tracks(args.folder)} tracks in {args.folder}")
    return 0


def write_tracks(folder: Path, number: int | None = None) -> int:
    """Write the missing tracks, or the first ``number`` of them, with a line of progress; returns how many there are.

    Raises:
        StarterError: they cannot be written.
    """
    from player.cli.terminal import Progress
    from player.library.starter.recipes import BEDS
    from player.library.starter.writer import make_starter_library

    with Progress() as progress:
        beds = BEDS[:number]
        return len(make_starter_library(folder, lambda title, done: progress.show(f"making {title}", done), beds=beds))
