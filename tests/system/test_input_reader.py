"""The reader of input devices: events to words, devices that come and go, permissions. Real pipes and inotify."""

from __future__ import annotations

import errno
import logging
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.commands import Request
from player.core.states import State
from player.mqtt.triggers.gate import SpeakerStatus, TriggerGate
from player.mqtt.triggers.settings import TriggerSettings
from player.mqtt.triggers.wishes import wishes_of
from player.system import input_reader
from player.system.gestures import BOUNCE_S, DOUBLE_S, LONG_S
from player.system.input_devices import InputDevice, InputEvent
from player.system.input_reader import LOOK_S, MAX_STEPS, SETTLE_S, InputReader, InputWish, Listening
from tests.fakes.clock import FakeClock
from tests.fakes.inputs import FakeInputs
from tests.fakes.threads import no_more_threads
from tests.mqtt.triggers.rule_texts import settings_of

BUTTON = "button@11"
KEY = "KEY_PLAYPAUSE"


class Room:
    """A reader that is turned by hand, its devices, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.inputs = FakeInputs(folder, self.clock)
        self.heard: list[tuple[str, str]] = []
        self.told: list[str | None] = []
        self.listening: Listening | None = None

    def listen(self, *wishes: InputWish) -> None:
        """Begin."""
        hear, tell = lambda device, word: self.heard.append((device, word)), self.told.append
        self.listening = Listening(wishes, hear, tell, self.clock, self.inputs.system)
        self.listening.start()
        self.listening.wake()  # so that a turn with nothing to do does not wait
        self.listening.turn()

    def turn(self, after_s: float = 0.0) -> list[tuple[str, str]]:
        """What is heard in a turn after this time."""
        assert self.listening is not None
        self.clock.advance(after_s)
        before = len(self.heard)
        self.listening.turn()
        return self.heard[before:]

    def close(self) -> None:
        """Give everything back."""
        if self.listening is not None:
            self.listening.finish()
        self.inputs.close()


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    built = Room(tmp_path)
    yield built
    built.close()


def test_a_press_and_a_turn_are_heard_under_the_name_of_the_config(room: Room) -> None:
    """Any case of the driver's name; repeats of the keyboard and other axes say nothing."""
    button, knob = room.inputs.plug(BUTTON, [KEY]), room.inputs.plug("rotary@17", ["REL_X", "REL_WHEEL"])
    room.listen(InputWish("Button@11"), InputWish("rotary@17"))
    button.key(KEY, 1)
    button.key(KEY, 2)
    button.key(KEY, 0)
    assert room.turn() == [("Button@11", KEY)]
    knob.turn("REL_X", 1)
    knob.turn("REL_X", -2)
    knob.turn("REL_WHEEL", 1)
    assert [word for _, word in room.turn()] == ["REL_X+", "REL_X-", "REL_X-", "REL_WHEEL+"]
    knob.turn("REL_X", 5000)
    assert len(room.turn()) == MAX_STEPS


def test_how_long_a_key_was_held_is_what_the_kernel_says(room: Room) -> None:
    """A machine that looks ten seconds later still hears a short press; one that is held is long without an event."""
    button = room.inputs.plug(BUTTON, [KEY])
    room.listen(InputWish(BUTTON, frozenset({f"{KEY} long", KEY})))
    now_s = room.clock.now().boot_s
    button.key(KEY, 1, now_s + 0.1)
    button.key(KEY, 0, now_s + 0.1 + LONG_S / 2)
    assert room.turn(10.0) == [(BUTTON, KEY)]
    button.key(KEY, 1)
    assert room.turn() == []
    assert room.turn(LONG_S) == [(BUTTON, f"{KEY} long")]


def test_a_device_that_comes_later_or_again_is_heard(room: Room) -> None:
    """Without a wake-up meanwhile; while it is away nothing is open; a held key does not survive it."""
    room.listen(InputWish("remote", frozenset({f"{KEY} long"})))
    remote = room.inputs.plug("remote", [KEY])
    room.turn()
    remote.key(KEY, 1)
    room.turn()
    remote.unplug()
    room.turn()
    room.turn(2 * LONG_S)
    assert room.heard == []
    again = room.inputs.plug("remote", [KEY])
    room.turn()
    again.key(KEY, 1)
    again.key(KEY, 0)
    room.turn()
    assert room.turn(BOUNCE_S) == [("remote", KEY)]


def test_a_path_is_a_name_too_and_its_link_may_come_late(room: Room) -> None:
    """Udev makes links after the node; devices are looked at once more then."""
    path = room.inputs.system.nodes / "by-path" / "platform-button@11-event"
    button = room.inputs.plug(BUTTON, [KEY])
    room.listen(InputWish(str(path)), InputWish(button.node))
    path.parent.mkdir()
    room.turn()
    path.symlink_to("../event0")
    room.turn(SETTLE_S)
    button.key(KEY, 1)
    assert room.turn() == [(str(path), KEY), (button.node, KEY)]


def test_what_may_not_be_read_is_told_once_and_taken_when_it_may(room: Room) -> None:
    """With the group that helps; a change of its permissions is enough."""
    button = room.inputs.plug(BUTTON, [KEY], is_closed=True)
    room.listen(InputWish(BUTTON))
    assert room.told == [
        f"{BUTTON} ({button.node}) may not be read: the user that lull runs as must be in the group input"
    ]
    room.turn(LOOK_S)
    assert len(room.told) == 1
    room.inputs.allow(button)
    room.turn()
    assert room.told[1:] == [None]
    button.key(KEY, 1)
    assert room.turn() == [(BUTTON, KEY)]


def test_a_grabbed_device_is_grabbed_and_one_that_others_have_is_told(room: Room) -> None:
    """One wish with it is enough; without one nothing is grabbed."""
    mine, shared, taken = (room.inputs.plug(name, [KEY]) for name in ("mine", "shared", "taken"))
    room.inputs.taken.add(taken.node)
    room.listen(InputWish("mine", is_grabbed=True), InputWish("shared"), InputWish("taken", is_grabbed=True))
    assert room.inputs.grabbed == [mine.node]
    assert not shared.is_grabbed
    assert room.told == [f"taken ({taken.node}) cannot be grabbed: another program has grabbed it"]


def test_a_device_that_cannot_be_read_is_tried_again_once_a_second(
    room: Room, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is there and can be opened, and each read fails: neither the processor nor the journal may notice."""
    caplog.set_level(logging.INFO, "lull")
    room.inputs.plug(BUTTON, [KEY]).key(KEY, 1)
    monkeypatch.setattr(input_reader, "read_events", _broken)
    room.listen(InputWish(BUTTON))
    for _ in range(100):
        room.turn(0.1)
    assert 8 <= sum(line.endswith(": gone") for line in caplog.messages) <= 12


def _broken(_fd: int) -> list[InputEvent]:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


def test_lost_events_leave_no_key_held(room: Room) -> None:
    """After an overflow of the kernel's queue nothing is believed before the next report."""
    button = room.inputs.plug(BUTTON, [KEY])
    room.listen(InputWish(BUTTON, frozenset({f"{KEY} long"})))
    button.key(KEY, 1)
    button.overflow()
    button.key(KEY, 0)  # up to its report it is skipped
    room.turn()
    assert room.turn(2 * LONG_S) == []
    button.key(KEY, 1)
    button.key(KEY, 0)
    room.turn()
    assert room.turn(BOUNCE_S) == [(BUTTON, KEY)]


@pytest.mark.parametrize(
    ("wanted", "is_meant"),
    [
        ("AB Shutter3", True),
        ("ab shutter3", True),
        ("AB*", True),
        ("AB [1]*", False),
        ("Shutter3", False),
        ("/dev/input/event3", True),
        ("/dev/input/by-id/usb-ab-event-kbd", True),
        ("/dev/input/event4", False),
    ],
)
def test_what_a_name_means(wanted: str, is_meant: bool) -> None:
    """The whole name in any case, a pattern with stars, or a path; brackets and question marks mean themselves."""
    device = InputDevice("AB Shutter3", "/dev/input/event3", ("/dev/input/by-id/usb-ab-event-kbd",))
    assert device.is_called(wanted) is is_meant
    assert InputDevice("Knob [1]?", "/dev/input/event0").is_called("knob [1]*")


def test_a_thousand_bouncing_presses_are_a_thousand_commands(room: Room) -> None:
    """Through pipe, reader and gate, five kinds of presses; each a command, and no other."""
    settings = settings_of(
        f"name: one, topic: 'input:{BUTTON}', equals: {KEY}, do: next",
        f"name: long, topic: 'input:{BUTTON}', equals: {KEY} long, do: stop",
        f"name: twice, topic: 'input:{BUTTON}', equals: {KEY} double, do: extend",
        "name: louder, topic: 'input:knob', equals: REL_X+, do: volume, with: +2",
        "name: softer, topic: 'input:knob', equals: REL_X-, do: volume, with: -2",
    )
    button, knob = room.inputs.plug(BUTTON, [KEY]), room.inputs.plug("knob", ["REL_X"])
    room.listen(*wishes_of(settings.rules))
    gate, rng = TriggerGate(settings), random.Random(3)
    meant, obeyed = [], []

    def edge(at_s: float, value: int) -> None:
        button.key(KEY, value, at_s)
        for bounce_s in sorted(rng.uniform(0.0005, 0.9 * BOUNCE_S) for _ in range(rng.randrange(4))):
            button.key(KEY, 1 - value, at_s + bounce_s - 0.0002)
            button.key(KEY, value, at_s + bounce_s)

    for number in range(1000):
        kind = rng.choice(["one", "long", "twice", "louder", "softer"])
        meant.append(f"trigger:{kind}")
        now_s = room.clock.now().boot_s
        if kind in {"louder", "softer"}:
            knob.turn("REL_X", 1 if kind == "louder" else -1)
        else:
            edge(now_s, 1)
            edge(now_s + (LONG_S + 0.1 if kind == "long" else 0.1), 0)
        if kind == "twice":
            edge(now_s + 0.25, 1)
            edge(now_s + 0.35, 0)
        room.clock.advance(LONG_S + DOUBLE_S)
        heard = [*room.turn(), *room.turn(after_s=BOUNCE_S)]
        assert len(heard) == 1, (number, kind, heard)
        gate.press(*heard[0])
        found = gate.take(room.clock.now(), lambda: SpeakerStatus(State.PLAYING, 30))
        obeyed += [one.origin for one in found if isinstance(one, Request)]
    assert obeyed == meant


def test_a_reader_for_which_there_is_no_thread_is_told_and_begun_by_the_next_reload(room: Room) -> None:
    """The service's limit of tasks; the same wishes are tried again then, and without any nothing is told."""
    reader = InputReader(lambda *_: None, room.told.append, room.clock, room.inputs.system)
    wishes, text = (InputWish(BUTTON),), "no button and no knob is read: there are too many threads"
    with no_more_threads():
        reader.listen(wishes)
        reader.listen(())
        reader.listen(wishes)
    assert room.told == [text, None, text]
    reader.listen(wishes)
    assert room.told == [text, None, text, None]
    assert any(thread.name == "lull-inputs" for thread in threading.enumerate())
    reader.close()


def test_unchanged_devices_are_no_new_wish() -> None:
    """Triggers of one device are one wish: all its words, and grabbed where one of them says so."""
    rules = settings_of(
        f"topic: 'input:a', equals: {KEY}, do: toggle",
        f"topic: 'input:a', one_of: [{KEY} long, KEY_STOP], do: stop, grab: true",
        "topic: 'input:b', do: toggle",
        "topic: some/topic, do: toggle",
    ).rules
    assert wishes_of(rules) == (
        InputWish("a", frozenset({KEY, f"{KEY} long", "KEY_STOP"}), is_grabbed=True),
        InputWish("b"),
    )
    assert wishes_of(TriggerSettings().rules) == ()
