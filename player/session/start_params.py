"""How a session begins. Frozen, standard library."""

from __future__ import annotations

from dataclasses import dataclass

from player.core.settings.session import TimerSetting


@dataclass(frozen=True, slots=True)
class StartParams:
    """What a session begins with: the command's or the schedule entry's values, filled up with the defaults."""

    why: str
    volume: int
    timer: TimerSetting
    fade_in_s: float
    fade_out_s: float
    late_s: float = 0.0
