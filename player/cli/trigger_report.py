"""What a message would do by one trigger, for ``lull triggers``: the triggers' own code evaluates. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from player.core.clock import Now, moved
from player.core.commands import Advance
from player.core.states import OBEYED, State
from player.mqtt.incoming import Incoming
from player.mqtt.triggers.filters import matches
from player.mqtt.triggers.gate import SpeakerStatus, quiet_refusal, would_start
from player.mqtt.triggers.rule_engine import ConditionWatch, Ruling, Verdict
from player.mqtt.triggers.rules import DayPart, Trigger


@dataclass(frozen=True, slots=True)
class TriggerReport:
    """The result of one message for one trigger.

    Attributes:
        outcome: what the speaker would do; empty without a request.
        is_done: whether something would be done.
    """

    trigger: Trigger
    verdict: Verdict
    outcome: str = ""
    is_done: bool = False

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.trigger.name}: {self.verdict.ruling.value}: {self.verdict.why}"
        if self.outcome:
            yield f"  {self.trigger.asks}: {self.outcome}"

    def fields(self) -> dict[str, Any]:
        """For programs."""
        return {
            "name": self.trigger.name,
            "topic": self.trigger.topic,
            "ruling": self.verdict.ruling.name.lower(),
            "why": self.verdict.why,
            "asks": self.trigger.asks,
            "outcome": self.outcome or None,
            "done": self.is_done,
        }


def consequence(trigger: Trigger, quiet_hours: DayPart | None, now: Now, standing: SpeakerStatus) -> tuple[str, bool]:
    """What the speaker would do with the request of a trigger, and whether it would do anything."""
    command, state = trigger.command, standing.state
    if type(command) not in OBEYED[state]:
        return f"refused, because the speaker is {_word(state)}", False
    refusal = quiet_refusal(command, standing, quiet_hours, now)
    if refusal is not None:
        return f"refused: {refusal}", False
    if not would_start(command, state):
        text = f"accepted (the speaker is {_word(state)}; this starts no sound)"
        # what comes next, and whether tracks play, is not known here
        louder = replace(standing, is_next_phase_louder=True, is_bed_alone=state is not State.IDLE)
        if (refusal := quiet_refusal(command, louder, quiet_hours, now)) is not None:
            where = "the next phase is louder" if isinstance(command, Advance) else "only a bed plays"
            text += f"; refused where {where}: {refusal}"
        return text, True
    return f"sound starts at {now.wall:%H:%M} (the speaker is {_word(state)})", True


def judge(
    trigger: Trigger, incoming: Incoming, now: Now, standing: SpeakerStatus, quiet_hours: DayPart | None
) -> TriggerReport:
    """The result of one message for a trigger without earlier messages."""
    if not matches(trigger.topic, incoming.topic):
        return TriggerReport(trigger, Verdict(Ruling.NOT, f"it listens to {trigger.topic}"))
    watch = ConditionWatch(trigger)
    watch.was_met = False
    verdict = watch.take(incoming, now)
    if verdict.ruling is Ruling.WAITS:
        assert trigger.hold_s is not None, "only `for` waits"
        then = Now(now.boot_s + trigger.hold_s, moved(now.wall, trigger.hold_s), trusted=now.trusted)
        late = watch.fall_due(then)
        if late.ruling is not Ruling.FIRES:
            return TriggerReport(trigger, late)
        after = Verdict(Ruling.WAITS, f"{verdict.why}, unless that ends first")
        return TriggerReport(trigger, after, *consequence(trigger, quiet_hours, then, standing))
    if verdict.ruling is not Ruling.FIRES:
        return TriggerReport(trigger, verdict)
    if trigger.is_edge:
        verdict = Verdict(Ruling.FIRES, f"{verdict.why}, and it was not before")
    return TriggerReport(trigger, verdict, *consequence(trigger, quiet_hours, now, standing))


def _word(state: State) -> str:
    return state.value.replace("_", " ")
