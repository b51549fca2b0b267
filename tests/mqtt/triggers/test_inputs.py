"""What is to be noted about the input devices of triggers, as `lull check` and `lull doctor` say it."""

from __future__ import annotations

from player.mqtt.triggers.inputs import notes_on
from player.system.input_devices import InputDevice
from tests.mqtt.triggers.rule_texts import settings_of

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
