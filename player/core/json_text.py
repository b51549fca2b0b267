"""JSON from outside, bounded before it is read. Pure functions, any thread.

Nothing here raises anything but `Refused`, whatever text comes in: nesting and numbers are bounded before they are read
(1e999, four thousand digits), and a key that appears twice is refused, because nobody can say which one was meant.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from player.core.errors import Refused
from player.core.text import quoted_text

MAX_DEPTH: Final = 5
"""As deep as the beds of a phase: ``{"then": [{"bed": [{"playlist": "rain"}]}]}``."""

_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
"""Strings, or brackets outside of them. A string without an end runs to the end, so that the scan stays linear."""


def quoted(value: object) -> str:
    """The value as it is shown in a reason: quoted, and cut to forty characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return quoted_text(text if len(text) <= 40 else text[:39] + "…")


def read_json(text: str, what: str) -> Any:
    """The value of a JSON text. Raises Refused, with a reason that begins with ``what``, where there is none."""
    _check_depth(text, what)
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_twins,
            parse_constant=_refuse_number,
            parse_float=_bounded_float,
            parse_int=_bounded_int,
        )
    except ValueError as error:
        raise Refused(f"{what} is not JSON: {error}") from None


def _check_depth(text: str, what: str) -> None:
    """Refuse deep nesting before the JSON reader descends into it; brackets inside of strings do not count."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"{what} is nested more than {MAX_DEPTH} deep")
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
