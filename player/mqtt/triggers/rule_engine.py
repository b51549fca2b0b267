"""Evaluates all triggers: messages and time in, outcomes out. Pure, main thread; `now` is an argument."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from player.core.clock import Now
from player.mqtt.incoming import Incoming
from player.mqtt.triggers.conditions import ConditionWatch, Ruling, Verdict
from player.mqtt.triggers.filters import fewest, matches
from player.mqtt.triggers.rules import Trigger


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What one trigger made of one message, or of the end of its ``for``; ``topic`` is that of its last message."""

    trigger: Trigger
    verdict: Verdict
    topic: str

    @property
    def fires(self) -> bool:
        """Whether its command is asked for now."""
        return self.verdict.ruling is Ruling.FIRES


class RuleEngine:
    """Passes each message to the triggers that it is for. Main thread."""

    def __init__(self, rules: tuple[Trigger, ...] = ()) -> None:
        self.watches: tuple[ConditionWatch, ...] = ()
        self._topics: dict[Trigger, str] = {}
        self.change(rules)

    def change(self, rules: tuple[Trigger, ...]) -> None:
        """Other rules; one that is there as before goes on with what it remembers."""
        before = {watch.trigger: watch for watch in self.watches}
        self.watches = tuple(before.get(rule) or ConditionWatch(rule) for rule in rules)
        self._topics = {rule: topic for rule, topic in self._topics.items() if rule in rules}

    @property
    def filters(self) -> tuple[str, ...]:
        """What has to be subscribed."""
        return fewest(watch.trigger.topic for watch in self.watches if watch.trigger.input is None)

    def take(self, incoming: Incoming, now: Now) -> Iterator[RuleOutcome]:
        """What each trigger on that topic makes of a message."""
        for watch in self.watches:
            if matches(watch.trigger.topic, incoming.topic):
                self._topics[watch.trigger] = incoming.topic
                yield RuleOutcome(watch.trigger, watch.take(incoming, now), incoming.topic)

    def fall_due(self, now: Now) -> Iterator[RuleOutcome]:
        """Each trigger whose ``for`` is over."""
        for watch in self.watches:
            if watch.due_s <= now.boot_s:
                topic = self._topics.get(watch.trigger, watch.trigger.topic)
                yield RuleOutcome(watch.trigger, watch.fall_due(now), topic)

    def wait_s(self, now_s: float) -> float:
        """How long no trigger falls due; infinite while none is waited for."""
        due_s = min((watch.due_s for watch in self.watches), default=math.inf)
        return max(0.0, due_s - now_s)

    def connection_lost(self) -> None:
        """The connection is gone or new."""
        for watch in self.watches:
            watch.connection_lost()
