"""The shipped schemas: what is published is as they say, and docs/mqtt.md says the same."""

from __future__ import annotations

import json
import re
import tomllib
from typing import Any

import pytest

from player.core.commands import ReplyTo
from player.core.events import EVENT_TYPES, Answer, News
from player.core.snapshot import ListedTrack, TrackList
from player.mqtt import payloads
from tests import schema_check as schemas
from tests.mqtt.nights import NIGHT
from tests.mqtt.snapshots import ENDS, PLAYING, shot
from tests.mqtt.test_docs import first_cells, section
from tests.paths import ROOT

EVENTS = {branch["properties"]["event_type"]["const"]: branch for branch in schemas.schema("event")["oneOf"]}
HEAD = ["v", "event_type", "time", "text"]
IDLE = shot(
    state="idle", why=None, started=None, asked=None, playlist=None, track=None, next_track=None, position_s=None,
    duration_s=None, level_db=None, timer_mode="off", timer_set_s=None, timer_ends=None, timer_remaining_s=None,
    next_start=None, next_entry=None, entries={}, problems=("no sound device",), ramping_to=5,
)  # fmt: skip


def fields_of(kind: str) -> dict[str, Any]:
    """A payload that its schema allows."""
    made = {
        "state": payloads.state(PLAYING),
        "night": payloads.night(NIGHT),
        "tracks": payloads.tracks(TrackList((ListedTrack("Drops", "rain", 61.4, is_liked=True),), 1)),
        "event": payloads.event(News("volume_set", "volume 30", {"volume": 30, "asked": 40}), ENDS),
        "reply": payloads.reply(Answer(ReplyTo("7"), is_done=True, text="paused", data={}), PLAYING, "bedroom"),
    }
    found: dict[str, Any] = json.loads(made[kind])
    return found


def is_allowed(kind: str, fields: dict[str, Any]) -> bool:
    return schemas.fault_of(kind, json.dumps(fields).encode()) is None


@pytest.mark.parametrize("kind", schemas.KINDS)
def test_what_is_published_is_allowed_and_nothing_else(kind: str) -> None:
    """A key more, a key less, another version, a number as text: each is a fault."""
    fields = fields_of(kind)
    assert is_allowed(kind, fields)
    assert not is_allowed(kind, {**fields, "surprise": 1})
    assert not is_allowed(kind, {**fields, "v": 2})
    for key in fields:
        assert not is_allowed(kind, {name: value for name, value in fields.items() if name != key}), key
        assert key == "data" or not is_allowed(kind, {**fields, key: {"no": "such"}}), key


def test_a_state_in_which_nothing_is_known_is_allowed() -> None:
    """Null wherever there may be nothing."""
    assert schemas.fault_of("state", payloads.state(IDLE)) is None


def test_every_event_type_has_its_own_details() -> None:
    """In the order of the vocabulary; a detail of another type is a fault."""
    assert list(EVENTS) == schemas.schema("event")["properties"]["event_type"]["enum"] == list(EVENT_TYPES)
    assert not is_allowed("event", {**fields_of("event"), "seconds": 5})
    assert not is_allowed("event", {**fields_of("event"), "event_type": "volume_sat"})


def test_a_reply_holds_a_state_like_the_one_that_is_published() -> None:
    """Word for word the same schema."""
    own = {key: value for key, value in schemas.schema("state").items() if key not in {"$schema", "title", "$defs"}}
    assert schemas.schema("reply")["$defs"]["state"] == own


def test_the_documented_state_is_that_of_the_schema() -> None:
    """Every key once, in the order of the schema, and null where it may be null."""
    properties = schemas.schema("state")["properties"]
    documented: dict[str, Any] = {}
    for key, own in properties.items():
        inner = {f"{key}.{name}": one for name, one in own["properties"].items()} if key in {"timer", "phase"} else {}
        documented |= inner or {key: own}
    assert first_cells(section("State")) == list(documented)
    rows = dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section("State"), re.MULTILINE))
    for key, kind in rows.items():
        own = documented[key]
        may_be_null = "null" in json.dumps(own.get("type", own.get("anyOf", "")))
        assert ("null" in kind) == may_be_null, key


def test_the_documented_answer_is_that_of_the_schema() -> None:
    """Every key once, in its order."""
    assert first_cells(section("Answers")) == list(schemas.schema("reply")["properties"])


def test_the_documented_events_are_those_of_the_schema() -> None:
    """Every type once, each with its details, and the reasons for which a session ends."""
    rows = dict(re.findall(r"^\| (`[a-z_`, ]+`) \| (.*)\|$", section("Events"), re.MULTILINE))
    told = {name: cell for names, cell in rows.items() for name in re.findall(r"`([^`]+)`", names)}
    told.pop("event_type")
    assert set(told) == set(EVENTS)
    for name, cell in told.items():
        details = re.findall(r"`([a-z_]+)`", re.sub(r"\([^)]*\)", "", cell))
        assert set(details) == set(EVENTS[name]["properties"]) - set(HEAD), name
    reasons = re.findall(r"`([a-z_-]+)`", re.search(r"\(([^)]*)\)", told["session_ended"])[1])  # type: ignore[index]
    assert reasons == EVENTS["session_ended"]["properties"]["reason"]["enum"]


def test_the_schemas_are_shipped_with_the_package() -> None:
    """Whoever installs lull has them; their version is that of the payloads."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["setuptools"]["package-data"]["player.mqtt"] == ["schema/*.json"]
    for kind in schemas.KINDS:
        assert schemas.schema(kind)["properties"].get("v", {"const": payloads.FORMAT}) == {"const": payloads.FORMAT}
