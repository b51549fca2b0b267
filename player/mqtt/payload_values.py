"""Reads payloads from a broker: bytes in, a value out. Pure functions, any thread.

Nothing here raises anything but `Refused`, whatever bytes come in: the length is bounded before they are read, and what
is JSON is read by `player.core.json_text`.
"""

from __future__ import annotations

import json
from typing import Any, Final

from player.core.errors import Refused
from player.core.json_text import quoted, read_json
from player.core.text import is_harmless
from player.core.values import Value

MAX_PAYLOAD_BYTES: Final = 4096
"""Longer payloads are refused unread."""


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
    value = read_json(text, "the payload")
    if isinstance(value, str):
        return _plain(value.strip())
    if not isinstance(value, dict):
        raise Refused("the payload is a JSON list; write one value or an object")
    return value


def as_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in what a speaker has published; empty for anything else."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
