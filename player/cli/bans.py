"""``lull bans``: the tracks that are never to be played again, and taking one back.

The list is read from the memory's file. Taking one back is a command to the running speaker, which alone writes there.
"""

from __future__ import annotations

import argparse
import json
from typing import Final

from player.cli.client_verbs import VERBS
from player.cli.remembered import state_dir
from player.cli.shown import printable
from player.night.memory import Ban

BRIEF: Final = "list the banned tracks, or allow one again"
DESCRIPTION: Final = """\
List the tracks that were banned by `lull never_again`, the latest one last. The
list is read from the memory in the config's state_dir, whether the speaker runs
or not.

With --undo ask the running speaker to allow one of them again.

    lull bans
    lull bans --undo Drops"""
_NEVER_AGAIN: Final = next(verb for verb in VERBS if verb.name == "never_again")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``bans``."""
    parser.add_argument("--json", action="store_true", help="one JSON list for programs")
    parser.add_argument("--undo", metavar="TRACK", help="allow it again: its title or path")
    parser.set_defaults(run=run, verb=None)


def run(args: argparse.Namespace) -> int:
    """Print the list, or have one taken back; returns the exit code."""
    if args.undo is not None:
        from player.cli import client

        args.verb, args.track, args.undo = _NEVER_AGAIN, args.undo, True
        return client.run(args)
    from player.adapters.memory_file import look_into

    recalled, _ = look_into(state_dir(args.config))
    bans = recalled.kept.bans
    if args.json:
        print(json.dumps([_fields(ban) for ban in bans], indent=2))
    else:
        print(
            "\n".join(printable(f"{ban.at:%Y-%m-%d}  {ban.title}  {ban.uri}") for ban in bans) or "no track is banned"
        )
    return 0


def _fields(ban: Ban) -> dict[str, str]:
    return {"title": ban.title, "uri": ban.uri, "at": ban.at.isoformat(timespec="seconds")}
