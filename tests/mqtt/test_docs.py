"""docs/mqtt.md against the code: what it lists is there, what is there is listed, and its examples are obeyed."""

from __future__ import annotations

import re
import shlex

import pytest

from player.core.verbs import VERBS
from player.mqtt import payloads
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics, parse
from tests.mqtt.snapshots import PLAYING
from tests.paths import ROOT

DOC = (ROOT / "docs" / "mqtt.md").read_text(encoding="utf-8")
EXAMPLES = [line.strip() for line in DOC.splitlines() if line.startswith("    mosquitto_pub")]


def section(title: str) -> str:
    """The text under a heading, up to the next one of its rank."""
    return DOC.split(f"\n## {title}\n")[1].split("\n## ")[0]


def first_cells(text: str) -> list[str]:
    """The names in the first column of the tables in a text."""
    rows = re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def test_every_verb_is_described_once_and_no_other() -> None:
    """In the order in which they are listed to people."""
    table = section("Commands").split("Verbs match exactly")[0]
    assert first_cells(table) == list(VERBS)


def test_every_key_of_the_state_is_described_once_and_no_other() -> None:
    """In the order in which they are published."""
    fields = payloads.state_fields(PLAYING)
    keys: list[str] = []
    for key, value in fields.items():
        keys += [f"{key}.{inner}" for inner in value] if key in {"timer", "phase"} else [key]
    assert first_cells(section("State")) == keys


def test_the_examples_are_there() -> None:
    """Otherwise the next test would prove nothing."""
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_each_example_is_obeyed(example: str) -> None:
    """None is refused, none is for another speaker."""
    words = shlex.split(example)
    topic = words[words.index("-t") + 1]
    payload = b"" if "-n" in words else words[words.index("-m") + 1].encode()
    assert parse(Topics("lull", "bedroom"), Incoming(topic, payload)) is not None
