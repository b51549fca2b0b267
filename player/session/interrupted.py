"""The session that a crash or power cut interrupted, as long as it may be resumed. Main thread, pure.

`player.session.crash_resume` decides whether and when; a start or stop of something else gives it up.
"""

from __future__ import annotations

import math
from dataclasses import replace

from player.session.memory.records import SessionRecord
from player.session.outcome import Outcome


class InterruptedSession:
    """Holds the record of the interrupted session, and is the only owner of it.

    Attributes:
        record: what was saved; None when there is none, or it has been resumed or given up.
        is_paused: a person wants it to wait until `resume`; False while there is no record.
    """

    def __init__(self, record: SessionRecord | None) -> None:
        self.record = record
        self.is_paused = False

    def take_late(self, record: SessionRecord) -> None:
        """Take a record that became readable only after the start."""
        self.record = replace(record, is_waiting=True)

    def mark_waiting(self) -> None:
        """Note that the session waits to be resumed, and that nothing of it plays."""
        assert self.record is not None
        self.record = replace(self.record, is_waiting=True)

    def set_paused(self, *, is_paused: bool) -> None:
        """Hold the session until `resume`, or end that."""
        self.is_paused = is_paused and self.record is not None

    def fall_asleep(self, now: SessionRecord, gone_s: float, within_s: float | None) -> None:
        """Sleep was detected while the session waits: it comes back with the strict guard, the cap and this end.

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
        """Cancel `fall_asleep`; the guard stays strict, and an end that came nearer stays, as after a crash."""
        if self.record is not None:
            self.record = replace(self.record, asleep_s=None)

    def forget(self, out: Outcome) -> None:
        """Forget the session; the part of it that was played goes into the log."""
        if self.record is not None:
            out.ended.append(self.record.ended)
        self.record, self.is_paused = None, False

    def give_up(self, reason: str, out: Outcome) -> None:
        """Give the session up, and announce that."""
        if self.record is not None:
            text = f"the interrupted session is not resumed: {reason}"
            out.announce("session_lost", text, reason=reason, playlist=self.record.playlist)
            self.forget(out)
