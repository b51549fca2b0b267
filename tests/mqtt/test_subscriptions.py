"""The link and the topics of others: subscribed while connected, again after each connection, and live on a change."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from player.mqtt.incoming import Incoming, LinkUp
from player.mqtt.link import MAX_OTHER_BYTES
from player.mqtt.topics import Topics
from player.mqtt.triggers.content import MAX_BYTES
from tests.fakes.connection import WAIT_S, FakeConnection
from tests.mqtt import fake_link as linkhouse


class House(linkhouse.House):
    """The speaker of these tests."""

    def __init__(self) -> None:
        super().__init__(Topics("lull", "bedroom"))

    def up(self) -> FakeConnection:
        connection = self.broker.next()
        connection.up()
        while self.next() != LinkUp():
            pass
        return connection


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    house.link.stop(1.0)


def asked(connection: FakeConnection) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What it subscribes next, and what it leaves."""
    return connection.subscribed.get(timeout=WAIT_S)


def test_what_was_asked_for_before_is_subscribed_with_each_connection(house: House) -> None:
    """A broker forgets it with the connection."""
    house.link.listen(("a/+", "b"))
    house.link.start()
    first = house.up()
    assert asked(first) == (("a/+", "b"), ())
    first.end("gone")
    assert asked(house.up()) == (("a/+", "b"), ())


def test_what_the_broker_refuses_is_known_as_long_as_it_is_wanted(house: House) -> None:
    """Topics of triggers; those that only discovery reads are not missed."""
    house.link.listen(("a", "b"))
    house.link.start()
    connection = house.up()
    asked(connection)
    assert house.link.refused == ()
    connection.refused = frozenset({"b", "homeassistant/status"})
    assert house.link.refused == ("b",)
    house.link.listen(("a",))
    assert house.link.refused == ()


def test_a_change_subscribes_what_is_new_and_leaves_what_is_gone(house: House) -> None:
    """The connection stays, and so does what did not change."""
    house.link.listen(("a", "b"))
    house.link.start()
    connection = house.up()
    asked(connection)
    house.link.listen(("b", "c"))
    assert asked(connection) == (("c",), ("a",))
    house.link.listen(("c", "b"))
    house.link.listen(())
    assert asked(connection) == ((), ("c", "b"))
    assert connection.closed.empty()


def test_messages_of_others_come_retained_or_not_and_are_cut(house: House) -> None:
    """Whether a retained one counts is for the triggers to say; a large one is cut to more than triggers read."""
    house.link.start()
    connection = house.up()
    connection.message(Incoming("a/b", b"x", retained=True))
    assert house.next() == Incoming("a/b", b"x", retained=True)
    connection.message(Incoming("a/b", b"x" * 100_000))
    large = house.next()
    assert isinstance(large, Incoming)
    assert MAX_BYTES < len(large.payload) == MAX_OTHER_BYTES


def test_a_retained_command_is_dropped_as_ever(house: House) -> None:
    """Listening to others changes nothing about commands."""
    house.link.listen(("a",))
    house.link.start()
    connection = house.up()
    connection.message(Incoming("lull/bedroom/cmd/play", b"", retained=True))
    connection.message(Incoming("a", b"1"))
    assert house.next() == Incoming("a", b"1")
