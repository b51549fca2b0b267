"""The triggers of a speaker, without the rules' own code: a config that has none does not load it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from player.mqtt.triggers.rules import DayPart, Trigger


@dataclass(frozen=True, slots=True)
class TriggerSettings:
    """All rules, and the quiet hours in which none of them may start sound."""

    rules: tuple[Trigger, ...] = ()
    quiet_hours: DayPart | None = None
