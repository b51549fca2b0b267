"""What a session came to, counted while it runs and told in one line when it is over. Main thread, pure."""

from __future__ import annotations

from dataclasses import dataclass

from player.core.events import News
from player.core.units import counted, format_duration
from player.session.guard_report import GuardReport
from player.session.outcome import Outcome


@dataclass(slots=True)
class SessionStatistics:
    """Counts of one session: tracks that began, problems that were told, batches that were written."""

    tracks: int = 0
    problems: int = 0
    writes: int = 0

    def count(self, out: Outcome) -> None:
        """Count what one turn of the session came to."""
        types = [event.type for event in out.events if isinstance(event, News)]
        self.tracks += types.count("track_started")
        self.problems += types.count("problem")
        self.writes += len(out.writes)

    def line(self, played_s: float, reason: str, what: str, taming: GuardReport, dropouts: int) -> str:
        """The night in one line; ``what`` is the playlist and when it began."""
        held = "nothing lowered" if taming.largest_db is None else (
            f"{_counted(taming.count, 'surprise')} lowered, by {taming.largest_db:g} dB at most"
        )  # fmt: skip
        parts = [what, _counted(self.tracks, "track"), held, _counted(self.problems, "problem")]
        if dropouts:
            parts.append(counted(dropouts, "dropout"))
        told = ", ".join([*parts, _counted(self.writes, "write")])
        return f"session ended after {format_duration(played_s)} ({reason}): {told}"


def _counted(count: int, word: str) -> str:
    return counted(count, word) if count else f"no {word}s"
