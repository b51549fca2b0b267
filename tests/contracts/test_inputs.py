"""What an input device is: the same facts of the fake and of one that the kernel makes (uinput, where it is there)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from player.core.clock import SystemClock
from player.system.gestures import BOUNCE_S, LONG_S
from player.system.input_reader import InputReader, InputWish
from tests import effort
from tests.fakes.inputs import FakeInputs
from tests.live import uinput

NAME = "lull test button"
KEY = "KEY_PLAYPAUSE"
PATIENCE_S = 10.0


@pytest.fixture(params=["fake", pytest.param("uinput", marks=pytest.mark.live)])
def inputs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[FakeInputs | uinput.RealInputs]:
    if request.param == "uinput" and not uinput.is_there():
        pytest.skip("/dev/uinput is not there or may not be written")
    built = FakeInputs(tmp_path / "inputs") if request.param == "fake" else uinput.RealInputs()
    yield built
    built.close()


class Ear:
    """A reader in its thread, and what it says."""

    def __init__(self, inputs: FakeInputs | uinput.RealInputs) -> None:
        self.heard: list[str] = []
        self.told: list[str | None] = []
        self.reader = InputReader(
            lambda _device, word: self.heard.append(word), self.told.append, SystemClock(), inputs.system
        )

    def wait(self, what: Callable[[], bool]) -> None:
        """Until something is so."""
        give_up_s = time.monotonic() + PATIENCE_S
        while not what():
            assert time.monotonic() < give_up_s, (self.heard, self.told)
            time.sleep(0.005)

    def wait_word(self, press: Callable[[], None], word: str) -> None:
        """Press until the device is listened to, and the word is heard."""
        before = len(self.heard)

        def is_heard() -> bool:
            if len(self.heard) == before:
                press()
                time.sleep(2 * BOUNCE_S)
            return word in self.heard[before:]

        self.wait(is_heard)


@pytest.fixture
def ear(inputs: FakeInputs | uinput.RealInputs) -> Iterator[Ear]:
    built = Ear(inputs)
    yield built
    built.reader.close()


def test_a_device_is_known_by_its_name_and_its_keys(inputs: FakeInputs | uinput.RealInputs) -> None:
    """As sysfs shows them."""
    inputs.plug(NAME, [KEY, "KEY_A", "BTN_0", "REL_X", "REL_DIAL"])
    (device,) = [device for device in inputs.system.devices() if device.name == NAME]
    assert set(device.keys) == {KEY, "KEY_A", "BTN_0", "REL_X", "REL_DIAL"}
    assert device.can_say(f"{KEY} long")
    assert device.can_say("REL_DIAL-")
    assert not device.can_say("KEY_B")


def test_presses_and_turns_are_heard_in_order(inputs: FakeInputs | uinput.RealInputs, ear: Ear) -> None:
    """A press, a long one as soon as it is long, and both directions of a knob."""
    device = inputs.plug(NAME, [KEY, "KEY_A", "REL_X"])
    ear.reader.listen((InputWish(NAME, frozenset({f"{KEY} long"})),))
    ear.wait_word(lambda: (device.key("KEY_A", 1), device.key("KEY_A", 0))[0], "KEY_A")
    device.key(KEY, 1)
    pressed_s = time.monotonic()
    ear.wait(lambda: f"{KEY} long" in ear.heard)
    assert time.monotonic() - pressed_s >= LONG_S - 0.01
    device.key(KEY, 0)
    device.turn("REL_X", 1)
    device.turn("REL_X", -1)
    ear.wait(lambda: "REL_X-" in ear.heard)
    assert [word for word in ear.heard if word != "KEY_A"] == [f"{KEY} long", "REL_X+", "REL_X-"]


def test_a_device_that_goes_and_comes_is_heard_again(inputs: FakeInputs | uinput.RealInputs, ear: Ear) -> None:
    """It may come after the reader; unplugging is no fault."""
    ear.reader.listen((InputWish(NAME),))
    for _ in range(2):
        device = inputs.plug(NAME, [KEY])
        ear.wait_word(lambda device=device: (device.key(KEY, 1), device.key(KEY, 0))[0], KEY)  # type: ignore[misc]
        device.unplug()
    assert ear.told == []


def test_a_grabbed_device_is_nobody_elses_until_it_is_given_back(
    inputs: FakeInputs | uinput.RealInputs, ear: Ear
) -> None:
    """One that is not wished for alone is not grabbed."""
    device = inputs.plug(NAME, [KEY])
    assert not device.is_grabbed
    ear.reader.listen((InputWish(NAME, is_grabbed=True),))
    ear.wait_word(lambda: (device.key(KEY, 1), device.key(KEY, 0))[0], KEY)
    assert device.is_grabbed


@pytest.mark.slow
def test_each_press_that_bounces_is_one_word(
    inputs: FakeInputs | uinput.RealInputs, ear: Ear, request: pytest.FixtureRequest
) -> None:
    """A thousand of them, where it is thorough and the kernel's own; presses of 45 ms, as fast as a finger can."""
    device = inputs.plug(NAME, [KEY, "KEY_A"])
    ear.reader.listen((InputWish(NAME),))
    ear.wait_word(lambda: device.edges("KEY_A", (1, 0)), "KEY_A")
    presses = effort.examples(20, 1000) if request.node.callspec.params["inputs"] == "uinput" else 20
    for number in range(presses):
        device.edges(KEY, (1, *(0, 1) * (number % 4)))
        time.sleep(1.5 * BOUNCE_S)
        device.edges(KEY, (0, *(1, 0) * (number % 3)))
        time.sleep(1.5 * BOUNCE_S)
    device.edges("KEY_A", (1, 0))
    ear.wait(lambda: ear.heard[-1] == "KEY_A" and KEY in ear.heard)
    assert ear.heard.count(KEY) == presses
