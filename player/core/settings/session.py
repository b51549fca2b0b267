"""What a night is made of: the validated values that session, schedule and timer work with.

Frozen, on the standard library alone, and valid once built: each class checks its own ranges and says what is allowed.
`player.config` reads a file into these and adds file, line and key path to whatever they complain about.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, time
from enum import StrEnum
from typing import Annotated, Final

from player.core.days import DAYS, Dates
from player.core.limits import MAX_PLAYLIST_GAIN_DB
from player.core.settings.audio import AudioSettings
from player.core.settings.bed import BED_FORMS, Bed, check_beds
from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.core.settings.safety import (
    MAX_FADE_OUT_S,
    FadeSettings,
    GuardSettings,
    LimitSettings,
    NightCap,
    RestNights,
    SessionSettings,
    Taper,
)
from player.core.units import VOLUME_MAX, format_duration
from player.core.validation import check_length, check_name

ONCE: Final = "tonight"
"""What a start that was planned by hand is called; no entry of the config has that name."""

MAX_TIMER_S: Final = 24 * 3600.0
MIN_GAIN_DB: Final = -40.0


class Order(StrEnum):
    """How the tracks of a playlist follow each other."""

    ROTATE = "rotate"
    SHUFFLE = "shuffle"
    IN_ORDER = "in_order"
    ONCE = "once"
    """In order, each track once; then the session ends."""


class TrackStart(StrEnum):
    """Where a track of ten minutes or more begins; a shorter one begins at its beginning."""

    BEGINNING = "beginning"
    RESUME = "resume"
    """A little before the place at which somebody stopped listening."""
    RANDOM = "random"
    """Anywhere, with ten minutes or more to come."""


class TimerMode(StrEnum):
    """What ends a session: a moment (the fade is finished then), the end of the track, of the playlist, or nothing."""

    CLOCK = "clock"
    END_OF_TRACK = "end-of-track"
    END_OF_PLAYLIST = "end-of-playlist"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class TimerSetting:
    """A sleep timer as it is asked for.

    Attributes:
        duration_s: only in clock mode; None there while ``until`` has not been worked out.
        until: the local time of day at which it is silent; only in clock mode.
    """

    mode: TimerMode
    duration_s: float | None = None
    until: time | None = None

    def __post_init__(self) -> None:
        if self.mode is not TimerMode.CLOCK:
            if self.duration_s is not None or self.until is not None:
                raise ValueError(f"a timer {self.mode.value!r} has no duration")
        elif self.duration_s is not None:
            check_length("timer", self.duration_s, 1, MAX_TIMER_S)
        elif self.until is None:
            raise ValueError("a clock timer needs a duration or a time of day")

    def __str__(self) -> str:
        """As people write it: ``45m``, ``until 06:30``, ``off``."""
        if self.until is not None:
            return f"until {self.until:%H:%M}"
        return self.mode.value if self.duration_s is None else format_duration(self.duration_s)

    @classmethod
    def clock(cls, duration_s: float) -> TimerSetting:
        """A timer that reaches silence after a number of seconds."""
        return cls(TimerMode.CLOCK, duration_s)

    @classmethod
    def at(cls, until: time) -> TimerSetting:
        """A timer that is silent when the clocks next show a local time."""
        return cls(TimerMode.CLOCK, until=until)


TIMER_OFF: Final = TimerSetting(TimerMode.OFF)
TIMER_END_OF_TRACK: Final = TimerSetting(TimerMode.END_OF_TRACK)
TIMER_END_OF_PLAYLIST: Final = TimerSetting(TimerMode.END_OF_PLAYLIST)


@dataclass(frozen=True, slots=True)
class VolumeSettings:
    """``default`` for a start that names no volume, ``max`` the hard cap, both 0-100; and the cap of the night."""

    default: Annotated[
        int,
        ConfigKey(
            "default",
            "for a start without a volume; at most `max`; if only `max` is given, it is lowered to that",
            (0, VOLUME_MAX),
        ),
    ] = 30
    max: Annotated[int, ConfigKey("max", "nothing is ever louder, whoever asks for it", (1, VOLUME_MAX))] = 60
    night_cap: Annotated[
        NightCap | None, ConfigKey("night_cap", "a lower maximum for when people are asleep", takes_off=True)
    ] = None

    def __post_init__(self) -> None:
        check_bounds(self)
        if self.default > self.max:
            raise ValueError(f"default is {self.default}, above max {self.max}; lower default or raise max")
        if self.night_cap is not None and self.night_cap.max > self.max:
            raise ValueError(f"night_cap.max is {self.night_cap.max}, above max {self.max}; lower it")

    def cap(self, volume: int) -> int:
        """The volume, held within 0 and the cap."""
        return max(0, min(volume, self.max))


MAX_PHASES: Final = 8
"""Maximum number of phases of a night, not counting its beginning."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a night that follows its beginning; None means as before.

    ``has_no_taper``: the volume does not sink in it, whatever the general settings say.
    """

    playlist: Annotated[str | None, ConfigKey("playlist", "what plays in it", allowed="a playlist")] = None
    volume: Annotated[
        int | None,
        ConfigKey("volume", "it is raised only if it is above the one written for the phase before", (0, VOLUME_MAX)),
    ] = None
    timer: Annotated[
        TimerSetting | None,
        ConfigKey("timer", "what ends it", allowed='as `timer.default`; or `for: 2h`, or `until: "06:30"` instead'),
    ] = None
    taper: Annotated[Taper | None, ConfigKey("taper", "how the volume sinks in it", takes_off=True)] = None
    has_no_taper: bool = False
    when_asleep: Annotated[bool, ConfigKey("when_asleep", "it begins as soon as somebody is noticed to be asleep")] = (
        False
    )
    bed: Annotated[tuple[Bed, ...] | None, ConfigKey("bed", "what plays under its tracks", allowed=BED_FORMS)] = None

    def __post_init__(self) -> None:
        check_bounds(self)
        check_beds(self.bed or ())
        if self.playlist is not None:
            check_name("playlist", self.playlist)


def check_phases(phases: tuple[Phase, ...]) -> None:
    """Raise ValueError where there are too many."""
    if len(phases) > MAX_PHASES:
        raise ValueError(f"then has {len(phases)} phases; at most {MAX_PHASES} are allowed")


@dataclass(frozen=True, slots=True)
class Playlist:
    """A name for some sound: folders, files, playlist files and http(s) streams.

    ``opening`` is what begins a night; ``then`` is what follows a session that begins with this playlist. With
    ``is_flat`` only the files that lie directly in its folders belong to it.
    """

    name: str
    paths: Annotated[
        tuple[str, ...],
        ConfigKey(
            "paths",
            "what is played; default with `library`: its folder of this name",
            allowed="folders, files, playlist files, http(s) streams, `noise:rain`",
        ),
    ]
    order: Annotated[
        Order, ConfigKey("order", "rotate: longest unheard first; once: in order, then the session ends")
    ] = Order.ROTATE
    gain_db: Annotated[
        float, ConfigKey("gain", "louder or softer than other playlists", (MIN_GAIN_DB, MAX_PLAYLIST_GAIN_DB), "dB")
    ] = 0.0
    opening: Annotated[
        tuple[str, ...],
        ConfigKey("opening", "starts every session, in this order, before the others", allowed="as `paths`"),
    ] = ()
    then: Annotated[
        tuple[Phase, ...],
        ConfigKey("then", "what follows a session that begins with this playlist", allowed="a list of phases"),
    ] = ()
    start: Annotated[
        TrackStart,
        ConfigKey("start", "where tracks of 10 min or more begin; resume: where the last fade-out, or `asleep`, began"),
    ] = TrackStart.BEGINNING
    skip_first_s: Annotated[
        float,
        ConfigKey(
            "skip_first", "left out of the beginning of measured tracks of 4 times its length", (0, 600), SECONDS
        ),
    ] = 0.0
    bed: Annotated[tuple[Bed, ...] | None, ConfigKey("bed", "what plays under its tracks", allowed=BED_FORMS)] = None
    is_flat: bool = False

    def __post_init__(self) -> None:
        check_phases(self.then)
        check_beds(self.bed or ())
        check_name("playlist", self.name)
        if not self.paths:
            raise ValueError("paths is empty; name at least one folder, file, playlist file or stream")
        check_bounds(self)


FAVOURITES: Final = Playlist("favourites", ("favourites",))
"""The liked tracks; the session knows them. A playlist of the config or a folder of that name takes its place."""


class EntryKind(StrEnum):
    """What an entry is for."""

    NIGHT = "night"
    MORNING = "morning"
    """It ends the night: the sound becomes louder slowly, also when starts are skipped or something still plays."""


MORNING_FADE_IN_S: Final = 20 * 60.0
MORNING_STAYS_S: Final = 30 * 60.0
"""How much longer than its fade-in a morning without a timer of its own lasts, in seconds."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the schedule; None means: take the general default.

    Attributes:
        only_on: the one date on which it starts, None where it comes again.
    """

    name: Annotated[str, ConfigKey("name", "what the state and commands call it", allowed="a name, once")]
    at: Annotated[time, ConfigKey("at", "the local time at which it starts", allowed="0:00 to 23:59")]
    days: Annotated[
        frozenset[int], ConfigKey("days", "its days; default: daily", allowed="a list of mon to sun, weekdays, weekend")
    ] = frozenset(range(7))
    playlist: Annotated[str | None, ConfigKey("playlist", "what plays", allowed="a playlist")] = None
    volume: Annotated[int | None, ConfigKey("volume", "at most `volume.max`", (0, VOLUME_MAX))] = None
    timer: Annotated[TimerSetting | None, ConfigKey("timer", "its sleep timer", allowed="as `timer.default`")] = None
    fade_in_s: Annotated[float | None, ConfigKey("fade_in", "its fade-in", (0, 3600), SECONDS)] = None
    fade_out_s: Annotated[float | None, ConfigKey("fade_out", "its fade-out", (0, MAX_FADE_OUT_S), SECONDS)] = None
    takes_over: Annotated[bool, ConfigKey("takes_over", "it replaces a session that was started by hand")] = False
    kind: Annotated[
        EntryKind, ConfigKey("kind", "morning: a gentle end of the night, see [nights.md](nights.md#mornings)")
    ] = EntryKind.NIGHT
    light: Annotated[
        float | None, ConfigKey("light", "only of a morning: the most that its lamp gets; default: 1", (0, 1))
    ] = None
    own_times: Annotated[
        tuple[tuple[int, time], ...],
        ConfigKey("at_on", "another time for some of its days", allowed='as `{sun: "22:00"}`'),
    ] = ()
    leave_out: Annotated[
        tuple[Dates, ...], ConfigKey("leave_out", "dates on which it does not start", allowed="as `away`")
    ] = ()
    only_on: date | None = None
    then: Annotated[
        tuple[Phase, ...] | None,
        ConfigKey("then", "what follows; default: what follows its playlist", allowed="a list of phases"),
    ] = None
    bed: Annotated[tuple[Bed, ...] | None, ConfigKey("bed", "what plays under its tracks", allowed=BED_FORMS)] = None

    def __post_init__(self) -> None:
        check_phases(self.then or ())
        check_beds(self.bed or ())
        check_name("schedule entry", self.name)
        if self.light is not None and not self.is_morning:
            raise ValueError("light needs kind: morning")
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError(f"days must contain at least one of {', '.join(DAYS)}")
        for day, _ in self.own_times:
            if day not in self.days:
                raise ValueError(f"names {DAYS[day]}, which is not one of its days")
        check_bounds(self)

    @property
    def is_morning(self) -> bool:
        """Whether it ends a night."""
        return self.kind is EntryKind.MORNING

    def at_on(self, day: date) -> time | None:
        """The local time at which it starts on a date, None where it does not."""
        if day.weekday() not in self.days or any(day in dates for dates in self.leave_out):
            return None
        if self.only_on is not None and day != self.only_on:
            return None
        return dict(self.own_times).get(day.weekday(), self.at)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the session needs to know; a reload hands it a new one. No entry of the schedule starts while ``away``.

    ``output`` names the output, ``level_fault`` what is wrong with volumes in dB(A). The others are keys at the top of
    the config; `player.config.schema` adds those that the session does not see.
    """

    device: Annotated[
        str, ConfigKey("device", "name of the speaker; its topics are `lull/<device>/…`", allowed='a name except "all"')
    ] = "lull"
    volume: Annotated[VolumeSettings, ConfigKey("volume", "volumes, 0 to 100")] = field(default_factory=VolumeSettings)
    fades: Annotated[FadeSettings, ConfigKey("fades", "lengths of fades")] = field(default_factory=FadeSettings)
    limits: Annotated[LimitSettings, ConfigKey("limits", "peak and loudness")] = field(default_factory=LimitSettings)
    guard: Annotated[
        GuardSettings, ConfigKey("guard", "sounds that suddenly stand out are lowered", allowed="its keys, or the mode")
    ] = field(default_factory=GuardSettings)
    session: Annotated[SessionSettings, ConfigKey("session", "limits of every session")] = field(
        default_factory=SessionSettings
    )
    timer: Annotated[
        TimerSetting,
        ConfigKey("timer", "the sleep timer of a start that sets none", allowed="`default`, or its value alone"),
    ] = field(default_factory=lambda: TimerSetting.clock(45 * 60.0))
    playlists: Annotated[
        tuple[Playlist, ...],
        ConfigKey("playlists", "what can be played; required without `library`", allowed="names with their keys"),
    ] = ()
    library: Annotated[
        str | None,
        ConfigKey("library", "each folder directly in it is a playlist by its name", allowed="a folder"),
    ] = None
    default_playlist: Annotated[
        str | None,
        ConfigKey("default_playlist", "what plays if a start names none; default: the first", allowed="a playlist"),
    ] = None
    schedule: Annotated[
        tuple[Entry, ...], ConfigKey("schedule", "what starts by itself", allowed="a list of entries")
    ] = ()
    away: Annotated[
        tuple[Dates, ...],
        ConfigKey("away", "dates on which nothing starts", allowed="a list of 2026-12-24, or 2026-12-24 to 2027-01-02"),
    ] = ()
    rest_nights: Annotated[
        RestNights | None,
        ConfigKey(
            "rest_nights",
            "nights of each week on which the schedule plays something else or nothing",
            allowed="off, 1 per week to 6 per week, or its keys",
        ),
    ] = None
    catch_up_s: Annotated[
        float,
        ConfigKey("catch_up", "a missed start still happens if it is not older than this", (0, 12 * 3600), SECONDS),
    ] = 20 * 60.0
    trusts_clock: Annotated[
        bool, ConfigKey("trust_clock", "the schedule does not wait until a time server confirms the clock")
    ] = False

    output: str = AudioSettings().identity
    level_fault: str | None = None

    def folder_of(self, playlist: str) -> str:
        """Where the library has the folder of a playlist, whether it exists or not."""
        assert self.library is not None, "only a library has folders"
        return f"{self.library.rstrip('/')}/{playlist}"

    def playlist(self, name: str) -> Playlist | None:
        """The playlist of that name, `FAVOURITES` included, or None."""
        other = FAVOURITES if name == FAVOURITES.name else None
        return next((playlist for playlist in self.playlists if playlist.name == name), other)

    def planned(self) -> tuple[Entry, ...]:
        """The schedule, ``away`` included."""
        if not self.away:
            return self.schedule
        return tuple(replace(entry, leave_out=entry.leave_out + self.away) for entry in self.schedule)

    @property
    def first_playlist(self) -> str | None:
        """What plays when nobody names a playlist: ``default_playlist``, otherwise the first one."""
        if self.default_playlist is not None:
            return self.default_playlist
        return self.playlists[0].name if self.playlists else None
