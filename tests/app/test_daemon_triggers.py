"""Triggers in the app: from a message to sound and back to silence. Real threads, a silent output, no broker."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from player.app.parts import Reload
from player.core.clock import SystemClock
from player.mqtt.incoming import Incoming
from tests.daemon_rig import CONFIG, House, lived_in

TRIGGERS = """\
fades: {stop: 0.5s}
triggers:
  - {name: button, topic: a/button, equals: single, do: toggle}
  - {name: bed, topic: a/bed, equals: empty, for: 0.3s, do: stop}
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with lived_in(tmp_path) as built:
        yield built


@pytest.mark.slow
def test_a_trigger_plays_and_one_that_has_to_hold_ends_it_in_time(house: House) -> None:
    """Taken over by a reload, subscribed, obeyed with its name; the loop wakes by itself when `for` is over."""
    house.write(CONFIG % 60 + TRIGGERS)
    house.tell(Reload())
    house.wait(lambda: house.link.heard == ("a/button", "a/bed"))
    house.hear(Incoming("a/button", b"single", retained=True))
    house.hear(Incoming("a/button", b"single"))
    house.wait(lambda: house.state()["state"] == "playing")
    assert house.state()["why"] == "trigger:button"
    house.hear(Incoming("a/bed", b"empty"))
    house.wait(lambda: house.state()["asked"]["by"] == "trigger:bed")
    house.wait(lambda: house.state()["state"] == "idle")


@pytest.mark.slow
def test_a_trigger_in_the_quiet_hours_is_refused_aloud(house: House) -> None:
    """An event with its reason, and silence; two hours around now, whatever the time of day."""
    now = SystemClock().now().wall
    hours = f"{now - timedelta(hours=1):%H:%M}-{now + timedelta(hours=1):%H:%M}"
    house.write(CONFIG % 60 + TRIGGERS + f"quiet_hours: {hours}\n")
    house.tell(Reload())
    house.wait(lambda: bool(house.link.heard))
    house.hear(Incoming("a/button", b"single"))
    events = house.link.fields
    house.wait(lambda: "command_rejected" in [event["event_type"] for event in events("lull/bedroom/event")])
    event = events("lull/bedroom/event")[-1]
    assert event["origin"] == "trigger:button"
    assert f"quiet hours ({hours})" in event["reason"]
    assert house.state()["state"] == "idle"
