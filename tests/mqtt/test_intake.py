"""The desk: from message to request, refusals, and commands that come twice."""

from __future__ import annotations

from player.app.inbox import MAX_WAITING, Inbox, Lane, Refusal
from player.core.commands import ReplyTo, Request, SetVolume, Stop
from player.core.events import Answer, News
from player.mqtt.intake import MAX_REMEMBERED, REPEAT_S, Intake, IntakeResult
from player.mqtt.topics import Incoming, Topics
from tests.fakes.clock import FakeClock

TOPICS = Topics("lull", "bedroom")
LOUDER = Incoming("lull/bedroom/cmd/volume", b'{"volume": "+5", "id": "7"}')
ASKED = Request(SetVolume(5, is_relative=True), "mqtt", ReplyTo("7"))
DONE = Answer(ReplyTo("7"), is_done=True, text="volume 35", data={})


def test_a_command_becomes_a_request_and_what_is_not_ours_nothing() -> None:
    """As the parser says."""
    assert Intake(TOPICS).take(LOUDER, 0.0) == IntakeResult(ASKED)
    assert Intake(TOPICS).take(Incoming("lull/kitchen/cmd/volume", b"5"), 0.0) == IntakeResult()


def test_a_command_that_cannot_be_read_is_answered_and_told() -> None:
    """With the same reason."""
    answer, news = Intake(TOPICS).take(Incoming("lull/bedroom/cmd/plya", b'{"id": "7"}'), 0.0).events
    assert isinstance(answer, Answer)
    assert isinstance(news, News)
    assert (answer.reply_to, answer.is_done, answer.text) == (ReplyTo("7"), False, news.text)
    assert news.data == {"reason": news.text, "origin": "mqtt"}


def test_what_the_inbox_refused_is_answered_and_told_only_as_news() -> None:
    """A flood is one event, not ten thousand."""
    quiet = Intake(TOPICS).take(Refusal(LOUDER, "too many"), 0.0)
    assert quiet == IntakeResult(events=(Answer(ReplyTo("7"), is_done=False, text="too many", data={}),))
    told = Intake(TOPICS).take(Refusal(Request(Stop(), "trigger:x", ReplyTo("9")), "too many", is_news=True), 0.0)
    assert told.events == (
        Answer(ReplyTo("9"), is_done=False, text="too many", data={}),
        News("command_rejected", "too many", {"reason": "too many", "origin": "trigger:x"}),
    )


def test_a_retained_command_is_not_even_refused() -> None:
    """Also where it has expired while it waited."""
    retained = Incoming(LOUDER.topic, LOUDER.payload, retained=True)
    assert Intake(TOPICS).take(retained, 0.0) == IntakeResult()
    assert Intake(TOPICS).take(Refusal(retained, "too late", is_news=True), 0.0) == IntakeResult()


def test_a_command_that_comes_twice_is_obeyed_once_and_answered_twice() -> None:
    """Same id and content: the sender did not hear the first answer, and wants one step and not two."""
    desk = Intake(TOPICS)
    assert desk.take(LOUDER, 0.0) == IntakeResult(ASKED)
    assert desk.take(LOUDER, 0.1) == IntakeResult(), "it is still being obeyed, and will be answered"
    desk.note(DONE)
    assert desk.take(LOUDER, REPEAT_S) == IntakeResult(events=(DONE,))


def test_the_same_id_with_something_else_or_later_is_another_command() -> None:
    """A script that always writes the same id is obeyed each time, unless it repeats itself within five seconds."""
    desk = Intake(TOPICS)
    desk.take(LOUDER, 0.0)
    assert desk.take(Incoming(LOUDER.topic, b'{"volume": "+6", "id": "7"}'), 0.1).request is not None
    assert desk.take(LOUDER, 0.2).request is not None
    assert desk.take(LOUDER, 0.3 + REPEAT_S).request is not None


def test_a_command_without_an_id_is_obeyed_each_time() -> None:
    """A button that is pressed twice means two steps; a response topic alone names no command."""
    desk = Intake(TOPICS)
    for message in (
        Incoming(LOUDER.topic, b"+5"),
        Incoming(LOUDER.topic, b"+5", response_topic="me/answers"),
        Incoming("lull/bedroom/cmd/stop", b'{"id": "7"}'),
        Incoming("lull/bedroom/cmd/status", b'{"id": "7"}'),
    ):
        assert desk.take(message, 0.0).request is not None
        assert desk.take(message, 0.1).request is not None


def test_correlation_data_names_a_command_as_an_id_does() -> None:
    """Over MQTT 5 there need not be an id."""
    desk = Intake(TOPICS)
    message = Incoming(LOUDER.topic, b"+5", response_topic="me/answers", correlation=b"1")
    assert desk.take(message, 0.0).request is not None
    assert desk.take(message, 0.1) == IntakeResult()


def test_what_is_remembered_is_bounded() -> None:
    """Ids cost memory for a few seconds only, however many there are."""
    desk = Intake(TOPICS)
    for number in range(1000):
        desk.take(Incoming(LOUDER.topic, b'{"volume": "+5", "id": "%d"}' % number), 0.0)
    assert len(desk._done) == MAX_REMEMBERED


def test_the_media_players_volume_is_a_command_and_other_peoples_topics_are_not() -> None:
    """It waits, is counted and is voided by a stop as a volume on a command topic is."""
    desk = Intake(TOPICS)
    dial = Incoming("lull/bedroom/media/volume/set", b"0.4")
    assert desk.lane_of(dial) is desk.lane_of(LOUDER) is Lane.COMMAND
    assert desk.lane_of(Incoming("lull/kitchen/media/volume/set", b"0.4")) is Lane.OTHER
    assert desk.lane_of(Incoming("homeassistant/status", b"online")) is Lane.OTHER
    clock = FakeClock()
    inbox: Inbox[Incoming] = Inbox(clock, desk.lane_of)
    for _ in range(1000):
        inbox.put(dial)
    taken = [inbox.get(timeout=0) for _ in range(MAX_WAITING)]
    assert taken == [dial] * MAX_WAITING
    assert isinstance(inbox.get(timeout=0), Refusal)
