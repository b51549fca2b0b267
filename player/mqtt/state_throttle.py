"""Decides when a changed snapshot is published. Pure, main thread.

Changes that people wait for are published at once, at most four times a second: state, track, volume, timer, problems.
Values that change all the time by themselves (position, remaining time, level, counts of surprises and dropouts) are
published at most every ten seconds: a home automation writes each message to its disk, and the rest follows from the
end of the timer and the last position. The report of the night is read in the morning, and is published seldom; the
list of tracks is long.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, Generic, TypeVar

from player.core.clock import elapsed_s
from player.core.night_report import NightReport
from player.core.published import running_fields
from player.core.snapshot import Snapshot, TrackList

T = TypeVar("T")

MIN_GAP_S: Final = 0.25
"""No two publications are closer than this."""
LIGHT_GAP_S: Final = 2.0
"""No two publications of the light are closer than this."""
POSITION_GAP_S: Final = 10.0
"""Minimum time between publications of values that change by themselves."""
NIGHT_GAP_S: Final = 300.0
"""Minimum time between publications of the report while the night goes on."""
TRACKS_GAP_S: Final = 10.0
"""Minimum time between publications of the list of tracks."""
_JUMP_S: Final = 3.0
"""A position that is ahead of the elapsed time by more than this was reached by a seek."""
_SAME_MOMENT_S: Final = 2.0
"""The end of the timer is computed for each snapshot, so it varies by the time that this takes."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """The last publication, and its time."""

    snapshot: Snapshot
    boot_s: float


class StateThrottle:
    """Compares with the last publication; `is_due` says whether to publish this snapshot now. Main thread."""

    def __init__(self) -> None:
        self._sent: _Sent | None = None
        self._is_waiting = False

    def forget(self) -> None:
        """Forget the last publication, because the broker may have lost it. The next snapshot is due."""
        self._sent = None
        self._is_waiting = False

    def is_due(self, snapshot: Snapshot, boot_s: float) -> bool:
        """Whether to publish now; True also notes it as published."""
        sent = self._sent
        if sent is not None:
            elapsed_s = boot_s - sent.boot_s
            is_prompt = _has_changed(sent.snapshot, snapshot, elapsed_s)
            self._is_waiting = is_prompt and elapsed_s < MIN_GAP_S
            if self._is_waiting or not (is_prompt or _has_run_on(sent.snapshot, snapshot, elapsed_s)):
                return False
        self._is_waiting = False
        self._sent = _Sent(snapshot, boot_s)
        return True

    def wait_s(self, boot_s: float) -> float:
        """Seconds until a delayed change is due; infinite without one."""
        if self._sent is None or not self._is_waiting:
            return math.inf
        return max(0.0, self._sent.boot_s + MIN_GAP_S - boot_s)


class DocumentThrottle(Generic[T]):
    """Decides when a changed document other than the state is published. Main thread.

    Args:
        gap_s: no two publications are closer than this.
        is_urgent: whether a document is published at once after another.
    """

    def __init__(self, gap_s: float, is_urgent: Callable[[T, T], bool] = lambda _sent, _new: False) -> None:
        self._gap_s = gap_s
        self._is_urgent = is_urgent
        self._sent: tuple[T, float] | None = None

    def forget(self) -> None:
        """Forget the last publication, because the broker may have lost it."""
        self._sent = None

    def is_due(self, document: T, boot_s: float) -> bool:
        """Whether to publish it now; True also notes it as published."""
        if self._sent is not None:
            sent, at_s = self._sent
            if document == sent or (boot_s - at_s < self._gap_s and not self._is_urgent(sent, document)):
                return False
        self._sent = document, boot_s
        return True


def night_throttle() -> DocumentThrottle[NightReport]:
    """Published at once: the first track, an end, what goes on after one, and another night."""
    return DocumentThrottle(
        NIGHT_GAP_S,
        lambda sent, new: (
            (sent.end, new.end) != (None, None) or new.start != sent.start or sent.track_count == 0 < new.track_count
        ),
    )


def tracks_throttle() -> DocumentThrottle[TrackList]:
    """After an empty list one with tracks is published at once."""
    return DocumentThrottle(TRACKS_GAP_S, lambda sent, _new: sent.count == 0)


def light_throttle() -> DocumentThrottle[float]:
    """The light of a morning comes in hundredths, none of them more urgent than another."""
    return DocumentThrottle(LIGHT_GAP_S)


def _has_changed(old: Snapshot, new: Snapshot, elapsed_s: float) -> bool:
    """Whether anything that people wait for has changed."""
    if _without_running(old) != _without_running(new) or not _is_same_moment(old.timer_ends, new.timer_ends):
        return True
    if old.position_s is None or new.position_s is None:
        return old.position_s is not new.position_s
    return not -1.0 <= new.position_s - old.position_s <= elapsed_s + _JUMP_S


def _has_run_on(old: Snapshot, new: Snapshot, elapsed_s: float) -> bool:
    return elapsed_s >= POSITION_GAP_S and _running(old) != _running(new)


def _running(snapshot: Snapshot) -> tuple[int | None, ...]:
    """The values that change by themselves, rounded."""
    values = (getattr(snapshot, name) for name in running_fields(type(snapshot)))
    return tuple(round(value) if value is not None and math.isfinite(value) else None for value in values)


def _without_running(snapshot: Snapshot) -> tuple[object, ...]:
    left_out = {"timer_ends", "track_choices", *running_fields(type(snapshot))}
    return tuple(getattr(snapshot, one.name) for one in fields(snapshot) if one.name not in left_out)


def _is_same_moment(old: datetime | None, new: datetime | None) -> bool:
    if old is None or new is None:
        return old is new
    return abs(elapsed_s(old, new)) < _SAME_MOMENT_S
