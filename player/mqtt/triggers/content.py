"""The value in a message of another device: its text, or one part of its JSON. Pure; any thread.

Such messages are larger and deeper than lull's own commands (a zigbee2mqtt device publishes its whole state), so the
limits are wider. A message beyond them, or one that cannot be read, has no value. Nothing here raises for any bytes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from player.core.json_text import quoted

MAX_BYTES: Final = 16 << 10
"""Longer messages are not read."""
MAX_STEPS: Final = 8

Step: TypeAlias = str | int
Scalar: TypeAlias = str | int | float | bool

_STEP: Final = re.compile(r"\.?([^.\[\]\"\s][^.\[\]\"]*)|\[([0-9]{1,4})\]|\[\"([^\"]+)\"\]")


@dataclass(frozen=True, slots=True)
class Nothing:
    """The message has no value for this trigger, and why."""

    why: str


def read_path(text: str) -> tuple[Step, ...]:
    """The steps of a path such as ``action``, ``update.state``, ``sensors[0].value``, ``["a.b"]``.

    Raises:
        ValueError: it is not a valid path.
    """
    steps: list[Step] = []
    place = 0
    while place < len(text):
        found = _STEP.match(text, place)
        if not found or (found[1] and text.startswith(".", place) != (place > 0)):
            break
        steps.append(int(found[2]) if found[2] else found[1] or found[3])
        place = found.end()
    if not steps or place < len(text) or len(steps) > MAX_STEPS:
        raise ValueError(
            f"{quoted(text)} is not a path into JSON; write it like action, update.state, list[0].name "
            f'or ["a.b"], with at most {MAX_STEPS} steps'
        )
    return tuple(steps)


def value_in(payload: bytes, path: tuple[Step, ...]) -> Scalar | Nothing:
    """The value that a message carries for a trigger: its whole text without a path, otherwise the part of its JSON.

    An empty message, an empty text and null do not count as values: zigbee2mqtt sends them after each press of a
    button.
    """
    if len(payload) > MAX_BYTES:
        return Nothing(f"the message has {len(payload)} bytes; at most {MAX_BYTES} are read")
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        return Nothing("the message is not UTF-8 text")
    if not text:
        return Nothing("the message is empty")
    return _part_of(text, path) if path else _whole(text)


def _whole(text: str) -> Scalar | Nothing:
    """Plain text; a JSON string is its text, so that ``"single"`` and ``single`` are the same."""
    if text.startswith('"'):
        found = _json(text)
        if isinstance(found, str):
            return found.strip() or Nothing("the message is empty")
    if text == "null":
        return Nothing("the message is null")
    if text.startswith(("{", "[")):
        return Nothing("the message is JSON; name the part of it with path")
    return text


def _part_of(text: str, path: tuple[Step, ...]) -> Scalar | Nothing:
    found = _json(text)
    if isinstance(found, Nothing):
        return found
    for place, step in enumerate(path):
        if not _has(found, step):
            return Nothing(f"the message has no {show_path(path[: place + 1])}")
        found = found[step]
    where = show_path(path)
    if found is None or found == "":
        return Nothing(f"{where} is {'null' if found is None else 'empty'}")
    if isinstance(found, dict | list):
        return Nothing(f"{where} is {'an object' if isinstance(found, dict) else 'a list'}, not one value")
    if isinstance(found, str):
        return found.strip() or Nothing(f"{where} is empty")
    assert isinstance(found, int | float), "JSON has no other kinds"
    return found


def _has(found: Any, step: Step) -> bool:
    if isinstance(step, int):
        return isinstance(found, list) and step < len(found)
    return isinstance(found, dict) and step in found


def _json(text: str) -> Any:
    """The value, or `Nothing` where the text is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        # also numbers of thousands of digits, and nesting too deep for the reader
        return Nothing("the message is not JSON")


def show_path(path: tuple[Step, ...]) -> str:
    """A path as it is written."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif set(step) & set('.[]"') or step != step.strip():
            text += f'["{step}"]'
        else:
            text += f".{step}" if text else step
    return text
