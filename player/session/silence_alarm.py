"""Whether a session that should sound is heard: silence that lasts is a problem. Main thread, standard library, pure.

A decoder may hand over nothing, a file may hold nothing, a share may hang: all of that looks like playing. So from the
moment on in which there should be sound (a start, the end of a pause, a device that is back, a volume above 0) somebody
listens to what the output's own meter reports, and anything but digital silence counts, however softly it fades in.
A pause of digital silence in a recording is content (never-startle, C5): while the place in the track moves on, the
decoder works, and the problem is told later.
While there is a reason for silence (a pause, a stop, a missing device, which is a problem of its own) nothing is
expected, and the next reason for sound begins anew.
"""

from __future__ import annotations

from typing import Final

from player.core.units import SILENCE_DB

NO_SOUND_S: Final = 20.0
"""Without sound for so long something is wrong."""
RECORDED_SILENCE_S: Final = 120.0
"""The same while the decoder delivers silence: longer than the pauses that recordings have."""


class SilenceAlarm:
    """Waits for the first sound."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._was_heard = False
        self._position_s: float | None = None
        self._is_delivered = False

    def expect(self, now_s: float | None) -> None:
        """There should be sound now; None: silence is as it should be."""
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
        """What is wrong when it has been silent for too long, otherwise None."""
        if self.due_s is None or now_s < self.due_s:
            return None
        if self._is_delivered:
            return f"no sound for {RECORDED_SILENCE_S:.0f} s: the recording holds digital silence here"
        return f"no sound for {NO_SOUND_S:.0f} s, although a session is playing"
