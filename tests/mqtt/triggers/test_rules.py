"""What is the same, what is a number, what part of the day it is."""

from __future__ import annotations

from datetime import time

import pytest

from player.mqtt.triggers.content import Scalar
from player.mqtt.triggers.rules import Beyond, DayPart, Glob, as_number, is_same
from player.mqtt.triggers.wishes import notes_on
from player.system.input_devices import InputDevice
from tests.mqtt.triggers.rule_texts import settings_of


@pytest.mark.parametrize(
    ("word", "value"),
    [("single", "single"), ("ON", "ON"), ("true", True), ("True", True), ("false", False), ("true", "true"), ("1", 1),
     ("1", "1.0"), ("1.0", 1), ("21.5", 21.5), ("-3", "-3"), ("1e3", 1000)],
)  # fmt: skip
def test_these_are_the_same(word: str, value: Scalar) -> None:
    """A word of the config and a value of a message."""
    assert is_same(word, value)


@pytest.mark.parametrize(
    ("word", "value"),
    [("ON", "on"), ("on", True), ("1", True), ("0", False), ("true", 1), ("true", "True"), ("single", "single "),
     ("1", "1 "), ("", "x"), ("nan", float("nan")), ("inf", float("inf")), ("off", False)],
)  # fmt: skip
def test_these_are_not_the_same(word: str, value: Scalar) -> None:
    """Strict in meaning: capitals count, and a switch is not a number."""
    assert not is_same(word, value)


@pytest.mark.parametrize("value", [True, "", "x", "0x10", "1_000", "nan", "1e999", "9" * 400, float("inf"), 10**400])
def test_these_are_no_numbers(value: Scalar) -> None:
    """Nothing that is not a finite number is beyond a limit."""
    assert as_number(value) is None
    assert not Beyond(0.0, is_above=True).is_met(value, was_met=False)


def test_hysteresis_holds_on_to_what_was_met() -> None:
    """Above 50 with 2: met from 50.1 on, and until 48 is reached; the mirror image below."""
    above, below = Beyond(50.0, is_above=True, hysteresis=2.0), Beyond(50.0, is_above=False, hysteresis=2.0)
    assert [above.is_met(value, was_met=False) for value in (48, 50, 50.1)] == [False, False, True]
    assert [above.is_met(value, was_met=True) for value in (48, 48.1, 50)] == [False, True, True]
    assert [below.is_met(value, was_met=False) for value in (52, 50, 49.9)] == [False, False, True]
    assert [below.is_met(value, was_met=True) for value in (52, 51.9, 50)] == [False, True, True]


def test_a_pattern_is_for_the_whole_text_and_capitals_count() -> None:
    """As in a shell."""
    glob = Glob("volume_*")
    assert glob.is_met("volume_up_hold", was_met=False)
    assert not glob.is_met("my volume_up", was_met=False)
    assert not glob.is_met("Volume_up", was_met=False)


def test_a_pattern_made_to_be_slow_is_not() -> None:
    """Many stars against many letters: decided at once (a naive matcher needs longer than the night)."""
    assert not Glob("*a" * 31 + "b").is_met("a" * 10_000, was_met=False)


@pytest.mark.parametrize(
    ("part", "inside", "outside"),
    [
        (DayPart(time(7), time(21)), [time(7), time(20, 59)], [time(6, 59), time(21), time(0)]),
        (DayPart(time(21), time(7)), [time(21), time(0), time(6, 59)], [time(7), time(20, 59)]),
        (DayPart(time(0), time(1)), [time(0)], [time(1), time(23, 59)]),
    ],
)
def test_a_part_of_the_day_has_its_beginning_and_not_its_end(
    part: DayPart, inside: list[time], outside: list[time]
) -> None:
    """Over midnight too."""
    assert all(part.has(at) for at in inside)
    assert not any(part.has(at) for at in outside)


BUTTON = InputDevice("button@11", "/dev/input/event0", keys=("KEY_PLAYPAUSE",))
KNOB = InputDevice("rotary@17", "/dev/input/event1", keys=("REL_X",))
LID = InputDevice("Lid Switch", "/dev/input/event2")


def notes(*lines: str) -> list[str]:
    """What is noted about triggers on a machine with these three."""
    return list(notes_on(settings_of(*lines).rules, [BUTTON, KNOB, LID]))


def test_a_device_that_is_not_there_is_noted_with_those_that_are() -> None:
    """Only those that have keys or turns."""
    assert notes("topic: 'input:remote', do: toggle") == [
        "there is no input device remote now; those that are there: button@11, rotary@17"
    ]
    assert list(notes_on(settings_of("topic: 'input:remote', do: toggle").rules, [])) == [
        "there is no input device remote now; those that are there: none"
    ]


def test_a_key_that_the_device_does_not_have_is_noted() -> None:
    """A turn needs its axis, in either direction."""
    assert notes("topic: 'input:button@*', one_of: [KEY_PLAYPAUSE long, KEY_A], do: toggle") == [
        "the input device button@* has no KEY_A"
    ]
    assert notes("topic: 'input:rotary@17', one_of: [REL_X+, REL_X-, REL_DIAL-], do: toggle") == [
        "the input device rotary@17 has no REL_DIAL"
    ]


def test_a_key_that_switches_the_machine_off_is_noted_unless_it_is_grabbed() -> None:
    """The power key goes to systemd-logind too."""
    device = InputDevice("button@11", "/dev/input/event0", keys=("KEY_POWER",))
    line = "topic: 'input:button@11', equals: KEY_POWER, do: toggle"
    assert list(notes_on(settings_of(line).rules, [device])) == [
        "KEY_POWER of button@11 may also switch the machine off; `grab: true` keeps it for lull"
    ]
    assert not list(notes_on(settings_of(f"{line}, grab: true").rules, [device]))


def test_triggers_on_topics_need_no_device() -> None:
    """Nothing is noted about them."""
    assert notes("topic: a/button, equals: KEY_A, do: toggle") == []
