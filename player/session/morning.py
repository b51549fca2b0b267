"""The lamp and the snooze of a morning, besides its session.

Main thread, standard library, pure. A morning is a session like any other, and whatever changes its level is a ramp of
`player.session.session`. The light rises along with the fade-in, by time and not by what is heard: a speaker
without an output device still wakes by its lamp.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

from player.core.limits import SHORTEST_RISE_S
from player.core.validation import check_range

SNOOZE_RISE_S: Final = 300.0
"""Seconds in which the sound comes back after a snooze, or the fade-in's length where that is shorter."""
SHORTEST_FADE_IN_S: Final = 60.0
"""Minimum seconds of a fade-in after a late start or a crash; a shorter configured fade-in stays as it is."""
LONGEST_PART: Final = 2 / 3
"""Maximum part of a morning that its fade-in takes."""

LONGEST_S: Final = 2 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class MorningParams:
    """The parameters of a morning at its start.

    Attributes:
        fade_in_s: how long its fade-in takes in all.
        light_max: maximum brightness of the lamp, 0 to 1.
        done_s: seconds of the fade-in that are over, after a late start or a crash.
        light: present brightness of the lamp, as a part of `light_max`.
        snooze_left_s: rest of an interrupted snooze; None without one.
    """

    fade_in_s: float
    light_max: float
    done_s: float = 0.0
    light: float = 0.0
    snooze_left_s: float | None = None

    def __post_init__(self) -> None:
        check_range("light_max", self.light_max, 0, 1)
        check_range("light", self.light, 0, 1)
        for length_s in (self.fade_in_s, self.done_s, self.snooze_left_s or 0.0):
            check_range("length", length_s, 0, LONGEST_S)

    def later(self, by_s: float) -> MorningParams:
        """The same morning a number of seconds later."""
        if self.snooze_left_s is not None:
            return replace(self, snooze_left_s=max(0.0, self.snooze_left_s - by_s))
        risen = min(1.0, by_s / self.left_s) if self.left_s else 1.0
        return replace(self, done_s=self.done_s + by_s, light=self.light + (1.0 - self.light) * risen)

    @property
    def left_s(self) -> float:
        """Seconds left of the fade-in, with a minimum so that nothing jumps."""
        return max(self.fade_in_s - self.done_s, min(self.fade_in_s, SHORTEST_FADE_IN_S))


class Morning:
    """Light and snooze of one morning.

    Args:
        params: its parameters.
        now_s: the present instant on the boot clock.

    Attributes:
        fade_in_s: how long its fade-in takes in all.
        light_max: maximum brightness of the lamp.
        snoozed_until_s: when the snooze is over; None while there is none.
    """

    def __init__(self, params: MorningParams, now_s: float) -> None:
        self.fade_in_s = params.fade_in_s
        self.light_max = params.light_max
        self.snoozed_until_s = None if params.snooze_left_s is None else now_s + params.snooze_left_s
        self._from, self._to, self._began_s, self._over_s = params.light, 1.0, now_s, params.left_s
        if params.snooze_left_s is not None:
            self._to, self._over_s = 0.0, SHORTEST_RISE_S

    def part(self, now_s: float) -> float:
        """Brightness of the lamp as a part of `light_max`: linear in time."""
        way = 1.0 if self._over_s <= 0.0 else min(max((now_s - self._began_s) / self._over_s, 0.0), 1.0)
        return self._from + (self._to - self._from) * way

    def light(self, now_s: float) -> float:
        """Brightness of the lamp, 0 to 1, in hundredths, never above `light_max`."""
        return math.floor(100.0 * self.light_max * self.part(now_s) + 1e-6) / 100.0

    def snooze_left_s(self, now_s: float) -> float | None:
        """How long the snooze still lasts; None while there is none."""
        return None if self.snoozed_until_s is None else max(0.0, self.snoozed_until_s - now_s)

    def rise_left_s(self, now_s: float) -> float:
        """Seconds left of a rise; 0 without one."""
        return max(0.0, self._began_s + self._over_s - now_s) if self._to > self._from else 0.0

    def params(self, now_s: float) -> MorningParams:
        """The parameters that restore the present state."""
        done_s = self.fade_in_s - min(self.rise_left_s(now_s), self.fade_in_s)
        return MorningParams(self.fade_in_s, self.light_max, done_s, self.part(now_s), self.snooze_left_s(now_s))

    def snooze(self, for_s: float, fall_s: float, now_s: float) -> None:
        """Switch the lamp off together with the sound, for a number of seconds."""
        self._move(0.0, fall_s, now_s)
        self.snoozed_until_s = now_s + for_s

    def wake(self, over_s: float, now_s: float) -> None:
        """End the snooze."""
        self._move(1.0, over_s, now_s)
        self.snoozed_until_s = None

    def stay_paused(self) -> None:
        """Change the snooze into a pause, which ends by command."""
        self.snoozed_until_s = None

    def _move(self, to: float, over_s: float, now_s: float) -> None:
        self._from, self._to, self._began_s, self._over_s = self.part(now_s), to, now_s, over_s
