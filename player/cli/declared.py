"""The declarations of the command line, read from its parsers: for ``lull --help``, the completions and the man page.

The page of ``lull --help`` and ``lull help`` is made here: every command by groups, and what all of them share.

argparse has no public interface to the arguments of a parser; only this module uses its internals.
"""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from player.cli.client.parsers import NAMES, SPEAKER_OPTIONS
from player.cli.exit_codes import EXIT_CODES
from player.cli.paths import CONFIG_ORDER

GROUPS: Final = {
    "the night": (
        "night", "tonight", "skip_tonight", "schedule", "asleep", "awake", "advance", "history", "report", "rehearse",
    ),
    "what plays": (),
    "the library": ("scan", "starter", "tracks", "like", "unlike", "never_again", "bans"),
    "care": ("run", "check", "doctor", "calibrate", "triggers", "remote", "completion", "help"),
}  # fmt: skip
"""Groups of commands; a command that is in none of them belongs to the group about playing."""
REST: Final = "what plays"
FILES: Final = frozenset({"FILE", "OUT", "PATH", "FOLDER", "DIR"})
"""How the value of an option or an argument is shown where it is a file or a folder; a suffix may follow."""


@dataclass(frozen=True, slots=True)
class DeclaredOption:
    """An option, or an argument by its place, which has no names.

    Attributes:
        names: as they are typed.
        metavar: how its value is shown; empty for a switch.
        about: what it is, without a full stop.
        choices: all values, where they are few.
    """

    names: tuple[str, ...]
    metavar: str
    about: str
    choices: tuple[str, ...] = ()

    @property
    def takes_file(self) -> bool:
        """Whether the value of an option is a file or a folder."""
        return self.metavar.strip("[]. ").partition(".")[0] in FILES


@dataclass(frozen=True, slots=True)
class DeclaredCommand:
    """A command, or a command of a command.

    Attributes:
        usage: what may follow its name, without its options.
        asks_speaker: it takes `player.cli.client.parsers.SPEAKER_OPTIONS`.
    """

    name: str
    brief: str
    about: str
    options: tuple[DeclaredOption, ...]
    arguments: tuple[DeclaredOption, ...]
    usage: str
    commands: tuple[DeclaredCommand, ...] = ()
    asks_speaker: bool = False


def declared_commands(parser: argparse.ArgumentParser) -> tuple[DeclaredCommand, ...]:
    """All commands of the whole command line, in the order of the groups."""
    found = {command.name: command for command in _commands_of(parser)}
    return tuple(found[name] for names in grouped(tuple(found)).values() for name in names)


def grouped(names: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """The names of commands by group."""
    listed = {name for members in GROUPS.values() for name in members}
    rest = tuple(name for name in names if name not in listed)
    return {
        title: rest if title == REST else tuple(name for name in members if name in names)
        for title, members in GROUPS.items()
    }


def _commands_of(parser: argparse.ArgumentParser) -> Iterator[DeclaredCommand]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            briefs = {choice.dest: choice.help or "" for choice in action._choices_actions}
            for name, child in action.choices.items():
                yield _command(name, briefs.get(name, ""), child)


def _command(name: str, brief: str, parser: argparse.ArgumentParser) -> DeclaredCommand:
    actions = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    places = [one for one in actions if not one.option_strings and not isinstance(one, argparse._SubParsersAction)]
    commands = tuple(_commands_of(parser))
    usage = " ".join(_place(action) for action in places)
    return DeclaredCommand(
        name,
        brief,
        parser.description or "",
        tuple(_option(action) for action in actions if action.option_strings),
        tuple(_option(action) for action in places),
        "|".join(command.name for command in commands) or usage,
        commands,
        name in NAMES,
    )


def _option(action: argparse.Action) -> DeclaredOption:
    about = (action.help or "").replace("%%", "%").removesuffix(".")
    choices = () if action.choices is None else tuple(str(choice) for choice in action.choices)
    metavar = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    return DeclaredOption(tuple(action.option_strings), metavar, about, choices)


def _place(action: argparse.Action) -> str:
    """An argument as the usage shows it."""
    name = str(action.metavar or action.dest)
    return {"?": f"[{name}]", "*": f"[{name}...]", "+": f"{name}..."}.get(str(action.nargs), name)


def speaker_options() -> tuple[DeclaredOption, ...]:
    """The options of every command to a running speaker."""
    return tuple(DeclaredOption((name,), metavar or "", about) for name, metavar, about in SPEAKER_OPTIONS)


ABOUT = """\
A bedside speaker that never startles: sleep sounds with slow fades, a nightly
schedule, a sleep timer, and control over MQTT."""
_MARGIN = 18
_WIDTHS = (60, 100)


def overview(parser: argparse.ArgumentParser) -> str:
    """The page of ``lull --help``."""
    columns = min(max(shutil.get_terminal_size().columns, _WIDTHS[0]), _WIDTHS[1])
    return "\n".join(_overview(declared_commands(parser), columns))


def _overview(commands: tuple[DeclaredCommand, ...], columns: int) -> Iterator[str]:
    by_name = {command.name: command for command in commands}
    yield "usage: lull [options] COMMAND ..."
    yield from ("", *textwrap.wrap(ABOUT, columns))
    for title, names in grouped(tuple(by_name)).items():
        yield from ("", f"{title}:")
        yield from _rows(((name, by_name[name].brief) for name in names), columns)
    yield from ("", *textwrap.wrap("options of every command that asks a speaker, before or after its name:", columns))
    yield from _rows(((typed(option), option.about) for option in speaker_options()), columns)
    yield from ("", "the config:")
    yield from textwrap.wrap(CONFIG_ORDER, columns, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    yield from ("", "exit codes:")
    yield from _rows(((str(code), meaning) for code, meaning in EXIT_CODES.items()), columns)
    yield from ("", "`lull help COMMAND` says more about one; `lull --version`.")


def usage_of(parser: argparse.ArgumentParser, name: str) -> str:
    """What may follow the name of a command, in one line; the options that all commands share are left out."""
    command = next(one for one in _commands_of(parser) if one.name == name)
    options = [f"[{option.names[-1]} {option.metavar}".rstrip() + "]" for option in command.options]
    return " ".join(filter(None, ("lull", name, *(one for one in options if one != "[--help]"), command.usage)))


def typed(option: DeclaredOption) -> str:
    """An option as it is typed."""
    return f"{', '.join(option.names)} {option.metavar}".strip()


def _rows(rows: Iterable[tuple[str, str]], columns: int) -> Iterator[str]:
    """Rows of a name and its description, folded where they are long."""
    for name, about in rows:
        head = f"  {name:{_MARGIN - 4}}  "
        if len(head) > _MARGIN:
            yield head.rstrip()
            head = " " * _MARGIN
        yield from textwrap.wrap(
            about, columns, initial_indent=head, subsequent_indent=" " * _MARGIN, break_on_hyphens=False
        ) or [head.rstrip()]
