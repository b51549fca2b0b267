"""The real daemon and a real broker: a reload that needs another connection loses no command of that moment."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Mapping
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
    """A daemon at a broker that listens on three ports, so that it has two addresses, and one with TLS."""

    def __init__(self, folder: Path, keys: Path) -> None:
        self._folder = folder
        (folder / "music").mkdir()
        write_wav(folder / "music" / "one.wav", sine(440.0, 30.0, peak=0.25))
        self.broker = RealBroker()
        self.other_port, self.tls_port = free_port(), free_port()
        pair = (f"certfile {keys}/broker.crt", f"keyfile {keys}/broker.key")
        self.broker.start(
            (
                "allow_anonymous true",
                f"listener {self.other_port} 127.0.0.1",
                f"listener {self.tls_port} 127.0.0.1",
                *pair,
            )
        )
        self._names = {"OTHER": self.other_port, "TLS": self.tls_port, "CA": f"{keys}/ca.crt"}
        self.listener = Listener(self.broker.port, "#")
        self.daemon = Daemon(folder, self._config({}))
        self.daemon.start()
        self.wait_connected(1)

    def _config(self, change: Mapping[str, str]) -> str:
        names = {"device": "bedroom", "port": str(self.broker.port), "more": "", "folder": str(self._folder)}
        text = CONFIG.format(**{**names, **change})
        for name, value in self._names.items():
            text = text.replace(name, str(value))
        return text

    def reload(self, **change: str) -> None:
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
def reloads(tmp_path: Path, keys: Path) -> Iterator[Reloads]:
    built = Reloads(tmp_path, keys)
    yield built
    built.close()


CHANGES: list[dict[str, str]] = [
    {"port": "OTHER"},
    {"port": "TLS", "more": ", tls: {ca: CA}"},
    {"more": ", username: lull"},
    {"more": ", prefix: house"},
    {"device": "bedside"},
    {"more": ", groups: [upstairs], keepalive: 60s"},
]


@pytest.mark.parametrize("change", effort.first(1, CHANGES), ids=str)
def test_a_stop_at_the_moment_of_a_reload_is_obeyed(reloads: Reloads, change: dict[str, str]) -> None:
    """Twenty reloads, each with a stop a little later than the one before, under the old name and the new one."""
    listener = reloads.listener
    names = ("lull/bedroom", "house/bedroom", "lull/bedside")
    for number in range(ROUNDS):
        since = len(listener.heard)
        for prefix in ("lull", "house"):
            listener.publish(f"{prefix}/all/cmd/play", b"")
        listener.wait_event("session_started", since)
        reloads.reload(**change if number % 2 == 0 else {})
        time.sleep(number * STEP_S)
        for name in names:
            listener.publish(f"{name}/cmd/stop", b"now")
        listener.wait_event("session_ended", since, patience_s=5.0)
        reloads.wait_connected(number + 2)


@pytest.mark.parametrize(
    "change",
    effort.first(1, [*CHANGES[:3], {"device": "bedside"}, {"port": "OTHER", "more": ", protocol: 3.1.1"}]),
    ids=str,
)
def test_each_command_around_a_reload_is_obeyed_once(reloads: Reloads, change: dict[str, str]) -> None:
    """Thirty steps of the volume, 25 ms apart, while the connection changes: from 10 to 40, neither 39 nor 41."""
    reloads.reload(**change)
    for _ in range(30):
        reloads.listener.send("lull/all/cmd/volume", b"+1")
        time.sleep(0.025)
    reloads.wait_connected(2)
    reloads.listener.wait_state("thirty steps", lambda state: state["volume"] == 40)
    time.sleep(0.5)
    assert [heard.fields["volume"] for heard in reloads.listener.heard if heard.is_state][-1] == 40


def test_a_broker_that_is_not_there_leaves_the_old_connection_for_a_while(reloads: Reloads) -> None:
    """A wrong address in the config: the speaker obeys over the old connection meanwhile."""
    reloads.reload(port=str(free_port()))
    give_up_s = time.monotonic() + 15.0
    while "Connection refused" not in reloads.daemon.log():
        assert time.monotonic() < give_up_s
        time.sleep(0.05)
    assert reloads.listener.command("volume", volume=20)[1]["done"]
    reloads.listener.wait_state("the volume", lambda state: state["volume"] == 20)
