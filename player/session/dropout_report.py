"""How often the sound device ran out of data in one session: all is counted, some of it is told. Main thread, pure.

The first dropout is an event at once; those that follow are told together, as the longest of them and their number, and
while they keep coming the pause grows to five minutes. Some of them within ten minutes are a problem, until there has
been none for half an hour.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from player.core.events import OutputUnderran
from player.core.limits import SHORTEST_RISE_S
from player.core.units import counted
from player.session.outcome import EventPace, Outcome

FIRST_PAUSE_S: Final = 30.0
MANY: Final = 3
MANY_WITHIN_S: Final = 600.0
QUIET_S: Final = 1_800.0
MARGIN_S: Final = 2.0


class DropoutReport:
    """Counts and tells.

    Attributes:
        count: how often the device ran dry.
        over_s: when the sound has come back to its level after the last one, on the boot clock.
    """

    def __init__(self) -> None:
        self.count = 0
        self.over_s = -math.inf
        self._at_s: deque[float] = deque(maxlen=MANY)
        self._problem_until_s = -math.inf
        self._buffer_times = 1
        self._untold = 0
        self._longest_s = 0.0
        self._pace = EventPace(FIRST_PAUSE_S)

    def add(self, gap: OutputUnderran, now_s: float, out: Outcome) -> None:
        """The device ran dry."""
        if not self._untold:
            self._pace.begin(now_s)
        self.count += 1
        self.over_s = now_s + SHORTEST_RISE_S + MARGIN_S
        self._untold += 1
        self._longest_s = max(self._longest_s, gap.gap_s)
        self._buffer_times = max(self._buffer_times, gap.buffer_times)
        self._at_s.append(now_s)
        is_many = len(self._at_s) == MANY and now_s - self._at_s[0] < MANY_WITHIN_S
        if is_many or self._problem_until_s > now_s:
            self._problem_until_s = now_s + QUIET_S
        self.tick(now_s, out)

    def tick(self, now_s: float, out: Outcome) -> None:
        """Tell what has waited long enough."""
        if self._untold and self._pace.take(now_s):
            self.announce(out)

    def announce(self, out: Outcome) -> None:
        """Announce what has not been announced."""
        if not self._untold:
            return
        seconds = round(self._longest_s, 2)
        times = "" if self._untold == 1 else f" {self._untold} times"
        longest = f"{'' if self._untold == 1 else 'at most '}{seconds:g} s"
        text = f"the sound device ran out of data{times}: silent for {longest}{self._larger_buffer}"
        out.announce("dropout", text, seconds=seconds, times=self._untold, buffer_times=self._buffer_times)
        self._untold, self._longest_s = 0, 0.0

    def due_s(self) -> tuple[float, ...]:
        """When something waits to be told, or a problem is over."""
        told = (self._pace.next_s,) if self._untold else ()
        return (*told, self._problem_until_s)

    def problem(self, now_s: float) -> str | None:
        """What is wrong, as a sentence; None while there are few of them."""
        if now_s >= self._problem_until_s:
            return None
        often = f"{counted(MANY, 'time')} and more within {MANY_WITHIN_S / 60:.0f} minutes"
        return f"the sound is interrupted too often: the sound device ran out of data {often}{self._larger_buffer}"

    @property
    def _larger_buffer(self) -> str:
        times = self._buffer_times
        return "" if times == 1 else f"; its buffer is {times} times as large until this session is over"
