"""``lull starter``: writes the starter tracks, so that a speaker without music has a first night."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

DESCRIPTION = """\
Write six calm tracks (rain, sea, brown noise, brushing, finger taps, page
turning) into a folder, 230 MB in all. What is there stays as it is."""


def add_parser(commands: Any) -> None:
    """Add ``starter`` to the command line."""
    parser = commands.add_parser(
        "starter",
        help="write the starter tracks into a folder",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="is made where it is missing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write what is missing, and say how many there are."""
    print(f"{write_tracks(args.folder)} tracks in {args.folder}")
    return 0


def write_tracks(folder: Path) -> int:
    """Write what is missing, with a line of progress; returns how many tracks there are.

    Raises:
        StarterError: they cannot be written.
    """
    from player.cli.terminal import Progress
    from player.library.starter.writer import make_starter_library

    with Progress() as progress:
        return len(make_starter_library(folder, lambda title, share: progress.show(f"making {title}", share)))
