"""Buttons and knobs with everything real but the sound device: input devices of the kernel (uinput) and the daemon."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.audio_files import sine, write_wav
from tests.live import uinput
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

pytestmark = [
    pytest.mark.live,
    pytest.mark.slow,
    pytest.mark.skipif(not uinput.is_there(), reason="/dev/uinput is not there or may not be written"),
]

KEY = "KEY_PLAYPAUSE"
PATIENCE_S = 60.0
CONFIG = """\
device: bedroom
audio: {output: silent, hold: 0s}
mqtt: {host: 127.0.0.1, port: %d}
fades: {stop: 0.5s, pause: 0.5s}
state_dir: state
playlists: {tones: {paths: [%s]}}
triggers:
  - {name: press, topic: "input:lull test button", equals: KEY_PLAYPAUSE, do: play, grab: true}
  - {name: held, topic: "input:lull test button", equals: KEY_PLAYPAUSE long, do: stop}
  - {name: louder, topic: "input:lull test knob*", equals: REL_X+, do: volume, with: +2}
"""


@pytest.fixture
def daemon(tmp_path: Path, broker: RealBroker, listener: Listener) -> Iterator[Daemon]:
    folder = tmp_path / "tones"
    folder.mkdir()
    write_wav(folder / "one.wav", sine(440.0, 60.0, peak=0.25))
    built = Daemon(tmp_path, CONFIG % (broker.port, folder))
    built.start()
    listener.wait_state("the daemon", lambda fields: fields["state"] == "idle", PATIENCE_S)
    yield built
    built.kill()


@pytest.fixture
def inputs() -> Iterator[uinput.RealInputs]:
    built = uinput.RealInputs()
    yield built
    built.close()


def press_until_it_plays(button: uinput.RealInput, listener: Listener) -> dict[str, Any]:
    """A bouncing press, again where the daemon has not opened the device yet."""
    give_up_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up_s:
        button.edges(KEY, (1, 0, 1, 0))
        with contextlib.suppress(AssertionError):
            return listener.wait_state("sound", lambda fields: fields["state"] == "playing", patience_s=3)
    raise AssertionError("it does not play")


def test_a_button_and_a_knob_that_come_and_go(daemon: Daemon, listener: Listener, inputs: uinput.RealInputs) -> None:
    """Both come after the daemon; a bouncing press plays, steps of the knob are heard, a held key stops; twice."""
    for _ in range(2):
        button, knob = inputs.plug("lull test button", [KEY]), inputs.plug("lull test knob", ["REL_X"])
        playing = press_until_it_plays(button, listener)
        assert playing["why"] == "trigger:press"
        assert button.is_grabbed
        assert not knob.is_grabbed
        knob.turn("REL_X", 3)
        wanted = playing["volume"] + 6
        listener.wait_state("the knob", lambda fields, v=wanted: fields["volume"] == v, PATIENCE_S)  # type: ignore[misc]
        button.key(KEY, 1)
        stopped = listener.wait_state("silence", lambda fields: fields["state"] == "idle", PATIENCE_S)
        assert stopped["asked"]["by"] == "trigger:held"
        button.key(KEY, 0)
        button.unplug()
        knob.unplug()
    assert stopped["problems"] == []
