"""docs/home-assistant.md against the code: entities, topics and payloads in its tables and in its YAML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from player.config import parse as parse_config
from player.config.schema_discovery import DISCOVERY
from player.core.commands import ExtendTimer, Play, SetVolume, Stop, Toggle
from player.core.events import EVENT_TYPES
from player.core.settings.mqtt import DiscoveryMode, DiscoverySettings, Identity
from player.mqtt.discovery.entities import EntityOptions
from player.mqtt.discovery.messages import Speaker, announcement
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics, parse
from tests.mqtt.discovery import home_assistant
from tests.paths import ROOT

DOC = (ROOT / "docs" / "home-assistant.md").read_text(encoding="utf-8")
FILES = {
    path.relative_to(ROOT / "docs"): path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "docs" / "home-assistant").rglob("*.yaml"))
}
"""The dashboard, the blueprints, and what is for voice and for several speakers."""
BLUEPRINTS = [path for path in FILES if path.parent.name == "blueprints"]
TOPICS = Topics("lull", "bedroom")
BLOCKS = [*re.findall(r"```yaml\n(.*?)```", DOC, re.DOTALL), *FILES.values()]


class Loader(yaml.SafeLoader):
    """YAML as Home Assistant reads it; `!input` stays a text."""


Loader.add_constructor("!input", lambda _loader, node: f"!input {node.value}")


def entities() -> dict[str, dict[str, Any]]:
    """All entities by the entity id that they begin with."""
    speaker = Speaker(DiscoverySettings(), Identity("lull_0123456789ab", "test"), TOPICS)
    messages = announcement(speaker, EntityOptions(60, ("rain",), ("weeknights",), 600, ("Drops",)))
    found = (home_assistant.read(topic, payload) for topic, payload in messages.items())
    return {fields["default_entity_id"]: fields for each in found for fields in each.values()}


def walk(value: object) -> Iterator[dict[str, Any]]:
    """Every table in a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


DOCUMENTS = [yaml.load(block, Loader) for block in BLOCKS]  # noqa: S506 - a SafeLoader
TABLES = [table for document in DOCUMENTS for table in walk(document)]


def test_the_examples_are_there() -> None:
    """An automation, a dashboard and seven blueprints, each linked; otherwise the next tests would prove nothing."""
    assert (len(DOCUMENTS), len(BLUEPRINTS)) == (12, 7)
    assert sum("topic" in table for table in TABLES) == 12
    assert all(f"]({path.as_posix()})" in DOC for path in FILES)


def test_every_entity_is_in_the_table_with_what_it_reads_and_sends() -> None:
    """By the id that it begins with; topics as they are announced."""
    rows = [line.split("|")[1:4] for line in DOC.splitlines() if re.match(r"\| `\w+\.\w+`", line)]
    found = entities()
    names = [cells[0].split("`")[1] for cells in rows]
    assert sorted(names) == sorted(found)
    for name, (_, reads, sends) in zip(names, rows, strict=True):
        fields = found[name]
        topic = fields.get("command_topic", "").removeprefix("lull/bedroom/")
        assert ("on `" in sends) == bool(topic), name
        assert not topic or f"on `{topic}`" in sends, name
        named = re.findall(r"`([\w.]+)`", reads)
        assert bool(named) == ("state_topic" in fields), name
        if "value_template" in fields:
            key = named[0].split(".")[0]
            assert f"value_json.{key}" in fields["value_template"], name
        sent = [fields[key] for key in ("payload_press", "payload_on") if topic and key in fields]
        assert all(f"`{payload}`" in sends for payload in sent), name


def test_every_entity_in_the_examples_is_one_of_ours_or_named_as_the_readers_own() -> None:
    """An id that is misspelt would be silent in a home."""
    own = {"light.bedroom"}
    used = {str(table[key]) for table in TABLES for key in ("entity", "entity_id") if isinstance(table.get(key), str)}
    used = {name for name in used if re.fullmatch(r"\w+\.\w+", name)}
    assert len(used) > 30
    assert used - own <= set(entities())


def test_the_dashboard_has_every_entity_that_is_used_in_a_night() -> None:
    """All but what is hidden at first, what is looked at seldom, and what repeats others."""
    seldom = {
        "binary_sensor.bedroom_clock_is_set", "binary_sensor.bedroom_sound_is_heard", "event.bedroom_activity",
        "button.bedroom_undo_never_again", "sensor.bedroom_lowered_by_the_guard", "sensor.bedroom_morning_light",
        "sensor.bedroom_level_at_the_pillow", "number.bedroom_bed_against_the_tracks",
    }  # fmt: skip
    text = next(text for path, text in FILES.items() if path.name == "dashboard.yaml")
    shown = {name for name, fields in entities().items() if fields.get("enabled_by_default", True)}
    assert {name for name in shown if not re.search(rf"\b{re.escape(name)}\b", text)} == seldom


def rendered(text: str, slots: dict[str, Any] | None = None) -> str:
    """A payload with templates in it, for the inputs that the blueprints begin with, or the slots of a sentence."""
    text = text.replace("| to_json", "| tojson")  # what Home Assistant adds to Jinja
    inputs = {"speaker": "bedroom", "volume": 20, "minutes": 45, "trigger": {"id": "quieter"}}
    return home_assistant.render(text, **(inputs if slots is None else slots))


@pytest.mark.parametrize(
    ("topic", "payload"), [(table["topic"], str(table["payload"])) for table in TABLES if "topic" in table]
)
def test_every_message_of_the_examples_is_obeyed(topic: str, payload: str) -> None:
    """None is refused, none is retained."""
    assert not any(table.get("retain") for table in TABLES)
    verbs = ("play", "stop", "extend") if "trigger.id" in topic else ("",)
    for verb in verbs:
        wanted = rendered(topic.replace("{{ trigger.id }}", verb))
        request = parse(TOPICS, Incoming(wanted, rendered(payload).encode()))
        assert request is not None
        assert isinstance(request.command, Play | Toggle | ExtendTimer | Stop | SetVolume)


def test_the_events_of_the_examples_exist() -> None:
    """What a template waits for is an event type."""
    text = "\n".join(BLOCKS)
    waited = re.findall(r"'(session_\w+)'", text)
    assert set(waited) == {"session_ended"}
    assert set(waited) <= set(EVENT_TYPES)


@pytest.mark.parametrize("path", BLUEPRINTS, ids=lambda path: path.stem)
def test_every_input_of_a_blueprint_is_used_and_every_use_is_an_input(path: Path) -> None:
    """A blueprint with an input that is none does not load; each says what it is and has a form."""
    document = yaml.load(FILES[path], Loader)  # noqa: S506 - a SafeLoader
    about = document["blueprint"]
    assert set(re.findall(r"!input (\w+)", FILES[path])) == set(about["input"])
    assert about["domain"] == "automation"
    assert about["description"]
    assert all(one["name"] for one in about["input"].values())


def test_an_entity_that_is_removed_is_no_error_in_a_blueprint() -> None:
    """A state trigger fires then as well, and its `to_state` is none."""
    texts = [
        text
        for document in DOCUMENTS
        for table in walk(document)
        for text in table.values()
        if isinstance(text, str) and "trigger.to_state" in text and "{{" in text
    ]
    assert len(texts) >= 4
    shown = [
        home_assistant.render(
            text, trigger={"id": name, "to_state": None}, states=lambda _entity: "Paused", state="sensor.s"
        )
        for name in ("event", "back")
        for text in texts
        if "highest" not in text  # an action, which follows only where a condition holds
    ]
    assert set(shown) <= {"", "None", "False"}


@pytest.mark.parametrize(
    ("light", "state", "expected"),
    [
        ("26", "Playing", "True"), ("0", "Playing", "False"), ("0", "Paused", "True"), ("0", "Silent", "False"),
        ("unavailable", "Paused", "False"), ("unknown", "Paused", "False"), ("unavailable", "unavailable", "False"),
    ],
)  # fmt: skip
def test_the_lamp_of_the_morning_stays_where_the_speaker_is_not_heard(light: str, state: str, expected: str) -> None:
    """It goes out in a snooze, and not because the speaker or the broker restarts in one."""
    (lamp,) = (one for one in DOCUMENTS if "a lamp for the morning" in str(one))
    (condition,) = lamp["conditions"]
    names = {"trigger": {"to_state": {"state": light}}, "states": lambda _entity: state, "state": "sensor.s"}
    assert home_assistant.render(condition["value_template"], **names) == expected


@pytest.mark.parametrize(
    ("came", "event", "expected"),
    [
        ("plays", None, "True"), ("back", None, "True"), ("event", "session_ended", "True"),
        ("event", "session_started", "False"), ("event", None, "False"),
    ],
)  # fmt: skip
def test_the_amplifier_goes_off_where_a_session_was_lost(came: str, event: str | None, expected: str) -> None:
    """A speaker that lost its power tells no end; when it is back and does not play, the amplifier is not needed."""
    (amplifier,) = (one for one in DOCUMENTS if "the amplifier off" in str(one))
    (condition,) = amplifier["conditions"]
    back = next(trigger for trigger in amplifier["triggers"] if trigger["id"] == "back")
    assert (back["from"], "to" in back) == ("unavailable", False)
    attributes = {} if event is None else {"event_type": event}
    trigger = {"id": came, "to_state": {"attributes": attributes}}
    assert home_assistant.render(condition["value_template"], trigger=trigger) == expected


def test_a_button_without_a_second_press_does_nothing_when_it_is_gone() -> None:
    """An input that is left empty is the event type of no press: an entity that becomes unavailable has none either."""
    (button,) = (one for one in DOCUMENTS if "beside the bed" in str(one))
    (condition,) = button["conditions"]
    for pressed, expected in (("", ""), ("single", "True"), ("triple", "False")):
        found = home_assistant.render(
            condition["value_template"], pressed=pressed, once="single", twice="", long="hold"
        )
        assert found == expected


def test_the_config_of_the_docs_is_read_and_every_key_is_explained() -> None:
    """The block as it stands, and the table of keys."""
    block = DOC.split("## The config\n")[1].split("| key |")[0]
    config = parse_config("playlists: {rain: {paths: [/srv/rain]}}\n" + re.sub("^    ", "", block, flags=re.MULTILINE))
    assert config.mqtt is not None
    assert config.mqtt.discovery == DiscoverySettings(DiscoveryMode.HOME_ASSISTANT, area="Bedroom")
    keys = re.findall(r"^\| `(\w+)` \|", DOC.split("## The config\n")[1].split("\n## ")[0], re.MULTILINE)
    assert keys == list(DISCOVERY.words)
