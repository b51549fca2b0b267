"""Triggers in the daemon: from messages on other people's topics to requests for the session.

Main thread. A `player.mqtt.router.MessageRouter` puts messages into the mailbox, on the thread of its link.

Two rules about sound apply before a trigger's command reaches the session, because no person asked for the sound: in
the quiet hours no trigger starts sound or makes it louder, and a trigger that starts it repeatedly (a switch that
bounces, a loop in an automation) is suspended for a time. Whether a command would start sound depends on what the
speaker does at the moment: a toggle that would pause is always passed on, and so is every stop.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from player.core.clock import Now
from player.core.commands import (
    Advance,
    Command,
    ExtendTimer,
    Next,
    Play,
    Previous,
    Request,
    Resume,
    SetPlaylist,
    SetTimer,
    SetVolume,
    Toggle,
)
from player.core.commands_level import Calibrate, MoveBed, SetBed, SetBedGain, SetLevel
from player.core.events import News
from player.core.json_text import quoted
from player.core.pillow import AskedLevel
from player.core.states import State
from player.core.units import format_duration
from player.mqtt.incoming import Incoming
from player.mqtt.triggers.filters import INPUT
from player.mqtt.triggers.mailbox import ConnectionBreak, Mailbox
from player.mqtt.triggers.rule_engine import RuleEngine, RuleOutcome
from player.mqtt.triggers.rules import DayPart, Trigger
from player.mqtt.triggers.settings import TriggerSettings

news = logging.getLogger("lull")
"""Logger of which each line is written; repeated lines of the logger below are only counted."""
log = logging.getLogger("lull.triggers")

STARTS: Final = 6
PER_S: Final = 60.0
"""Maximum starts per window; after more than that the trigger is suspended until it has asked for none for as long."""

_SOUNDLESS: Final[dict[type, frozenset[State]]] = {
    Play: frozenset({State.IDLE, State.PAUSED, State.FADING_OUT, State.STOPPING}),
    Toggle: frozenset({State.IDLE, State.PAUSED}),
    Resume: frozenset({State.PAUSED, State.FADING_OUT}),
    Calibrate: frozenset({State.IDLE}),
}
"""States in which a command begins sound, or brings back what is about to be silent."""


@dataclass(frozen=True, slots=True)
class SpeakerStatus:
    """What the speaker does at the moment, and its volume: of this session, or for the next one.

    Attributes:
        volume_at: the volume of a level in dB(A); None where that is not known.
        is_bed_alone: the tracks have ended, and a bed continues without them.
        is_next_phase_louder: the next phase of the night has a higher volume, or a bed.
        brings_bed: whether a change to that playlist would lay a bed under the tracks.
    """

    state: State
    volume: int
    volume_at: Callable[[float], int | None] = lambda _level_dba: None
    is_bed_alone: bool = False
    is_next_phase_louder: bool = False
    brings_bed: Callable[[str], bool] = lambda _playlist: False


def would_start(command: Command, state: State) -> bool:
    """Whether the command begins sound in that state."""
    return state in _SOUNDLESS.get(type(command), frozenset())


def would_be_louder(command: Command, standing: SpeakerStatus) -> bool:
    """Whether the command makes the present or the next sound louder.

    In the final fade that is everything that cancels the fade, because it restores the set volume: a timer, its
    extension, even a lower volume, unless that is 0; the fade of tracks under a bed that outlasts them counts as one.
    A bed counts as louder, whatever plays, also one that a playlist brings, and so do tracks where only a bed is left,
    and a level in dB(A) whose volume is unknown.
    """
    is_fading = standing.state is State.FADING_OUT
    match command:
        case Play(playlist=str(name)) | SetPlaylist(name) if standing.state is not State.IDLE and standing.brings_bed(
            name
        ):
            return True
        case SetVolume(volume, is_relative):
            wanted = max(0, volume + (standing.volume if is_relative else 0))
            return wanted > standing.volume or (is_fading and wanted > 0)
        case SetLevel(level_dba):
            known = standing.volume_at(level_dba)
            return known is None or is_fading or known > standing.volume
        case Play(volume=AskedLevel() as asked, bed=beds):
            known = standing.volume_at(asked.dba)
            return bool(beds) or standing.is_bed_alone or known is None or known > standing.volume
        case Play(volume=volume, bed=beds):
            return bool(beds) or standing.is_bed_alone or (volume is not None and volume > standing.volume)
        case SetBed(beds):
            return bool(beds)
        case MoveBed(by_db):
            return by_db > 0.0
        case SetBedGain():  # its present level is not known here
            return True
        case SetTimer() | ExtendTimer():
            return is_fading
        case Next() | Previous() | SetPlaylist():
            return standing.is_bed_alone
        case Advance():
            return standing.is_next_phase_louder
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
    """Counts how often one trigger asks for sound to begin. Main thread."""

    def __init__(self) -> None:
        self._asked_s: deque[float] = deque(maxlen=STARTS)
        self._is_suspended = False

    def refusal(self, now_s: float) -> tuple[str | None, bool]:
        """Why it may not start sound now, or None; and whether that is new. Each call is counted."""
        if self._is_suspended and now_s - self._asked_s[-1] < PER_S:
            self._asked_s.append(now_s)
            return "it is suspended", False
        self._is_suspended = len(self._asked_s) == STARTS and now_s - self._asked_s[0] < PER_S
        self._asked_s.append(now_s)
        if not self._is_suspended:
            return None, False
        until = f"it is suspended until it has asked for no sound for {format_duration(PER_S)}"
        return f"it asked for sound more than {STARTS} times within {format_duration(PER_S)}; {until}", True


class TriggerGate:
    """The triggers of a running daemon. Main thread.

    Attributes:
        mailbox: the incoming messages for triggers.
    """

    def __init__(self, settings: TriggerSettings) -> None:
        self.mailbox = Mailbox()
        self._rules = RuleEngine()
        self._limiters: dict[Trigger, StartLimiter] = {}
        self._refused_s: dict[Trigger, float] = {}
        self._dropped = 0
        self._listen: Callable[[tuple[str, ...]], None] = lambda _filters: None
        self.change(settings)

    def attach(self, listen: Callable[[tuple[str, ...]], None]) -> None:
        """Tell this link from now on which topics to subscribe."""
        self._listen = listen
        listen(self._rules.filters)

    def connection_lost(self) -> None:
        """Restart what triggers wait for, because messages may have been missed."""
        self._rules.connection_lost()

    def press(self, device: str, word: str) -> bool:
        """Take a word from an input device; True when the inbox has to be told. On the thread of the devices."""
        return self.mailbox.put(Incoming(f"{INPUT}{device}", word.encode()))

    def change(self, settings: TriggerSettings) -> None:
        """Use other rules; unchanged ones keep their state."""
        self._quiet_hours = settings.quiet_hours
        self._rules.change(settings.rules)
        self.mailbox.accept(self._rules.filters)
        self._listen(self._rules.filters)
        before = self._limiters
        self._limiters = {rule: before.get(rule) or StartLimiter() for rule in settings.rules if rule.can_start}
        self._refused_s = {rule: at_s for rule, at_s in self._refused_s.items() if rule in settings.rules}

    def wait_s(self, now_s: float) -> float:
        """Seconds until a ``for`` ends; infinite while none runs."""
        return self._rules.wait_s(now_s)

    def take(self, now: Now, standing: Callable[[], SpeakerStatus]) -> Iterator[Request | News]:
        """The requests of the triggers that are due now.

        Carry each request out before the next one is asked for, because that depends on ``standing``. A refusal is
        news; one that is repeated is not.
        """
        for item in self.mailbox.take():
            if isinstance(item, ConnectionBreak):
                self._rules.connection_lost()
                continue
            for ruled in self._rules.take(item, now):
                yield from self._judge(ruled, now, standing(), quoted(item.payload[:64].decode("utf-8", "replace")))
        for ruled in self._rules.fall_due(now):
            yield from self._judge(ruled, now, standing(), ruled.verdict.why)
        self._log_dropped()

    def _judge(self, ruled: RuleOutcome, now: Now, standing: SpeakerStatus, reason: str) -> Iterator[Request | News]:
        trigger = ruled.trigger
        if not ruled.fires:
            if trigger.input is None:  # what is typed on a keyboard must not be logged
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
        """Why it is refused, or None; and whether the refusal is announced."""
        is_start = would_start(trigger.command, standing.state)
        if is_start:
            refusal, is_news = self._limiters[trigger].refusal(now.boot_s)
            if refusal is not None:
                return refusal, is_news
        refusal = quiet_refusal(trigger.command, standing, self._quiet_hours, now)
        return refusal, is_start or (refusal is not None and self._is_new(trigger, now.boot_s))

    def _is_new(self, trigger: Trigger, now_s: float) -> bool:
        """Whether this trigger's last such refusal was long ago: a knob that is turned at night is reported once."""
        is_new = now_s - self._refused_s.get(trigger, -math.inf) >= PER_S
        if is_new:
            self._refused_s[trigger] = now_s
        return is_new

    def _log_dropped(self) -> None:
        """Log the first dropped message, and then every thousandth."""
        dropped = self.mailbox.dropped
        if dropped // 1000 > self._dropped // 1000 or (dropped and not self._dropped):
            log.warning("triggers: too many messages at once; %d were dropped since the start", dropped)
        self._dropped = dropped
