"""A broker that is away for a night: the link over a fake connection, its pauses counted and not waited for."""

from __future__ import annotations

import queue
import random
import tracemalloc

from player.mqtt.identity import Backoff
from player.mqtt.incoming import Incoming, LinkDown, LinkUp
from player.mqtt.link import MqttLink
from player.mqtt.topics import Topics
from tests.fakes.connection import WAIT_S, FakeBroker
from tests.fakes.threads import no_more_threads

TOPICS = Topics("lull", "bedroom", ())
NIGHT_S = 8 * 3600.0
STATES_PER_ATTEMPT = 45
"""One a second, as while something plays."""
MOST_BYTES = 200_000


class Counted(Backoff):
    """The real pauses, added up instead of waited for."""

    def __init__(self) -> None:
        super().__init__(random.Random(1))
        self.waited_s = 0.0
        self.longest_s = 0.0

    def next_s(self, lasted_s: float) -> float:
        pause_s = super().next_s(lasted_s)
        self.waited_s += pause_s
        self.longest_s = max(self.longest_s, pause_s)
        return 0.0


def test_a_link_for_which_there_is_no_thread_is_begun_by_a_later_call() -> None:
    """The service's limit of tasks at a reload of the broker: told, and it connects as soon as it can."""
    broker, told = FakeBroker(), list[object]()
    link = MqttLink(TOPICS, "id", told.append, broker.connect)
    with no_more_threads():
        link.start()
        link.start()
    assert told == [LinkDown("there are too many threads")]
    link.start()
    broker.next()
    link.start()
    link.stop(WAIT_S)


def test_a_broker_that_is_away_for_a_night_costs_one_line_no_memory_and_a_minute_at_most_when_it_is_back() -> None:
    """Eight hours of refused attempts, with a state to be published each second; then it takes the next attempt."""
    broker, backoff = FakeBroker(), Counted()
    told: queue.SimpleQueue[Incoming | LinkUp | LinkDown] = queue.SimpleQueue()
    link = MqttLink(TOPICS, "id", told.put, broker.connect, backoff)
    link.start()
    attempts = 0
    before = 0
    tracemalloc.start()
    while backoff.waited_s < NIGHT_S:
        for _ in range(STATES_PER_ATTEMPT):
            link.publish("lull/bedroom/state", b"x" * 2000, retain=True, qos=1)
        broker.next().end("Connection refused")
        attempts += 1
        if attempts == 20:
            before = tracemalloc.get_traced_memory()[0]
    more = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert NIGHT_S / 60 < attempts < NIGHT_S / 30 + 10
    assert backoff.longest_s <= 60.0
    assert more < MOST_BYTES
    assert told.get(timeout=WAIT_S) == LinkDown("Connection refused")
    assert told.empty()
    connection = broker.next()
    connection.up()
    assert told.get(timeout=WAIT_S) == LinkUp()
    assert connection.published.get(timeout=WAIT_S)[:2] == ("lull/bedroom/availability", b"online")
    assert connection.published.empty(), "the app publishes the state as it is now, and nothing of the night comes late"
    link.stop(1.0)
