"""The intake: from message to request, refusals, and commands that come twice."""

from __future__ import annotations

from player.core.commands import ReplyTo, Request, SetVolume, Stop
from player.core.events import Answer, News
from player.mqtt.incoming import Incoming, Refusal
from player.mqtt.intake import MAX_REMEMBERED, REPEAT_S, Intake, IntakeResult
from player.mqtt.topics import Topics

TOPICS = Topics("lull", "bedroom")
LOUDER = Incoming("lull/bedroom/cmd/volume", b'{"volume": "+5", "id": "7"}')
ASKED = Request(SetVolume(5, is_relative=True), "mqtt", ReplyTo("7"))
DONE = Answer(ReplyTo("7"), is_done=True, text="volume 35", data={})


def test_a_command_becomes_a_request_and_what_is_not_ours_nothing() -> None:
    """As the parser says."""
    assert Intake().take(LOUDER, TOPICS, 0.0) == IntakeResult(ASKED)
    assert Intake().take(Incoming("lull/kitchen/cmd/volume", b"5"), TOPICS, 0.0) == IntakeResult()


def test_a_command_that_cannot_be_read_is_answered_and_told() -> None:
    """With the same reason."""
    answer, news = Intake().take(Incoming("lull/bedroom/cmd/plya", b'{"id": "7"}'), TOPICS, 0.0).events
    assert isinstance(answer, Answer)
    assert isinstance(news, News)
    assert (answer.reply_to, answer.is_done, answer.text) == (ReplyTo("7"), False, news.text)
    assert news.data == {"reason": news.text, "origin": "mqtt"}


def test_what_the_inbox_refused_is_answered_and_told_only_as_news() -> None:
    """A flood is one event, not ten thousand."""
    quiet = Intake.refuse(Refusal(LOUDER, "too many"), TOPICS)
    assert quiet == IntakeResult(events=(Answer(ReplyTo("7"), is_done=False, text="too many", data={}),))
    told = Intake.refuse(Refusal(Request(Stop(), "trigger:x", ReplyTo("9")), "too many", is_news=True), TOPICS)
    assert told.events == (
        Answer(ReplyTo("9"), is_done=False, text="too many", data={}),
        News("command_rejected", "too many", {"reason": "too many", "origin": "trigger:x"}),
    )


def test_a_retained_command_is_not_even_refused() -> None:
    """Also where it has expired while it waited."""
    retained = Incoming(LOUDER.topic, LOUDER.payload, retained=True)
    assert Intake().take(retained, TOPICS, 0.0) == IntakeResult()
    assert Intake.refuse(Refusal(retained, "too late", is_news=True), TOPICS) == IntakeResult()


def test_a_command_that_comes_twice_is_obeyed_once_and_answered_twice() -> None:
    """Same id and content: the sender did not hear the first answer, and wants one step and not two."""
    intake = Intake()
    assert intake.take(LOUDER, TOPICS, 0.0) == IntakeResult(ASKED)
    assert intake.take(LOUDER, TOPICS, 0.1) == IntakeResult(), "it is still being obeyed, and will be answered"
    intake.note(DONE)
    assert intake.take(LOUDER, TOPICS, REPEAT_S) == IntakeResult(events=(DONE,))


def test_the_same_id_with_something_else_or_later_is_another_command() -> None:
    """A script that always writes the same id is obeyed each time, unless it repeats itself within five seconds."""
    intake = Intake()
    intake.take(LOUDER, TOPICS, 0.0)
    assert intake.take(Incoming(LOUDER.topic, b'{"volume": "+6", "id": "7"}'), TOPICS, 0.1).request is not None
    assert intake.take(LOUDER, TOPICS, 0.2).request is not None
    assert intake.take(LOUDER, TOPICS, 0.3 + REPEAT_S).request is not None


def test_a_command_without_an_id_is_obeyed_each_time() -> None:
    """A button that is pressed twice means two steps; a response topic alone names no command."""
    intake = Intake()
    for message in (
        Incoming(LOUDER.topic, b"+5"),
        Incoming(LOUDER.topic, b"+5", response_topic="me/answers"),
        Incoming("lull/bedroom/cmd/stop", b'{"id": "7"}'),
        Incoming("lull/bedroom/cmd/status", b'{"id": "7"}'),
    ):
        assert intake.take(message, TOPICS, 0.0).request is not None
        assert intake.take(message, TOPICS, 0.1).request is not None


def test_correlation_data_names_a_command_as_an_id_does() -> None:
    """Over MQTT 5 there need not be an id."""
    intake = Intake()
    message = Incoming(LOUDER.topic, b"+5", response_topic="me/answers", correlation=b"1")
    assert intake.take(message, TOPICS, 0.0).request is not None
    assert intake.take(message, TOPICS, 0.1) == IntakeResult()


def test_what_is_remembered_is_bounded() -> None:
    """Ids cost memory for a few seconds only, however many there are."""
    intake = Intake()
    for number in range(1000):
        intake.take(Incoming(LOUDER.topic, b'{"volume": "+5", "id": "%d"}' % number), TOPICS, 0.0)
    assert len(intake._done) == MAX_REMEMBERED
