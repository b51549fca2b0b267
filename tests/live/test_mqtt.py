"""The link against a real mosquitto."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.settings.mqtt import MqttProtocol, MqttSettings
from player.mqtt.client import PahoConnection
from player.mqtt.connection import ConnectionPlan
from player.mqtt.identity import client_id_of
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import make_link
from tests.live.broker import free_port
from tests.live.broker_links import WAIT_S, House

pytestmark = [pytest.mark.live, pytest.mark.slow]

BOTH = pytest.mark.parametrize("protocol", [MqttProtocol.V5, MqttProtocol.V311])


def once(settings: MqttSettings, plan: ConnectionPlan) -> None:
    """One connection, closed as soon as it is up."""
    made: list[PahoConnection] = []

    def close() -> None:
        made[0].close()

    made.append(PahoConnection(settings, None, plan, close, lambda _message: None))
    made[0].serve()
    made.clear()


@pytest.fixture
def house() -> Iterator[House]:
    with House() as built:
        yield built


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
    right = make_link(house.settings(username="lull"), "kitchen", house.told.put, password=lambda _: "right")
    right.start()
    assert house.next() == LinkUp()
    right.stop(1.0)


def test_a_password_file_that_is_corrected_serves_the_next_attempt(house: House, tmp_path: Path) -> None:
    """Refused at first; then somebody writes the right word, and nobody restarts anything."""
    passwords = house.broker.add_user("lull", "right")
    house.broker.start(("allow_anonymous false", f"password_file {passwords}"))
    file = tmp_path / "password"
    file.write_text("wr0ng\n")
    link = make_link(house.settings(username="lull", password_file=str(file)), "bedroom", house.told.put)
    house.links.append(link)
    link.start()
    assert isinstance(house.next(), LinkDown)
    file.write_text("right\n")
    assert house.next() == LinkUp()


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
        "import sys, time; from player.mqtt.link import make_link;"
        "from player.core.settings.mqtt import MqttSettings;"
        "make_link(MqttSettings('127.0.0.1', int(sys.argv[1])), 'bedroom', lambda _: None).start(); time.sleep(60)"
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
    plan = ConnectionPlan(client_id_of("lull", "bedroom"))
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


def test_connections_leave_nothing_open(house: House) -> None:
    """Fifty attempts, half of them refused: no file descriptor stays, and none waits for the garbage collector."""
    house.broker.start()
    refusing = MqttSettings(host="127.0.0.1", port=free_port())
    gc.collect()
    gc.disable()
    try:
        before = set(os.listdir("/proc/self/fd"))
        for number in range(50):
            once(refusing if number % 2 else house.settings(), ConnectionPlan("leak"))
        after = set(os.listdir("/proc/self/fd"))
    finally:
        gc.enable()
    # a leak would be 50; one or two may belong to what this process did before
    assert len(after - before) < 5


def test_the_callers_thread_never_writes_to_the_socket(house: House) -> None:
    """Two threads that write would mix their packets; what is published waits for the loop of the serving thread."""
    with socket.create_server(("127.0.0.1", house.broker.port)) as server:
        broker = PahoConnection(house.settings(), None, ConnectionPlan("id"), lambda: None, lambda _message: None)
        broker._connect()
        assert broker.publish("t", b"x", qos=1)
        client, _ = server.accept()
        with client:
            client.settimeout(0.2)
            with pytest.raises(TimeoutError):
                client.recv(1)
            client.shutdown(socket.SHUT_WR)
            assert broker._client.loop(1.0) != 0
        broker._release()
