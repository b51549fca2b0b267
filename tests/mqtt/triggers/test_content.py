"""What a foreign message says to a trigger; most of it comes from devices as they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.mqtt.triggers.content import MAX_BYTES, Nothing, read_path, show_path, value_in


@pytest.mark.parametrize(
    ("payload", "path", "value"),
    [
        (b"single", "", "single"),
        (b" ON \n", "", "ON"),
        (b'"single"', "", "single"),
        (b"21.5", "", "21.5"),
        (b"true", "", "true"),
        (b'{"action":"single","battery":97}', "action", "single"),
        (b'{"occupancy":true}', "occupancy", True),
        (b'{"a":{"b":[1,{"c":2.5}]}}', "a.b[1].c", 2.5),
        (b"[7]", "[0]", 7),
        (b'{"a.b":"x"}', '["a.b"]', "x"),
        (b'{"bedside button":{"action":"on"}}', "bedside button.action", "on"),
    ],
)
def test_a_value_is_found(payload: bytes, path: str, value: object) -> None:
    """The whole text without a path, the named part of the JSON with one."""
    found = value_in(payload, read_path(path) if path else ())
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("payload", "path", "why"),
    [
        (b"", "", "the message is empty"),
        (b"  ", "action", "the message is empty"),
        (b'""', "", "the message is empty"),
        (b"null", "", "the message is null"),
        (b'{"action":""}', "action", "action is empty"),
        (b'{"action":null}', "action", "action is null"),
        (b'{"battery":97}', "action", "the message has no action"),
        (b'{"a":{}}', "a.b[0]", "the message has no a.b"),
        (b'{"a":[]}', "a[0]", "the message has no a[0]"),
        (b'{"a":{"b":1}}', "a", "a is an object, not one value"),
        (b'{"a":[1]}', "a", "a is a list, not one value"),
        (b'{"action":"single"}', "", "the message is JSON; name the part of it with path"),
        (b"single", "action", "the message is not JSON"),
        (b'{"action":', "action", "the message is not JSON"),
        (b"\xff", "", "the message is not UTF-8 text"),
        (b"[" * 10_000, "a", "the message is not JSON"),
        (b'{"a":' + b"9" * 5000 + b"}", "a", "the message is not JSON"),
        (b"x" * (MAX_BYTES + 1), "", f"the message has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are read"),
    ],
)
def test_what_is_no_value_says_why(payload: bytes, path: str, why: str) -> None:
    """Among them what zigbee2mqtt sends after each press."""
    assert value_in(payload, read_path(path) if path else ()) == Nothing(why)


@pytest.mark.parametrize(
    "text", ["", ".a", "a.", "a..b", "a[", "a[x]", "a[0]b", ".[0]", "a.[0]", "a" + ".b" * 8, "[-1]"]
)
def test_what_is_no_path_is_refused(text: str) -> None:
    """With the forms that there are."""
    with pytest.raises(ValueError, match="is not a path into JSON"):
        read_path(text)


@given(
    st.lists(
        st.text(st.characters(categories=["L", "N"], include_characters=". []_"), min_size=1) | st.integers(0, 9999),
        min_size=1,
        max_size=8,
    )
)
def test_a_path_that_is_shown_is_read_as_itself(steps: list[str | int]) -> None:
    """Whatever its keys are called."""
    assert read_path(show_path(tuple(steps))) == tuple(steps)


@given(st.binary(max_size=200) | st.text().map(str.encode), st.sampled_from(["", "a", "a.b", "[0]", "a[1]"]))
def test_no_message_raises(payload: bytes, path: str) -> None:
    """It is a value or nothing."""
    found = value_in(payload, read_path(path) if path else ())
    assert isinstance(found, Nothing | str | int | float)
