"""``lull doctor``: prints on one screen what is right, what is wrong, and how to repair it."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Any, Final

from player import __version__
from player.cli.client.format import printable
from player.cli.doctor.findings import Finding, Level, as_json, is_all_right
from player.cli.paths import add_config

DESCRIPTION = """\
Look at this machine as lull would use it: config, service, sound cards, device
and mixer, broker and login, clock, library, next start, disk, permissions,
power, versions, and what went wrong last night. Each line says how it is, and
where something is wrong how to repair it.

It works with a daemon and without one, with a faulty config and without root;
with sudo it sees more. The sound device is opened for a moment without a sound,
unless lull has it; some DACs click then, so do not run it beside somebody who sleeps.

exit codes: 0 nothing is wrong, 1 something is, 2 wrong usage"""

_MARKS: Final = {Level.RIGHT: "✓", Level.WARNING: "!", Level.WRONG: "✗"}
_NAME_WIDTH: Final = 15
_WIDTHS: Final = (60, 120)


def add_parser(commands: Any) -> None:
    """Add ``doctor`` to the command line."""
    parser = commands.add_parser(
        "doctor",
        help="say what is right, what is wrong and how to repair it",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(parser, "the config")
    parser.add_argument("--json", action="store_true", help="print one JSON object, for programs")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Examine and print; the exit code says whether something is wrong."""
    from player.cli.doctor.checks import examine

    findings = examine(args.config, args.device)
    if args.json:
        print(json.dumps(as_json(findings, __version__), indent=2))
    else:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTHS[1]
        print("\n".join(screen(findings, min(max(columns, _WIDTHS[0]), _WIDTHS[1]))))
    return 0 if is_all_right(findings) else 1


def screen(findings: Iterable[Finding], columns: int) -> Iterator[str]:
    """The lines for people."""
    listed = list(findings)
    for one in listed:
        yield from _wrapped(f"{_MARKS[one.level]} {one.check:{_NAME_WIDTH}} ", one.what, columns)
        if one.mend is not None and one.level is not Level.RIGHT:
            yield from _wrapped(" " * (_NAME_WIDTH + 3) + "→ ", one.mend, columns)
    wrong, waiting = (sum(one.level is level for one in listed) for level in (Level.WRONG, Level.WARNING))
    yield ""
    told = "Nothing is wrong" if wrong == 0 else f"{wrong} thing{'s are' if wrong > 1 else ' is'} wrong"
    yield told + ("." if waiting == 0 else f"; {waiting} marked ! can wait.")


def _wrapped(head: str, text: str, columns: int) -> list[str]:
    """The text after its head, wrapped."""
    return textwrap.wrap(
        printable(text), columns, initial_indent=head, subsequent_indent=" " * len(head), break_on_hyphens=False
    )
