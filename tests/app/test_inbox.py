"""The inbox: nothing of the house's own is lost, commands are bounded, and a stop goes before them all."""

from __future__ import annotations

import queue
import sys
import threading
from dataclasses import replace

import pytest

from player.app.inbox import (
    EVENT_EVERY_S,
    MAX_OTHERS,
    MAX_STOPS,
    MAX_WAITING,
    RATE_PER_S,
    TOO_MANY,
    VOID,
    Inbox,
    Refusal,
)
from player.app.parts import Inbound
from player.core.commands import Play, Request, Stop
from player.core.events import QueueRanDry
from player.mqtt.incoming import Incoming, Lane, LinkUp
from player.mqtt.router import lane_of
from player.mqtt.topics import Topics
from tests.fakes.clock import FakeClock

TOPICS = Topics("lull", "bedroom", ("upstairs",))
STOP = Incoming("lull/bedroom/cmd/stop", b"")
STOPS = [
    STOP,
    Incoming("lull/all/cmd/stop", b"now"),
    Incoming("lull/upstairs/cmd/stop", b'{"id": "1"}'),
    Incoming("lull/bedroom/cmd", b"stop"),
    Incoming("lull/bedroom/cmd", b' {"id": 5, "command": "stop", "now": true}'),
    Request(Stop(), "trigger:button"),
]


class House:
    """An inbox with its desk, and hands on its clock."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.inbox: Inbox[Inbound] = Inbox(self.clock)

    def put(self, message: Inbound) -> None:
        """Put a message in, marked as the router of a link marks it."""
        if isinstance(message, Incoming):
            message = replace(message, lane=lane_of(TOPICS, message))
        self.inbox.put(message)

    def all(self) -> list[Inbound]:
        """Everything that waits, in the order in which it is handed out."""
        found: list[Inbound] = []
        while True:
            try:
                found.append(self.inbox.get(timeout=0.0))
            except queue.Empty:
                return found


@pytest.fixture
def house() -> House:
    return House()


def volume(number: int) -> Incoming:
    return Incoming("lull/bedroom/cmd/volume", str(number).encode())


def test_messages_keep_their_order(house: House) -> None:
    """Commands and what the house says itself, as they came."""
    mixed: list[Inbound] = [volume(1), QueueRanDry(), Request(Play(), "test"), LinkUp(), volume(2)]
    for message in mixed:
        house.put(message)
    assert house.all() == mixed


@pytest.mark.parametrize("stop", STOPS, ids=str)
def test_a_stop_goes_first_and_what_waited_before_it_is_void(house: House, stop: Inbound) -> None:
    """In each of its forms and from each source; what comes after it is obeyed."""
    for message in (volume(1), Request(Play(), "test"), stop, volume(2)):
        house.put(message)
    assert house.all() == [stop, volume(2), Refusal(volume(1), VOID), Refusal(Request(Play(), "test"), VOID)]


@pytest.mark.parametrize(
    "message",
    [
        Incoming("lull/bedroom/cmd/playlist", b"stop"),
        Incoming("lull/bedroom/cmd", b'{"command": "play", "playlist": "stop"}'),
        Incoming("lull/bedroom/cmd/stopp", b""),
        Incoming("lull/kitchen/cmd/stop", b""),
    ],
    ids=str,
)
def test_what_only_looks_like_a_stop_voids_nothing(house: House, message: Incoming) -> None:
    """A playlist may be called stop."""
    house.put(volume(1))
    house.put(message)
    assert house.all() == [volume(1), message]


def test_a_flood_is_refused_with_a_reason_and_told_once(house: House) -> None:
    """What waits stays bounded whatever comes; the first of the surplus is news, and again ten seconds later."""
    for number in range(10_000):
        house.put(volume(number))
    found = house.all()
    assert found[:MAX_WAITING] == [volume(number) for number in range(MAX_WAITING)]
    refused = found[MAX_WAITING:]
    assert len(refused) <= MAX_WAITING
    assert {message.reason for message in refused if isinstance(message, Refusal)} == {TOO_MANY}
    assert [message.is_news for message in refused if isinstance(message, Refusal)].count(True) == 1
    house.clock.advance(EVENT_EVERY_S)
    for number in range(10_000):
        house.put(volume(number))
    assert [message.is_news for message in house.all() if isinstance(message, Refusal)].count(True) == 1


def test_in_the_long_run_so_many_a_second_are_taken(house: House) -> None:
    """Also by an app that keeps up, because what each of them does to the decoder takes longer than the command."""
    taken = 0
    for _ in range(10_000):
        house.put(volume(1))
        taken += sum(isinstance(message, Incoming) for message in house.all())
        house.clock.advance(0.001)
    assert taken == pytest.approx(MAX_WAITING + 10 * RATE_PER_S, abs=2)


def test_a_stop_in_a_flood_is_taken_at_once(house: House) -> None:
    """However much has come before it, it is the next message."""
    for number in range(10_000):
        house.put(volume(number))
    house.put(STOP)
    assert house.inbox.get(0.0) == STOP


def test_a_flood_of_stops_is_bounded_too(house: House) -> None:
    """The surplus finds one that is being obeyed; after them a new one is taken again."""
    for _ in range(10_000):
        house.put(STOP)
    found = house.all()
    assert found.count(STOP) == MAX_STOPS
    assert len(found) <= MAX_STOPS + MAX_WAITING
    house.put(STOP)
    assert house.all() == [STOP]


def test_a_flood_loses_nothing_of_the_houses_own(house: House) -> None:
    """An engine's report that got lost would leave a session that waits for it for ever."""
    for number in range(1000):
        house.put(volume(number))
        house.put(QueueRanDry())
    assert house.all().count(QueueRanDry()) == 1000


def test_other_peoples_topics_have_a_room_of_their_own(house: House) -> None:
    """A plug that tells its power a hundred times a second neither fills the memory nor takes the commands' place."""
    plug = Incoming("tele/plug/SENSOR", b"{}")
    for _ in range(10_000):
        house.put(plug)
    house.put(volume(1))
    found = house.all()
    assert found.count(plug) == MAX_OTHERS
    assert volume(1) in found


def test_a_command_that_waited_longer_than_it_was_good_for_is_refused(house: House) -> None:
    """Its expiry goes on counting in here; a stop is obeyed however late."""
    play = Incoming("lull/bedroom/cmd/play", b"", expires_s=2.0)
    stop = Incoming("lull/bedroom/cmd/stop", b"", expires_s=2.0)
    house.put(play)
    house.clock.advance(2.0)
    assert house.all() == [play]
    house.put(play)
    house.clock.advance(2.1)
    assert house.all() == [Refusal(play, "it came too late: it was valid for 2 s", is_news=True)]
    house.put(stop)
    house.clock.advance(100.0)
    assert house.all() == [stop]


@pytest.mark.slow
def test_many_threads_may_put_while_one_gets() -> None:
    """Everything that was kept comes out once, and the inbox is empty after it."""
    house = House()

    def put_all() -> None:
        for _ in range(500):
            for message in (volume(1), QueueRanDry(), STOP):
                house.put(message)

    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        threads = [threading.Thread(target=put_all) for _ in range(4)]
        for thread in threads:
            thread.start()
        found: list[Inbound] = []
        while any(thread.is_alive() for thread in threads):
            found += house.all()
        found += house.all()
    finally:
        sys.setswitchinterval(switch_s)
    assert found.count(QueueRanDry()) == 2000
    assert found.count(STOP) >= 1
    assert not house.all()


def test_the_media_players_volume_is_a_command_and_other_peoples_topics_are_not(house: House) -> None:
    """It waits, is counted and is voided by a stop as a volume on a command topic is."""
    dial = Incoming("lull/bedroom/media/volume/set", b"0.4")
    assert lane_of(TOPICS, dial) is lane_of(TOPICS, Incoming("lull/bedroom/cmd/volume", b"4")) is Lane.COMMAND
    assert lane_of(TOPICS, Incoming("lull/kitchen/media/volume/set", b"0.4")) is Lane.OTHER
    assert lane_of(TOPICS, Incoming("homeassistant/status", b"online")) is Lane.OTHER
    for _ in range(1000):
        house.put(dial)
    taken = [house.inbox.get(timeout=0) for _ in range(MAX_WAITING)]
    assert taken == [dial] * MAX_WAITING
    assert isinstance(house.inbox.get(timeout=0), Refusal)
