"""The link against a real mosquitto."""

from __future__ import annotations

import gc
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.adapters.mqtt import Broker, MqttLink, Plan
from player.adapters.mqtt_self import client_id_of
from player.settings import MqttProtocol, MqttSettings, TlsSettings
from player.wire.topics import Incoming, LinkDown, LinkUp
from tests.live.broker import RealBroker, free_port

pytestmark = [pytest.mark.live, pytest.mark.slow]

WAIT_S = 10.0
BOTH = pytest.mark.parametrize("protocol", list(MqttProtocol))


def once(settings: MqttSettings, plan: Plan) -> None:
    """One connection, closed as soon as it is up."""
    made: list[Broker] = []

    def close() -> None:
        made[0].close()

    made.append(Broker(settings, None, plan, close, lambda _message: None))
    made[0].serve()
    made.clear()


class House:
    """A broker, a link, and its app."""

    def __init__(self, broker: RealBroker) -> None:
        self.broker = broker
        self.told: queue.SimpleQueue[Incoming | LinkUp | LinkDown] = queue.SimpleQueue()
        self.links: list[MqttLink] = []

    def link(self, settings: MqttSettings | None = None, password: str | None = None) -> MqttLink:
        """A started link of the speaker ``bedroom``."""
        link = MqttLink(settings or self.settings(), "bedroom", self.told.put, password)
        self.links.append(link)
        link.start()
        return link

    def settings(self, protocol: MqttProtocol = MqttProtocol.V5, **more: object) -> MqttSettings:
        return MqttSettings(host="127.0.0.1", port=self.broker.port, protocol=protocol, **more)  # type: ignore[arg-type]

    def next(self) -> Incoming | LinkUp | LinkDown:
        return self.told.get(timeout=WAIT_S)

    def send(self, topic: str, *more: str) -> None:
        self.run("mosquitto_pub", "-t", topic, "-q", "1", *more)

    def retained(self, topic: str) -> str:
        """What the broker has retained there."""
        command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(self.broker.port), "-t", topic, "-C", "1", "-W", "1"]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=WAIT_S).stdout.strip()

    def run(self, program: str, *args: str) -> str:
        command = [program, "-h", "127.0.0.1", "-p", str(self.broker.port), *args]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=WAIT_S).stdout

    def wait_retained(self, topic: str, payload: str) -> None:
        """Wait until the broker has this; whatever passes by before is no failure."""
        deadline_s = time.monotonic() + WAIT_S
        while self.retained(topic) != payload:
            assert time.monotonic() < deadline_s, f"{topic} never became {payload}"


@pytest.fixture
def house() -> Iterator[House]:
    broker = RealBroker()
    house = House(broker)
    yield house
    for link in house.links:
        link.stop(1.0)
    broker.close()


@BOTH
def test_a_broker_may_come_late_go_and_come_back(house: House, protocol: MqttProtocol) -> None:
    """Before, between and after: the speaker keeps trying, says each reason once, and is online again by itself."""
    link = house.link(house.settings(protocol))
    refused = house.next()
    assert isinstance(refused, LinkDown)
    assert "Connection refused" in refused.reason
    assert f"127.0.0.1:{house.broker.port}" in refused.reason
    house.broker.start()
    assert house.next() == LinkUp()
    link.publish("lull/bedroom/state", b'{"v":1}', retain=True, qos=1)
    house.wait_retained("lull/bedroom/state", '{"v":1}')
    house.broker.kill()
    assert isinstance(house.next(), LinkDown)
    link.publish("lull/bedroom/state", b"from while it was away", retain=True, qos=1)
    house.broker.start()
    while (told := house.next()) != LinkUp():
        assert isinstance(told, LinkDown)
    house.wait_retained("lull/bedroom/availability", "online")
    assert house.run("mosquitto_sub", "-t", "lull/bedroom/#", "-v", "-W", "1", "-C", "1").split() == [
        "lull/bedroom/availability",
        "online",
    ]


@BOTH
def test_commands_come_from_all_three_trees_and_retained_ones_never(
    house: House, protocol: MqttProtocol, caplog: pytest.LogCaptureFixture
) -> None:
    """What was retained before would replay at each connection; a broker of MQTT 5 does not even send it."""
    house.broker.start()
    house.send("lull/bedroom/cmd/play", "-m", "retained", "-r")
    house.link(house.settings(protocol, groups=("upstairs",)))
    assert house.next() == LinkUp()
    for who in ("bedroom", "all", "upstairs", "kitchen"):
        house.send(f"lull/{who}/cmd/play", "-m", who)
    house.send("lull/bedroom/cmd", "-m", "last")
    found = [house.next() for _ in range(4)]
    assert [(message.topic, message.payload) for message in found if isinstance(message, Incoming)] == [
        ("lull/bedroom/cmd/play", b"bedroom"),
        ("lull/all/cmd/play", b"all"),
        ("lull/upstairs/cmd/play", b"upstairs"),
        ("lull/bedroom/cmd", b"last"),
    ]
    assert caplog.text.count("dropped a retained message") == (1 if protocol is MqttProtocol.V311 else 0)


def test_clearing_a_retained_command_plays_nothing(house: House) -> None:
    """Over MQTT 5 an empty retained message is known for what it is, and not taken for ``play`` with its defaults."""
    house.broker.start()
    house.link()
    assert house.next() == LinkUp()
    house.send("lull/bedroom/cmd/play", "-n", "-r")
    house.send("lull/bedroom/cmd/stop", "-n")
    stop = house.next()
    assert isinstance(stop, Incoming)
    assert stop.topic == "lull/bedroom/cmd/stop"


def test_a_command_that_was_sent_while_away_does_not_come_later(house: House) -> None:
    """Clean start, no session expiry: "play" sent at noon does not run at night."""
    house.broker.start()
    first = house.link()
    assert house.next() == LinkUp()
    first.stop(1.0)
    house.send("lull/bedroom/cmd/play", "-m", "at noon")
    house.link()
    assert house.next() == LinkUp()
    house.send("lull/bedroom/cmd/play", "-m", "at night")
    message = house.next()
    assert isinstance(message, Incoming)
    assert message.payload == b"at night"


def test_a_question_over_mqtt_5_is_answered_on_its_own_topic(house: House) -> None:
    """mosquitto_rr sends response topic and correlation data and waits for the answer."""
    house.broker.start()
    link = house.link()
    assert house.next() == LinkUp()
    command = ["mosquitto_rr", "-h", "127.0.0.1", "-p", str(house.broker.port), "-t", "lull/bedroom/cmd/status"]
    command += ["-e", "answers/7", "-n", "-W", "5", "-F", "%D %p"]
    command += ["-D", "publish", "correlation-data", "seven"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as asking:
        question = house.next()
        assert isinstance(question, Incoming)
        assert (question.response_topic, question.correlation) == ("answers/7", b"seven")
        link.publish(question.response_topic, b"playing", qos=1, correlation=question.correlation)
        told, _ = asking.communicate(timeout=WAIT_S)
    assert told.split() == ["seven", "playing"]


def test_a_wrong_password_is_told_once_and_tried_on(house: House) -> None:
    """The reason names what to check, and the password is not in it."""
    passwords = house.broker.add_user("lull", "right")
    house.broker.start(("allow_anonymous false", f"password_file {passwords}"))
    house.link(house.settings(username="lull"), "wr0ng")
    down = house.next()
    assert isinstance(down, LinkDown)
    assert "check username and password" in down.reason
    assert "wr0ng" not in down.reason
    log = house.broker.folder / "log"
    deadline_s = time.monotonic() + WAIT_S
    while log.read_text().count("not authorised") < 2:
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.05)
    assert house.told.empty()
    right = MqttLink(house.settings(username="lull"), "kitchen", house.told.put, "right")
    right.start()
    assert house.next() == LinkUp()
    right.stop(1.0)


def test_stopping_says_offline(house: House) -> None:
    """A clean disconnect sends no will; so it is published, and it is fast."""
    house.broker.start()
    link = house.link()
    assert house.next() == LinkUp()
    house.wait_retained("lull/bedroom/availability", "online")
    began_s = time.monotonic()
    link.stop(2.0)
    assert time.monotonic() - began_s < 0.5
    assert house.retained("lull/bedroom/availability") == "offline"


def test_a_speaker_that_is_killed_is_offline(house: House) -> None:
    """The last will."""
    house.broker.start()
    code = (
        "import sys, time; from player.adapters.mqtt import MqttLink; from player.settings import MqttSettings;"
        "MqttLink(MqttSettings('127.0.0.1', int(sys.argv[1])), 'bedroom', lambda _: None).start(); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(house.broker.port)]) as speaker:
        house.wait_retained("lull/bedroom/availability", "online")
        speaker.kill()
    house.wait_retained("lull/bedroom/availability", "offline")


def test_a_twin_that_takes_over_leaves_the_speaker_online(house: House) -> None:
    """The will of the connection that was thrown out says offline; whoever is connected contradicts."""
    house.broker.start()
    house.link()
    assert house.next() == LinkUp()
    plan = Plan(client_id_of("lull", "bedroom"))
    once(house.settings(), plan)
    down = house.next()
    assert isinstance(down, LinkDown)
    assert house.next() == LinkUp()
    house.wait_retained("lull/bedroom/availability", "online")
    house.send("lull/bedroom/availability", "-m", "offline", "-r")
    house.wait_retained("lull/bedroom/availability", "online")


def test_a_broker_that_hangs_holds_up_neither_publishing_nor_stopping(house: House) -> None:
    """SIGSTOP: the connection stands, nobody reads; 10 000 publications take no time and no memory."""
    house.broker.start()
    link = house.link()
    assert house.next() == LinkUp()
    house.wait_retained("lull/bedroom/availability", "online")
    os.kill(house.broker.pid, signal.SIGSTOP)
    try:
        began_s = time.monotonic()
        for _ in range(10_000):
            link.publish("lull/bedroom/state", b"x" * 4000, retain=True, qos=1)
        assert time.monotonic() - began_s < 0.5
        began_s = time.monotonic()
        link.stop(1.0)
        assert time.monotonic() - began_s < 1.5
    finally:
        os.kill(house.broker.pid, signal.SIGCONT)


ACCEPTED = b"\x20\x03\x00\x00\x00"
"""CONNACK of MQTT 5: success, no properties."""


@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        (b"\x20\x02\x00\x01", 'set protocol: "3.1.1" for this broker'),  # CONNACK of 3.1.1: unacceptable protocol
        (b"\x20\x03\x00\x86\x00", "check username and password"),
        (ACCEPTED + b"\xe0\x02\x8e\x00", "is there a second speaker with this device name"),
        (ACCEPTED + b"\xe0\x02\x8b\x00", "Server shutting down"),
        (ACCEPTED + b"\xe0\x02\x03\x00", ""),  # a reason code that MQTT 5 does not have
        (b"\x20\x03\x00\xf7\x00", ""),
        (ACCEPTED + b"\x30\xff\xff\xff\xff\xff", ""),  # a length without an end
        (ACCEPTED + b"\x30\x06\x00\x01a\x01\xff\xff", ""),  # a property that there is not
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
        (b"", ""),
    ],
)
def test_what_a_broker_answers_is_told_and_never_ends_the_link(house: House, packets: bytes, reason: str) -> None:
    """Refusals with what to do about them; nonsense with whatever there is to say. A real broker is found after it."""
    with socket.create_server(("127.0.0.1", house.broker.port)) as server:
        server.settimeout(WAIT_S)
        house.link()
        client, _ = server.accept()
        with client:
            client.recv(1000)
            client.sendall(packets)
            client.shutdown(socket.SHUT_WR)
            while not isinstance(told := house.next(), LinkDown):
                assert told == LinkUp()
    assert told.reason.startswith(f"127.0.0.1:{house.broker.port}: ") or " in the connection" in told.reason
    assert reason in told.reason
    house.broker.start()
    while house.next() != LinkUp():
        pass


def test_connections_leave_nothing_open(house: House) -> None:
    """Fifty attempts, half of them refused: no file descriptor stays, and none waits for the garbage collector."""
    house.broker.start()
    refusing = MqttSettings(host="127.0.0.1", port=free_port())
    gc.collect()
    gc.disable()
    try:
        before = set(os.listdir("/proc/self/fd"))
        for number in range(50):
            once(refusing if number % 2 else house.settings(), Plan("leak"))
        after = set(os.listdir("/proc/self/fd"))
    finally:
        gc.enable()
    # a leak would be 50; one or two may belong to what this process did before
    assert len(after - before) < 5


def test_the_callers_thread_never_writes_to_the_socket(house: House) -> None:
    """Two threads that write would mix their packets; what is published waits for the loop of the serving thread."""
    with socket.create_server(("127.0.0.1", house.broker.port)) as server:
        broker = Broker(house.settings(), None, Plan("id"), lambda: None, lambda _message: None)
        broker._connect()
        assert broker.publish("t", b"x", qos=1)
        client, _ = server.accept()
        with client:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
            client.shutdown(socket.SHUT_WR)
            assert broker._client.loop(1.0) != 0
        broker._let_go()


# paho leaves the socket of a failed handshake to be closed with its last reference, which Python remarks on
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_checked_against_the_authority(house: House) -> None:
    """With the right CA it connects, with the system's it does not, and a missing file is told, not raised."""
    folder = house.broker.folder
    certificates(folder)
    lines = (f"cafile {folder}/ca.crt", f"certfile {folder}/broker.crt", f"keyfile {folder}/broker.key")
    house.broker.start(("allow_anonymous true", *lines))
    reasons = []
    for ca in (None, str(folder / "absent.crt")):
        link = house.link(house.settings(tls=TlsSettings(ca=ca)))
        down = house.next()
        link.stop(1.0)
        assert isinstance(down, LinkDown)
        reasons.append(down.reason)
    assert "certificate verify failed" in reasons[0].lower().replace("_", " ")
    assert "check ca, cert and key" in reasons[1]
    house.link(house.settings(tls=TlsSettings(ca=str(folder / "ca.crt"))))
    assert house.next() == LinkUp()


def certificates(folder: Path) -> None:
    """An authority and a certificate of 127.0.0.1 that it signed."""

    def openssl(*args: str) -> None:
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=folder)

    new = ("-newkey", "rsa:2048", "-nodes", "-days", "2")
    openssl("req", "-x509", *new, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test authority")
    openssl("req", *new[:3], "-keyout", "broker.key", "-out", "broker.csr", "-subj", "/CN=127.0.0.1")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signed = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
    openssl("x509", "-req", "-in", "broker.csr", "-out", "broker.crt", *signed)
    for path in folder.glob("*.key"):
        path.chmod(0o644)
