"""Builds the report of the night while it runs. Main thread, standard library, pure.

It reads the events and orders of each turn, and the level that the engine reports each second.
The report is part of the memory: it is written with whatever else is written, at least every 400 s while something
plays, so a crash costs it a few minutes. A session that is resumed goes on with it; the first session of another night
begins a new one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from player.core.clock import Now, elapsed_s, moved
from player.core.engine_orders import RampTo
from player.core.events import News, Progressed, is_web
from player.core.night_report import LevelPoint, NightReport, ReportedMoment, ReportedPhase, ReportedTrack
from player.core.text import clean_text, host_of, without_places
from player.session.library_findings import CALIBRATION
from player.session.memory.memory import Memory, night_of
from player.session.outcome import Outcome
from player.session.playback import Playback
from player.session.session import Session

FOLD_S: Final = 60.0
"""Seconds between two updates of the report's levels."""
POINT_S: Final = 300.0
MOST_POINTS: Final = 200
MOST_PHASES: Final = 30
MOST_TRACKS: Final = 60
MOST_PROBLEMS: Final = 10
LONGEST_TITLE: Final = 60
LONGEST_PROBLEM: Final = 200
LOWEST_DB: Final = -90
"""Level in dBFS below which a second counts as silence."""
SETTLED_S: Final = 120
"""Minimum seconds of sound before there is a calm level."""
STEADY_DB: Final = 0.5
"""A second in which the volume moved by more dB does not count, because its level mixes two volumes."""
RISE_DB: Final = 0.5
RESUMED: Final = "resume"
INTERRUPTED: Final = "interrupted"
TAKEN_OVER: Final = "taken_over"


@dataclass(slots=True)
class _Point:
    """Seconds with sound: their number, the sum of their power, and the level of the loudest."""

    seconds: int = 0
    power: float = 0.0
    loudest_db: float = -math.inf

    def add(self, level_db: float) -> None:
        self.seconds += 1
        self.power += 10.0 ** (level_db / 10.0)
        self.loudest_db = max(self.loudest_db, level_db)

    @property
    def mean_db(self) -> float:
        return 10.0 * math.log10(self.power / self.seconds)


class NightLog:
    """Builds the report.

    Args:
        report: what was saved before a restart.

    Attributes:
        report: the night as it is known; replaced by another object when it changes, at most once a turn and by the
            level alone once a minute.
    """

    def __init__(self, report: NightReport) -> None:
        self._is_calibrating = False
        self._begin(report)

    def _begin(self, report: NightReport) -> None:
        self.report = report
        self._levels = list(report.levels) or [0] * (1 - LOWEST_DB)
        self._peak = report.peak
        self._volume_db = math.nan
        self._folded_s = -math.inf
        self._point_s: float | None = None
        self._point = _Point()
        self._counted_s: float | None = None

    def recall(self, report: NightReport) -> None:
        """Take a report that became readable late, unless a session of this start is in the report already."""
        if self.report.start is None:
            self._begin(report)

    def correct(self, by_s: float) -> None:
        """The clock was set, and was wrong by so much: move the times of a night of one session."""
        report = self.report
        if not by_s or report.start is None or report.sessions != 1 or report.interruptions:
            return
        start = moved(report.start, by_s)
        self._peak = _moved(self._peak, by_s)
        self._change(
            night=night_of(start),
            start=start,
            phases=tuple(replace(phase, at=moved(phase.at, by_s)) for phase in report.phases),
            tracks=tuple(replace(track, at=moved(track.at, by_s)) for track in report.tracks),
            worst=_moved(report.worst, by_s),
            loudest=_moved(report.loudest, by_s),
            peak=self._peak,
        )

    # Each second.

    def on_progress(self, report: Progressed, session: Session | None, now: Now) -> None:
        """Take the level of one second."""
        is_steady = abs(report.volume_db - self._volume_db) <= STEADY_DB
        self._volume_db = report.volume_db
        if session is None or self._is_calibrating or report.level_db < LOWEST_DB:
            return
        self._point.add(report.level_db)
        if not is_steady:
            return
        at_full_db = report.level_db - report.volume_db
        self._levels[max(0, min(round(-at_full_db), len(self._levels) - 1))] += 1
        if self._peak is None or at_full_db > self._peak.db:
            track = session.queue.track_of(report.item_id)
            title = None if track is None else public_title(track.title, track.uri)
            self._peak = ReportedMoment(now.wall, round(at_full_db, 1), title)

    # Each turn.

    def note(self, playback: Playback, memory: Memory, outside: Mapping[str, str], now: Now, out: Outcome) -> None:
        """Take the outcome of one turn; problems of the broker are left out, because they name machines."""
        private = {text for key, text in outside.items() if key.startswith("mqtt")}
        session, is_waiting = playback.session, playback.interrupted.record is not None
        before = self.report
        for event in out.events:
            if isinstance(event, News) and event.data.get("problem") not in private and not self._is_noise(event):
                self._take(event, session, now)
        if self._is_calibrating:
            return
        if session is not None and any(isinstance(order, RampTo) and _rises(order, session) for order in out.orders):
            self._change(rises=self.report.rises + 1)
        report = self.report
        if report.start is None or (report.end is not None and report is before):
            return
        if report.end is None and session is None and not is_waiting:
            self._change(end=report.seen or now.wall, ended_by=INTERRUPTED)
        if self.report is not before or now.boot_s - self._folded_s >= FOLD_S:
            self._fold(memory, now)

    def _is_noise(self, event: News) -> bool:
        """Whether an event belongs to the noise of a calibration, which is not part of a night."""
        was_calibrating = self._is_calibrating
        if event.type == "session_started":
            self._is_calibrating = event.data["playlist"] == CALIBRATION.name
        elif event.type == "session_ended":
            self._is_calibrating = False
            return was_calibrating
        return self._is_calibrating

    def _change(self, **fields: Any) -> None:
        self.report = replace(self.report, **fields)

    def _fold(self, memory: Memory, now: Now) -> None:
        """Add the measured levels, and set the time of the report."""
        self._folded_s = now.boot_s
        self._count_minutes(now)
        if self._point_s is None:
            self._point_s = now.boot_s
        elif now.boot_s - self._point_s >= POINT_S or self.report.end is not None:
            self._add_point(now.wall, now.boot_s - self._point_s)
            self._point_s = None if self.report.end is not None else now.boot_s
        is_lost = self.report.ended_by == INTERRUPTED
        self._change(
            levels=tuple(self._levels),
            peak=self._peak,
            loudest=_over_calm(self._levels, self._peak),
            nights_used=memory.nights_used(now.wall),
            seen=self.report.seen if is_lost else now.wall,
        )

    def _add_point(self, wall: datetime, lasted_s: float) -> None:
        assert self.report.start is not None, "points belong to a night"
        point, self._point = self._point, _Point()
        if point.seconds:
            minute = max(0, round((elapsed_s(self.report.start, wall) - lasted_s) / 60.0))
            found = LevelPoint(minute, round(point.mean_db, 1), round(point.loudest_db, 1))
            self._change(curve=(*self.report.curve, found)[-MOST_POINTS:])

    # What events say.

    def _take(self, event: News, session: Session | None, now: Now) -> None:
        data = event.data
        match event.type:
            case "session_started":
                self._session_started(data, now)
            case "session_ended":
                end = {"end": now.wall, "ended_by": str(data["reason"])} if data["reason"] != TAKEN_OVER else {}
                self._count_minutes(now)
                self._counted_s = None
                self._change(**end)
            case "phase_started":
                self._phase_started(data, now)
            case "track_started":
                self._track_started(data, now)
            case "surprise_tamed":
                self._tamed(data, now)
            case "dropout":
                self._change(dropouts=self.report.dropouts + data["times"])
            case "problem":
                self._problem(_without_streams(str(data["problem"]), session))

    def _session_started(self, data: Mapping[str, Any], now: Now) -> None:
        if data["why"] == RESUMED and self.report.start is not None:
            self._change(interruptions=self.report.interruptions + 1)
        else:
            if self.report.night != night_of(now.wall):
                self._begin(NightReport(night=night_of(now.wall), start=now.wall, why=str(data["why"])))
            self._change(sessions=self.report.sessions + 1)
        self._change(end=None, ended_by=None)
        self._counted_s = now.boot_s
        self._phase_started(data, now)

    def _count_minutes(self, now: Now) -> None:
        """Add what the running session lasted since it was counted last."""
        if self._counted_s is not None:
            self._change(minutes=self.report.minutes + (now.boot_s - self._counted_s) / 60.0)
            self._counted_s = now.boot_s

    def _phase_started(self, data: Mapping[str, Any], now: Now) -> None:
        phase = ReportedPhase(now.wall, str(data["playlist"]), int(data["volume"]))
        self._change(phases=(*self.report.phases, phase)[-MOST_PHASES:])

    def _track_started(self, data: Mapping[str, Any], now: Now) -> None:
        track = ReportedTrack(now.wall, public_title(data["track"], data["uri"]))
        tracks = (*self.report.tracks, track)[-MOST_TRACKS:]
        self._change(tracks=tracks, track_count=self.report.track_count + 1)

    def _tamed(self, data: Mapping[str, Any], now: Now) -> None:
        worst, track = self.report.worst, data["track"]
        if worst is None or data["reduction_db"] > worst.db:
            title = None if track is None else public_title(track, data["uri"])
            worst = ReportedMoment(now.wall, float(data["reduction_db"]), title)
        self._change(held=self.report.held + data["times"], worst=worst)

    def _problem(self, problem: str) -> None:
        text = clean_text(without_places(problem), LONGEST_PROBLEM)
        is_running = self.report.start is not None and self.report.end is None
        if is_running and text not in self.report.problems and len(self.report.problems) < MOST_PROBLEMS:
            self._change(problems=(*self.report.problems, text))


def _moved(moment: ReportedMoment | None, by_s: float) -> ReportedMoment | None:
    return None if moment is None else replace(moment, at=moved(moment.at, by_s))


def public_title(title: str, uri: str) -> str:
    """The title of a track without where it comes from: a stream without a name is called by its address."""
    if is_web(uri):
        host = host_of(uri)
        if not host or host.lower() in title.lower():
            return "web stream"
    return clean_text(without_places(title), LONGEST_TITLE)


def _without_streams(problem: str, session: Session | None) -> str:
    """The problem of a stream that is called by its address, `nas/live`, which looks like any other words."""
    queues = [] if session is None else [session.queue, *session.beds.queues]
    for track in (track for queue in queues for track in queue.selection.tracks or () if is_web(track.uri)):
        problem = problem.replace(track.title, public_title(track.title, track.uri))
    return problem


def _over_calm(levels: list[int], peak: ReportedMoment | None) -> ReportedMoment | None:
    """The loudest second over the median level."""
    seconds, passed = sum(levels), 0
    if peak is None or seconds < SETTLED_S:
        return None
    for below_full_db, count in enumerate(levels):
        passed += count
        if 2 * passed >= seconds:
            return replace(peak, db=round(max(0.0, peak.db + below_full_db), 1))
    return None


def _rises(order: RampTo, session: Session) -> bool:
    """Whether an order raises the volume; levels of layers do not count."""
    return order.layer is None and order.target_db > session.ramp.db + RISE_DB
