"""The documents that are made from declarations: ``python -m player.mqtt.reference`` rewrites them in a source tree.

docs/mqtt.md between its markers, and the JSON Schemas of commands, the state and answers. Tests hold them against the
declarations.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from player.core.night_report import NightReport
from player.core.published import DEFS, closed_object, keys_of, properties_of
from player.core.snapshot import ListedTrack, Snapshot, TrackList
from player.core.values import MAX_TEXT
from player.core.verb import IN_UNITS, Argument, Verb
from player.core.verbs import VERBS
from player.mqtt.payloads import FORMAT

SCHEMA: Final = "https://json-schema.org/draft/2020-12/schema"
_ROOT: Final = Path(__file__).parents[2]
_SCHEMAS: Final = Path(__file__).parent / "schema"
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}


def command_schema() -> dict[str, Any]:
    """JSON Schema of what may be sent to the ``cmd`` topic; on ``cmd/<verb>`` the same without ``command``."""
    return {
        "$schema": SCHEMA,
        "title": f"lull: a command as JSON on <prefix>/<device>/cmd, format {FORMAT}",
        "oneOf": [_verb_schema(verb) for verb in VERBS.values()],
    }


def _verb_schema(verb: Verb) -> dict[str, Any]:
    properties: dict[str, Any] = {"command": {"const": verb.name}}
    for argument in verb.arguments:
        optional = argument.is_required or argument.kind.takes_null
        schema = argument.kind.schema if optional else {"anyOf": [argument.kind.schema, {"type": "null"}]}
        properties[argument.key] = {"description": _about(argument), **schema}
        if argument.in_units:
            properties |= {unit: {"type": ["number", "string", "null"]} for unit in IN_UNITS}
    properties["id"] = {"anyOf": [_TEXT, {"type": "integer"}]}
    properties["origin"] = {**_TEXT, "pattern": "^[^:]*$"}
    needed = [argument.key for argument in verb.arguments if argument.is_required and not argument.in_units]
    return {
        "description": verb.about,
        "type": "object",
        "properties": properties,
        "required": ["command", *needed],
        "additionalProperties": False,
    }


def state_schema(kind: type = Snapshot) -> dict[str, Any]:
    """JSON Schema of the payload of the ``state`` topic."""
    title = f"lull: the payload of <prefix>/<device>/state, format {FORMAT}"
    return {"$schema": SCHEMA, "title": title, **_state_object(kind), "$defs": DEFS}


def night_schema() -> dict[str, Any]:
    """JSON Schema of the payload of the ``night`` topic."""
    title = f"lull: the payload of <prefix>/<device>/night, format {FORMAT}"
    text = {"type": "string"}
    fields = {"v": {"const": FORMAT}, "text": text, **properties_of(NightReport), "version": text}
    return {"$schema": SCHEMA, "title": title, **closed_object(fields), "$defs": DEFS}


def reply_schema() -> dict[str, Any]:
    """JSON Schema of an answer to a command."""
    answer = {
        "v": {"const": FORMAT},
        "id": {"type": ["string", "null"]},
        "device": {"type": "string"},
        "done": {"type": "boolean"},
        "text": {"type": "string"},
        "data": {"type": "object"},
        "state": {"$ref": "#/$defs/state"},
    }
    title = f"lull: an answer to a command, format {FORMAT}"
    return {
        "$schema": SCHEMA, "title": title, **closed_object(answer), "$defs": {**DEFS, "state": _state_object(Snapshot)},
    }  # fmt: skip


def tracks_schema() -> dict[str, Any]:
    """JSON Schema of the payload of the ``tracks`` topic."""
    title = f"lull: the payload of <prefix>/<device>/tracks, format {FORMAT}"
    return {"$schema": SCHEMA, "title": title, **closed_object({"v": {"const": FORMAT}, **properties_of(TrackList)})}


def _state_object(kind: type) -> dict[str, Any]:
    return closed_object({"v": {"const": FORMAT}, **properties_of(kind), "version": {"type": "string"}})


def state_table(kind: type = Snapshot) -> str:
    """The keys of the state, in Markdown, and which of them do not make a message by themselves."""
    rows = ["| key | type | what |", "|---|---|---|", f"| `v` | {FORMAT} | version of the format |"]
    rows.extend(f"| `{key.key}` | {key.type.name} | {key.about} |" for key in keys_of(kind))
    running = ", ".join(f"`{key.key}`" for key in keys_of(kind) if key.runs)
    note = f"When nothing changes but {running}, the state is published at most every ten seconds."
    return "\n".join([*rows, "| `version` | text | version of lull |", "", note])


def night_table() -> str:
    """The keys of the report of the night, in Markdown."""
    rows = ["| key | type | what |", "|---|---|---|", f"| `v` | {FORMAT} | version of the format |"]
    rows.append("| `text` | text | the night in one line |")
    rows.extend(f"| `{key.key}` | {key.type.name} | {key.about} |" for key in keys_of(NightReport))
    return "\n".join([*rows, "| `version` | text | version of lull |"])


def tracks_table() -> str:
    """The keys of a row of the list of tracks, in Markdown."""
    rows = ["| key | type | what |", "|---|---|---|"]
    return "\n".join([*rows, *(f"| `{key.key}` | {key.type.name} | {key.about} |" for key in keys_of(ListedTrack))])


def verb_table() -> str:
    """What each verb takes and does, in Markdown."""
    rows = ["| verb | payload | what it does |", "|---|---|---|"]
    for verb in VERBS.values():
        forms = "; ".join("empty" if form == "" else f"`{form}`" for form in verb.examples)
        rows.append(f"| `{verb.name}` | {forms} | {verb.about} |")
    return "\n".join(rows)


def argument_table() -> str:
    """The keys of each verb's object, in Markdown."""
    rows = ["| verb | key | what |", "|---|---|---|"]
    for verb in VERBS.values():
        rows.extend(f"| {verb.name} | {_keys(argument)} | {_about(argument)} |" for argument in verb.arguments)
    return "\n".join(rows)


def _keys(argument: Argument) -> str:
    keys = (argument.key, *IN_UNITS) if argument.in_units else (argument.key,)
    return ", ".join(f"`{key}`" for key in keys)


def _about(argument: Argument) -> str:
    return f"{argument.about}; {argument.kind.expects}"


SECTIONS: Final = {
    "verbs": verb_table,
    "arguments": argument_table,
    "state": state_table,
    "night": night_table,
    "tracks": tracks_table,
}
"""The text in docs/mqtt.md between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``."""


def filled_in(document: str, sections: Mapping[str, Callable[[], str]] = SECTIONS) -> str:
    """The document with each generated section as the declarations have it now."""
    for name, make in sections.items():
        begin, end = f"<!-- begin {name} -->\n", f"\n<!-- end {name} -->"
        before, rest = document.split(begin)
        document = before + begin + make() + end + rest.split(end, maxsplit=1)[1]
    return document


def schemas() -> Iterator[tuple[Path, str]]:
    """Each generated schema: its file and its text."""
    found = {
        "command": command_schema(),
        "state": state_schema(),
        "night": night_schema(),
        "tracks": tracks_schema(),
        "reply": reply_schema(),
    }
    for name, made in found.items():
        yield _SCHEMAS / f"{name}.v{FORMAT}.json", json.dumps(made, indent=2) + "\n"


def main() -> None:
    """Rewrite them all."""
    for path, text in schemas():
        path.write_text(text, encoding="utf-8")
    document = _ROOT / "docs" / "mqtt.md"
    document.write_text(filled_in(document.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
