"""A field of the state is declared once: payload, JSON Schema, table and throttle are made from the declaration."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Annotated, Any

from jsonschema import Draft202012Validator

from player.core.published import SECONDS, TEXT, PublishedKey, fields_of, or_null
from player.core.snapshot import Snapshot
from player.mqtt import payloads, reference
from player.mqtt.state_throttle import StateThrottle
from tests.mqtt.snapshots import PLAYING, shot


@dataclass(frozen=True, slots=True, kw_only=True)
class Wider(Snapshot):
    """The state with three further fields: one that is declared, one that runs along, one that is not published."""

    mood: Annotated[str | None, PublishedKey("mood", or_null(TEXT), "how it feels")]
    uptime_s: Annotated[float, PublishedKey("timer.uptime", SECONDS, "how long it runs", runs=True)]
    inner: int


def wider(**changes: Any) -> Wider:
    """`PLAYING` with the further fields."""
    own = {one.name: getattr(PLAYING, one.name) for one in fields(PLAYING)}
    return Wider(**{**own, "mood": "calm", "uptime_s": 59.7, "inner": 1, **changes})


def test_a_declared_field_is_in_payload_schema_and_table() -> None:
    """Nested by the dot in its key, encoded by its type; a field without a declaration is in none of them."""
    fields_sent = json.loads(payloads.state(wider()))
    assert fields_sent["mood"] == "calm"
    assert fields_sent["timer"]["uptime"] == 60
    assert "inner" not in fields_sent
    schema = reference.state_schema(Wider)
    Draft202012Validator(schema).validate(fields_sent)
    assert "mood" in schema["required"]
    assert not Draft202012Validator(schema).is_valid({**fields_sent, "mood": 1})
    assert not Draft202012Validator(schema).is_valid(json.loads(payloads.state(PLAYING)))
    assert "| `mood` | text, null | how it feels |" in reference.state_table(Wider).splitlines()
    assert "| `timer.uptime` | seconds | how long it runs |" in reference.state_table(Wider).splitlines()


def test_a_declared_field_is_published_when_it_changes_and_a_running_one_waits() -> None:
    """A change after a quarter of a second, what runs along after ten."""
    throttle = StateThrottle()
    assert throttle.is_due(wider(), 100.0)
    assert not throttle.is_due(wider(uptime_s=62.0), 102.0)
    assert throttle.is_due(wider(uptime_s=70.0), 110.0)
    assert throttle.is_due(wider(uptime_s=70.0, mood=None), 110.5)


def test_every_field_of_the_state_is_published_under_keys_of_its_own() -> None:
    """None is forgotten, and no two share a key."""
    shown = fields_of(PLAYING)
    assert len(fields(Snapshot)) == len(asdict(PLAYING)) == len(shown) - 1 - 2 + 5 + 3 + 2, (
        "timer holds five, phase three, problems are two; the choices of tracks and volume.max are not published"
    )
    assert shown == fields_of(shot())
