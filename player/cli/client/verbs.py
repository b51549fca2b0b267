"""The command line of the verbs: options made from their declarations in `player.core.verbs`, and back to arguments."""

from __future__ import annotations

import argparse
import textwrap
from typing import Any, Final

from player.core.arguments import SWITCH
from player.core.verb import Argument, Verb
from player.core.verbs import VERBS

JSON_HELP: Final = {"status": "the state", "tracks": "the list"}
"""The formats of the answers to queries, by verb."""
_WIDTH: Final = 80
_LIST: Final = (
    "Without a value list every start of the next two weeks: local time, entry, playlist, timer, and with phases when "
    "it is silent. The config says what is planned, and the running speaker is asked what was changed by hand: "
    "switched off, skipped, changed, or planned for once. --days N lists so many days, 1 to 366."
)


def description(verb: Verb) -> str:
    """The text of the verb's help above its options."""
    paragraphs = [textwrap.fill(verb.about, _WIDTH)]
    if verb.name == "schedule":
        paragraphs.insert(0, textwrap.fill(_LIST, _WIDTH))
    if verb.to_type:
        paragraphs.append("\n".join(f"    lull {line}" for line in verb.to_type))
    return "\n\n".join(paragraphs)


def add_arguments(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """Add the options of a verb, and those that exist only on the command line."""
    for argument in verb.arguments:
        _add(parser, argument, is_plain=argument.key == verb.plain)
    if verb.name == "schedule":
        from player.cli.client import schedule_list

        schedule_list.add_arguments(parser)
    elif verb.name in JSON_HELP:
        parser.add_argument(
            "--json", action="store_true", help=f"print {JSON_HELP[verb.name]} as JSON, as in docs/mqtt.md"
        )


def _add(parser: argparse.ArgumentParser, argument: Argument, *, is_plain: bool) -> None:
    about = f"{argument.about}: {argument.kind.expects}".replace("%", "%%")
    option = "--" + argument.key.replace("_", "-")
    if is_plain:
        count = None if argument.is_required else "?"
        if argument.is_phrase:
            count = "+" if argument.is_required else "*"
        parser.add_argument(argument.key, nargs=count, metavar=argument.metavar, help=about)
    elif argument.kind is SWITCH:
        parser.add_argument(option, action="store_true", help=argument.about)
    else:
        parser.add_argument(option, metavar=argument.metavar, help=about)


def asks_for_list(args: argparse.Namespace) -> bool:
    """Whether ``lull schedule`` lists the starts: nothing is changed, and ``--days`` is a number."""
    changes = [getattr(args, argument.key) for argument in VERBS["schedule"].arguments if argument.key != "days"]
    is_number = args.days is None or args.days.removeprefix("-").isdecimal()
    return is_number and not any(changes)


def fields(verb: Verb, args: argparse.Namespace) -> dict[str, Any]:
    """The options as fields of a JSON command. Raises Refused for a word without effect."""
    found: dict[str, Any] = {}
    for argument in verb.arguments:
        value = getattr(args, argument.key)
        if isinstance(value, list):
            value = " ".join(value)
        if argument.key == verb.plain:
            found.update(verb.fields_of(value))
        elif value is not None and value is not False:
            found[argument.key] = value
    return found
