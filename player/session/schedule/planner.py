"""The schedule: when entries start, and which one starts now. Main thread; pure, `now` is an argument.

An entry is planned once per local date. A time that the clocks skip is planned for the first instant after the gap, one
that they show twice for its first showing. Python compares times of one zone by their local time, which is wrong twice
a year, so every comparison here is made in UTC.

The wall clock may be set at any moment, forward and back, and so may the zone. `Planner` therefore remembers *which*
start (entry, time, local date) was made, not *until when* starts were made; and it counts how long it has known an
entry on the boot clock, which nobody sets. A start is made when its moment has just passed by the present wall clock,
was not made before, and lies within the time that the entry has been known and the schedule switched on. What was set
wrong for a while thus leaves no trace: a start that seemed missed is still made when its time really comes.

The owner of the planner saves what was made, and passes it in again after a restart: a person who stopped a start
by hand does not want it a second time because the daemon crashed. So are the starts that were told as missed, which
are news only once, and the moment of the last change by hand: an entry that was moved or switched on begins to count
at that moment, before and after a restart. Limits: the latest 1000 starts are remembered, 50 of them across restarts,
which is more than a day can bring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final, TypeAlias

from player.core.clock import Now, elapsed_s
from player.core.settings.session import Entry

LOOK_BACK_S: Final = 24 * 3600.0
"""Seconds after which a start is neither made nor reported, as after a long suspend of the machine."""
HISTORY_S: Final = 3 * 3600.0
"""Seconds before the daemon's own start within which a start is reported as missed; older ones may have been made."""
PUNCTUAL_S: Final = 30.0
"""Seconds within which a start is not late: the schedule is checked only every ten seconds."""
KEPT: Final = 1000
WRITTEN: Final = 50
HORIZON_DAYS: Final = 367
"""Days in which the next start is searched: dates may be skipped for long."""

TOO_LATE: Final = "it is too late for it"

Made: TypeAlias = tuple[str, time, date]
"""The identity of a start, which is made at most once: an entry's name, its local time, and the local date."""
WhyNot: TypeAlias = Callable[[Entry, datetime], str | None]
"""Why an entry does not start at a local time; None where it does."""
_Plan: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """An entry that starts now; ``late_s`` real seconds after the ``planned`` local time."""

    entry: Entry
    planned: datetime
    late_s: float


@dataclass(frozen=True, slots=True)
class Missed:
    """An entry that did not start at its ``planned`` local time and will not; ``reason`` completes the sentence."""

    entry: Entry
    planned: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class _Start:
    """One start of one entry: the local date and time it belongs to, and its moment, aware, in UTC."""

    entry: Entry
    at: time
    day: date
    moment: datetime

    @property
    def key(self) -> Made:
        """The identity of a start. The time is part of it: moved to a later time of the same day, the entry starts
        again.
        """
        return self.entry.name, self.at, self.day


def moment_of(day: date, at: time, zone: tzinfo) -> datetime:
    """The instant, in UTC, at which a local time comes on a date; the first one after a gap, the first of two."""
    face = datetime.combine(day, at)
    before = face.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None, fold=0) == face:
        return before
    return _end_of_gap(face.replace(tzinfo=zone))


def next_moment(at: time, after: datetime) -> datetime:
    """When the clocks next show a local time, strictly after an aware time; in the zone of that time."""
    zone = after.tzinfo
    assert zone is not None, "the time must carry its zone"
    moments = (moment_of(after.date() + timedelta(days=ahead), at, zone) for ahead in range(3))
    return next(moment for moment in moments if moment > after).astimezone(zone)


def _end_of_gap(skipped: datetime) -> datetime:
    """The instant in UTC at which the clocks jump over a local time, to the second.

    A skipped time read with the offset that held before (fold 0) lies after the jump, and read with the one that holds
    afterwards (fold 1) before it; between the two the offset is bisected.
    """
    zone = skipped.tzinfo
    assert zone is not None
    late, early = (skipped.replace(fold=fold).astimezone(UTC) for fold in (0, 1))
    offset = late.astimezone(zone).utcoffset()
    apart_s = int((late - early).total_seconds())
    lowest_s, highest_s = 0, apart_s
    while highest_s - lowest_s > 1:
        middle_s = (lowest_s + highest_s) // 2
        if (early + timedelta(seconds=middle_s)).astimezone(zone).utcoffset() == offset:
            highest_s = middle_s
        else:
            lowest_s = middle_s
    return early + timedelta(seconds=highest_s)


def _starts(entries: Iterable[Entry], days: Sequence[date], zone: tzinfo) -> list[_Start]:
    planned = [(entry, entry.at_on(day), day) for day in days for entry in entries]
    return [_Start(entry, at, day, moment_of(day, at, zone)) for entry, at, day in planned if at is not None]


def next_start(entries: Sequence[Entry], after: datetime) -> tuple[Entry, datetime] | None:
    """The entry that is planned next, strictly after an aware time, and when, local in the zone of that time.

    Of two at the same moment the one that is listed first is meant. None when there is none within a year.
    """
    zone = after.tzinfo
    assert zone is not None, "the time must carry its zone"
    limit = after.astimezone(UTC)
    for ahead in range(HORIZON_DAYS if entries else 0):  # a later date never comes before an earlier one
        starts = _starts(entries, [after.date() + timedelta(days=ahead)], zone)
        coming = [start for start in starts if start.moment > limit]
        if coming:
            first = min(coming, key=lambda start: start.moment)
            return first.entry, first.moment.astimezone(zone)
    return None


class _Memory:
    """The latest starts to which something happened; the oldest is dropped when it is full."""

    def __init__(self, keys: Iterable[Made]) -> None:
        self._keys = dict.fromkeys(keys)
        self._latest: tuple[Made, ...] | None = None

    def __contains__(self, key: Made) -> bool:
        return key in self._keys

    def recall(self, keys: Iterable[Made]) -> None:
        """Take earlier ones that became known only now."""
        self._keys = dict.fromkeys((*keys, *self._keys))
        self._latest = None

    @property
    def latest(self) -> tuple[Made, ...]:
        """Those to be saved; the same object until there is another one."""
        if self._latest is None:
            self._latest = tuple(self._keys)[-WRITTEN:]
        return self._latest

    def add(self, key: Made) -> bool:
        """Remember a start; returns whether it is new."""
        if key in self._keys:
            return False
        self._keys[key] = None
        self._latest = None
        if len(self._keys) > KEPT:
            del self._keys[next(iter(self._keys))]
        return True


class Planner:
    """Decides at each turn which entry starts now, and remembers what it has decided.

    Args:
        made: starts that were made before a restart.
        changed_at: when the schedule was last changed by hand before it; earlier starts are not caught up with.
        missed: starts that were told as missed before it.
        is_new: nothing is known of an earlier daemon, so it is not told that this one missed what was due before it.
    """

    def __init__(
        self,
        made: Iterable[Made] = (),
        changed_at: datetime | None = None,
        missed: Iterable[Made] = (),
        *,
        is_new: bool = False,
    ) -> None:
        self._changed_at = changed_at
        self._is_new = is_new
        self._known_since_s: dict[_Plan, float] = {}
        self._on_since_s: float | None = None
        self._first_look_s: float | None = None
        self._made = _Memory(made)
        self._missed = _Memory(missed)
        self._entries: Sequence[Entry] = ()
        self._around: tuple[date, tzinfo] | None = None
        self._starts: list[_Start] = []

    def recall(self, made: Iterable[Made], changed_at: datetime | None, missed: Iterable[Made]) -> None:
        """Take what would have been known at the start, had it been readable."""
        self._made.recall(made)
        self._missed.recall(missed)
        self._changed_at = self._changed_at or changed_at

    @property
    def made(self) -> tuple[Made, ...]:
        """The latest starts that were made, to be saved."""
        return self._made.latest

    @property
    def missed(self) -> tuple[Made, ...]:
        """The latest starts that were told as missed, to be saved."""
        return self._missed.latest

    def due(
        self,
        entries: Sequence[Entry],
        now: Now,
        catch_up_s: float,
        *,
        is_enabled: bool,
        why_not: WhyNot = lambda *_: None,
    ) -> tuple[Due | Missed, ...]:
        """The missed starts, and last the one that starts now: at most one `Due`.

        Of several that are due the one planned last wins; the others count as made and are told as missed. One that
        ``why_not`` leaves out is told with that reason and replaces none: a skipped night costs no morning. A start
        missed by less than ``catch_up_s`` is due, an older one missed, and told once. An entry that is new, or has a
        new time or new days, begins to count now; so do all when the schedule is switched on. While the wall clock is
        not trusted nothing is due; what passed meanwhile is caught up with when it is.
        """
        self._notice(entries, now.boot_s, max(HISTORY_S, catch_up_s), is_enabled=is_enabled)
        if self._on_since_s is None or not now.trusted:
            return ()
        zone, catch_up_s = now.wall.tzinfo, max(catch_up_s, PUNCTUAL_S)
        passed = self._passed(now, self._on_since_s)
        recent = [(start, age_s) for start, age_s in passed if age_s < catch_up_s]
        told: list[Due | Missed] = []
        for start, age_s in passed:
            if age_s >= catch_up_s and self._missed.add(start.key) and not self._is_before_all(age_s, now.boot_s):
                told.append(Missed(start.entry, start.moment.astimezone(zone), TOO_LATE))
        if recent:
            left_out = {start.key: why_not(start.entry, start.moment.astimezone(zone)) for start, _ in recent}
            able = [pair for pair in recent if left_out[pair[0].key] is None]
            winner, late_s = max(able, key=lambda pair: pair[0].moment, default=(None, 0.0))
            replaced = "" if winner is None else f"{winner.entry.name} at {winner.at:%H:%M} replaces it"
            for start, _ in recent:
                if self._made.add(start.key) and start is not winner:
                    told.append(Missed(start.entry, start.moment.astimezone(zone), left_out[start.key] or replaced))
            if winner is not None:
                told.append(Due(winner.entry, winner.moment.astimezone(zone), late_s))
        return tuple(told)

    def _notice(self, entries: Sequence[Entry], boot_s: float, history_s: float, *, is_enabled: bool) -> None:
        """Note since when each entry is known and the schedule is on; at the first look that is before the start."""
        since_s = boot_s if self._first_look_s is not None else boot_s - history_s
        if entries != self._entries:
            plans = [_plan(entry) for entry in entries]
            self._known_since_s = {plan: self._known_since_s.get(plan, since_s) for plan in plans}
            self._entries = entries
            self._around = None
        if not is_enabled:
            self._on_since_s = None
        elif self._on_since_s is None:
            self._on_since_s = since_s
        if self._first_look_s is None:
            self._first_look_s = boot_s

    def _is_before_all(self, age_s: float, boot_s: float) -> bool:
        """Whether no daemon was there yet when a start was due."""
        assert self._first_look_s is not None
        return self._is_new and age_s > boot_s - self._first_look_s

    def _passed(self, now: Now, on_since_s: float) -> list[tuple[_Start, float]]:
        """The starts whose moment has passed and which were not made, with their age, oldest first."""
        moment = now.wall.astimezone(UTC)
        oldest = moment - timedelta(seconds=LOOK_BACK_S)
        if self._changed_at is not None and self._changed_at.astimezone(UTC) <= moment:
            oldest = max(oldest, self._changed_at.astimezone(UTC))
        found = []
        for start in self._starts_around(now.wall):
            if not oldest < start.moment <= moment or start.key in self._made:
                continue
            age_s = elapsed_s(start.moment, moment)
            if age_s < now.boot_s - max(self._known_since_s[_plan(start.entry)], on_since_s):
                found.append((start, age_s))
        return sorted(found, key=lambda pair: pair[0].moment)

    def _starts_around(self, wall: datetime) -> list[_Start]:
        """All starts from two days ago to tomorrow; worked out anew when date, zone or entries change.

        Two days, because after a day of 23 hours the last hour of the one before it is still within 24; tomorrow,
        because clocks that go back just after midnight return to the date before.
        """
        zone = wall.tzinfo
        assert zone is not None
        around = (wall.date(), zone)
        if around != self._around:
            days = [wall.date() + timedelta(days=by) for by in (-2, -1, 0, 1)]
            self._starts = _starts(self._entries, days, zone)
            self._around = around
        return self._starts


def _plan(entry: Entry) -> _Plan:
    """What an entry plans; an entry with another plan counts as new."""
    return entry.name, entry.at, entry.days, entry.own_times, entry.leave_out, entry.only_on
