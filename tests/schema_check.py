"""What is published, against the schemas that are shipped: an undocumented key, type or detail fails."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from player.mqtt.payloads import FORMAT

KINDS = ("state", "night", "tracks", "event", "reply")


@cache
def schema(kind: str) -> dict[str, Any]:
    """The shipped schema of a kind of payload."""
    path = resources.files("player.mqtt") / "schema" / f"{kind}.v{FORMAT}.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


@cache
def _validator(kind: str) -> Draft202012Validator:
    Draft202012Validator.check_schema(schema(kind))
    return Draft202012Validator(schema(kind), format_checker=FormatChecker())


def fault_of(kind: str, payload: bytes) -> str | None:
    """What is wrong with a payload, None when nothing is."""
    fields = json.loads(payload)
    found = best_match(_validator(kind).iter_errors(fields))
    return None if found is None else f"{kind} {found.json_path}: {found.message} in {fields}"


def check(topic: str, payload: bytes) -> None:
    """Fail if this is a state, event or reply that its schema does not allow; other topics are nobody's business."""
    kind = topic.rpartition("/")[2]
    if kind in KINDS and payload and "/cmd/" not in topic:
        fault = fault_of(kind, payload)
        assert fault is None, fault
