"""Evaluates all triggers: messages and time in, outcomes out. Pure, main thread; `now` is an argument.

One trigger and what it remembers: whether its condition holds, since when, and when it last fired. Pure, main thread;
time is an argument, on the boot clock, so a clock that is set moves nothing. The hard cases, decided once:

- A message without a value for the trigger (empty, null, without the path, retained) changes nothing.
- With ``for`` the condition is met from its first message on; repeats do not restart the time; it fires once, and again
  only after the condition has ended in between. A lost connection ends it, because messages may have been missed.
- Where only a change counts (``above``, ``below``, ``only_changes``), the first value after the daemon's start does not
  fire: the condition may have been met for hours. That value is remembered across connections, so that devices
  that publish everything again after a restart of the broker fire nothing.
- ``debounce`` counts from the last firing. Independent of it, no trigger except a stop fires more than a few times a
  second.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from player.core.clock import Now
from player.core.json_text import quoted
from player.core.token_bucket import Bucket
from player.core.units import format_duration
from player.mqtt.incoming import Incoming
from player.mqtt.triggers.content import Nothing, Scalar, show_path, value_in
from player.mqtt.triggers.filters import fewest, matches
from player.mqtt.triggers.rules import AnyValue, Beyond, Condition, OneOf, Trigger, as_number, as_text

BURST: Final = 10
BURST_PER_S: Final = 5.0
"""Limit for a rotary knob: this many at once, and this many a second in the long run."""


class Ruling(StrEnum):
    """The effect of a message on a trigger."""

    FIRES = "fires"
    WAITS = "waits"
    """The condition holds and ``for`` runs."""
    LEARNS = "learns"
    """The first value is remembered and does not fire."""
    NOT = "does not fire"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The effect of a message on a trigger, and why, in words for a person."""

    ruling: Ruling
    why: str


class ConditionWatch:
    """The state of one trigger. Main thread."""

    def __init__(self, trigger: Trigger) -> None:
        self.trigger = trigger
        self.was_met: bool | None = None
        self._held_since_s: float | None = None
        self._has_fired = False
        self._last_fired_s = -math.inf
        self._burst = Bucket(BURST, BURST_PER_S)

    @property
    def due_s(self) -> float:
        """When ``for`` is over, on the boot clock; infinite while none runs."""
        if self._held_since_s is None or self._has_fired or self.trigger.hold_s is None:
            return math.inf
        return self._held_since_s + self.trigger.hold_s

    def connection_lost(self) -> None:
        """End the condition of a trigger, because the connection was lost or made anew."""
        if not self._has_fired:
            self._held_since_s = None

    def take(self, incoming: Incoming, now: Now) -> Verdict:
        """Take a message on a topic of this trigger."""
        if incoming.retained and not self.trigger.allow_retained:
            return _no("the message is retained: it may be old, and arrives again at each connection")
        value = value_in(incoming.payload, self.trigger.path)
        if isinstance(value, Nothing):
            return _no(value.why)
        is_met = self.trigger.condition.is_met(value, was_met=self.was_met is True)
        was_met, self.was_met = self.was_met, is_met
        if self.trigger.hold_s is not None:
            return self._hold(value, now, is_met=is_met)
        if not is_met:
            return _no(self._unmet(value))
        if self.trigger.is_edge:
            if was_met is None:
                why = f"{self._met(value)}, but it is the first value: no change has been seen yet"
                return Verdict(Ruling.LEARNS, why)
            if was_met:
                return _no(f"{self._met(value)}, as before; only changes count")
        return self._fire(self._met(value), now)

    def fall_due(self, now: Now) -> Verdict:
        """Handle the time `due_s`."""
        assert self.trigger.hold_s is not None, "only triggers with `for` fall due"
        self._has_fired = True
        return self._fire(f"it has been true for {format_duration(self.trigger.hold_s)}", now)

    def _hold(self, value: Scalar, now: Now, *, is_met: bool) -> Verdict:
        if not is_met:
            was_running = self.due_s < math.inf
            self._held_since_s, self._has_fired = None, False
            return _no(self._unmet(value) + ("; the wait is cancelled" if was_running else ""))
        if self._has_fired:
            return _no(f"{self._met(value)}, and it has already fired for that; the condition must end first")
        if self._held_since_s is None:
            self._held_since_s = now.boot_s
        return Verdict(Ruling.WAITS, f"{self._met(value)}; fires in {format_duration(self.due_s - now.boot_s)}")

    def _fire(self, reason: str, now: Now) -> Verdict:
        """Fire, unless it is the wrong time of day or too soon."""
        part = self.trigger.only_between
        if part is not None:
            if not now.trusted and self.trigger.can_start:
                return _no(f"{reason}, but the clock is not set yet, so {part} cannot be checked")
            if now.trusted and not part.has(now.wall.time()):
                return _no(f"{reason}, but it is {now.wall:%H:%M}; only_between is {part}")
        since_s = now.boot_s - self._last_fired_s
        if since_s < self.trigger.rest_s:
            return _no(f"{reason}, but it fired {format_duration(since_s)} ago; debounce is {self.trigger.rest_s:g}s")
        if not self.trigger.is_stop and not self._burst.take(now.boot_s):
            return _no(f"{reason}, but it has fired too often in the last seconds")
        self._last_fired_s = now.boot_s
        return Verdict(Ruling.FIRES, reason)

    def _met(self, value: Scalar) -> str:
        if isinstance(self.trigger.condition, OneOf | AnyValue):
            return f"{show_path(self.trigger.path) or 'the message'} is {quoted(as_text(value))}"
        return f"{self._said(value)} is {self.trigger.condition}"

    def _unmet(self, value: Scalar) -> str:
        condition = self.trigger.condition
        assert not isinstance(condition, AnyValue), "it is always met"
        if isinstance(condition, Beyond) and as_number(value) is None:
            return f"{self._said(value)} is not a number"
        return f"{self._said(value)} is not {condition}{_hint(condition, value)}"

    def _said(self, value: Scalar) -> str:
        what = show_path(self.trigger.path) or "the message"
        return f"{what} {quoted(as_text(value))}"


def _hint(condition: Condition, value: Scalar) -> str:
    """A hint at a likely mistake in a comparison."""
    if not isinstance(condition, OneOf):
        return ""
    if isinstance(value, bool):
        is_awaited = {word.lower() for word in condition.words} & {"true", "false"}
        return "" if is_awaited else " (it is a JSON boolean: write true or false)"
    if as_text(value).lower() in {word.lower() for word in condition.words}:
        return " (case-sensitive)"
    return ""


def _no(why: str) -> Verdict:
    return Verdict(Ruling.NOT, why)


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """The result of one message for one trigger, or of the end of its ``for``; ``topic``: of its last message."""

    trigger: Trigger
    verdict: Verdict
    topic: str

    @property
    def fires(self) -> bool:
        """Whether its command is requested now."""
        return self.verdict.ruling is Ruling.FIRES


class RuleEngine:
    """Passes each message to the triggers that it is for. Main thread."""

    def __init__(self, rules: tuple[Trigger, ...] = ()) -> None:
        self.watches: tuple[ConditionWatch, ...] = ()
        self._topics: dict[Trigger, str] = {}
        self.change(rules)

    def change(self, rules: tuple[Trigger, ...]) -> None:
        """Use other rules; an unchanged one keeps its state."""
        before = {watch.trigger: watch for watch in self.watches}
        self.watches = tuple(before.get(rule) or ConditionWatch(rule) for rule in rules)
        self._topics = {rule: topic for rule, topic in self._topics.items() if rule in rules}

    @property
    def filters(self) -> tuple[str, ...]:
        """The filters to subscribe."""
        return fewest(watch.trigger.topic for watch in self.watches if watch.trigger.input is None)

    def take(self, incoming: Incoming, now: Now) -> Iterator[RuleOutcome]:
        """The result of a message for each trigger on its topic."""
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
        """Seconds until a trigger is due; infinite without one."""
        due_s = min((watch.due_s for watch in self.watches), default=math.inf)
        return max(0.0, due_s - now_s)

    def connection_lost(self) -> None:
        """Tell all triggers that the connection was lost or made anew."""
        for watch in self.watches:
            watch.connection_lost()
