"""Interrupted or missing sound in one session: what is reported, and what is done about it. Main thread, pure.

How often the sound device ran out of data: the first dropout is announced at once; later ones are announced together,
as the longest of them and their number, and while they keep coming the pause grows to five minutes. Several within
ten minutes are a problem, until there has been none for half an hour.

What to do when the sound is interrupted repeatedly. Each interruption is a mute in the middle of a sound, and each
return a rise: a few of them are a nuisance, and a whole night of them keeps people awake. So the first return begins at
once, and further ones after a silence that doubles each time, up to five minutes, until ten minutes have passed without
one. After three interruptions the track is taken to be the cause.

Whether a session that should sound is heard: silence that lasts is a problem. A decoder may hand over nothing, a file
may hold nothing, a share may hang: all of these look like playing. So from the moment on in which there should be
sound (a start, the end of a pause, a device that is back, a volume above 0) `SilenceAlarm` reads what the output's own
meter reports, and anything but digital silence counts, however softly it fades in. A pause of digital silence in a
recording is content (never-startle, C5): while the place in the track moves on, the decoder works, and the problem is
told later. While there is a reason for silence (a pause, a stop, a missing device, which is a problem of its own)
nothing is expected, and the next reason for sound begins anew.
"""

from __future__ import annotations

import math
from collections import deque
from typing import Final

from player.core.events import OutputUnderran
from player.core.limits import SHORTEST_RISE_S
from player.core.units import SILENCE_DB, counted
from player.session.outcome import EventPace, Outcome

FIRST_PAUSE_S: Final = 30.0
MANY: Final = 3
MANY_WITHIN_S: Final = 600.0
QUIET_S: Final = 1_800.0
MARGIN_S: Final = 2.0


class DropoutReport:
    """Counts and announces.

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
        """The device ran out of data."""
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
        """Announce what is due."""
        if self._untold and self._pace.take(now_s):
            self.announce(out)

    def announce(self, out: Outcome) -> None:
        """Announce what has not been announced yet."""
        if not self._untold:
            return
        seconds = round(self._longest_s, 2)
        times = "" if self._untold == 1 else f" {self._untold} times"
        longest = f"{'' if self._untold == 1 else 'at most '}{seconds:g} s"
        text = f"the sound device ran out of data{times}: silent for {longest}{self._larger_buffer}"
        out.announce("dropout", text, seconds=seconds, times=self._untold, buffer_times=self._buffer_times)
        self._untold, self._longest_s = 0, 0.0

    def due_s(self) -> tuple[float, ...]:
        """Time at which something will be announced, or a problem ends."""
        told = (self._pace.next_s,) if self._untold else ()
        return (*told, self._problem_until_s)

    def problem(self, now_s: float) -> str | None:
        """What is wrong, as a sentence; None while there are few of them."""
        if now_s >= self._problem_until_s:
            return None
        often = f"{counted(MANY, 'time')} or more within {MANY_WITHIN_S / 60:.0f} minutes"
        larger = "" if self._buffer_times == 1 else "; its buffer is larger until this session is over"
        return f"the sound is interrupted too often: the sound device ran out of data {often}{larger}"

    @property
    def _larger_buffer(self) -> str:
        times = self._buffer_times
        return "" if times == 1 else f"; its buffer is {times} times as large until this session is over"


WELL_S: Final = 600.0
FIRST_SILENCE_S: Final = 15.0
LAST_SILENCE_S: Final = 300.0
TOO_MANY: Final = 3


class DropoutBackoff:
    """Counts interruptions in a row."""

    def __init__(self) -> None:
        self._count = 0
        self._back_s = -math.inf

    def next_silence_s(self, now_s: float) -> float:
        """Count another interruption; returns the seconds of silence before the return."""
        self._count = self._count + 1 if now_s - self._back_s < WELL_S else 1
        silence_s = 0.0 if self._count == 1 else min(FIRST_SILENCE_S * 2.0 ** (self._count - 2), LAST_SILENCE_S)
        self._back_s = now_s + silence_s
        return silence_s

    @property
    def is_the_tracks_fault(self) -> bool:
        """Whether this one exceeds the number allowed for a track; the silences keep growing with the next track."""
        return self._count > 0 and self._count % TOO_MANY == 0


NO_SOUND_S: Final = 20.0
"""Seconds without sound after which there is a problem."""
RECORDED_SILENCE_S: Final = 120.0
"""The same while the decoder delivers silence: longer than pauses in recordings."""


class SilenceAlarm:
    """Watches for missing sound."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._was_heard = False
        self._position_s: float | None = None
        self._is_delivered = False

    def expect(self, now_s: float | None) -> None:
        """Expect sound from this time on; None: silence is expected."""
        if now_s is None:
            self._since_s, self._was_heard, self._is_delivered = None, False, False
        elif self._since_s is None:
            self._since_s = now_s

    def note(self, level_db: float, position_s: float) -> None:
        """What the output's meter read in dBFS, and the place in the track in seconds."""
        self._was_heard = self._was_heard or level_db > SILENCE_DB
        self._is_delivered = self._position_s is not None and position_s != self._position_s
        self._position_s = position_s

    @property
    def due_s(self) -> float | None:
        """When the silence becomes a problem, on the boot clock; None while it does not."""
        if self._since_s is None or self._was_heard:
            return None
        return self._since_s + (RECORDED_SILENCE_S if self._is_delivered else NO_SOUND_S)

    def problem(self, now_s: float) -> str | None:
        """The problem when it has been silent for too long, otherwise None."""
        if self.due_s is None or now_s < self.due_s:
            return None
        if self._is_delivered:
            return f"no sound for {RECORDED_SILENCE_S:.0f} s: the recording holds digital silence here"
        return f"no sound for {NO_SOUND_S:.0f} s, although a session is playing"
