"""``lull``: the command line. Each command is a file, and only the one that is named is imported: it starts soon."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from player import __version__
from player.core.errors import LullError, Refused, did_you_mean

DESCRIPTION = """\
A bedside speaker that never startles: sleep sounds with slow fades, a nightly
schedule, a sleep timer, and control over MQTT.

exit codes: 0 done, 1 refused or faulty, 2 wrong usage, 3 no answer"""

COMMANDS: Final = {
    "run": "run",
    "night": "night",
    "check": "check",
    "doctor": "doctor.command",
    "scan": "scan",
    "history": "history",
    "report": "report",
    "rehearse": "rehearse.command",
    "starter": "starter",
    "triggers": "triggers",
    "remote": "remote",
}
"""Commands with a module of their own in `player.cli`; all others are in `player.cli.client.parsers`."""
_PACKAGES: Final = {
    "libasound.so.2": "libasound2t64 (libasound2 before Debian 13)",
    "libsystemd.so.0": "libsystemd0",
}
"""Debian's package of each C library that a Python library of lull needs when it is imported."""


def build_parser(named: str | None = None) -> argparse.ArgumentParser:
    """The command line; only with the command that is named, where there is one: to read the others takes seconds.

    (On a Zero 2 W, most of them for numpy, which no command to a running speaker needs.)
    """
    parser = argparse.ArgumentParser(
        prog="lull", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"lull {__version__}")
    commands = parser.add_subparsers(title="commands", dest="command", metavar="COMMAND", required=True)
    if named in COMMANDS:
        importlib.import_module(f"player.cli.{COMMANDS[named]}").add_parser(commands)
        return parser
    client = importlib.import_module("player.cli.client.parsers")
    if named not in client.NAMES:
        for module in COMMANDS.values():
            importlib.import_module(f"player.cli.{module}").add_parser(commands)
    client.add_parsers(commands, named)
    return parser


def _command_first(words: list[str]) -> list[str]:
    """``lull --all stop`` reads better than ``lull stop --all`` and means the same."""
    if words[:1] == ["--all"] or (words and words[0].startswith("--group=")):
        moved = [*words[1:], words[0]]
    elif words[:1] == ["--group"] and len(words) > 2:
        moved = [*words[2:], *words[:2]]
    else:
        return words
    return words if moved[0] in COMMANDS else moved


def _canonical(words: list[str]) -> list[str]:
    """The words with the command as it is called here: ``vol`` and ``skip-tonight`` are taken too.

    Raises:
        Refused: there is no such command.
    """
    if not words or words[0].startswith("-") or words[0] in COMMANDS:
        return words
    names = importlib.import_module("player.cli.client.parsers").NAMES
    name = importlib.import_module("player.core.verbs").verb_named(words[0])
    if name not in names:
        known = sorted({*COMMANDS, *names})
        raise Refused(f"unknown command {words[0]!r}{did_you_mean(name, known)}; lull --help lists all of them")
    return [name, *words[1:]]


def _missing_library(error: ImportError) -> str:
    """What to install. The loader's message begins with the C library's name; a Python module has a name of its own."""
    library = str(error).partition(":")[0]
    if library in _PACKAGES:
        return f"the library {library} is missing; install the Debian package {_PACKAGES[library]}"
    return f"the Python module {error.name or 'needed'} cannot be imported ({error}); see docs/install.md"


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    try:
        words = _canonical(_command_first(sys.argv[1:] if argv is None else list(argv)))
    except Refused as refusal:
        print(f"lull: {refusal}", file=sys.stderr)
        return 2
    try:
        args = build_parser(words[0] if words else None).parse_args(words)
        code: int = args.run(args)
    except LullError as error:
        print(f"lull: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        if (error.name or "").startswith("player"):
            raise
        print(f"lull: {_missing_library(error)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # whoever read our output has gone; what is left of it must not complain at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return 130
    return code
