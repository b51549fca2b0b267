"""The parsers of the client commands (``lull play``, ``stop``, ``bans``, …) and the options that all of them share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, Final

from player.cli.client.commands import run
from player.cli.client.verbs import add_arguments, description
from player.cli.paths import DEFAULT_CONFIG
from player.core.verbs import VERBS

DEFAULT_TIMEOUT_S: Final = 5.0
_SIGNED: Final = re.compile(r"-\d.*")

FOOTER: Final = f"""\
The broker is taken from --host and its companions; without --host from the
config (--config, then $LULL_CONFIG, then {DEFAULT_CONFIG}, then that of
a `lull night` that plays now); without one it is localhost:1883. The speaker is
--device, or the one in the config, or the only one that is online; with --all
or --group NAME it is every one, or every one of a group, as in lull --all stop.

exit codes: 0 done, 1 refused, 2 wrong usage, 3 no answer"""

NAMES: Final = frozenset({"bans", "watch", *VERBS})
"""All client commands."""


def add_parsers(commands: Any, named: str | None = None) -> None:
    """Add the client command that is named to the command line, or all of them where none of them is."""
    common = _common_options()
    wanted = {named} & NAMES or NAMES
    for verb in (verb for name, verb in VERBS.items() if name in wanted):
        parser = _add_parser(commands, verb.name, verb.brief, description(verb), common)
        add_arguments(parser, verb)
        parser.set_defaults(run=run, verb=verb)
    if "bans" in wanted:
        from player.cli.client import bans

        bans.add_arguments(_add_parser(commands, "bans", bans.BRIEF, bans.DESCRIPTION, common))
    if "watch" in wanted:
        _add_watch(commands, common)


def _add_watch(commands: Any, common: argparse.ArgumentParser) -> None:
    watch = _add_parser(
        commands,
        "watch",
        "show what the speaker does, as it happens",
        "Print the speaker's state and everything that happens, a line each, until\nCtrl-C or the connection ends.",
        common,
    )
    watch.add_argument("--json", action="store_true", help="print each message as a JSON object on a line of its own")
    watch.set_defaults(run=run, verb=None)


def _add_parser(
    commands: Any, name: str, brief: str, description: str, common: argparse.ArgumentParser
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=brief,
        description=description,
        epilog=FOOTER,
        parents=[common],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    # "-15m" is a value here: argparse takes only plain negative numbers for values, and has no public switch for it
    parser._negative_number_matcher = _SIGNED
    return parser


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    group = common.add_argument_group("broker and speaker")
    whom = group.add_mutually_exclusive_group()
    whom.add_argument("--device", metavar="NAME", help="the speaker, as in lull/NAME/state")
    whom.add_argument("--all", action="store_true", help="every speaker; each answers for itself")
    whom.add_argument("--group", metavar="NAME", help="every speaker of a group")
    group.add_argument("--host", metavar="NAME", help="the broker; the config is not read then")
    group.add_argument("--port", type=int, metavar="N", help="its port (1883)")
    group.add_argument("--username", metavar="NAME", help="user name for the broker")
    group.add_argument("--password-file", metavar="FILE", help="file whose first line is the password")
    group.add_argument("--prefix", metavar="TOPIC", help="first part of all topics (lull)")
    group.add_argument("--config", type=Path, metavar="FILE", help="take broker and speaker from this config")
    group.add_argument(
        "--timeout", type=_timeout_s, default=DEFAULT_TIMEOUT_S, metavar="S", help="seconds to wait for an answer (5)"
    )
    return common


def _timeout_s(text: str) -> float:
    value = float(text)
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text} is out of range; allowed is more than 0, up to 600")
    return value
