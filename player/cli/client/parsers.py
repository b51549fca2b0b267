"""The parsers of the client commands (``lull play``, ``stop``, ``bans``, …) and the options that all of them share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Any, Final

from player.cli.client.commands import run
from player.cli.client.verbs import add_arguments, description
from player.core.verbs import VERBS

DEFAULT_TIMEOUT_S: Final = 5.0
_SIGNED: Final = re.compile(r"-\d.*")

FOOTER: Final = """\
Which speaker: --device NAME, --all, --group NAME, --host NAME; see lull --help.

exit codes: 0 done, 1 refused, 2 wrong usage, 3 no answer"""

SPEAKER_OPTIONS: Final = (
    ("--device", "NAME", "the speaker; without it that of the config, or the only one online"),
    ("--all", None, "every speaker; each answers for itself"),
    ("--group", "NAME", "every speaker of a group"),
    ("--host", "NAME", "the broker; the config is not read then"),
    ("--port", "N", "its port (1883)"),
    ("--username", "NAME", "user name for the broker"),
    ("--password-file", "FILE", "file whose first line is the password"),
    ("--prefix", "TOPIC", "first part of all topics (lull)"),
    ("--config", "FILE", "take broker and speaker from this config"),
    ("--timeout", "S", "seconds to wait for an answer (5)"),
)
"""Options of every command to a running speaker: option, metavar, and what it is. They are listed once, by ``--help``.
"""

NAMES: Final = frozenset({"bans", "report", "watch", *VERBS})
"""All client commands."""


def add_parsers(commands: Any, named: str | None = None) -> None:
    """Add the named client command to the command line, or all of them without a name."""
    common = _common_options()
    wanted = {named} & NAMES or NAMES
    for verb in (verb for name, verb in VERBS.items() if name in wanted):
        parser = _add_parser(commands, verb.name, verb.brief, description(verb), common)
        add_arguments(parser, verb)
        parser.set_defaults(run=run, verb=verb)
    if "bans" in wanted:
        from player.cli.client import bans

        bans.add_arguments(_add_parser(commands, "bans", bans.BRIEF, bans.DESCRIPTION, common))
    if "report" in wanted:
        from player.cli import report

        report.add_arguments(_add_parser(commands, "report", report.BRIEF, report.DESCRIPTION, common))
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


class _Whom(argparse.Action):
    """One of ``--device``, ``--all`` and ``--group``; a group of argparse cannot be left out of the help."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: Any, option_string: Any = None
    ) -> None:
        for other in ("device", "all", "group"):
            if other != self.dest and getattr(namespace, other):
                raise argparse.ArgumentError(self, f"not allowed with argument --{other}")
        setattr(namespace, self.dest, True if self.nargs == 0 else values)


def _common_options() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    kinds: dict[str, dict[str, Any]] = {
        "--device": {"action": _Whom},
        "--all": {"action": _Whom, "nargs": 0, "default": False},
        "--group": {"action": _Whom},
        "--port": {"type": int},
        "--config": {"type": Path},
        "--timeout": {"type": _timeout_s, "default": DEFAULT_TIMEOUT_S},
    }
    for option, metavar, _ in SPEAKER_OPTIONS:
        kind = kinds.get(option, {}) | ({} if metavar is None else {"metavar": metavar})
        common.add_argument(option, help=argparse.SUPPRESS, **kind)
    return common


def _timeout_s(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is not usable; allowed are seconds, more than 0, up to 600")
    return value
