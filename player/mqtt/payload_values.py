"""Reads payloads from a broker: bytes in, a value out. Pure functions, any thread.

Nothing here raises anything but `Refused`, whatever bytes come in: length, nesting and numbers are bounded before they
are read (1e999, four thousand digits), and a key that appears twice is refused, because nobody can say which one was
meant.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from player.core.errors import Refused
from player.core.text import is_harmless
from player.core.values import Value, quoted

MAX_PAYLOAD_BYTES: Final = 4096
"""Longer payloads are refused unread."""
MAX_DEPTH: Final = 4

_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
"""Strings, or brackets outside of them. A string without an end runs to the end, so that the scan stays linear."""


def read(payload: bytes) -> Value:
    """The value of a payload: None when empty, an object when it is JSON, otherwise its text without outer spaces.

    A byte order mark before it (PowerShell) and NULs behind it (the end of a text in C) are dropped.

    Raises:
        Refused: longer than 4 KiB, not UTF-8, with control characters, or JSON that is broken, ambiguous or nested too
            deeply.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(f"the payload is longer than the {MAX_PAYLOAD_BYTES} bytes that are allowed")
    try:
        text = payload.decode("utf-8-sig").rstrip("\0").strip()
    except UnicodeDecodeError:
        raise Refused("the payload is not UTF-8 text") from None
    if text.startswith(("{", "[", '"')):
        return _read_json(text)
    return _plain(text)


def _plain(text: str) -> str | None:
    if not is_harmless(text):
        raise Refused(f"the payload {quoted(text)} has control characters")
    return text or None


def _read_json(text: str) -> Value:
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_twins,
            parse_constant=_refuse_number,
            parse_float=_bounded_float,
            parse_int=_bounded_int,
        )
    except ValueError as error:
        raise Refused(f"the payload is not JSON: {error}") from None
    if isinstance(value, str):
        return _plain(value.strip())
    if not isinstance(value, dict):
        raise Refused("the payload is a JSON list; write one value or an object")
    return value


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the JSON reader descends into it; brackets inside of strings do not count."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"the payload is nested more than {MAX_DEPTH} deep")
        elif match[0] in "]}":
            depth -= 1


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"the key {quoted(key)} appears twice")
        found[key] = value
    return found


def _refuse_number(text: str) -> None:
    raise Refused(f"{quoted(text)} is not a usable number")


def _bounded_int(text: str) -> int:
    if len(text) > 10:
        _refuse_number(text)
    return int(text)


def _bounded_float(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e10:
        _refuse_number(text)
    return value


def as_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in what a speaker has published; empty for anything else."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
