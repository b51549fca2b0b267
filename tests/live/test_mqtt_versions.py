"""Versions of the protocol, and brokers that answer oddly: told in words, never the end of the link."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest

from player.cli.client.request import SpeakerClient
from player.core.settings.mqtt import MqttProtocol
from player.mqtt.client import NEWS_EXPIRY_S
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from tests.live.broker import free_port
from tests.live.broker_links import WAIT_S, House

pytestmark = [pytest.mark.live, pytest.mark.slow]

TOO_NEW = b"\x20\x02\x00\x01"
"""CONNACK of 3.1.1: unacceptable protocol version; what mosquitto answered before it learned MQTT 5."""
UNSUPPORTED = b"\x20\x03\x00\x84\x00"
"""CONNACK of MQTT 5: unsupported protocol version; what a broker says that knows 5 and has it switched off."""


class OldBroker:
    """A door before a real mosquitto that lets 3.1.1 in and nothing newer."""

    def __init__(self, behind: int, refusal: bytes) -> None:
        self._behind = behind
        self._refusal = refusal
        self.levels: list[int] = []
        self._server = socket.create_server(("127.0.0.1", free_port()))
        self.port: int = self._server.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                threading.Thread(target=self._welcome, args=(client,), daemon=True).start()

    def _welcome(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            hello = client.recv(4096)
            self.levels.append(hello[hello.index(b"MQTT") + 4])
            if self.levels[-1] > 4:
                client.sendall(self._refusal)
                return
            with socket.create_connection(("127.0.0.1", self._behind)) as broker:
                broker.sendall(hello)
                back = threading.Thread(target=_carry, args=(broker, client), daemon=True)
                back.start()
                _carry(client, broker)
                back.join()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(4096):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def house() -> Iterator[House]:
    with House() as built:
        yield built


@pytest.fixture(params=[TOO_NEW, UNSUPPORTED, b""], ids=["0x01", "0x84", "closes"])
def old(house: House, request: pytest.FixtureRequest) -> Iterator[OldBroker]:
    house.broker.start()
    door = OldBroker(house.broker.port, request.param)
    yield door
    door.close()


def test_a_broker_that_does_not_speak_5_is_spoken_to_in_3_1_1(house: House, old: OldBroker) -> None:
    """Whether it refuses in its own words, in those of MQTT 5, or just closes; commands come, and it is said aloud."""
    house.link(house.settings(MqttProtocol.AUTO, port=old.port))
    up = house.next()
    assert up == LinkUp(fell_back_to="3.1.1")
    assert up.line == "connected with MQTT 3.1.1, because the broker does not speak 5"
    assert old.levels == [5, 4]
    house.send("lull/bedroom/cmd/play", "-m", "rain")
    assert house.next() == Incoming("lull/bedroom/cmd/play", b"rain")
    house.wait_retained("lull/bedroom/availability", "online")


def test_the_client_commands_step_down_too(house: House, old: OldBroker) -> None:
    """The same broker, seen from a shell."""
    house.link(house.settings(MqttProtocol.V311))
    assert house.next() == LinkUp()
    with SpeakerClient(house.settings(MqttProtocol.AUTO, port=old.port), "bedroom", WAIT_S) as remote:
        answers: list[dict[str, object]] = []
        asking = threading.Thread(target=lambda: answers.append(remote.ask("pause", {})), daemon=True)
        asking.start()
        asked = house.next()
        assert isinstance(asked, Incoming)
        sender_id = json.loads(asked.payload)["id"]
        house.links[0].publish("lull/bedroom/reply", json.dumps({"id": sender_id, "done": True}).encode(), qos=1)
        asking.join(WAIT_S)
    assert answers == [{"id": sender_id, "done": True}]


def test_who_asks_for_5_gets_5_or_a_reason(house: House, old: OldBroker) -> None:
    """No silent step where the version was written down."""
    house.link(house.settings(MqttProtocol.V5, port=old.port))
    down = house.next()
    assert isinstance(down, LinkDown)
    assert 'set protocol: auto or "3.1.1" for this broker' in down.reason or "without an answer" in down.reason
    assert 4 not in old.levels


def test_a_broker_that_speaks_5_is_spoken_to_in_5(house: House) -> None:
    """What is sent says what it is, for how long it is worth something, and who sent it; what is retained stays."""
    house.broker.start()
    link = house.link(house.settings(MqttProtocol.AUTO))
    assert house.next() == LinkUp()
    command = ["mosquitto_sub", "-h", "127.0.0.1", "-p", str(house.broker.port), "-V", "5", "-t", "lull/bedroom/#"]
    command += ["-C", "3", "-W", "5", "-F", "%t|%C|%E|%F|%P|%D|%p"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as listening:
        assert listening.stdout is not None
        lines = [listening.stdout.readline()]
        link.publish("lull/bedroom/state", b'{"v":1}', retain=True, qos=1)
        link.publish("lull/bedroom/reply", b'{"v":1}', qos=1, correlation=b"7")
        lines += [listening.stdout.readline() for _ in range(2)]
    found = [line.strip().split("|") for line in lines]
    assert found[0] == ["lull/bedroom/availability", "", "", "1", "v:1 device:bedroom", "", "online"]
    assert found[1] == ["lull/bedroom/state", "application/json", "", "1", "v:1 device:bedroom", "", '{"v":1}']
    assert found[2][:2] == ["lull/bedroom/reply", "application/json"]
    assert 0 < int(found[2][2]) <= NEWS_EXPIRY_S
    assert found[2][5] == "7"


def test_marks_and_expiry_of_a_command_arrive(house: House) -> None:
    """User properties say who asks where the payload is a plain word; others are nobody's business."""
    house.broker.start()
    house.link()
    assert house.next() == LinkUp()
    more = ("-V", "5", "-D", "publish", "user-property", "origin", "button")
    more += ("-D", "publish", "user-property", "colour", "blue", "-D", "publish", "message-expiry-interval", "30")
    house.send("lull/bedroom/cmd/play", "-m", "rain", *more)
    assert house.next() == Incoming("lull/bedroom/cmd/play", b"rain", expires_s=30, marks=(("origin", "button"),))


@pytest.mark.parametrize("protocol", [MqttProtocol.V5, MqttProtocol.V311])
@pytest.mark.parametrize("qos", ["0", "1", "2"])
def test_each_quality_of_service_arrives_once(house: House, protocol: MqttProtocol, qos: str) -> None:
    """QoS 2 comes down to 1 on the way."""
    house.broker.start()
    house.link(house.settings(protocol))
    assert house.next() == LinkUp()
    house.run("mosquitto_pub", "-t", "lull/bedroom/cmd/next", "-n", "-q", qos)
    house.send("lull/bedroom/cmd/pause", "-n")
    topics = [message.topic for message in (house.next(), house.next()) if isinstance(message, Incoming)]
    assert topics == ["lull/bedroom/cmd/next", "lull/bedroom/cmd/pause"]


def test_a_message_that_a_broker_sends_again_is_not_taken_again(house: House) -> None:
    """Old brokers repeat what was not acknowledged in time; with a clean start the first copy has always come."""
    with socket.create_server(("127.0.0.1", house.broker.port)) as server:
        server.settimeout(WAIT_S)
        house.link(house.settings(MqttProtocol.V311))
        client, _ = server.accept()
        with client:
            client.recv(1000)
            client.sendall(b"\x20\x02\x00\x00")
            assert house.next() == LinkUp()
            topic = b"lull/bedroom/cmd/next"
            body = len(topic).to_bytes(2, "big") + topic + b"\x00\x07"
            for first in (b"\x32", b"\x3a", b"\x3a"):  # PUBLISH at QoS 1, and twice with the DUP flag
                client.sendall(first + bytes([len(body)]) + body)
            client.sendall(b"\x30" + bytes([len(topic) + 3]) + len(topic).to_bytes(2, "big") + topic + b"!")
            assert [house.next(), house.next()] == [Incoming(topic.decode(), b""), Incoming(topic.decode(), b"!")]


ACCEPTED = b"\x20\x03\x00\x00\x00"
"""CONNACK of MQTT 5: success, no properties."""


@pytest.mark.parametrize(
    ("packets", "reason"),
    [
        (
            b"\x20\x02\x00\x01",
            'set protocol: auto or "3.1.1" for this broker',
        ),  # CONNACK of 3.1.1: unacceptable protocol
        (b"\x20\x03\x00\x86\x00", "check username and password"),
        (ACCEPTED + b"\xe0\x02\x8e\x00", "another speaker on this machine has the same device name"),
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
