"""Input devices in the app: from a press to sound, a device that comes later, and one that may not be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from player.app.parts import Reload
from tests.daemon_rig import CONFIG, House, lived_in

KEY = "KEY_PLAYPAUSE"
TRIGGERS = """\
fades: {stop: 0.5s}
triggers:
  - {name: button, topic: "input:button@11", equals: KEY_PLAYPAUSE, do: toggle}
  - {name: end, topic: "input:button@11", equals: KEY_PLAYPAUSE long, do: stop}
  - {name: knob, topic: "input:knob", equals: REL_X+, do: volume, with: +2}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with lived_in(tmp_path) as built:
        yield built
        built.inputs.close()


@pytest.mark.slow
def test_a_button_plays_a_knob_turns_it_up_and_a_long_press_ends_it(house: House) -> None:
    """Devices that come after the reload that names them; who asks is the trigger, as with any other."""
    house.write(CONFIG % 60 + TRIGGERS)
    house.tell(Reload())
    button, knob = house.inputs.plug("button@11", [KEY]), house.inputs.plug("knob", ["REL_X"])
    button.key(KEY, 1)
    button.key(KEY, 0)
    house.wait(lambda: house.state()["state"] == "playing")
    assert house.state()["why"] == "trigger:button"
    knob.turn("REL_X", 3)
    house.wait(lambda: house.state()["volume"] == 36)
    button.key(KEY, 1)
    house.wait(lambda: house.state()["state"] == "idle")
    assert house.state()["asked"]["by"] == "trigger:end"


@pytest.mark.slow
def test_a_device_that_may_not_be_read_is_a_problem_until_it_may_or_nobody_wants_it(house: House) -> None:
    """What helps is in its text; new permissions end it, and so does a config without the trigger."""
    house.write(CONFIG % 60 + TRIGGERS)
    button = house.inputs.plug("button@11", [KEY], is_closed=True)
    house.tell(Reload())
    house.wait(lambda: "group input" in str(house.state()["problem"]))
    house.inputs.allow(button)
    house.wait(lambda: house.state()["problem"] is None)
    house.inputs.plug("knob", ["REL_X"], is_closed=True)
    house.wait(lambda: "knob" in str(house.state()["problem"]))
    house.write(CONFIG % 60)
    house.tell(Reload())
    house.wait(lambda: house.state()["problem"] is None)
