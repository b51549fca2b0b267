"""Whether a session that should sound is heard: silence that lasts is a problem. Main thread, standard library, pure.

A decoder may hand over nothing, a file may hold nothing, a share may hang: all of that looks like playing. So from the
moment on in which there should be sound (a start, the end of a pause, a device that is back, a volume above 0) somebody
listens to what the output's own meter reports, and anything but digital silence counts, however softly it fades in.
While there is a reason for silence (a pause, a stop, a missing device, which is a problem of its own) nothing is
expected, and the next reason for sound begins anew.
"""

from __future__ import annotations

from typing import Final

from player.core.units import SILENCE_DB

NO_SOUND_S: Final = 20.0
"""Without sound for so long something is wrong."""


class SilenceAlarm:
    """Waits for the first sound."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._was_heard = False

    def expect(self, now_s: float | None) -> None:
        """There should be sound now; None: silence is as it should be."""
        if now_s is None:
            self._since_s, self._was_heard = None, False
        elif self._since_s is None:
            self._since_s = now_s

    def note_level(self, level_db: float) -> None:
        """What the output's meter read."""
        self._was_heard = self._was_heard or level_db > SILENCE_DB

    @property
    def due_s(self) -> float | None:
        """When the silence becomes a problem, on the boot clock; None while it does not."""
        return None if self._since_s is None or self._was_heard else self._since_s + NO_SOUND_S

    def is_overdue(self, now_s: float) -> bool:
        """Whether it has been silent for too long."""
        return self.due_s is not None and now_s >= self.due_s
