"""Triggers in the daemon: from messages on other people's topics to requests for the session.

The link's thread calls `deliver`, which only lays messages into a bounded mailbox; all else is the main thread's.
Between a trigger that fires and the session stand two rules about sound, because nobody is there who asked for it by
name: in the quiet hours no trigger starts sound or makes it louder, and a trigger that starts it again and again (a
switch that bounces, a loop through somebody's automation) is put to rest. Whether a command would do that depends on
what the speaker does at the moment: a toggle that would pause is always passed on, and so is every stop.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from player.core.clock import Now
from player.core.commands import Command, ExtendTimer, Play, Request, Resume, SetTimer, SetVolume, Toggle
from player.core.events import News
from player.core.states import State
from player.core.units import format_duration
from player.core.values import quoted
from player.mqtt.topics import Incoming, LinkDown, LinkUp
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.mailbox import Mailbox, MailboxFilled, Overflow
from player.mqtt.triggers.rule_engine import RuleEngine, RuleOutcome
from player.mqtt.triggers.rules import DayPart, Trigger, TriggerSettings

news = logging.getLogger("lull")
"""What is said here is said each time; what the logger below says again is only counted."""
log = logging.getLogger("lull.triggers")

STARTS: Final = 6
PER_S: Final = 60.0
"""So many starts within such a time, and the trigger rests until it has asked for none as long."""

_SOUNDLESS: Final[dict[type, frozenset[State]]] = {
    Play: frozenset({State.IDLE, State.PAUSED, State.FADING_OUT, State.STOPPING}),
    Toggle: frozenset({State.IDLE, State.PAUSED}),
    Resume: frozenset({State.PAUSED, State.FADING_OUT}),
}
"""Where a command begins sound, or brings back what is about to be silent."""

Arrival: TypeAlias = Incoming | LinkUp | LinkDown


@dataclass(frozen=True, slots=True)
class SpeakerStatus:
    """What the speaker does at the moment, and the person's level: of this session, or for the next one."""

    state: State
    volume: int


def would_start(command: Command, state: State) -> bool:
    """Whether the command begins sound in that state."""
    return state in _SOUNDLESS.get(type(command), frozenset())


def would_be_louder(command: Command, standing: SpeakerStatus) -> bool:
    """Whether the command makes what sounds louder, or what sounds next.

    In the final fade that is whatever takes the fade back, for it brings the person's level up again: a timer, its
    extension, even a lower volume, unless that is 0.
    """
    is_fading = standing.state is State.FADING_OUT
    match command:
        case SetVolume(volume, is_relative):
            wanted = max(0, volume + (standing.volume if is_relative else 0))
            return wanted > standing.volume or (is_fading and wanted > 0)
        case Play(volume=int(volume)):
            return volume > standing.volume
        case SetTimer() | ExtendTimer():
            return is_fading
        case _:
            return False


def quiet_refusal(command: Command, standing: SpeakerStatus, quiet_hours: DayPart | None, now: Now) -> str | None:
    """Why a trigger may not ask for this at this time of day; None where it may.

    While the clock is not set, any time may be a quiet one.
    """
    starts = would_start(command, standing.state)
    if quiet_hours is None or not (starts or would_be_louder(command, standing)):
        return None
    rule = f"in the quiet hours ({quiet_hours}) no trigger {'starts sound' if starts else 'makes it louder'}"
    if not now.trusted:
        return f"the clock is not set yet, and {rule}"
    return rule if quiet_hours.has(now.wall.time()) else None


class StartLimiter:
    """Counts how often one trigger asks for sound to begin."""

    def __init__(self) -> None:
        self._asked_s: deque[float] = deque(maxlen=STARTS)
        self._is_resting = False

    def refusal(self, now_s: float) -> tuple[str | None, bool]:
        """Why it may not start sound now, or None; and whether that is new. The asking itself is counted."""
        if self._is_resting and now_s - self._asked_s[-1] < PER_S:
            self._asked_s.append(now_s)
            return "it rests", False
        self._is_resting = len(self._asked_s) == STARTS and now_s - self._asked_s[0] < PER_S
        self._asked_s.append(now_s)
        if not self._is_resting:
            return None, False
        rests = f"it rests until it has not asked for {format_duration(PER_S)}"
        return f"it asked for sound more than {STARTS} times within {format_duration(PER_S)}; {rests}", True


class TriggerGate:
    """The triggers of a running daemon.

    Args:
        deliver: the inbox of the main thread; takes what is not for triggers, and a `MailboxFilled` for what is.
    """

    def __init__(self, settings: TriggerSettings, deliver: Callable[[Arrival | MailboxFilled], None]) -> None:
        self._deliver = deliver
        self._mailbox = Mailbox()
        self._desk = RuleEngine()
        self._restraints: dict[Trigger, StartLimiter] = {}
        self._told_s: dict[Trigger, float] = {}
        self._given_up = 0
        self._listen: Callable[[tuple[str, ...]], None] = lambda _filters: None
        self.change(settings)

    def attach(self, listen: Callable[[tuple[str, ...]], None]) -> None:
        """From now on this link is told which topics it has to listen to."""
        self._listen = listen
        listen(self._filters)

    def change(self, settings: TriggerSettings) -> None:
        """Other rules; those that stay go on as they are."""
        self._quiet_hours = settings.quiet_hours
        self._desk.change(settings.rules)
        self._filters = self._desk.filters
        self._listen(self._filters)
        before = self._restraints
        self._restraints = {rule: before.get(rule) or StartLimiter() for rule in settings.rules if rule.can_start}
        self._told_s = {rule: at_s for rule, at_s in self._told_s.items() if rule in settings.rules}

    def deliver(self, arrival: Arrival) -> None:
        """Take what came over the link, on its thread; never blocks."""
        if isinstance(arrival, Incoming) and self.overhear(arrival):
            return
        if isinstance(arrival, LinkUp | LinkDown):
            self._lay_in(Overflow())
        self._deliver(arrival)

    def overhear(self, incoming: Incoming) -> bool:
        """Take a message that a trigger waits for, on the link's thread; whether one does."""
        is_ours = any(matches(name, incoming.topic) for name in self._filters)
        if is_ours:
            self._lay_in(incoming)
        return is_ours

    def _lay_in(self, item: Incoming | Overflow) -> None:
        if self._mailbox.put(item):
            self._deliver(MailboxFilled())

    def wait_s(self, now_s: float) -> float:
        """How long no ``for`` ends; infinite while none runs."""
        return self._desk.wait_s(now_s)

    def take(self, now: Now, standing: Callable[[], SpeakerStatus]) -> Iterator[Request | News]:
        """What the triggers ask for now.

        Carry each request out before the next one is asked for, because that depends on ``standing``. A refusal is
        news; one that is repeated is not.
        """
        for item in self._mailbox.take():
            if isinstance(item, Overflow):
                self._desk.lose_touch()
                continue
            for ruled in self._desk.take(item, now):
                yield from self._judge(ruled, now, standing(), quoted(item.payload[:64].decode("utf-8", "replace")))
        for ruled in self._desk.fall_due(now):
            yield from self._judge(ruled, now, standing(), ruled.verdict.why)
        self._tell_given_up()

    def _judge(self, ruled: RuleOutcome, now: Now, standing: SpeakerStatus, reason: str) -> Iterator[Request | News]:
        trigger = ruled.trigger
        if not ruled.fires:
            log.debug("%s: %s", trigger.origin, ruled.verdict.why)
            return
        refusal, is_news = self._refusal(trigger, now, standing)
        if refusal is None:
            text = f"{trigger.origin} asks for {trigger.asks}: {reason} on {ruled.topic}"
            if would_start(trigger.command, standing.state):
                news.info("%s", text, extra={"lull": {"trigger": trigger.name, "topic": ruled.topic}})
            else:
                log.log(logging.INFO if trigger.can_start else logging.DEBUG, "%s", text)
            yield Request(trigger.command, trigger.origin, typed=trigger.asks.split()[0])
        elif is_news:
            text = f"{trigger.origin} ({ruled.topic}) may not {trigger.asks}: {refusal}"
            yield News("command_rejected", text, {"reason": text, "origin": trigger.origin})

    def _refusal(self, trigger: Trigger, now: Now, standing: SpeakerStatus) -> tuple[str | None, bool]:
        """Why it may not be asked for, or None; and whether that is worth telling."""
        is_start = would_start(trigger.command, standing.state)
        if is_start:
            refusal, is_news = self._restraints[trigger].refusal(now.boot_s)
            if refusal is not None:
                return refusal, is_news
        refusal = quiet_refusal(trigger.command, standing, self._quiet_hours, now)
        return refusal, is_start or (refusal is not None and self._is_new(trigger, now.boot_s))

    def _is_new(self, trigger: Trigger, now_s: float) -> bool:
        """Whether this trigger's last such refusal was told long ago: a knob that is turned at night is told once."""
        is_new = now_s - self._told_s.get(trigger, -math.inf) >= PER_S
        if is_new:
            self._told_s[trigger] = now_s
        return is_new

    def _tell_given_up(self) -> None:
        """Once for each flood is enough, and a flood counts as new after every thousand messages."""
        given_up = self._mailbox.given_up
        if given_up // 1000 > self._given_up // 1000 or (given_up and not self._given_up):
            log.warning("triggers: too many messages at once; %d were dropped since the start", given_up)
        self._given_up = given_up
