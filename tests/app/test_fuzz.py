"""Anything at all from the broker, through the running app: no thread ends, and every refusal has a reason."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from player.app import inbox
from player.app.parts import Terminate
from player.core.commands import GetStatus, ReplyTo, Request
from player.core.text import is_harmless
from player.core.verbs import VERBS
from player.mqtt import intake as desk
from player.mqtt.incoming import Incoming
from tests import effort
from tests.daemon_rig import PATIENCE_S, House

ROOTS = ["lull/bedroom/cmd", "lull/all/cmd", "lull/kitchen/cmd", "lull/bedroom", "lull/bedroom/availability", "x"]
WORDS = [
    "",
    "on",
    "off",
    "now",
    "toggle",
    "rain",
    "up",
    "+5",
    "-5",
    "30",
    "1e999",
    "45m",
    "1h30",
    "23:15",
    "undo",
    "1:30",
]
KEYS = ["command", "id", "origin", "playlist", "volume", "timer", "minutes", "at", "entry", "enabled", "now", "track"]

texts = st.one_of(st.sampled_from(WORDS), st.text(max_size=30))
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.sampled_from(KEYS), texts), inner, max_size=4)
    ),
    max_leaves=8,
)
commands = st.dictionaries(st.sampled_from(KEYS), values, max_size=4).flatmap(
    lambda fields: st.sampled_from(list(VERBS)).map(lambda verb: {**fields, "command": verb})
)
payloads = st.one_of(
    st.binary(max_size=60),
    texts.map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.one_of(values, commands).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 4000, b'{"a":' * 800, b"9" * 4096, b"x" * 4097, b'{"id": "\\ud800"}', b'{"id":1,"id":2}']),
)
topics = st.tuples(st.sampled_from(ROOTS), st.one_of(st.just(""), st.sampled_from(list(VERBS)), texts)).map(
    lambda parts: f"{parts[0]}/{parts[1]}" if parts[1] else parts[0]
)
messages = st.builds(
    Incoming,
    topic=topics,
    payload=payloads,
    retained=st.booleans(),
    response_topic=st.one_of(st.none(), st.just("me/answers"), texts),
    correlation=st.one_of(st.none(), st.binary(max_size=8)),
    expires_s=st.one_of(st.none(), st.integers(0, 2**32 - 1)),
    marks=st.lists(st.tuples(st.sampled_from(["id", "origin"]), texts), max_size=2).map(tuple),
)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inbox, "RATE_PER_S", 1e9)  # all of them are to be read, not refused for their number
        patch.setattr(desk, "REPEAT_S", -1.0)  # nor is one with the name of an earlier one to be answered from memory
        built = House(tmp_path_factory.mktemp("fuzz"))
        built.wait(lambda: bool(built.link.fields("lull/bedroom/state")))
        yield built
        built.tell(Terminate(over_s=0.5))
        built.thread.join(PATIENCE_S)
        assert not built.thread.is_alive()


NUMBERS = itertools.count()


def sent_for(house: House, message: Incoming) -> list[tuple[str, dict[str, Any]]]:
    """What the app publishes of its own accord until it has answered a question that was asked after the message."""
    house.link.sent.clear()
    house.tell(message)
    probe = f"probe/{next(NUMBERS)}"
    house.tell(Request(GetStatus(), "probe", ReplyTo(None, probe)))
    house.wait(lambda: any(topic == probe for topic, *_ in list(house.link.sent)))
    return [(topic, json.loads(payload)) for topic, payload, *_ in house.link.sent if topic != probe]


@pytest.mark.slow
@given(message=messages)
# no shrinking and no remembering: what fails has ended the app that all further examples would need
@settings(max_examples=effort.examples(80, 250), deadline=None, phases=[Phase.generate])
def test_nothing_from_the_broker_ends_a_thread_and_every_refusal_names_its_reason(
    house: House, message: Incoming
) -> None:
    """Whatever topic, payload and properties: what is refused is told with its reason, and answered with the same."""
    sent = sent_for(house, message)
    refusals = [
        fields for topic, fields in sent if topic == "lull/bedroom/event" and fields["event_type"] == "command_rejected"
    ]
    answers = [fields for _, fields in sent if "done" in fields]
    assert len(refusals) <= 1
    assert len(answers) <= 1
    for fields in refusals:
        assert fields["reason"].strip()
        assert fields["text"] == fields["reason"]
        assert is_harmless(fields["reason"])
    for answer in answers:
        assert answer["text"].strip()
        assert answer["done"] is not bool(refusals)
    is_ours = message.topic.startswith(("lull/bedroom/cmd", "lull/all/cmd")) and not message.retained
    if not is_ours:
        assert not refusals
        assert not answers
    assert house.thread.is_alive()
    assert house.app._engine_thread.is_alive()
