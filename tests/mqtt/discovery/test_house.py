"""docs/home-assistant: sentences for voice, understood by Home Assistant's own parser, and a house of speakers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from player.core.commands import Command, ExtendTimer, Play, SetVolume, Stop
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics, parse
from tests.mqtt.discovery.test_docs import DOC, FILES, TOPICS, Loader, entities, rendered
from tests.paths import ROOT

FOLDER = ROOT / "docs" / "home-assistant"
WHY = "Home Assistant's parser is not installed here: pip install hassil"
SAID: list[tuple[str, str, dict[str, Any], Command]] = [
    ("play the sleep sounds", "LullPlay", {}, Play()),
    ("Start sleep sounds in the bedroom", "LullPlay", {"speaker": "bedroom"}, Play()),
    ("play the rain in the nursery", "LullPlay", {"playlist": "rain", "speaker": "child"}, Play("rain")),
    ("play whispers", "LullPlay", {"playlist": "whispers"}, Play("whispers")),
    ("stop the sleep sounds", "LullStop", {}, Stop()),
    ("stop sleep sounds everywhere", "LullStop", {"speaker": "all"}, Stop()),
    ("stop sleep sounds in the child", "LullStop", {"speaker": "child"}, Stop()),
    ("make the sleep sounds quieter", "LullQuieter", {}, SetVolume(-6, is_relative=True)),
    ("sleep sounds softer in the bedroom", "LullQuieter", {"speaker": "bedroom"}, SetVolume(-6, is_relative=True)),
    ("sleep sounds louder", "LullLouder", {}, SetVolume(4, is_relative=True)),
    ("15 more minutes", "LullMore", {"minutes": 15}, ExtendTimer(900.0)),
    ("fifteen more minutes of sleep sounds", "LullMore", {"minutes": 15}, ExtendTimer(900.0)),
    ("20 minutes more for the nursery", "LullMore", {"minutes": 20, "speaker": "child"}, ExtendTimer(1200.0)),
]
TO_THE_BLUEPRINT = {
    "start the sleep sounds": "sentences_start", "good night": "sentences_start", "stop sleep sounds": "sentences_stop",
    "sleep sounds softer": "sentences_quieter", "make the sleep sounds quieter": "sentences_quieter",
    "make sleep sounds louder": "sentences_louder", "fifteen more minutes": "sentences_more",
    "15 minutes more": "sentences_more", "what sleep sound is playing": "sentences_what",
}  # fmt: skip


def document(name: str) -> Any:
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader)  # noqa: S506 - a SafeLoader


def understood(sentences: Any, said: str) -> set[tuple[str, tuple[tuple[str, Any], ...]]]:
    """The intents that a sentence may mean, each with its slots."""
    hassil = pytest.importorskip("hassil", reason=WHY)
    found = hassil.recognize_all(said, hassil.Intents.from_dict(sentences), language="en")
    return {(one.intent.name, tuple(sorted((name, e.value) for name, e in one.entities.items()))) for one in found}


@pytest.mark.parametrize(("said", "intent", "slots", "_command"), SAID, ids=[row[0] for row in SAID])
def test_what_is_said_is_understood_in_one_way(
    said: str, intent: str, slots: dict[str, Any], _command: Command
) -> None:
    """By the intent, with the names as lull has them."""
    assert understood(document("sentences.yaml"), said) == {(intent, tuple(sorted(slots.items())))}


@pytest.mark.parametrize("said", ["stop", "play", "more minutes", "200 more minutes", "play jazz", "good morning"])
def test_what_is_not_about_the_speaker_is_left_to_others(said: str) -> None:
    """No sentence of an assistant's own is taken away."""
    assert understood(document("sentences.yaml"), said) == set()


@pytest.mark.parametrize(("said", "intent", "slots", "command"), SAID, ids=[row[0] for row in SAID])
def test_what_is_understood_is_obeyed(said: str, intent: str, slots: dict[str, Any], command: Command) -> None:
    """The message that the intent sends, by the speaker that is named or the one in the file."""
    action, _pause = document("intents.yaml")["intent_script"][intent]["action"]
    topic, payload = (rendered(action["data"][key], slots) for key in ("topic", "payload"))
    device = slots.get("speaker", "bedroom")
    assert topic.startswith(f"lull/{device}/cmd/")
    request = parse(Topics("lull", "bedroom" if device == "all" else device), Incoming(topic, payload.encode()))
    assert request is not None
    assert (request.command, request.origin) == (command, "voice")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("silent in 44m58s", "15 more minutes"),
        ("unknown", "15 more minutes"),
        ("Refused: extend: nothing is playing",) * 2,
    ],
)
def test_what_was_refused_is_said(answer: str, said: str) -> None:
    """By the speaker's sensor, which is asked by its id; minutes are a number with a comma in Home Assistant."""
    text = document("intents.yaml")["intent_script"]["LullMore"]["speech"]["text"]
    shown = {"sensor.child_last_command": answer}
    slots = {"speaker": "child", "minutes": 15.0, "states": lambda name: shown[name]}
    assert rendered(text, slots).strip() == said


@pytest.mark.parametrize(
    ("answer", "said"), [("Refused: no", "Refused: no"), ("unavailable", "The speaker is offline")]
)
@pytest.mark.parametrize("intent", document("intents.yaml")["intent_script"])
def test_every_intent_waits_for_the_answer_and_says_something(intent: str, answer: str, said: str) -> None:
    """Half a second is enough: a command is answered within 100 ms."""
    script = document("intents.yaml")["intent_script"][intent]
    assert script["action"][1] == {"delay": {"milliseconds": 500}}
    told = {"states": {"sensor.bedroom_last_command": answer}.__getitem__, "minutes": 1}
    assert rendered(script["speech"]["text"], told).strip() == said


@pytest.mark.parametrize("sentence", ["play", "stop", "extend", "quieter", "louder", "what"])
def test_the_blueprint_says_that_a_speaker_is_offline(sentence: str) -> None:
    """It does not say good night where nothing can begin."""
    answer = document("blueprints/voice.yaml")["actions"][-1]["set_conversation_response"]
    names = {"speaker": "bedroom", "track": "t", "volume": "v", "trigger": {"id": sentence}}
    assert rendered(answer, names | {"states": lambda _name: "unavailable"}).strip() == "The speaker is offline"
    shown = rendered(answer, names | {"states": lambda _name: "7"}).strip()
    assert shown != "The speaker is offline"
    assert shown


def test_every_intent_has_sentences_and_something_to_do() -> None:
    """One without the other does nothing, and nobody would notice."""
    assert set(document("sentences.yaml")["intents"]) == set(document("intents.yaml")["intent_script"])


@pytest.mark.parametrize(("said", "of"), TO_THE_BLUEPRINT.items())
def test_the_sentences_of_the_blueprint_are_understood_in_one_way(said: str, of: str) -> None:
    """Each list of the form as an intent of its own."""
    inputs = document("blueprints/voice.yaml")["blueprint"]["input"]
    lists = {name: one["default"] for name, one in inputs.items() if name.startswith("sentences_")}
    intents = {name: {"data": [{"sentences": sentences}]} for name, sentences in lists.items()}
    assert understood({"language": "en", "intents": intents}, said) == {(of, ())}


def test_the_groups_of_a_house_are_entities_and_commands_of_ours() -> None:
    """Each entity by the id that it begins with, each button by what a speaker makes of its message."""
    house = document("house.yaml")
    named = [name for kind in ("switch", "binary_sensor") for group in house[kind] for name in group["entities"]]
    assert {name.replace(".child_", ".bedroom_") for name in named} <= set(entities())
    buttons = [one["button"] for one in house["mqtt"]]
    found = [
        parse(TOPICS, Incoming(one["command_topic"], str(one.get("payload_press", "PRESS")).encode()))
        for one in buttons
    ]
    assert [request and request.command for request in found] == [
        Stop(), SetVolume(-6, is_relative=True), SetVolume(4, is_relative=True), ExtendTimer(900.0),
    ]  # fmt: skip
    assert len({one["unique_id"] for one in (*buttons, *house["switch"], *house["binary_sensor"])}) == 7


def test_each_file_is_explained() -> None:
    """Nobody finds a file that no page names."""
    assert all(f"](home-assistant/{name})" in DOC for name in ("house.yaml", "sentences.yaml", "intents.yaml"))
    assert len(FILES) == 11
