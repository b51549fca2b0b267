"""The report of one night, as it is published, kept and shown. Frozen, standard library.

A night reaches from noon to noon. Each field is declared once: the ``night`` topic, night.v1.json, the table in
docs/mqtt.md, the memory and ``lull report`` are made from it. Nothing in it says where a file lies or where a stream
comes from: every text went through `player.core.text.without_places`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Final

from player.core import published as json
from player.core.clock import moved
from player.core.published import JsonType, PublishedKey, an_object, objects, or_null, whole
from player.core.units import counted

_DAY: Final = JsonType("date", {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"}, lambda day: day.isoformat())
_MINUTES: Final = JsonType("minutes", {"type": "number", "minimum": 0}, lambda minutes: round(minutes, 1))


@dataclass(frozen=True, slots=True)
class ReportedPhase:
    """A part of the night: a start, or a phase that followed."""

    at: Annotated[datetime, PublishedKey("at", json.MOMENT, "when it began")]
    playlist: Annotated[str, PublishedKey("playlist", json.TEXT, "what it played")]
    volume: Annotated[int, PublishedKey("volume", whole("number", 0, 100), "its volume at first")]


@dataclass(frozen=True, slots=True)
class ReportedTrack:
    """A track that began."""

    at: Annotated[datetime, PublishedKey("at", json.MOMENT, "when it began")]
    title: Annotated[str, PublishedKey("title", json.TEXT, "its title")]


@dataclass(frozen=True, slots=True)
class ReportedMoment:
    """A moment that stood out."""

    at: Annotated[datetime, PublishedKey("at", json.MOMENT, "when it was")]
    db: Annotated[float, PublishedKey("db", json.DECIBELS, "how far")]
    track: Annotated[str | None, PublishedKey("track", or_null(json.TEXT), "title of the track")]


@dataclass(frozen=True, slots=True)
class LevelPoint:
    """The level of some minutes: mean, and loudest second."""

    minute: Annotated[int, PublishedKey("minute", whole("number"), "where it begins, in minutes since the start")]
    mean_db: Annotated[float, PublishedKey("mean", json.DBFS, "mean level")]
    loudest_db: Annotated[float, PublishedKey("loudest", json.DBFS, "level of its loudest second")]


@dataclass(frozen=True, slots=True)
class NightReport:
    """A night; all None and nothing before the first one.

    Attributes:
        seen: the last time that it was brought up to date.
        levels: how many seconds sounded at each level below full volume, by whole dB from 0 down.
        peak: the loudest second, at the level that it would have at full volume.
    """

    night: Annotated[date | None, PublishedKey("night", or_null(_DAY), "the day on which it began")] = None
    start: Annotated[datetime | None, PublishedKey("start", or_null(json.MOMENT), "when its first session began")] = (
        None
    )
    end: Annotated[
        datetime | None,
        PublishedKey("end", or_null(json.MOMENT), "when its last session ended; null while one is running"),
    ] = None
    why: Annotated[
        str | None, PublishedKey("why", or_null(json.TEXT), "what started the first session, as in the state")
    ] = None
    ended_by: Annotated[
        str | None,
        PublishedKey(
            "ended_by",
            or_null(json.TEXT),
            "what ended the last session, as the `reason` of `session_ended`; `interrupted` after a crash or a power "
            "cut from which it did not come back",
        ),
    ] = None
    minutes: Annotated[float, PublishedKey("minutes", _MINUTES, "how long its sessions lasted so far")] = 0.0
    sessions: Annotated[int, PublishedKey("sessions", whole("number"), "how many sessions were started")] = 0
    interruptions: Annotated[
        int,
        PublishedKey("interruptions", whole("number"), "how often a crash, a power cut or a restart interrupted it"),
    ] = 0
    phases: Annotated[
        tuple[ReportedPhase, ...],
        PublishedKey("phases", objects(ReportedPhase), "starts and phases: `at`, `playlist`, `volume`; the latest 30"),
    ] = ()
    tracks: Annotated[
        tuple[ReportedTrack, ...],
        PublishedKey("tracks", objects(ReportedTrack), "each track: `at`, `title`; the latest 60"),
    ] = ()
    track_count: Annotated[int, PublishedKey("track_count", whole("number"), "how many tracks there were")] = 0
    held: Annotated[int, PublishedKey("held_down.count", whole("number"), "how many surprises the guard lowered")] = 0
    worst: Annotated[
        ReportedMoment | None,
        PublishedKey("held_down.most", or_null(an_object(ReportedMoment)), "the largest: `at`, `db`, `track`"),
    ] = None
    loudest: Annotated[
        ReportedMoment | None,
        PublishedKey(
            "loudest",
            or_null(an_object(ReportedMoment)),
            "the loudest second that was heard: `at`, `db` over calm, `track`. Calm is the median of the night; "
            "changes of the volume do not count. Null until two minutes were heard",
        ),
    ] = None
    rises: Annotated[
        int,
        PublishedKey(
            "rises", whole("number"), "how often the volume rose, each time slowly: at a start, after a gap, by hand"
        ),
    ] = 0
    dropouts: Annotated[
        int, PublishedKey("dropouts", whole("number"), "how often the sound device ran out of data")
    ] = 0
    problems: Annotated[
        tuple[str, ...], PublishedKey("problems", json.TEXTS, "what was wrong, each once; the first ten")
    ] = ()
    nights_used: Annotated[
        int, PublishedKey("nights_used", whole("number", 0, 30), "how many of the last 30 nights had a session")
    ] = 0
    curve: Annotated[
        tuple[LevelPoint, ...],
        PublishedKey(
            "curve",
            objects(LevelPoint),
            "the level of the output every five minutes: `minute` since the start, `mean` and `loudest` in dBFS",
        ),
    ] = ()
    seen: datetime | None = None
    levels: tuple[int, ...] = ()
    peak: ReportedMoment | None = None

    @property
    def text(self) -> str:
        """The night in one line, for people."""
        if self.start is None:
            return "No night is recorded yet"
        held = "nothing lowered" if self.worst is None else (
            f"{counted(self.held, 'surprise')} lowered ({self.worst.db:.0f} dB at most)"
        )  # fmt: skip
        begin = f"{self.start:%H:%M}"
        parts = [
            f"since {begin}" if self.end is None else f"{begin} to {self.end_face:%H:%M}",
            counted(self.track_count, "track"),
            held,
            *(counted(count, word) for count, word in self._troubles if count),
        ]
        return ", ".join(parts)

    @property
    def end_face(self) -> datetime:
        """The end as the clocks showed it, to the nearest minute: a night until 6:30 is silent just before that."""
        assert self.start is not None
        assert self.end is not None
        return moved(self.end.astimezone(self.start.tzinfo), 30.0)

    @property
    def _troubles(self) -> tuple[tuple[int, str], ...]:
        return (self.dropouts, "dropout"), (self.interruptions, "interruption"), (len(self.problems), "problem")
