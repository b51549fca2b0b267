"""``lull``: the command line. Each command is a file, and only the named one is imported, for a quick start."""

from __future__ import annotations

import argparse
import codecs
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Final

from player import __version__
from player.cli.exit_codes import CLOSED_PIPE, DONE, INTERRUPTED, REFUSED, USAGE
from player.core.errors import LullError, Refused, WrongUsage, did_you_mean

COMMANDS: Final = {
    "run": "run",
    "night": "night",
    "check": "check",
    "doctor": "doctor.command",
    "scan": "scan",
    "history": "history",
    "rehearse": "rehearse.command",
    "starter": "starter",
    "triggers": "triggers",
    "remote": "remote",
    "completion": "completion",
}
"""Commands with a module of their own in `player.cli`; all others are in `player.cli.client.parsers`."""
_PACKAGES: Final = {
    "libasound.so.2": "libasound2t64 (libasound2 before Debian 13)",
    "libvlc.so.5": "libvlc5",
}
"""Debian's package of each C library that a Python library of lull needs when it is imported."""
MEANT: Final = {
    "alarm": "schedule", "allow_again": "never_again --undo", "ban": "never_again", "config": "check",
    "down": "volume -5", "list": "tracks", "log": "history", "louder": "volume +5", "mixes": "check",
    "morning": "schedule", "mute": "pause", "off": "stop", "playlists": "status", "quieter": "volume -5",
    "skip": "next", "sleep": "timer 45m", "softer": "volume -5", "start": "play", "until": "timer until 06:30",
    "unban": "never_again --undo", "up": "volume +5", "version": "--version", "init": "check", "setup": "check",
}  # fmt: skip
"""Words that people try, and what serves instead."""
_INSTEAD: Final = {
    "✓": "+", "✗": "x", "→": "->", "…": "...", "–": "-", "−": "-", "—": "-", "×": "x", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
"""ASCII replacements of the characters that lull itself writes."""
_HANDLER: Final = "lull.plain"


def build_parser(named: str | None = None) -> argparse.ArgumentParser:
    """The command line, with only the named command if there is one, because importing the others takes seconds.

    (On a Zero 2 W, most of them for numpy, which no command to a running speaker needs.)
    """
    parser = argparse.ArgumentParser(prog="lull")
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


_VALUED: Final = frozenset(
    {"--device", "--group", "--host", "--port", "--username", "--password-file", "--prefix", "--config", "--timeout"}
)
_SWITCHES: Final = frozenset({"--all", "--json"})

_NOT_WRITTEN: Final = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
"""Faults of our own output: its reader has gone, or its disk is full."""


def _command_first(words: list[str]) -> list[str]:
    """``lull --device kitchen stop`` is ``lull stop --device kitchen``; likewise ``triggers --json test``.

    ``--all`` is moved only to a command that asks speakers; in others it may have another meaning.
    """
    place = 0
    while place < len(words) and words[place].partition("=")[0] in _VALUED | _SWITCHES:
        place += 2 if words[place] in _VALUED else 1
    leading, rest = words[:place], words[place:]
    if not rest or ("--all" in leading and rest[0] in COMMANDS):
        return words
    if rest[0] == "triggers":
        rest = [rest[0], *_command_first(rest[1:])]
    end = rest.index("--") if "--" in rest else len(rest)
    return [*rest[:end], *leading, *rest[end:]]


def _canonical(words: list[str]) -> list[str]:
    """The words with the canonical command: ``vol`` and ``skip-tonight`` are accepted too.

    Raises:
        Refused: the command does not exist.
    """
    if words[:2] == ["stop", "now"]:  # as over MQTT: who wants silence does not look for hyphens
        return ["stop", "--now", *words[2:]]
    if not words or words[0].startswith("-") or words[0] in COMMANDS:
        return words
    names = importlib.import_module("player.cli.client.parsers").NAMES
    name = importlib.import_module("player.core.verbs").verb_named(words[0])
    if name not in names:
        hint = f" (did you mean `lull {MEANT[name]}`?)" if name in MEANT else ""
        hint = hint or did_you_mean(name, sorted({*COMMANDS, *names}))
        raise Refused(f"unknown command {words[0]!r}{hint}; lull --help lists all of them")
    return [name, *words[1:]]


def _missing_library(error: ImportError) -> str:
    """What to install. The loader's message begins with the C library's name; a missing Python module is named."""
    library = str(error).partition(":")[0]
    if library in _PACKAGES:
        return f"the library {library} is missing or damaged; install the Debian package {_PACKAGES[library]}"
    return f"the Python module {error.name or 'needed'} cannot be imported ({error}); see docs/install.md"


def _run(words: list[str]) -> int:
    if not words:
        print("lull: name a command; `lull --help` lists all of them", file=sys.stderr)
        return USAGE
    if words[0] in {"-h", "--help"}:
        from player.cli.declared import overview

        print(overview(build_parser()))
        return DONE
    parser = build_parser(words[0])
    args, rest = parser.parse_known_args(words)
    if hasattr(args, "paths") and not any(word.startswith("-") for word in rest):
        args.paths, rest = [*args.paths, *rest], []  # argparse takes those behind an option for unknown words
    if rest:
        from player.cli.declared import usage_of

        usage = usage_of(parser, words[0])
        _complain(f"lull {words[0]}: unknown: {' '.join(rest)}\nusage: {usage}; see lull {words[0]} --help")
        return USAGE
    code: int = args.run(args)
    return code


def _complain(text: str) -> None:
    """Print an error; what it names (a path, a word) may have characters that a terminal would obey."""
    from player.core.text import without_controls, without_secrets

    print(without_controls(without_secrets(text)), file=sys.stderr)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code."""
    # numpy's OpenBLAS would start a thread for each core, and products of 12,000 samples would cost 13 times the CPU
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Debian's; zoneinfo would look for it in Python's build configuration, which takes 0.5 MB
    os.environ.setdefault("PYTHONTZPATH", "/usr/share/zoneinfo")
    write_anything()
    words = _command_first(sys.argv[1:] if argv is None else list(argv))
    if words[:1] == ["help"]:
        words = [*words[1:], "--help"]
    try:
        words = _canonical(words)
    except Refused as refusal:
        _complain(f"lull: {refusal}")
        return USAGE
    try:
        code = _run(words)
        sys.stdout.flush()
    except LullError as error:
        _complain(f"lull: {error}")
        return USAGE if isinstance(error, WrongUsage) else REFUSED
    except ImportError as error:
        if (error.name or "").startswith("player"):
            raise
        print(f"lull: {_missing_library(error)}", file=sys.stderr)
        return REFUSED
    except OSError as error:
        if error.errno not in _NOT_WRITTEN:
            raise
        # flushing at exit must not fail as well
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):  # the reader of our output has gone
            return CLOSED_PIPE
        print(f"lull: the output cannot be written: {error.strerror}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def _plain(error: UnicodeError) -> tuple[str, int]:
    """The replacement for characters that the encoding does not have."""
    assert isinstance(error, UnicodeEncodeError), "it is registered for encoding"
    lost = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(character, "?") for character in lost), error.end


def write_anything() -> None:
    """Let stdout and stderr take any text, also where the locale is C or a name is not UTF-8."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
