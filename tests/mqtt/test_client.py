"""The link over a fake connection, and what a speaker shows of itself to a broker. The real broker is in tests/live."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import random
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.settings.mqtt import MqttProtocol, MqttSettings
from player.mqtt.client import MAX_UNSENT, PahoConnection
from player.mqtt.connection import ConnectionPlan
from player.mqtt.identity import Backoff, client_id_of, read_password
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import MqttLink, make_link
from player.mqtt.topics import Topics
from player.system import identity
from tests.fakes.connection import WAIT_S, FakeConnection
from tests.mqtt import fake_link as linkhouse

TOPICS = Topics("lull", "bedroom", ("upstairs",))
AVAILABILITY = "lull/bedroom/availability"
PLAY = Incoming("lull/bedroom/cmd/play", b"rain", response_topic="a/b", correlation=b"1")


class House(linkhouse.House):
    """The speaker of these tests."""

    def __init__(self) -> None:
        super().__init__(TOPICS)

    def up(self) -> FakeConnection:
        """Start, and let the first connection come up."""
        self.link.start()
        connection = self.broker.next()
        connection.up()
        assert self.next() == LinkUp()
        assert connection.published.get(timeout=WAIT_S) == (AVAILABILITY, b"online", True, 1, None)
        return connection


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.link.stop(1.0)


def test_the_plan_has_the_command_topics_its_own_availability_and_the_will(house: House) -> None:
    """The will is on the same topic that is watched for it; what is sent carries format and name."""
    house.link.start()
    marks = (("v", "1"), ("device", "bedroom"))
    assert house.broker.next().plan == ConnectionPlan(
        "id", TOPICS.subscriptions, (AVAILABILITY, "lull/bedroom/cmd/self_check"), AVAILABILITY, marks
    )


def test_online_is_published_before_the_app_is_told(house: House) -> None:
    """Whoever waits for ``online`` finds it before the state."""
    connection = house.up()
    assert connection.published.empty()


def test_a_message_is_handed_over_as_it_came(house: House) -> None:
    """Response topic and correlation data included."""
    house.up().message(PLAY)
    assert house.next() == PLAY


def test_a_publication_keeps_its_flags(house: House) -> None:
    """Topic, payload, retain, QoS and correlation data reach the connection."""
    connection = house.up()
    house.link.publish("t", b"x", retain=True, qos=1, correlation=b"c")
    assert connection.published.get(timeout=WAIT_S) == ("t", b"x", True, 1, b"c")


def test_a_long_payload_is_cut_to_what_is_refused_for_its_length(house: House) -> None:
    """A megabyte does not wait in the inbox to be refused."""
    house.up().message(Incoming("lull/bedroom/cmd", b"x" * 1_000_000))
    taken = house.next()
    assert isinstance(taken, Incoming)
    assert len(taken.payload) == 4097


def test_retained_commands_are_dropped_with_one_line_each(house: House, caplog: pytest.LogCaptureFixture) -> None:
    """They come again with each connection, so the same topic is named once."""
    connection = house.up()
    with caplog.at_level(logging.WARNING):
        for topic in ("lull/bedroom/cmd/play", "lull/bedroom/cmd/play", "lull/all/cmd/stop"):
            connection.message(Incoming(topic, b"", retained=True))
        connection.message(PLAY)
        assert house.next() == PLAY
    assert [record.getMessage().split(";")[0] for record in caplog.records] == [
        "dropped a retained message on 'lull/bedroom/cmd/play'",
        "dropped a retained message on 'lull/all/cmd/stop'",
    ]


def test_a_flood_of_retained_topics_does_not_fill_the_memory_or_the_journal(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """At most a hundred are named."""
    connection = house.up()
    for number in range(300):
        connection.message(Incoming(f"lull/bedroom/cmd/{number}", b"", retained=True))
    connection.message(PLAY)
    assert house.next() == PLAY
    assert len(caplog.records) == 100


@pytest.mark.parametrize("said", [b"offline", b"", b"nonsense"])
@pytest.mark.parametrize("retained", [True, False])
def test_its_own_offline_is_contradicted(house: House, said: bytes, retained: bool) -> None:
    """The will of the connection that this one replaced arrives late, and would hide the speaker for ever; so would
    what a stranger puts there, or takes away.
    """
    connection = house.up()
    connection.message(Incoming(AVAILABILITY, said, retained=retained))
    assert connection.published.get(timeout=WAIT_S) == (AVAILABILITY, b"online", True, 1, None)
    connection.message(Incoming(AVAILABILITY, b"online", retained=retained))
    connection.message(PLAY)
    assert house.next() == PLAY
    assert connection.published.empty()


def test_the_same_reason_is_told_once(house: House) -> None:
    """A broker that is down all night is one line in the journal, not ten thousand."""
    house.link.start()
    for reason in ("refused", "refused", "refused", "no route", "refused"):
        house.broker.next().end(reason)
    assert [house.next() for _ in range(3)] == [LinkDown("refused"), LinkDown("no route"), LinkDown("refused")]
    assert house.told.empty()


def test_a_reason_is_told_again_after_a_connection(house: House) -> None:
    """Each outage is told, also when it has the reason of the one before."""
    house.link.start()
    for _ in range(3):
        connection = house.broker.next()
        connection.up()
        assert house.next() == LinkUp()
        connection.end("lost")
        assert house.next() == LinkDown("lost")


def test_nothing_that_was_published_while_offline_is_sent_later(house: House) -> None:
    """Dropped, not queued: the new connection starts with ``online`` and nothing else."""
    house.link.publish("t", b"before", qos=1)
    first = house.up()
    first.end("lost")
    assert house.next() == LinkDown("lost")
    second = house.broker.next()
    house.link.publish("t", b"between", qos=1)
    second.up()
    assert house.next() == LinkUp()
    assert second.published.get(timeout=WAIT_S) == (AVAILABILITY, b"online", True, 1, None)
    assert second.published.empty()
    assert first.published.empty()


def test_an_unforeseen_exception_ends_the_connection_and_not_the_thread(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged with its trace, told as a reason, and the next connection is made."""
    house.up().fail()
    assert house.next() == LinkDown("KeyError in the connection")
    house.broker.next().up()
    assert house.next() == LinkUp()
    assert "a packet that nobody foresaw" in caplog.text


def test_an_app_that_cannot_take_a_message_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever ``deliver`` raises."""
    house = House()
    told: queue.SimpleQueue[object] = queue.SimpleQueue()

    def deliver(message: object) -> None:
        told.put(message)
        if isinstance(message, Incoming):
            raise RuntimeError("the inbox is broken")

    link = MqttLink(TOPICS, "id", deliver, house.broker.connect, linkhouse.NoWait())
    link.start()
    connection = house.broker.next()
    connection.up()
    connection.message(PLAY)
    assert [told.get(timeout=WAIT_S) for _ in range(3)] == [
        LinkUp(),
        PLAY,
        LinkDown("RuntimeError in the connection"),
    ]
    house.broker.next().up()
    assert told.get(timeout=WAIT_S) == LinkUp()
    link.stop(1.0)
    assert "the inbox is broken" in caplog.text


def test_stopping_publishes_offline_and_tells_nothing() -> None:
    """A clean disconnect sends no will, so ``offline`` is said before; the app knows by itself that it stops."""
    house = House()
    connection = house.up()
    house.link.stop(2.0)
    assert connection.closed.get(timeout=WAIT_S) == ((AVAILABILITY, b"offline"), 1.0)
    house.link.publish("t", b"after the end")
    assert connection.published.empty()
    assert house.told.empty()


def test_stopping_before_a_connection_is_up_disconnects_without_a_word() -> None:
    """Nothing was online, so nothing goes offline."""
    house = House()
    house.link.start()
    connection = house.broker.next()
    house.link.stop(1.0)
    assert connection.closed.get(timeout=WAIT_S) == (None, 0.5)


def test_a_connection_that_comes_up_while_stopping_is_closed() -> None:
    """A name server that answers late must not bring a stopped speaker online."""
    house = House()
    house.link.start()
    connection = house.broker.next()
    house.link._quit.set()
    connection.up()
    assert connection.closed.get(timeout=WAIT_S) == (None, 0.0)
    assert connection.published.empty()
    assert house.told.empty()
    house.link.stop(1.0)


def test_stopping_a_link_that_never_started_is_harmless() -> None:
    """As after a fault at start."""
    House().link.stop(0.1)


def test_a_link_that_is_replaced_says_nothing_when_it_ends() -> None:
    """Its successor is online on the same topic."""
    house = House()
    connection = house.up()
    house.link.stop(2.0, says_offline=False)
    assert connection.closed.get(timeout=WAIT_S) == (None, 1.0)


# Backoff.


def test_attempts_wait_one_second_doubled_up_to_a_minute() -> None:
    """Each wait is shortened by up to half: 1, 2, 4, … 32, 60, 60 s are the longest."""
    backoff = Backoff(random.Random(1))
    for longest_s in (1, 2, 4, 8, 16, 32, 60, 60, 60):
        assert longest_s / 2 <= backoff.next_s(0.0) <= longest_s


def test_two_speakers_do_not_knock_at_the_same_times() -> None:
    """Their waits differ."""
    one, other = (Backoff(random.Random(seed)) for seed in (1, 2))
    assert [one.next_s(0.0) for _ in range(5)] != [other.next_s(0.0) for _ in range(5)]


def test_only_a_steady_connection_starts_the_row_anew() -> None:
    """Two twins that throw each other out every second soon do it once a minute only."""
    backoff = Backoff(random.Random(1))
    for _ in range(8):
        backoff.next_s(1.0)
    assert backoff.next_s(59.9) >= 30
    assert backoff.next_s(60.0) <= 1


# What it shows of itself.


def test_the_client_id_is_lasting_unique_short_and_not_the_machines() -> None:
    """At most 23 characters of letters, digits and a hyphen."""
    own = client_id_of("lull", "bedroom")
    assert own == client_id_of("lull", "bedroom") == client_id_of("lull", "bedroom", 2)
    assert (
        len({own, client_id_of("lull", "bedroom", 1), client_id_of("lull", "kitchen"), client_id_of("home", "bedroom")})
        == 4
    )
    assert len(own) <= 23
    assert own.isascii()
    assert own.replace("-", "").isalnum()


def test_the_client_id_differs_between_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two machines with one config must not throw each other out; a machine without an id goes by its name."""
    found = set()
    for number in range(3):
        path = tmp_path / str(number)
        if number:
            path.write_text(f"{number:032x}\n")
        monkeypatch.setattr(identity, "_MACHINE_ID", path)
        found.add(client_id_of("lull", "bedroom"))
        assert f"{number:032x}" not in str(found)
    assert len(found) == 3


def test_the_password_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    """Without the line's end; spaces belong to it."""
    path = tmp_path / "password"
    path.write_text(" s3cret \nsecond line\n")
    assert read_password(MqttSettings(password_file=str(path))) == " s3cret "
    path.write_text("")
    assert read_password(MqttSettings(password_file=str(path))) is None
    assert read_password(MqttSettings()) is None
    os.mkfifo(tmp_path / "pipe")
    assert read_password(MqttSettings(password_file=str(tmp_path / "pipe"))) is None
    reader, writer = os.pipe()
    os.write(writer, b"s3cret\n")
    assert read_password(MqttSettings(password_file=f"/dev/fd/{reader}")) == "s3cret"
    os.close(reader)
    os.close(writer)


def test_a_password_file_that_cannot_be_read_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The speaker plays on; the broker's refusal is told as well."""
    path = tmp_path / "password"
    assert read_password(MqttSettings(password_file=str(path))) is None
    path.write_bytes(b"\xff\xfe")
    assert read_password(MqttSettings(password_file=str(path))) is None
    assert [record.getMessage() for record in caplog.records] == [
        f"the broker's password cannot be read from {path}: No such file or directory",
        f"the broker's password cannot be read from {path}: it is not UTF-8 text",
    ]


def test_a_credential_is_what_the_service_manager_hands_over(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """By its name in the folder that systemd names; by hand there is none, and that is said."""
    (tmp_path / "lull.mqtt-password").write_text("s3cret\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    settings, other = (MqttSettings(password_file=f"credential:{name}") for name in ("lull.mqtt-password", "other"))
    assert read_password(settings, environ) == "s3cret"
    assert read_password(settings, {}) is None
    assert read_password(other, environ) is None
    assert [record.getMessage() for record in caplog.records] == [
        "the broker's password cannot be read from credential:lull.mqtt-password: only a service is handed credentials",
        "the broker's password cannot be read from credential:other: No such file or directory",
    ]


def test_the_password_is_read_for_each_attempt(tmp_path: Path) -> None:
    """Whoever corrects the file of a speaker that was refused need not restart it."""
    path = tmp_path / "password"
    path.write_text("wrong\n")
    link = make_link(MqttSettings(username="lull", password_file=str(path)), "bedroom", lambda _message: None)
    found = []
    for word in ("wrong", "right"):
        path.write_text(f"{word}\n")
        broker = link._connect(link._plan, lambda: None, lambda _message: None)
        assert isinstance(broker, PahoConnection)
        found.append(broker._password)
        broker._release()
    assert found == ["wrong", "right"]


def test_the_password_is_not_shown() -> None:
    """Neither by the link nor by a connection."""
    settings = MqttSettings(username="lull")
    link = make_link(settings, "bedroom", lambda _message: None, password=lambda _: "s3cret")
    broker = PahoConnection(settings, "s3cret", ConnectionPlan("id"), lambda: None, lambda _message: None)
    assert "s3cret" not in f"{link!r} {link} {broker!r} {broker} {settings!r}"


def test_a_broker_that_stopped_reading_gets_no_endless_queue() -> None:
    """After 256 messages without an answer further ones are dropped, whatever their QoS."""
    for protocol in MqttProtocol:
        broker = PahoConnection(
            MqttSettings(protocol=protocol), None, ConnectionPlan("id"), lambda: None, lambda _message: None
        )
        broker._client.publish = lambda *_args, **_more: Taken()  # type: ignore[assignment,method-assign]
        assert [broker.publish("t", b"", qos=number % 2) for number in range(300)] == [True] * MAX_UNSENT + [False] * 44


class Taken:
    """paho's note that it took a message."""

    rc = 0


def test_no_more_messages_wait_for_an_answer_than_the_broker_takes() -> None:
    """It may end the connection for one more than its Receive Maximum, which is 10 for some."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1], protocol=MqttProtocol.V5)
        up = threading.Event()
        broker = PahoConnection(settings, None, ConnectionPlan("id"), up.set, lambda _message: None)
        thread = threading.Thread(target=broker.serve)
        thread.start()
        client, _ = server.accept()
        with client:
            client.recv(1000)
            client.sendall(b"\x20\x06\x00\x00\x03\x21\x00\x02")  # CONNACK with Receive Maximum 2
            assert up.wait(WAIT_S)
            for number in range(5):
                assert broker.publish("t", b"message %d" % number, qos=1)
            assert _received(client, 2) == [0, 1]
            client.sendall(b"\x40\x02\x00\x01")  # PUBACK of the first
            assert _received(client, 1) == [2]
        thread.join(WAIT_S)


def _received(client: socket.socket, count: int) -> list[int]:
    """The numbers of the messages that come, and of those that come at once behind them."""
    found = b""
    client.settimeout(WAIT_S)
    while found.count(b"message ") < count:
        found += client.recv(1000)
    client.settimeout(0.2)
    with contextlib.suppress(TimeoutError):
        found += client.recv(1000)
    return [int(found[place + 8 : place + 9]) for place in range(len(found)) if found[place:].startswith(b"message ")]


@pytest.mark.slow
def test_a_connection_that_has_ended_leaves_no_socket_to_the_garbage_collector() -> None:
    """In a circle of references it may take paho's sockets before paho itself closes them, and complains of each."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1], protocol=MqttProtocol.V311)
        brokers = [
            PahoConnection(settings, None, ConnectionPlan("id"), lambda: None, lambda _message: None) for _ in range(3)
        ]
        for broker in brokers:
            thread = threading.Thread(target=broker.serve)
            thread.start()
            client, _ = server.accept()
            client.close()
            thread.join(WAIT_S)
            assert (broker._client._sock, broker._client._sockpairR, broker._client._sockpairW) == (None, None, None)


@pytest.mark.slow
def test_a_subscription_that_the_broker_refuses_is_named(caplog: pytest.LogCaptureFixture) -> None:
    """Two are asked for, and the answer to the second one is a failure (0x80)."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = MqttSettings(host="127.0.0.1", port=server.getsockname()[1], protocol=MqttProtocol.V311)
        plan = ConnectionPlan("id", ("lull/bedroom/cmd/#",), ("a/b",))
        broker = PahoConnection(settings, None, plan, lambda: None, lambda _message: None)
        thread = threading.Thread(target=broker.serve)
        thread.start()
        client, _ = server.accept()
        client.recv(1024)
        client.sendall(b"\x20\x02\x00\x00")
        asked = client.recv(1024)
        client.sendall(b"\x90\x04" + asked[2:4] + b"\x01\x80")
        client.shutdown(socket.SHUT_WR)
        thread.join(WAIT_S)
        client.close()
    assert broker.refused == {"a/b"}
    assert "subscription of 'a/b' refused" in caplog.text


def test_a_publication_while_the_connection_is_torn_down_is_dropped() -> None:
    """The main thread publishes what it likes; sockets that the other thread closes under it are no exception."""
    broker = PahoConnection(MqttSettings(), None, ConnectionPlan("id"), lambda: None, lambda _message: None)

    def publish(*_args: object, **_more: object) -> None:
        raise OSError(9, "Bad file descriptor")

    broker._client.publish = publish  # type: ignore[assignment,method-assign]
    assert not broker.publish("t", b"x")
    broker.close(("t", b"offline"), 0.1)


def test_a_name_server_that_hangs_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Starting, publishing and stopping return while the link's thread waits for a name."""
    asked, released = threading.Event(), threading.Event()

    def getaddrinfo(*_args: object, **_more: object) -> list[object]:
        asked.set()
        released.wait(WAIT_S)
        raise OSError("the name server is gone")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    link = make_link(MqttSettings(host="broker.invalid"), "bedroom", lambda _message: None)
    began_s = time.perf_counter()
    link.start()
    assert asked.wait(WAIT_S)
    link.publish("t", b"x")
    link.stop(0.1)
    took_s = time.perf_counter() - began_s
    released.set()
    assert took_s < WAIT_S / 2


def test_a_byte_order_mark_is_no_part_of_a_password(tmp_path: Path) -> None:
    """Editors of Windows put one in front, and nobody sees it."""
    path = tmp_path / "password"
    path.write_bytes(b"\xef\xbb\xbfs3cret\r\n")
    assert read_password(MqttSettings(password_file=str(path))) == "s3cret"
