"""Whether the tracks of a session sound, or only the bed that outlasts them. Main thread, pure.

Where a bed outlasts its tracks, these end by a fade of their own layer, while the output stays where it is: they are
silent when their sleep timer ends. The bed goes on alone then, like a phase of its own, and ends like any session.
"""

from __future__ import annotations

from player.core.engine_orders import TRACKS, RampTo, Then
from player.core.settings.session import TimerSetting
from player.core.units import SILENCE_DB, format_duration
from player.session.outcome import Outcome


class TracksLayer:
    """The layer of the tracks.

    Attributes:
        silent_at_s: when their own fade is over, on the boot clock; None while there is none.
        is_gone: the bed goes on alone.
        setting: the sleep timer that ended them, to begin it anew; valid while ``is_gone``.
    """

    def __init__(self) -> None:
        self.silent_at_s: float | None = None
        self.is_gone = False
        self.setting: TimerSetting | None = None

    @property
    def is_leaving(self) -> bool:
        """Whether their fade runs."""
        return self.silent_at_s is not None

    def leave(self, over_s: float, now_s: float, out: Outcome) -> None:
        """Begin their fade, or hurry it."""
        if not self.is_leaving:
            text = f"the tracks fade out over {format_duration(over_s)}, and the bed goes on"
            out.announce("fading_out", text, seconds=round(over_s), reason="timer")
        self.silent_at_s = now_s + over_s
        out.order(RampTo(SILENCE_DB, over_s, Then.STOP, TRACKS))

    def forget_fade(self) -> None:
        """The engine dropped all layers: the tracks are at full level again."""
        self.silent_at_s = None

    def go(self, setting: TimerSetting | None) -> None:
        """They have ended."""
        self.silent_at_s, self.is_gone, self.setting = None, True, setting

    def come_back(self, over_s: float, out: Outcome) -> bool:
        """Let them sound again; False where they do."""
        if not (self.is_leaving or self.is_gone):
            return False
        self.silent_at_s, self.is_gone = None, False
        out.order(RampTo(0.0, over_s, layer=TRACKS))
        return True
