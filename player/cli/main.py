"""``lull``: the command line. Each command is a file; it is imported only when it runs, so that ``--help`` is quick."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from player import __version__
from player.errors import LullError

DESCRIPTION = """\
A bedside speaker that never startles: sleep sounds with slow fades, a nightly
schedule, a sleep timer, and control over MQTT.

exit codes: 0 done, 1 refused or faulty, 2 wrong usage, 3 no answer"""


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    import player.cli.check as check
    import player.cli.client as client
    import player.cli.night as night
    import player.cli.rehearse as rehearse
    import player.cli.run as run

    parser = argparse.ArgumentParser(
        prog="lull", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"lull {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    run.add_parser(commands)
    night.add_parser(commands)
    check.add_parser(commands)
    rehearse.add_parser(commands)
    client.add_parsers(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    args = build_parser().parse_args(argv)
    try:
        code: int = args.run(args)
    except LullError as error:
        print(f"lull: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # whoever read our output has gone; what is left of it must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return code
