"""Statistics of a session and of its guard, with one line at its end. Main thread, pure.

Everything that the guard lowers in one session is counted, and some of it is announced. A night of bad recordings may
hold thousands of surprises. The first one is announced at once; those that follow within some seconds are announced
together, as the worst of them and their number, and while they keep coming the pause grows to five minutes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from player.core.events import GuardReported, News, Track
from player.core.units import counted, format_duration, format_place
from player.session.outcome import EventPace, Outcome

FIRST_PAUSE_S: Final = 5.0


class GuardReport:
    """Counts and announces.

    Attributes:
        count: how often the guard lowered something.
        largest_db: the largest reduction in dB, None without one.
    """

    def __init__(self) -> None:
        self.count = 0
        self.largest_db: float | None = None
        self._worst: tuple[GuardReported, Track | None] | None = None
        self._times = 0
        self._pace = EventPace(FIRST_PAUSE_S)

    def due_s(self) -> float | None:
        """When something will be announced."""
        return self._pace.next_s if self._times else None

    def add(self, tamed: GuardReported, track: Track | None, now_s: float, out: Outcome) -> None:
        """Count a reduction by the guard, in that track if it is known."""
        if not self._times:
            self._pace.begin(now_s)
        self.count += 1
        self.largest_db = round(max(self.largest_db or 0.0, tamed.reduction_db), 1)
        self._times += 1
        if self._worst is None or tamed.reduction_db > self._worst[0].reduction_db:
            self._worst = tamed, track
        self.tick(now_s, out)

    def tick(self, now_s: float, out: Outcome) -> None:
        """Announce what is due."""
        if self._times and self._pace.take(now_s):
            self.announce(out)

    def announce(self, out: Outcome) -> None:
        """Announce what has not been announced yet."""
        if self._worst is None:
            return
        (tamed, track), times = self._worst, self._times
        self._worst, self._times = None, 0
        often = "" if times == 1 else f"{times} times, once "
        place = "" if track is None else f" at {format_place(tamed.position_s)} of {track.title}"
        out.announce(
            "surprise_tamed",
            f"lowered {often}by {tamed.reduction_db:.0f} dB for {tamed.duration_s:.1f} s{place}",
            track=None if track is None else track.title,
            uri=None if track is None else track.uri,
            position=None if track is None else round(tamed.position_s),
            reduction_db=round(tamed.reduction_db, 1),
            seconds=round(tamed.duration_s, 1),
            times=times,
        )


@dataclass(slots=True)
class SessionStatistics:
    """Counts of one session: tracks that began, problems that were told, batches that were written."""

    tracks: int = 0
    problems: int = 0
    writes: int = 0

    def count(self, out: Outcome) -> None:
        """Count the outcome of one turn of the session."""
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
