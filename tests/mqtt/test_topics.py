"""Topic and payload to request."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.core.commands import Pause, Play, ReplyTo, Request, SetVolume, Stop
from player.core.errors import Refused
from player.core.verbs import VERBS
from player.mqtt.incoming import Incoming
from player.mqtt.topics import Topics, parse, reply_to
from tests import effort

TOPICS = Topics("lull", "bedroom", ("upstairs",))


def request(topic: str, payload: bytes = b"", **more: object) -> Request | None:
    return parse(TOPICS, Incoming(topic, payload, **more))  # type: ignore[arg-type]


def refusal(topic: str, payload: bytes = b"", **more: object) -> str:
    with pytest.raises(Refused) as caught:
        request(topic, payload, **more)
    return str(caught.value)


def test_the_names_of_the_topics() -> None:
    """``prefix/device/…`` for what it says, three ``cmd`` trees for what it hears."""
    topics = Topics("home/lull", "bedroom", ("upstairs",))
    assert [topics.availability, topics.state, topics.event, topics.reply] == [
        "home/lull/bedroom/availability",
        "home/lull/bedroom/state",
        "home/lull/bedroom/event",
        "home/lull/bedroom/reply",
    ]
    assert topics.subscriptions == ("home/lull/bedroom/cmd/#", "home/lull/all/cmd/#", "home/lull/upstairs/cmd/#")
    assert [topics.command(), topics.command("play")] == ["home/lull/bedroom/cmd", "home/lull/bedroom/cmd/play"]


def test_a_group_of_the_same_name_as_the_device_is_subscribed_once() -> None:
    """Two subscriptions to one topic could bring each command twice."""
    assert Topics("lull", "bedroom", ("bedroom",)).subscriptions == ("lull/bedroom/cmd/#", "lull/all/cmd/#")


@pytest.mark.parametrize("who", ["bedroom", "all", "upstairs"])
def test_own_topics_everybodys_and_the_groups_are_obeyed(who: str) -> None:
    """The same verbs on all three."""
    assert request(f"lull/{who}/cmd/play", b"rain") == Request(Play("rain"), "mqtt")


@pytest.mark.parametrize(
    "topic",
    [
        "lull/kitchen/cmd/play",
        "lull/bedroom/state",
        "lull/bedroom/cmdx/play",
        "lull/bedroom",
        "x/lull/bedroom/cmd/play",
        "lull/downstairs/cmd/stop",
        "",
        "homeassistant/status",
    ],
)
def test_other_topics_are_not_ours(topic: str) -> None:
    """Neither a request nor a refusal comes of them."""
    assert request(topic, b"rain") is None


@pytest.mark.parametrize(
    "payload", [b'{"command": "volume", "volume": 30}', b'{"volume": "30", "command": " volume "}']
)
def test_cmd_takes_the_verb_from_the_object(payload: bytes) -> None:
    """The other keys are those of the verb."""
    assert request("lull/bedroom/cmd", payload) == Request(SetVolume(30), "mqtt")


def test_cmd_takes_a_bare_verb() -> None:
    """For buttons that can send one fixed word."""
    assert request("lull/bedroom/cmd", b"pause") == Request(Pause(), "mqtt")


def test_cmd_without_a_command_says_how_it_is_written() -> None:
    """The reason holds an example."""
    for payload in (b"", b"{}", b'{"playlist": "rain"}'):
        assert '{"command": "play", "playlist": "rain"}' in refusal("lull/bedroom/cmd", payload)


def test_a_command_key_is_out_of_place_on_a_verbs_own_topic() -> None:
    """Two verbs in one message would be ambiguous."""
    assert "unknown key 'command'" in refusal("lull/bedroom/cmd/play", b'{"command": "stop"}')


@pytest.mark.parametrize("payload", [b"", b"rain", b"\xff"])
def test_retained_messages_are_dropped(payload: bytes) -> None:
    """They are no wish of this moment; not even a refusal comes of them."""
    assert request("lull/bedroom/cmd/play", payload, retained=True) is None


def test_an_id_asks_for_an_answer() -> None:
    """Text or whole number; it comes back as text."""
    for written in (b'"7"', b"7"):
        found = request("lull/bedroom/cmd/pause", b'{"id": ' + written + b"}")
        assert found == Request(Pause(), "mqtt", ReplyTo("7"))


@pytest.mark.parametrize("written", [b"true", b"1.5", b"[]", b'""', b'"' + b"x" * 65 + b'"'])
def test_an_id_that_is_none_is_refused(written: bytes) -> None:
    """It would not come back as it was sent."""
    assert refusal("lull/bedroom/cmd/pause", b'{"id": ' + written + b"}").startswith("id ")


def test_a_response_topic_asks_for_an_answer() -> None:
    """MQTT 5: the answer goes there, with the correlation data."""
    found = request("lull/bedroom/cmd/pause", response_topic="nodered/answers", correlation=b"\x00\xff")
    assert found == Request(Pause(), "mqtt", ReplyTo(None, "nodered/answers", b"\x00\xff"))


@pytest.mark.parametrize(
    "topic",
    [
        "lull/bedroom/cmd",
        "lull/bedroom/cmd/play",
        "lull/all/cmd/play",
        "lull/kitchen/cmd/stop",
        "a/+/b",
        "a/#",
        "",
        "$SYS/x",
        "a\x00b",
        "x" * 1025,
        chr(55296),
        "lull/bedroom/state",
        "lull/bedroom/availability",
        "lull/bedroom/event",
        "lull/kitchen/media/volume/set",
        "lull/new",
        "homeassistant/device/lull_1/config",
        "homeassistant/status",
        "zigbee2mqtt/lamp/set",
        "cmnd/plug/POWER",
        "other/speaker/availability",
    ],
)
def test_an_answer_cannot_become_a_command(topic: str) -> None:
    """A response topic on which others take commands or publish states is refused, and gets no refusal either."""
    assert "response topic" in refusal("lull/bedroom/cmd/play", response_topic=topic)
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/play", b"", response_topic=topic, correlation=b"1")) is None
    with_id = Incoming("lull/bedroom/cmd/play", b'{"id": "7"}', response_topic=topic, correlation=b"1")
    assert reply_to(TOPICS, with_id) == ReplyTo("7")


@pytest.mark.parametrize("topic", ["my/answers", "lull/bedroom/reply", "lull/bedroom/reply/7", "homeassistants/x"])
def test_an_answer_may_go_to_a_topic_of_ones_own(topic: str) -> None:
    """Outside of the speakers' own topics, or below a ``reply``."""
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/play", b"", response_topic=topic)) == ReplyTo(None, topic)


@pytest.mark.parametrize(
    ("topic", "payload", "response_topic"),
    [
        ("lull/bedroom/cmd/stop", b"later", None),
        ("lull/all/cmd/stop", b"{", None),
        ("lull/bedroom/cmd/stop", b"\xff\xfe", None),
        ("lull/bedroom/cmd/stop", b"x" * 5000, None),
        ("lull/bedroom/cmd/stop", b'{"later": 1}', None),
        ("lull/bedroom/cmd/stop", b'{"origin": "a:b"}', None),
        ("lull/bedroom/cmd/stop", b"OFF", "lull/bedroom/state"),
        ("lull/bedroom/cmd", b'{"command": "stop", "now": "perhaps"}', None),
    ],
)
def test_a_stop_stops_whatever_comes_with_it(topic: str, payload: bytes, response_topic: str | None) -> None:
    """What cannot be read beside it is left out; it is never refused."""
    request = parse(TOPICS, Incoming(topic, payload, response_topic=response_topic))
    assert request is not None
    assert request.command == Stop()


def test_a_refusal_names_verb_and_topic() -> None:
    """Who reads the journal finds the automation that sent it."""
    assert refusal("lull/all/cmd/timer", b"6:30") == (
        "timer '6:30' is ambiguous; write 6h30m or 6m30s, or until 06:30 (sent to lull/all/cmd/timer)"
    )


@pytest.mark.parametrize(
    "more",
    [{}, {"marks": (("origin", "a:b"),)}, {"response_topic": "lull/bedroom/state"}, {"marks": (("id", "x" * 5000),)}],
)
def test_a_refusal_of_an_unknown_verb_can_be_printed(more: dict[str, object]) -> None:
    """Control characters of a topic reach no reason, whatever else is wrong with the message."""
    assert refusal("lull/bedroom/cmd/w\x89\x1b[2J", b"{}", **more).isprintable()


def test_a_refusal_goes_to_the_id_of_a_readable_message() -> None:
    """Even when the command in it is nonsense."""
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/paly", b'{"id": "7"}')) == ReplyTo("7")
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/paly", b"{", response_topic="a/b")) == ReplyTo(None, "a/b")
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/paly", b"{")) is None
    assert reply_to(TOPICS, Incoming("lull/bedroom/cmd/paly", b'{"id": []}')) is None


def test_the_origin_can_be_named_but_not_faked() -> None:
    """``origin`` shows as the reason why it plays; what the speaker does by itself has a colon, and that is refused."""
    found = request("lull/bedroom/cmd/play", b'{"origin": "bedside button"}')
    assert found == Request(Play(), "bedside button")
    assert "colon" in refusal("lull/bedroom/cmd/play", b'{"origin": "schedule:weeknights"}')


WORDS = st.sampled_from(
    [
        "play",
        "volume",
        "id",
        "command",
        "timer",
        "origin",
        "rain",
        "+5",
        "45m",
        "off",
        "now",
        "minutes",
        "1:30",
        "9" * 50,
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), WORDS)
OBJECTS = st.dictionaries(
    st.one_of(WORDS, st.text(max_size=4)),
    st.recursive(SCALARS, lambda inner: st.one_of(st.lists(inner), st.dictionaries(WORDS, inner)), max_leaves=5),
    max_size=4,
)


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


PAYLOADS = st.one_of(
    st.binary(max_size=5000),
    st.text(max_size=80).map(lambda text: text.encode("utf-8", "surrogatepass")),
    WORDS.map(str.encode),
    SCALARS.map(as_json),
    OBJECTS.map(as_json),
    OBJECTS.map(as_json).flatmap(lambda whole: st.integers(0, len(whole)).map(lambda cut: whole[:cut])),
)
NAMES = st.one_of(
    st.sampled_from([*(f"lull/bedroom/cmd/{verb}" for verb in VERBS), "lull/all/cmd", "lull/upstairs/cmd/play"]),
    st.text(max_size=40),
    st.text(max_size=10).map(lambda verb: f"lull/bedroom/cmd/{verb}"),
)


@pytest.mark.slow
@settings(max_examples=effort.examples(80, 3000), deadline=None)
@given(NAMES, PAYLOADS, st.one_of(st.none(), NAMES), st.one_of(st.none(), st.binary(max_size=20)))
def test_whatever_comes_in_is_a_request_refused_or_not_ours(
    topic: str, payload: bytes, response_topic: str | None, correlation: bytes | None
) -> None:
    """Any topic and payload gives one of three results, and never another exception."""
    incoming = Incoming(topic, payload, response_topic=response_topic, correlation=correlation)
    answer_to = reply_to(TOPICS, incoming)
    assert answer_to is None or answer_to.id is not None or answer_to.topic is not None
    try:
        found = parse(TOPICS, incoming)
    except Refused:
        assert TOPICS.verb_of(topic) is not None
    else:
        assert found is None or found.reply_to == answer_to
