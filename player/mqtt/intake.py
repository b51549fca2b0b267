"""The intake: turns messages from the broker into requests, or refuses them with a reason. Main thread.

An id names one command. Senders that want to be sure send a command again when no answer came (QoS 1 does so by
itself), so a second one with the same id, content and sender within five seconds gets the answer of the first and is
not obeyed again: two steps of the volume would be heard. A stop is obeyed each time.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from player.core.commands import QUERIES, Command, ReplyTo, Request, Stop
from player.core.errors import Refused
from player.core.events import Answer, Event, News
from player.mqtt.incoming import Incoming, Refusal
from player.mqtt.topics import Topics, parse, reply_to

REPEAT_S: Final = 5.0
MAX_REMEMBERED: Final = 64


@dataclass(frozen=True, slots=True)
class IntakeResult:
    """The result of a message: a request for the session, or events to publish; neither for other speakers."""

    request: Request | None = None
    events: tuple[Event, ...] = ()


@dataclass(slots=True)
class _Done:
    """A command that was passed on, and its answer once there is one."""

    command: Command
    at_s: float
    answer: Answer | None = None


class Intake:
    """Reads commands for one speaker. Main thread."""

    def __init__(self) -> None:
        self._done: OrderedDict[ReplyTo, _Done] = OrderedDict()

    def take(self, message: Incoming, topics: Topics, now_s: float) -> IntakeResult:
        """Read a message from a link with these topics, or say why it is refused."""
        try:
            request = parse(topics, message)
        except Refused as refusal:
            return _refused(reply_to(topics, message), str(refusal), "mqtt", is_news=True)
        return IntakeResult() if request is None else self._unless_repeated(request, now_s)

    @staticmethod
    def refuse(refusal: Refusal, topics: Topics | None) -> IntakeResult:
        """Answer a message that the inbox has refused; ``topics`` are those of its link."""
        asked = refusal.message
        if isinstance(asked, Request):
            return _refused(asked.reply_to, refusal.reason, asked.origin, is_news=refusal.is_news)
        if asked.retained or topics is None:
            return IntakeResult()  # it was not sent at this moment, so no answer is expected
        return _refused(reply_to(topics, asked), refusal.reason, "mqtt", is_news=refusal.is_news)

    def note(self, answer: Answer) -> None:
        """Remember an answer, in case its command is sent again."""
        done = None if answer.reply_to is None else self._done.get(answer.reply_to)
        if done is not None:
            done.answer = answer

    def _unless_repeated(self, request: Request, now_s: float) -> IntakeResult:
        sender = request.reply_to
        is_named = sender is not None and (sender.id is not None or sender.correlation is not None)
        if sender is None or not is_named or isinstance(request.command, (Stop, *QUERIES)):
            return IntakeResult(request)
        before = self._done.get(sender)
        if before is not None and before.command == request.command and now_s - before.at_s <= REPEAT_S:
            return IntakeResult(events=() if before.answer is None else (before.answer,))
        self._done[sender] = _Done(request.command, now_s)
        self._done.move_to_end(sender)
        if len(self._done) > MAX_REMEMBERED:
            self._done.popitem(last=False)
        return IntakeResult(request)


def _refused(answer_to: ReplyTo | None, reason: str, origin: str, *, is_news: bool) -> IntakeResult:
    answer = Answer(answer_to, is_done=False, text=reason, data={})
    news = News("command_rejected", reason, {"reason": reason, "origin": origin})
    return IntakeResult(events=(answer, news) if is_news else (answer,))
