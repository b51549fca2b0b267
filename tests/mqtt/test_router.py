"""What a link hears on its way to the main thread: sorted, marked, and passed on once while two links hear the same."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from player.mqtt.incoming import Arrival, Incoming, Lane, LinkDown, LinkUp
from player.mqtt.router import SAME_WITHIN_S, DuplicateFilter, MessageRouter, Route
from player.mqtt.topics import Topics
from player.mqtt.triggers.mailbox import ConnectionBreak, Mailbox, MailboxFilled
from tests import effort
from tests.fakes.clock import FakeClock

TOPICS = Topics("lull", "bedroom")
LOUDER = Incoming("lull/bedroom/cmd/volume", b"+5")
STOP = Incoming("lull/bedroom/cmd/stop", b"")
CHECK = Incoming("lull/bedroom/cmd/self_check", b"token")


class TwoLinks:
    """An old link and its successor, and what they pass on."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.mailbox = Mailbox()
        self.duplicates = DuplicateFilter(self.clock)
        self.passed_on: list[Arrival | MailboxFilled] = []
        self.old, self.new = (
            MessageRouter(
                Route(number, TOPICS, ("homeassistant/status",), is_successor=number == 1),
                self.mailbox, self.duplicates, self.passed_on.append,
            )
            for number in (0, 1)
        )  # fmt: skip

    @property
    def marker(self) -> Incoming:
        """The marker that the new link publishes."""
        return Incoming(CHECK.topic, self.duplicates.marker)

    def taken(self) -> list[Arrival | MailboxFilled]:
        """What has been passed on since the last call."""
        found = list(self.passed_on)
        self.passed_on.clear()
        return found


@pytest.fixture
def links() -> TwoLinks:
    return TwoLinks()


@pytest.mark.parametrize(
    ("message", "lane"),
    [
        (STOP, Lane.STOP),
        (LOUDER, Lane.COMMAND),
        (Incoming("lull/bedroom/cmd", b'{"command": "stop", "now": 7}'), Lane.STOP),
        (Incoming("lull/bedroom/cmd", b'{"command": "stopp"}'), Lane.COMMAND),
        (Incoming("lull/all/cmd/play", b"non-stop"), Lane.COMMAND),
        (CHECK, Lane.OTHER),
        (Incoming("homeassistant/status", b"online"), Lane.OTHER),
    ],
    ids=str,
)
def test_each_message_is_marked_with_its_lane_and_link(links: TwoLinks, message: Incoming, lane: Lane) -> None:
    """So that the inbox treats a stop as one without reading it."""
    links.new.route(message)
    (found,) = links.taken()
    assert isinstance(found, Incoming)
    assert (found, found.lane, found.link) == (message, lane, 1)


def test_messages_for_triggers_go_to_the_mailbox_and_those_for_discovery_to_the_inbox_too(links: TwoLinks) -> None:
    """The inbox is told once that there is something."""
    links.mailbox.accept(("a/+", "homeassistant/status"))
    birth, button = Incoming("homeassistant/status", b"online"), Incoming("a/b", b"single")
    for message in (button, birth, button):
        links.old.route(message)
    assert links.taken() == [MailboxFilled(), birth]
    assert links.mailbox.take() == (button, birth, button)


def test_a_message_that_both_links_hear_is_passed_on_once(links: TwoLinks) -> None:
    """Whichever hears it first; sent twice it counts twice, and one that only one link hears counts as well."""
    links.new.route(LinkUp())
    links.taken()
    for first, second in ((links.old, links.new), (links.new, links.old)):
        for _ in range(2):
            first.route(LOUDER)
        for _ in range(2):
            second.route(LOUDER)
        assert links.taken() == [LOUDER, LOUDER]
    links.new.route(LOUDER)
    links.clock.advance(SAME_WITHIN_S + 0.1)
    links.old.route(LOUDER)
    assert links.taken() == [LOUDER, LOUDER]


def test_what_only_the_old_link_heard_is_matched_with_no_later_command(links: TwoLinks) -> None:
    """Before the new one was connected, and between that and its subscription, which the marker follows."""
    links.old.route(LOUDER)
    links.new.route(LinkUp())
    links.old.route(LOUDER)
    for link in (links.old, links.new):
        link.route(LOUDER)
        link.route(links.marker)
    links.duplicates.end()
    links.new.route(LOUDER)
    assert links.taken() == [LOUDER, LinkUp(), LOUDER, LOUDER, LOUDER]


def test_at_two_brokers_the_old_link_never_hears_the_marker_and_nothing_is_matched_after_it(links: TwoLinks) -> None:
    """An equal command at the other broker is another one."""
    links.new.route(LinkUp())
    links.new.route(links.marker)
    links.old.route(LOUDER)
    links.new.route(LOUDER)
    assert links.taken() == [LinkUp(), LOUDER, LOUDER]


def test_a_successor_that_connects_again_begins_anew(links: TwoLinks) -> None:
    """What the old link heard meanwhile did not reach the new one; the marker of its first connection is no marker."""
    links.new.route(LinkUp())
    first = links.marker
    links.old.route(first)
    links.new.route(first)
    links.new.route(LinkDown("lost"))
    links.old.route(LOUDER)
    links.new.route(LinkUp())
    links.taken()
    links.new.route(LOUDER)
    assert links.taken() == [LOUDER]
    links.old.route(first)
    links.old.route(LOUDER)
    assert LOUDER not in links.taken(), "the old link has not heard the second marker, nor has the new one"


def test_over_an_older_protocol_a_message_comes_without_its_properties(links: TwoLinks) -> None:
    """A reload from MQTT 5 to 3.1.1: it is the same message; with other properties it is another one."""
    whole = Incoming("lull/bedroom/cmd/volume", b"+5", response_topic="me/reply", correlation=b"1")
    links.new.route(LinkUp())
    links.old.route(whole)
    links.new.route(Incoming("lull/bedroom/cmd/volume", b"+5", response_topic="you/reply"))
    links.new.route(LOUDER)
    assert [one.response_topic for one in links.taken() if isinstance(one, Incoming)] == ["me/reply", "you/reply"]


@settings(max_examples=effort.examples(100, 2000), deadline=None)
@given(st.data())
def test_whatever_the_moment_each_message_counts_once(data: st.DataObject) -> None:
    """Two links at one broker read one sequence of messages, each at its own pace; one of the two kinds is a volume.

    The new link subscribes at some place of the sequence, its marker follows at a later one, and the old link ends
    when it has read that. No time passes, so nothing expires.
    """
    sent = data.draw(st.lists(st.sampled_from([LOUDER, Incoming("lull/all/cmd/next", b"")]), max_size=8))
    subscribed = data.draw(st.integers(0, len(sent)))
    marked = data.draw(st.integers(subscribed, len(sent)))
    links = TwoLinks()
    before = data.draw(st.integers(0, subscribed))
    for message in sent[:before]:
        links.old.route(message)
    links.new.route(LinkUp())
    of_all = [*sent[:marked], links.marker, *sent[marked:]]
    of_old, of_new = of_all[before:], of_all[subscribed:]
    of_old = of_old[: data.draw(st.integers(marked + 1 - before, len(of_old)))]
    while of_old or of_new:
        if of_old and (not of_new or data.draw(st.booleans())):
            links.old.route(of_old.pop(0))
        else:
            links.new.route(of_new.pop(0))
        if not of_old:
            links.duplicates.end()
    counted = Counter(found.topic for found in links.taken() if isinstance(found, Incoming))
    assert counted == Counter(message.topic for message in sent)


def test_a_stop_and_a_check_are_never_held_back(links: TwoLinks) -> None:
    """To stop twice does no harm, and each link has to hear its own check."""
    links.new.route(LinkUp())
    links.taken()
    for link in (links.old, links.new):
        link.route(STOP)
        link.route(CHECK)
    assert links.taken() == [STOP, CHECK, STOP, CHECK]


def test_after_the_old_link_has_ended_equal_messages_are_compared_for_a_second_only(links: TwoLinks) -> None:
    """What was on its way on the new link is matched, later commands are not."""
    links.new.route(LinkUp())
    links.old.route(LOUDER)
    links.duplicates.end()
    links.new.route(LOUDER)
    assert links.taken() == [LinkUp(), LOUDER]
    links.clock.advance(SAME_WITHIN_S + 0.1)
    links.new.route(LOUDER)
    links.new.route(LOUDER)
    assert links.taken() == [LOUDER, LOUDER]


def test_a_successor_interrupts_nothing_that_triggers_wait_for_until_it_is_lost_itself(links: TwoLinks) -> None:
    """Its own attempts do not count, its first connection neither, and every change after that does."""
    for arrival in (LinkDown("refused"), LinkUp()):
        links.new.route(arrival)
        assert links.taken() == [arrival]
    assert links.mailbox.take() == ()
    links.new.route(LinkDown("lost"))
    assert links.taken() == [MailboxFilled(), LinkDown("lost")]
    assert links.mailbox.take() == (ConnectionBreak(),)
