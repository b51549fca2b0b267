"""TLS and passwords against a real mosquitto: who is refused, how that is told, and where no secret is ever shown."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from player.cli.main import main
from player.config import load
from player.core.settings.mqtt import MqttSettings, TlsSettings
from player.mqtt.incoming import LinkDown, LinkUp
from player.mqtt.link import make_link
from tests.live.broker import RealBroker
from tests.live.broker_links import WAIT_S, House
from tests.live.daemon import Daemon

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.fixture
def house() -> Iterator[House]:
    with House() as built:
        yield built


def start(house: House, keys: Path, certificate: str = "broker", *more: str) -> None:
    """Start the broker with TLS."""
    pair = (f"certfile {keys}/{certificate}.crt", f"keyfile {keys}/{certificate}.key")
    house.broker.start(("allow_anonymous true", f"cafile {keys}/ca.crt", *pair, *more))


def refused(house: House, settings: MqttSettings) -> str:
    """The reason why a link with these settings does not come up, which it tells once."""
    link = house.link(settings)
    down = house.next()
    assert isinstance(down, LinkDown)
    link.stop(1.0)
    assert house.told.empty()
    return down.reason


def test_the_broker_is_checked_against_the_authority(house: House, keys: Path) -> None:
    """With the right one it connects; with the system's, with another, or with a file that is not there it does not."""
    start(house, keys)
    assert "certificate was rejected" in refused(house, house.settings(tls=TlsSettings()))
    stranger = refused(house, house.settings(tls=TlsSettings(ca=f"{keys}/stranger.crt")))
    assert stranger.endswith("check ca")
    assert "No such file or directory; check ca" in refused(house, house.settings(tls=TlsSettings(ca="/absent.crt")))
    assert "TLS cannot be set up" in refused(house, house.settings(tls=TlsSettings(ca=f"{keys}/broker.key")))
    house.link(house.settings(tls=TlsSettings(ca=f"{keys}/ca.crt")))
    assert house.next() == LinkUp()


def test_a_certificate_of_another_host_is_refused(house: House, keys: Path) -> None:
    """Whoever holds any certificate of the authority could otherwise pose as the broker."""
    start(house, keys, "elsewhere")
    reason = refused(house, house.settings(tls=TlsSettings(ca=f"{keys}/ca.crt")))
    assert "certificate was rejected" in reason
    assert "127.0.0.1" in reason
    assert reason.endswith("check host")


def test_a_client_certificate_opens_the_door_and_nothing_else_does(house: House, keys: Path) -> None:
    """None, one of another authority, and a key that is locked or does not belong to it are told apart or named."""
    start(house, keys, "broker", "require_certificate true")
    ca = f"{keys}/ca.crt"
    assert "check cert and key" in refused(house, house.settings(tls=TlsSettings(ca=ca)))
    burglar = TlsSettings(ca, f"{keys}/burglar.crt", f"{keys}/burglar.key")
    assert "check cert and key" in refused(house, house.settings(tls=burglar))
    for key in ("locked", "broker"):
        reason = refused(house, house.settings(tls=TlsSettings(ca, f"{keys}/speaker.crt", f"{keys}/{key}.key")))
        assert "TLS cannot be set up" in reason
        assert reason.endswith("check cert and key")
    house.link(house.settings(tls=TlsSettings(ca, f"{keys}/speaker.crt", f"{keys}/speaker.key")))
    assert house.next() == LinkUp()


def test_tls_on_one_side_only_says_so(house: House, keys: Path) -> None:
    """The commonest fault of all, in both directions."""
    start(house, keys)
    assert "this port may expect TLS" in refused(house, house.settings())
    house.broker.kill()
    house.broker.start(("allow_anonymous true",))
    reason = refused(house, house.settings(tls=TlsSettings(ca=f"{keys}/ca.crt")))
    assert reason.endswith("check that this port uses TLS")


FRESH: Final = """\
import queue, socket, sys
from player.core.settings.mqtt import MqttSettings, TlsSettings
from player.mqtt.client import PahoConnection
from player.mqtt.link import make_link
assert "ssl" not in sys.modules and "urllib.request" not in sys.modules
plain, port, authority = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
one, two = socket.socketpair()
one.setblocking(False)
import paho.mqtt.client as paho
client = paho.Client(paho.CallbackAPIVersion.VERSION2)
client._sock = one
try:
    client._sock_recv(1)
except BlockingIOError:
    print("would block")
for settings in MqttSettings("127.0.0.1", plain), MqttSettings("127.0.0.1", port, tls=TlsSettings(authority)):
    told = queue.Queue()
    link = make_link(settings, "bedroom", told.put)
    link.start()
    print(type(told.get(timeout=10)).__name__, "ssl" in sys.modules, flush=True)
    link.stop(2.0)
"""


def test_tls_is_imported_for_the_first_connection_that_uses_it(house: House, keys: Path) -> None:
    """In a process of its own: not for a broker without TLS, where a read that would block says so as with it."""
    start(house, keys)
    plain = RealBroker()
    plain.start(("allow_anonymous true",))
    try:
        words = [str(plain.port), str(house.broker.port), f"{keys}/ca.crt"]
        done = subprocess.run(
            [sys.executable, "-c", FRESH, *words], check=False, capture_output=True, text=True, timeout=60
        )
    finally:
        plain.close()
    assert done.stdout.splitlines() == ["would block", "LinkUp False", "LinkUp True"], done.stderr


def test_no_secret_is_shown_anywhere(
    house: House, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Not by check, the daemon at its most talkative, its status, its messages, the client commands, or any repr."""
    secret = "pa55-w0rd-of-the-house"  # noqa: S105 - of this broker
    passwords = house.broker.add_user("lull", secret)
    house.broker.start(("allow_anonymous false", f"password_file {passwords}"))
    (tmp_path / "password").write_text(secret + "\n")
    (tmp_path / "wrong").write_text(secret[:-1] + "\n")
    texts = []
    for name in ("password", "wrong"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            "device: bedroom\naudio: {output: silent}\nstate_dir: state\nplaylists: {rain: {paths: [.]}}\n"
            f"mqtt: {{host: 127.0.0.1, port: {house.broker.port}, username: lull, password_file: {name}}}\n"
        )
        config = load(path)
        texts += [
            repr(config),
            repr(make_link(config.mqtt or MqttSettings(), "x", house.told.put, password=lambda _: secret)),
        ]
        assert main(["check", "--config", str(path)]) == 0
        running = Daemon(tmp_path, path.read_text())
        running.start("--verbose")
        wanted = "broker: connected" if name == "password" else "check username and password"
        give_up_s = time.monotonic() + WAIT_S
        while wanted not in running.log():
            assert time.monotonic() < give_up_s, running.log()
            time.sleep(0.05)
        assert main(["status", "--config", str(path)]) == (0 if name == "password" else 3)
        if name == "password":
            texts.append(house.run("mosquitto_sub", "-u", "lull", "-P", secret, "-t", "#", "-v", "-W", "1", "-C", "2"))
        running.stop()
        texts += [running.log()]
    texts += [*capfd.readouterr(), caplog.text]
    assert "broker" in "".join(texts)
    assert secret[:-1] not in "".join(texts)
