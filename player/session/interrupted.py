"""The session that a death of the daemon interrupted, as long as it may be brought back. Main thread, pure.

`player.session.crash_resume` decides whether and when; whoever starts or stops something else gives it up.
"""

from __future__ import annotations

import math
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

    def fall_asleep(self, now: SessionRecord, gone_s: float, within_s: float | None) -> None:
        """Somebody was noticed to be asleep while it waits: it comes back strict, capped, and no longer than that.

        A phase that begins when somebody sleeps begins; the last of several lasts as long as it was to last.

        Args:
            now: the record as it would be by now, in a later phase perhaps.
            gone_s: seconds since the record was written; 0 while nobody knows, which ends it sooner.
            within_s: it is silent, or in the next phase, within so many seconds; None: nothing changes in that.
        """
        following = now.then[now.phase - 1] if now.phase <= len(now.then) else None
        left_s = math.inf if now.left_s is None else now.left_s
        if following is not None and following.when_asleep:
            left_s = min(left_s, gone_s)
        elif within_s is not None and (following is not None or not now.then):
            left_s = min(left_s, gone_s + within_s)
        asleep_s = now.asleep_s or 0.0  # since the record was written: the level sinks from then on
        ends_s = None if math.isinf(left_s) else left_s
        self.record = replace(now, asleep_s=asleep_s, is_strict=True, left_s=ends_s)

    def wake_up(self) -> None:
        """Nobody is asleep after all; the guard stays strict, and an end that came nearer stays, as after a crash."""
        if self.record is not None:
            self.record = replace(self.record, asleep_s=None)

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
