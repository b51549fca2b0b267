"""The real daemon and a real broker: a reload that needs another connection loses no command of that moment."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import effort
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker, free_port
from tests.live.daemon import Daemon, Listener

pytestmark = [pytest.mark.live, pytest.mark.slow]

ROUNDS = 20
STEP_S = 0.02
"""The stop of each round comes so much later after the reload than that of the round before: from 0 to 0.4 s."""
CONFIG = """\
device: {device}
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}{more}}}
fades: {{fade_in: 10s, stop: 0.5s}}
volume: {{default: 10, max: 60}}
trust_clock: true
state_dir: {folder}/state
playlists:
  tones: {{paths: [{folder}/music]}}
"""


class Reloads:
    """A daemon at a broker that listens on two ports, so that it has two addresses."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "music").mkdir()
        write_wav(folder / "music" / "one.wav", sine(440.0, 60.0, peak=0.25))
        self.broker = RealBroker()
        self.other_port = free_port()
        both = ("allow_anonymous true", f"listener {self.other_port} 127.0.0.1")
        self.broker.start(both)
        self.listener = Listener(self.broker.port)
        self.daemon = Daemon(folder, self._config({}))
        self.daemon.start()
        self.wait_connected(1)

    def _config(self, change: dict[str, object]) -> str:
        names = {"device": "bedroom", "port": self.broker.port, "more": "", "folder": self._folder}
        return CONFIG.format(**names | change)

    def reload(self, **change: object) -> None:
        """Another config from now on."""
        self.daemon.config.write_text(self._config(change), encoding="utf-8")
        self.daemon.send(signal.SIGHUP)

    def wait_connected(self, times: int) -> None:
        """Wait until it has connected so often."""
        give_up_s = time.monotonic() + 15.0
        while self.daemon.log().count("broker: connected") < times:
            assert time.monotonic() < give_up_s, self.daemon.log()
            time.sleep(0.02)

    def close(self) -> None:
        self.daemon.kill()
        self.listener.close()
        self.broker.close()


@pytest.fixture
def reloads(tmp_path: Path) -> Iterator[Reloads]:
    built = Reloads(tmp_path)
    yield built
    built.close()


CHANGES: list[tuple[str, str, list[dict[str, object]]]] = [
    ("address", "lull/bedroom/cmd/stop", [{"port": "other"}, {}]),
    ("user", "lull/bedroom/cmd/stop", [{"more": ", username: lull"}, {}]),
    ("device", "lull/all/cmd/stop", [{"device": "bedside"}, {}]),
    ("groups", "lull/bedroom/cmd/stop", [{"more": ", groups: [upstairs], keepalive: 60s"}, {}]),
]


@pytest.mark.parametrize(("topic", "configs"), effort.first(1, [case[1:] for case in CHANGES]))
def test_a_stop_at_the_moment_of_a_reload_is_obeyed(
    reloads: Reloads, topic: str, configs: list[dict[str, object]]
) -> None:
    """Twenty reloads, each with a stop a little later than the one before; none is lost."""
    listener = reloads.listener
    for number in range(ROUNDS):
        since = len(listener.heard)
        listener.publish("lull/all/cmd/play", b"")
        listener.wait_event("session_started", since)
        change = configs[number % 2]
        reloads.reload(**{key: reloads.other_port if value == "other" else value for key, value in change.items()})
        time.sleep(number * STEP_S)
        listener.publish(topic, b"now")
        listener.wait_event("session_ended", since, patience_s=5.0)
        reloads.wait_connected(number + 2)


def test_each_command_around_a_reload_is_obeyed_once(reloads: Reloads) -> None:
    """Thirty steps of the volume, 25 ms apart, while the address changes: from 10 to 40, neither 39 nor 41."""
    reloads.reload(port=reloads.other_port)
    for _ in range(30):
        reloads.listener.send("lull/bedroom/cmd/volume", b"+1")
        time.sleep(0.025)
    reloads.wait_connected(2)
    reloads.listener.wait_state("thirty steps", lambda state: state["volume"] == 40)
    time.sleep(0.5)
    assert reloads.listener.command("status")[1]["state"]["volume"] == 40


def test_a_broker_that_is_not_there_leaves_the_old_connection_for_a_while(reloads: Reloads) -> None:
    """A wrong address in the config: the speaker obeys over the old connection meanwhile."""
    reloads.reload(port=free_port())
    give_up_s = time.monotonic() + 15.0
    while "Connection refused" not in reloads.daemon.log():
        assert time.monotonic() < give_up_s
        time.sleep(0.05)
    assert reloads.listener.command("volume", volume=20)[1]["done"]
    reloads.listener.wait_state("the volume", lambda state: state["volume"] == 20)
