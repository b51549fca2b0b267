"""``lull --help`` and ``lull help``: every command in one screen or two, by groups, and what all of them share."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Iterable, Iterator

from player.cli.declared import DeclaredCommand, DeclaredOption, declared_commands, grouped, speaker_options
from player.cli.exit_codes import EXIT_CODES
from player.cli.paths import CONFIG_ORDER

ABOUT = """\
A bedside speaker that never startles: sleep sounds with slow fades, a nightly
schedule, a sleep timer, and control over MQTT."""
_MARGIN = 18
_WIDTHS = (60, 100)


def overview(parser: argparse.ArgumentParser) -> str:
    """What ``lull --help`` shows of the whole command line."""
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


def typed(option: DeclaredOption) -> str:
    """An option as it is typed."""
    return f"{', '.join(option.names)} {option.metavar}".strip()


def _rows(rows: Iterable[tuple[str, str]], columns: int) -> Iterator[str]:
    """A name and what it is, a line each, or more where it is long."""
    for name, about in rows:
        head = f"  {name:{_MARGIN - 4}}  "
        if len(head) > _MARGIN:
            yield head.rstrip()
            head = " " * _MARGIN
        yield from textwrap.wrap(
            about, columns, initial_indent=head, subsequent_indent=" " * _MARGIN, break_on_hyphens=False
        ) or [head.rstrip()]
