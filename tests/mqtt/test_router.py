"""What a link hears on its way to the main thread: sorted, marked, and passed on once while two links hear the same."""

from __future__ import annotations

import pytest

from player.mqtt.incoming import Arrival, Incoming, Lane, LinkDown, LinkUp
from player.mqtt.router import SAME_WITHIN_S, DuplicateFilter, MessageRouter, Route
from player.mqtt.topics import Topics
from player.mqtt.triggers.mailbox import ConnectionBreak, Mailbox, MailboxFilled
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


def test_what_the_old_link_heard_before_the_new_one_was_connected_is_matched_with_nothing(links: TwoLinks) -> None:
    """The same command again, over the new link alone, is another one."""
    links.old.route(LOUDER)
    links.new.route(LinkUp())
    links.new.route(LOUDER)
    assert links.taken() == [LOUDER, LinkUp(), LOUDER]


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
