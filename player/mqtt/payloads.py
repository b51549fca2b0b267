"""Payloads that are published: snapshot, news and answer as JSON bytes. Pure functions, main thread.

Every object carries ``"v": 1``; a new key does not change it, a key that changes its meaning does. All keys are
always present, so that a value template never meets a missing one. Times are ISO 8601 with offset, lengths are
whole seconds, and there is no NaN or infinity, which JSON does not have.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Final

from player import __version__
from player.core.events import Answer, News
from player.core.night_report import NightReport
from player.core.published import fields_of, iso
from player.core.snapshot import MAX_BYTES, Snapshot, TrackList
from player.core.text import without_secrets

FORMAT: Final = 1
MAX_TEXT_OUT: Final = 1000
"""Maximum length of a text in a payload: a broker ends a connection whose packet is too large."""
_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
MAX_LISTED: Final = 500
"""Maximum length of a list in a payload."""
NIGHT_BYTES: Final = 15_000
"""Maximum length of the report of a night: Home Assistant stores no attributes of more than 16 KiB."""


def state(snapshot: Snapshot) -> bytes:
    """The payload of the ``state`` topic."""
    return _encode(state_fields(snapshot))


def state_fields(snapshot: Snapshot) -> dict[str, Any]:
    """The snapshot as it is published; documented key by key in docs/mqtt.md."""
    return {"v": FORMAT, **fields_of(snapshot), "version": __version__}


def night(report: NightReport) -> bytes:
    """The payload of the ``night`` topic; of one too long the earliest tracks and phases are left out."""
    fields = {"v": FORMAT, "text": report.text, **fields_of(report), "version": __version__}
    excess = len(_encode(fields)) - NIGHT_BYTES
    for key, place in (("tracks", 0), ("phases", 0), ("problems", -1)):
        rows = fields[key] = list(fields[key])
        while rows and excess > 0:
            excess -= len(_encode(rows.pop(place))) + 1
    return _encode(fields)


def tracks(found: TrackList) -> bytes:
    """The payload of the ``tracks`` topic: as many rows as fit into `MAX_BYTES`."""
    fields = fields_of(found)
    rows, left_bytes = [], MAX_BYTES
    for row in fields["tracks"]:
        left_bytes -= len(_encode(row)) + 1
        if left_bytes < 0:
            break
        rows.append(row)
    return _encode({"v": FORMAT, **fields, "tracks": rows})


def event(news: News, wall: datetime) -> bytes:
    """The payload of the ``event`` topic: the details, and on top of them what it is, when, and a line for people."""
    head = {"v": FORMAT, "event_type": news.type, "time": iso(wall), "text": news.text}
    return _encode({**head, **{key: value for key, value in news.data.items() if key not in head}})


def reply(answer: Answer, snapshot: Snapshot, device: str) -> bytes:
    """The payload of an answer: the sender's id, whether it was done, a line for people, and the state after it."""
    sender_id = None if answer.reply_to is None else answer.reply_to.id
    head = {"v": FORMAT, "id": sender_id, "device": device, "done": answer.is_done, "text": answer.text}
    return _encode({**head, "data": answer.data, "state": state_fields(snapshot)})


def public_text(text: str) -> str:
    """A text as it is published: no passwords of addresses, no control characters, at most `MAX_TEXT_OUT` long."""
    shown = without_secrets(text[: 4 * MAX_TEXT_OUT])
    shown = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", shown)
    return shown if len(shown) <= MAX_TEXT_OUT else shown[: MAX_TEXT_OUT - 1] + "…"


def _plain(value: Any) -> Any:
    """The value as JSON types."""
    if isinstance(value, Mapping):
        return {str(key): _plain(found) for key, found in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(found) for found in list(value)[:MAX_LISTED]]
    if isinstance(value, str):
        return public_text(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, int) else public_text(str(value))


def _encode(value: Any) -> bytes:
    """UTF-8 JSON; characters of file names that are not valid text are replaced."""
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
        "utf-8", "replace"
    )
