"""The whole state of a speaker at one instant, as it is published and shown. Frozen, standard library.

Each field is declared once. The ``state`` topic, the answer to ``status``, state.v1.json and the table in docs/mqtt.md
are made from it: after a change run ``python -m player.mqtt.reference``. So is the retained topic
``tracks`` from `ListedTrack`: a title is all that names a track there, paths and addresses are not published.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time
from enum import StrEnum
from typing import Annotated, Final

from player.core import published as json
from player.core.events import Track, is_web
from player.core.published import (
    JsonType,
    PublishedKey,
    an_object,
    closed_object,
    keys_of,
    list_of,
    objects_by_name,
    one_of,
    or_null,
    whole,
)
from player.core.settings.session import ONCE, TimerMode
from player.core.states import State
from player.core.text import host_of
from player.core.units import VOLUME_MAX

NO_DEVICE: Final = "no sound device"
"""First words of the problem that the sound device is gone; homes look for them."""


@dataclass(frozen=True, slots=True)
class EntryState:
    """One entry of the schedule."""

    is_enabled: Annotated[bool, PublishedKey("enabled", json.BOOLEAN, "whether it is on")]
    at: Annotated[time, PublishedKey("at", json.TIME_OF_DAY, "its local time")]
    is_moved: Annotated[bool, PublishedKey("moved", json.BOOLEAN, "that time was set by hand")]
    next_start: Annotated[datetime | None, PublishedKey("next", or_null(json.MOMENT), "its next start")]
    days: Annotated[tuple[str, ...], PublishedKey("days", json.TEXTS, "its days, `mon` to `sun`")]
    playlist: Annotated[str | None, PublishedKey("playlist", or_null(json.TEXT), "what it plays")]
    volume: Annotated[int, PublishedKey("volume", whole("number", 0, VOLUME_MAX), "its volume")]
    changed: Annotated[
        tuple[str, ...],
        PublishedKey("changed", json.TEXTS, "what was changed by hand: `at`, `days`, `playlist`, `volume`"),
    ]


@dataclass(frozen=True, slots=True)
class BedState:
    """One layer under the tracks."""

    playlist: Annotated[str, PublishedKey("playlist", json.TEXT, "its playlist")]
    gain_db: Annotated[float, PublishedKey("gain", json.DBFS, "its level against that of the tracks, in dB")]


@dataclass(frozen=True, slots=True)
class LastCommand:
    """A command that was obeyed."""

    command: Annotated[str, PublishedKey("command", json.TEXT, "what was done, for people")]
    by: Annotated[str, PublishedKey("by", json.TEXT, "who asked")]
    at: Annotated[datetime, PublishedKey("at", json.MOMENT, "when")]


@dataclass(frozen=True, slots=True)
class LastRefusal:
    """A command that was refused."""

    reason: Annotated[str, PublishedKey("reason", json.TEXT, "why, for people")]
    by: Annotated[str, PublishedKey("by", json.TEXT, "who asked")]
    at: Annotated[datetime, PublishedKey("at", json.MOMENT, "when")]


def _words(values: type[StrEnum]) -> str:
    return ", ".join(f"`{value.value}`" for value in values)


def _keys(kind: type) -> str:
    return ", ".join(f"`{key.key}` ({key.type.name}: {key.about})" for key in keys_of(kind))


def _volume(lowest: int) -> JsonType:
    return whole(f"{lowest} to {VOLUME_MAX}", lowest, VOLUME_MAX)


_STARTED: Final = JsonType("object", closed_object({"started": json.TIME}), lambda at: {"started": json.iso(at)})
_JOINED: Final = JsonType("text, null", {"type": ["string", "null"]}, lambda texts: "; ".join(texts) or None)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state; times are aware and local. Fields that only run with the clock do not cause a message."""

    state: Annotated[str, PublishedKey("state", one_of(State), _words(State))]
    why: Annotated[
        str | None,
        PublishedKey(
            "why",
            or_null(json.TEXT),
            "what started the session: `schedule:<entry>`, `mqtt`, `cli`, an `origin`, `resume` after a crash or a "
            "power cut, …; null when idle",
        ),
    ]
    started: Annotated[
        datetime | None,
        PublishedKey(
            "session",
            or_null(_STARTED),
            '`{"started": time}` of the session; null when idle',
        ),
    ]
    asked: Annotated[
        LastCommand | None,
        PublishedKey(
            "asked", or_null(an_object(LastCommand)), f"the last command that was obeyed: {_keys(LastCommand)}"
        ),
    ]
    refused: Annotated[
        LastRefusal | None,
        PublishedKey(
            "refused", or_null(an_object(LastRefusal)), f"what was refused since, the latest: {_keys(LastRefusal)}"
        ),
    ]
    playlist: Annotated[
        str | None, PublishedKey("playlist", or_null(json.TEXT), "what plays, or what play would start")
    ]
    track: Annotated[str | None, PublishedKey("track", or_null(json.TEXT), "its title")]
    chapter: Annotated[
        str | None,
        PublishedKey("chapter", or_null(json.TEXT), "title of its chapter; null where it has none"),
    ]
    is_liked: Annotated[bool, PublishedKey("liked", json.BOOLEAN, "somebody likes the track that plays")]
    next_track: Annotated[
        str | None, PublishedKey("next_track", or_null(json.TEXT), "title of the next track, once that is decided")
    ]
    position_s: Annotated[
        float | None, PublishedKey("position", or_null(json.SECONDS), "position in the track", runs=True)
    ]
    duration_s: Annotated[
        float | None, PublishedKey("duration", or_null(json.SECONDS), "length of the track; null for streams")
    ]
    beds: Annotated[
        tuple[BedState, ...],
        PublishedKey(
            "beds",
            json.objects(BedState),
            f"what plays under the tracks, up to two: {_keys(BedState)}; when idle the choice for the next session",
        ),
    ]
    volume: Annotated[
        int, PublishedKey("volume", _volume(0), "the volume that was asked for: of this session, or for the next one")
    ]
    volume_max: Annotated[
        int,
        PublishedKey(
            "volume_max", _volume(1), "the cap in force: `volume.max`, or the cap of the night once it is reached"
        ),
    ]
    ramping_to: Annotated[
        int | None,
        PublishedKey("ramping_to", or_null(_volume(0)), "the volume that a running ramp leads to; null without a ramp"),
    ]
    level_db: Annotated[
        float | None,
        PublishedKey(
            "level", or_null(json.DBFS), "mean level of the output over the last second; null in silence", runs=True
        ),
    ]
    session_max_s: Annotated[
        float, PublishedKey("session_max", json.SECONDS, "the longest that a session lasts: `session.max`")
    ]
    level_dba: Annotated[
        float | None,
        PublishedKey(
            "pillow", or_null(json.DBA), "level at the pillow, mean of 10 s; null in silence or uncalibrated", runs=True
        ),
    ]
    timer_mode: Annotated[
        str,
        PublishedKey(
            "timer.mode",
            one_of(TimerMode),
            f"{_words(TimerMode)}; of this session, and while `state` is `idle` of the next; "
            "`end-of-playlist` plays each track once",
        ),
    ]
    timer_set_s: Annotated[
        float | None,
        PublishedKey(
            "timer.set",
            or_null(json.SECONDS),
            "what it was set to, of this session or of the next; null in other modes, and in silence for a time of day",
        ),
    ]
    timer_until: Annotated[
        time | None,
        PublishedKey(
            "timer.until", or_null(json.TIME_OF_DAY), "the time of day it was set to, likewise; null without one"
        ),
    ]
    timer_ends: Annotated[
        datetime | None,
        PublishedKey(
            "timer.ends",
            or_null(json.MOMENT),
            "when it is silent (after `session.max` at the latest) or the next phase begins; null if no moment is set",
        ),
    ]
    timer_remaining_s: Annotated[
        float | None, PublishedKey("timer.remaining", or_null(json.SECONDS), "how long until then", runs=True)
    ]
    phase: Annotated[
        int | None, PublishedKey("phase.number", or_null(whole("number", 1)), "which phase of the night this is")
    ]
    phases: Annotated[
        int | None, PublishedKey("phase.count", or_null(whole("number", 1)), "how many phases the night has")
    ]
    next_phase: Annotated[
        datetime | None,
        PublishedKey(
            "phase.next",
            or_null(json.MOMENT),
            "when the next phase begins; null in the last one, and where the time is not known",
        ),
    ]
    is_asleep: Annotated[
        bool, PublishedKey("asleep", json.BOOLEAN, "somebody was noticed to be asleep: the command `asleep`")
    ]
    is_morning: Annotated[
        bool, PublishedKey("morning", json.BOOLEAN, "what plays ends a night: an entry with `kind: morning`")
    ]
    snooze_left_s: Annotated[
        float | None,
        PublishedKey("snooze", or_null(json.SECONDS), "how long a snooze still lasts; null without one", runs=True),
    ]
    light: Annotated[
        float,
        PublishedKey(
            "light", json.SHARE, "how bright a morning's lamp is to be, see `…/light`; 0 where none plays", runs=True
        ),
    ]
    fade_out_s: Annotated[
        float, PublishedKey("fade", json.SECONDS, "length of the fade-out, of this session or of the next")
    ]
    next_start: Annotated[
        datetime | None, PublishedKey("next_start", or_null(json.MOMENT), "the next start of the schedule")
    ]
    next_entry: Annotated[str | None, PublishedKey("next_entry", or_null(json.TEXT), "its entry")]
    schedule_enabled: Annotated[bool, PublishedKey("schedule", json.BOOLEAN, "whether the schedule is on")]
    entries: Annotated[
        dict[str, EntryState],
        PublishedKey(
            "entries",
            objects_by_name(EntryState),
            f"each entry of the schedule by its name: {_keys(EntryState)}; a start planned by hand is `{ONCE}`",
        ),
    ]
    skip_tonight: Annotated[bool, PublishedKey("skip_tonight", json.BOOLEAN, "the schedule skips this night")]
    rest_night: Annotated[
        bool,
        PublishedKey(
            "rest_night", json.BOOLEAN, "this night is a rest night: the schedule plays something else, or nothing"
        ),
    ]
    nights_used: Annotated[
        int, PublishedKey("nights_used", whole("number", 0, 30), "how many of the last 30 nights had a session")
    ]
    clock_trusted: Annotated[
        bool, PublishedKey("clock_trusted", json.BOOLEAN, "whether the clock is set; until then the schedule waits")
    ]
    guard_reduction_db: Annotated[
        float,
        PublishedKey(
            "guard_reduction",
            json.DECIBELS,
            "the most by which the guard lowered the sound in the last second",
            runs=True,
        ),
    ]
    tamed: Annotated[
        int,
        PublishedKey(
            "tamed", whole("number"), "how often the guard lowered something in this session; 0 when idle", runs=True
        ),
    ]
    dropouts: Annotated[
        int,
        PublishedKey(
            "dropouts",
            whole("number"),
            "how often the sound device ran out of data in this session; 0 when idle",
            runs=True,
        ),
    ]
    playlists: Annotated[tuple[str, ...], PublishedKey("playlists", json.TEXTS, "names of all playlists")]
    problems: Annotated[
        tuple[str, ...],
        PublishedKey(
            "problem",
            _JOINED,
            "what is wrong now, in one text; null when nothing is",
        ),
        PublishedKey("problems", json.TEXTS, "the same as a list"),
    ]
    track_choices: tuple[str, ...] = ()
    """Titles of liked tracks and of those heard last, for a short list; not in the payload."""
    volume_limit: int = VOLUME_MAX
    """`volume.max`, which holds for entries of the schedule at night too; not in the payload."""

    @property
    def line(self) -> str:
        """One line for the service manager; it changes only when something happened."""
        parts = [self.state.replace("_", " ")]
        if self.track is not None:
            parts.append(f"{self.track} ({self.playlist}) at volume {self.volume}")
        if self.state == "idle" and self.next_start is not None:
            parts.append(f"next start {self.next_start:%a %H:%M} ({self.next_entry})")
        return "; ".join([*parts, *self.problems])


MAX_RETAINED: Final = 500
"""Rows of the retained list."""
MAX_BYTES: Final = 100_000
"""Approximate maximum length of the retained list as JSON, because phones read it at each connection."""


@dataclass(frozen=True, slots=True)
class ListedTrack:
    """One track."""

    title: Annotated[str, PublishedKey("title", json.TEXT, "its title, which `play` takes as `track`")]
    playlist: Annotated[str, PublishedKey("playlist", json.TEXT, "the first playlist that has it")]
    length_s: Annotated[
        float | None,
        PublishedKey(
            "length", or_null(json.SECONDS), "its length; null for streams and before it was measured or played"
        ),
    ]
    is_liked: Annotated[bool, PublishedKey("liked", json.BOOLEAN, "somebody likes it")]


@dataclass(frozen=True, slots=True)
class TrackList:
    """Some of the tracks.

    Attributes:
        choices: titles of the tracks that are liked and of those heard last, for a short list; not published here.
    """

    tracks: Annotated[
        tuple[ListedTrack, ...],
        PublishedKey(
            "tracks",
            list_of(ListedTrack, MAX_RETAINED),
            "those that are liked first, then in the order of the playlists",
        ),
    ] = ()
    count: Annotated[int, PublishedKey("count", whole("number"), "how many there are; the list may be shorter")] = 0
    choices: tuple[str, ...] = ()


def listed_title(track: Track) -> str:
    """The title as it is listed: of an address without a name only its host, which is a part of the title."""
    host = host_of(track.uri) if is_web(track.uri) else ""
    return host if host and track.title.startswith(f"{host}/") else track.title
