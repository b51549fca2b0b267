"""docs/triggers.md against the code: its examples are configs, its tables are true, its commands are obeyed."""

from __future__ import annotations

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from player.cli.main import main
from player.cli.trigger_report import judge
from player.config import parse
from player.config.schema_triggers import TRIGGER
from player.core.states import State
from player.mqtt import topics
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics
from player.mqtt.triggers.gate import SpeakerStatus
from player.mqtt.triggers.rule_engine import Ruling
from player.mqtt.triggers.rules import DEBOUNCE_S
from player.mqtt.triggers.settings import TriggerSettings
from tests.fakes.clock import FakeClock
from tests.mqtt.triggers.rule_texts import HEAD
from tests.paths import ROOT

DOCS = ROOT / "docs"
DOC = (DOCS / "triggers.md").read_text(encoding="utf-8")
FLOW: list[dict[str, Any]] = json.loads((DOCS / "examples" / "node-red.json").read_text(encoding="utf-8"))
OWN = Topics("lull", "bedroom")


def section(title: str) -> str:
    """The text under a heading."""
    return DOC.split(f"\n## {title}\n")[1].split("\n## ")[0]


def example(text: str) -> TriggerSettings:
    """The triggers of the first config in a text."""
    lines = text[text.index("    triggers:\n") :].split("\n\n", maxsplit=1)[0].splitlines()
    return parse(HEAD + "\n".join(line[4:] for line in lines) + "\n").triggers


def rows(text: str) -> list[tuple[str, str, str]]:
    """Topic, message and effect of each row of the tables of a section."""
    found = []
    for header, body in re.findall(r"^\| (.*) \|\n\|[-|]+\|\n((?:\|.*\n?)+)", text, re.MULTILINE):
        if "fires" not in header:
            continue
        common = re.search(r"message on `([^`]+)`", header)
        for line in body.splitlines():
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            topic = common[1] if common else cells[0].strip("`")
            found.append((topic, cells[-2].strip(" `"), cells[-1].strip()))
    return found


EXAMPLES = [
    (title, *row)
    for title in (
        "zigbee2mqtt button",
        "Tasmota switch",
        "Presence sensor",
        "A phone that notices sleep",
        "Bed sensor",
        "Bedtime button",
        "Buttons and knobs",
    )
    for row in rows(section(title))
]


def test_the_table_of_keys_is_whole() -> None:
    """Every key once, and no other."""
    table = re.findall(r"^\| (`.*?) \|", section("The keys of a trigger"), re.MULTILINE)
    listed = [name for cell in table for name in re.findall(r"`([^`]+)`", cell)]
    assert sorted(listed) == sorted(TRIGGER.words)
    assert f"default {DEBOUNCE_S} s" in section("The keys of a trigger")


def test_the_tables_were_found() -> None:
    """Otherwise the next test would prove nothing."""
    assert len(EXAMPLES) == 34


@pytest.mark.parametrize(("title", "topic", "message", "effect"), EXAMPLES)
def test_each_message_sets_off_what_the_table_says(title: str, topic: str, message: str, effect: str) -> None:
    """In the evening, and no other trigger of the example."""
    part = next(one for one in section(title).split("\n### ") if f"`{topic}`" in one and f"`{message}`" in one)
    settings = example(part)
    clock = FakeClock(wall=datetime(2026, 1, 15, 22, 0, tzinfo=UTC))
    told = [
        judge(
            rule, Incoming(topic, message.encode()), clock.now(), SpeakerStatus(State.PLAYING, 30), settings.quiet_hours
        )
        for rule in settings.rules
    ]
    found = [one for one in told if one.verdict.ruling is not Ruling.NOT]
    if effect == "nothing":
        assert not found
        return
    (one,) = found
    assert effect.startswith(f"`{one.trigger.name}`")
    assert ("after" in effect) is (one.verdict.ruling is Ruling.WAITS)
    assert ("evening" in effect) is (one.trigger.only_between is not None)


def test_the_first_example_says_what_the_page_shows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command and its output, as they stand there."""
    config = tmp_path / "lull.yaml"
    head = DOC.split("\n## ")[0]
    lines = head[head.index("    triggers:\n") :].split("\n\n")[0].splitlines()
    config.write_text(HEAD + "\n".join(line[4:] for line in lines) + "\n")
    shown = [line[4:] for line in head[head.index("    $ lull") :].split("\n\n")[0].splitlines()]
    assert main([*shlex.split(shown[0])[2:], "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == shown[1:]


def test_the_commands_by_hand_are_obeyed_or_set_a_trigger_off() -> None:
    """Each is a command of lull, or a message of the button's example."""
    lines = [line.strip() for line in section("By hand").splitlines() if line.startswith("    mosquitto_pub")]
    assert len(lines) == 3
    rules = example(section("zigbee2mqtt button")).rules
    for line in lines:
        words = shlex.split(line)
        payload = b"" if "-n" in words else words[words.index("-m") + 1].encode()
        incoming = Incoming(words[words.index("-t") + 1], payload)
        now = FakeClock().now()
        fires = [
            judge(rule, incoming, now, SpeakerStatus(State.IDLE, 30), None).verdict.ruling is Ruling.FIRES
            for rule in rules
        ]
        assert any(fires) or topics.parse(OWN, incoming) is not None


# Node-RED


def nodes(kind: str) -> list[dict[str, Any]]:
    return [node for node in FLOW if node["type"] == kind]


def test_the_flow_is_whole() -> None:
    """Ids occur once, every wire leads to a node, every node lies on the tab and has its broker."""
    ids = [node["id"] for node in FLOW]
    assert len(set(ids)) == len(ids)
    assert all(target in ids for node in FLOW for wire in node.get("wires", ()) for target in wire)
    (tab,), (broker,) = nodes("tab"), nodes("mqtt-broker")
    assert all(node["z"] == tab["id"] for node in FLOW if node not in (tab, broker))
    assert all(node["broker"] == broker["id"] for node in nodes("mqtt out") + nodes("mqtt in"))
    assert len(nodes("switch")[0]["rules"]) == nodes("switch")[0]["outputs"] == len(nodes("switch")[0]["wires"])


def test_what_the_flow_sends_is_obeyed() -> None:
    """Each button's payload, on the topic that it is wired to; never retained, and only a stop may come late."""
    by_id = {node["id"]: node for node in FLOW}
    assert len(nodes("inject")) == len(nodes("mqtt out")) == 3
    for node in nodes("inject"):
        (target,) = node["wires"][0]
        out = by_id[target]
        assert (out["type"], out["retain"]) == ("mqtt out", "false")
        assert out["qos"] == ("1" if out["topic"].endswith("/cmd/stop") else "0")
        assert topics.parse(OWN, Incoming(out["topic"], node["payload"].encode())) is not None


def test_what_the_flow_listens_to_is_published() -> None:
    """State, events and answers, as JSON; the event that it waits for and the key that it shows exist."""
    assert {node["topic"] for node in nodes("mqtt in")} == {OWN.state, OWN.event, OWN.reply}
    assert all(node["datatype"] == "json" for node in nodes("mqtt in"))
    mqtt = (DOCS / "mqtt.md").read_text(encoding="utf-8")
    assert f"| `{nodes('switch')[0]['rules'][0]['v']}` |" in mqtt
    shown = {node["complete"].partition(".")[2] for node in nodes("debug")} - {""}
    assert shown == {"text"}
    assert "| `text` |" in mqtt.split("\n## Answers\n")[1].split("\n## ")[0]
