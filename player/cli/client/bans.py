"""``lull bans``: lists the tracks that are not played, banned or left out because of crashes; and lifts a ban.

The list is read from the memory's file. Lifting a ban is a command to the running speaker, which alone writes there.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import PurePath
from typing import Final

from player.cli.client import commands as client
from player.cli.client.format import printable
from player.cli.paths import state_dir
from player.cli.terminal import show
from player.core.text import without_secrets
from player.core.verbs import VERBS
from player.session.memory.memory import DIED_OF_IT, Memory
from player.session.memory.records import RecalledMemory

BRIEF: Final = "list the tracks that are not played, or allow one again"
DESCRIPTION: Final = """\
List the tracks that were banned by `lull never_again`, the latest one last, and
those that are left out because lull crashed twice while it opened them, or at
one place in them. The list is read from the memory in the config's state_dir,
whether the speaker runs or not.

With --undo ask the running speaker to allow one of them again.

    lull bans
    lull bans --undo Drops"""
NEVER_AGAIN: Final = "never_again"
UNKNOWN: Final = "unknown   "


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of ``bans``."""
    parser.add_argument("--json", action="store_true", help="print one JSON list, for programs")
    parser.add_argument("--undo", metavar="TRACK", help="allow it again: its title, a part of it, or its path")
    parser.set_defaults(run=run, verb=None)


def run(args: argparse.Namespace) -> int:
    """Print the list, or have a ban lifted; returns the exit code."""
    if args.undo is not None:
        return client.send(args, VERBS[NEVER_AGAIN], {"track": args.undo, "undo": True})
    refused = client.refuse_audience(args, "bans without --undo")
    if refused:
        return refused
    from player.storage.memory_db import look_into

    recalled, _ = look_into(state_dir(args.config, args.device))
    for fault in recalled.faults:
        print(f"note: {fault}", file=sys.stderr)
    left_out = _left_out(recalled)
    if args.json:
        print(json.dumps([asdict(one) for one in left_out], indent=2))
    else:
        show("\n".join(printable(_line(one)) for one in left_out) or "no track is banned")
    return 0


@dataclass(frozen=True, slots=True)
class BannedTrack:
    """A track that is not played, since when, and why."""

    title: str
    uri: str
    at: str | None
    reason: str


def _left_out(recalled: RecalledMemory) -> list[BannedTrack]:
    """The banned tracks, then those left out because of crashes; these with the title last heard."""
    kept = recalled.documents
    memory = Memory()
    kept.recall(memory)
    titles = {heard.uri: heard.title for heard in recalled.heard}
    banned = [
        BannedTrack(without_secrets(ban.title), without_secrets(ban.uri), _iso(ban.at), NEVER_AGAIN)
        for ban in kept.bans
    ]
    return banned + [
        BannedTrack(_title(death.uri, titles), without_secrets(death.uri), _iso(death.at), DIED_OF_IT)
        for death in memory.set_aside
    ]


def _title(uri: str, titles: dict[str, str]) -> str:
    return without_secrets(titles.get(uri, PurePath(uri).stem))


def _line(one: BannedTrack) -> str:
    why = "" if one.reason == NEVER_AGAIN else f"  ({one.reason})"
    return f"{(one.at or UNKNOWN)[:10]}  {one.title}  {one.uri}{why}"


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")
