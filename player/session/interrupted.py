"""The session that a death of the daemon interrupted, as long as it may be brought back. Main thread, pure.

`player.session.crash_resume` decides whether and when; whoever starts or stops something else gives it up.
"""

from __future__ import annotations

from dataclasses import replace

from player.session.memory.records import SessionRecord
from player.session.outcome import Outcome


class InterruptedSession:
    """Holds the record of it; nobody else changes it.

    Attributes:
        record: what was written down; None when there is none, or it has been brought back or given up.
        is_paused: a person wants it to wait until `resume`; False while there is no record.
    """

    def __init__(self, record: SessionRecord | None) -> None:
        self.record = record
        self.is_paused = False

    def mark_waiting(self) -> None:
        """It waits to be brought back: nothing of it plays now."""
        assert self.record is not None
        self.record = replace(self.record, is_waiting=True)

    def set_paused(self, *, is_paused: bool) -> None:
        """Hold it until `resume`, or no longer."""
        self.is_paused = is_paused and self.record is not None

    def forget(self, out: Outcome) -> None:
        """It is over in any case; the part of it that was played goes into the log."""
        if self.record is not None:
            out.ended.append(self.record.ended)
        self.record, self.is_paused = None, False

    def give_up(self, reason: str, out: Outcome) -> None:
        """It is not brought back, and that is announced."""
        if self.record is not None:
            text = f"the interrupted session is not resumed: {reason}"
            out.announce("session_lost", text, reason=reason, playlist=self.record.playlist)
            self.forget(out)
