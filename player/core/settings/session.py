"""What a night is made of: the validated values that session, schedule and timer work with.

Frozen, on the standard library alone, and valid once built: each class checks its own ranges and says what is allowed.
`player.config` reads a file into these and adds file, line and key path to whatever they complain about.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import date, time
from enum import StrEnum
from typing import Final

from player.core.date_range import Dates
from player.core.limits import CEILING_DBTP, MAX_PLAYLIST_GAIN_DB, MAX_RISE_DB_PER_S
from player.core.settings.safety import GuardSettings, MixerSettings, NightCap, RestNights, SessionSettings, Taper
from player.core.units import VOLUME_MAX, format_duration
from player.core.validation import check_length, check_name, check_range

ONCE: Final = "tonight"
"""What a start that was planned by hand is called; no entry of the config has that name."""
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Weekday names in the order of `datetime.date.weekday`."""

TARGET_LUFS: Final = -23.0
"""EBU R 128's own."""
MAX_TIMER_S: Final = 24 * 3600.0
MAX_FADE_OUT_S: Final = 7200.0
MIN_GAIN_DB: Final = -40.0


class Order(StrEnum):
    """How the tracks of a playlist follow each other."""

    ROTATE = "rotate"
    SHUFFLE = "shuffle"
    IN_ORDER = "in_order"
    ONCE = "once"
    """In order, each track once; then the session ends."""


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
        """A timer that is silent after so many seconds."""
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

    default: int = 30
    max: int = 60
    night_cap: NightCap | None = None

    def __post_init__(self) -> None:
        check_range("max", self.max, 1, VOLUME_MAX)
        check_range("default", self.default, 0, VOLUME_MAX)
        if self.default > self.max:
            raise ValueError(f"default is {self.default}, above max {self.max}; lower default or raise max")
        if self.night_cap is not None and self.night_cap.max > self.max:
            raise ValueError(f"night_cap.max is {self.night_cap.max}, above max {self.max}; lower it")

    def cap(self, volume: int) -> int:
        """The volume, held within 0 and the cap."""
        return max(0, min(volume, self.max))


@dataclass(frozen=True, slots=True)
class FadeSettings:
    """Lengths of the fades. A fade-in never rises faster than 6 dB/s whatever is asked: 60 dB take at least 10 s."""

    fade_in_s: float = 30.0
    fade_out_s: float = 600.0
    crossfade_s: float = 8.0
    stop_s: float = 4.0
    pause_s: float = 1.5
    volume_db_per_s: float = MAX_RISE_DB_PER_S

    def __post_init__(self) -> None:
        check_length("fade_in", self.fade_in_s, 0, 3600)
        check_length("fade_out", self.fade_out_s, 0, MAX_FADE_OUT_S)
        check_length("crossfade", self.crossfade_s, 0, 60)
        check_length("stop", self.stop_s, 0.5, 60)
        check_length("pause", self.pause_s, 0.5, 30)
        check_range("volume_rate", self.volume_db_per_s, 0.5, MAX_RISE_DB_PER_S)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Limits that a person tightens; looser than the built-in ones is refused.

    ``target_lufs`` is what every track is brought to before the volume: not a limit by itself, but C3 counts from it.
    """

    ceiling_dbtp: float = CEILING_DBTP
    target_lufs: float = TARGET_LUFS

    def __post_init__(self) -> None:
        check_range("target", self.target_lufs, -40, -16)
        check_range("ceiling", self.ceiling_dbtp, -40, CEILING_DBTP)


MAX_PHASES: Final = 8
"""A night has no more than these, besides its beginning."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a night that follows its beginning; None means as before.

    Attributes:
        volume: the level; it makes the night louder only where it is above the one that was written before.
        timer: what ends this part; None: the default sleep timer.
        taper: how the volume sinks in it.
        has_no_taper: it does not sink, whatever the general settings say.
        when_asleep: it begins as soon as somebody is noticed to be asleep.
    """

    playlist: str | None = None
    volume: int | None = None
    timer: TimerSetting | None = None
    taper: Taper | None = None
    has_no_taper: bool = False
    when_asleep: bool = False

    def __post_init__(self) -> None:
        if self.playlist is not None:
            check_name("playlist", self.playlist)
        if self.volume is not None:
            check_range("volume", self.volume, 0, VOLUME_MAX)


def check_phases(phases: tuple[Phase, ...]) -> None:
    """Raise ValueError where there are too many."""
    if len(phases) > MAX_PHASES:
        raise ValueError(f"then has {len(phases)} phases; allowed are up to {MAX_PHASES}")


@dataclass(frozen=True, slots=True)
class Playlist:
    """A name for some sound: folders, files, playlist files and http(s) streams.

    ``opening`` is what begins a night; ``then`` is what follows a session that begins with this playlist.
    """

    name: str
    paths: tuple[str, ...]
    order: Order = Order.ROTATE
    gain_db: float = 0.0
    opening: tuple[str, ...] = ()
    then: tuple[Phase, ...] = ()

    def __post_init__(self) -> None:
        check_phases(self.then)
        check_name("playlist", self.name)
        if not self.paths:
            raise ValueError("paths is empty; name at least one folder, file, playlist file or stream")
        check_range("gain", self.gain_db, MIN_GAIN_DB, MAX_PLAYLIST_GAIN_DB)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the schedule; None means: take the general default.

    Attributes:
        at: the local time at which it starts.
        own_times: another time for some of its weekdays.
        leave_out: dates on which it does not start.
        only_on: the one date on which it starts, None where it comes again.
        then: what follows, None: what follows its playlist.
    """

    name: str
    at: time
    days: frozenset[int] = frozenset(range(7))
    playlist: str | None = None
    volume: int | None = None
    timer: TimerSetting | None = None
    fade_in_s: float | None = None
    fade_out_s: float | None = None
    takes_over: bool = False
    own_times: tuple[tuple[int, time], ...] = ()
    leave_out: tuple[Dates, ...] = ()
    only_on: date | None = None
    then: tuple[Phase, ...] | None = None

    def __post_init__(self) -> None:
        check_phases(self.then or ())
        check_name("schedule entry", self.name)
        if not self.days or not self.days <= frozenset(range(7)):
            raise ValueError(f"days must contain at least one of {', '.join(DAYS)}")
        for day, _ in self.own_times:
            if day not in self.days:
                raise ValueError(f"names {DAYS[day]}, which is not one of its days")
        if self.volume is not None:
            check_range("volume", self.volume, 0, VOLUME_MAX)
        if self.fade_in_s is not None:
            check_length("fade_in", self.fade_in_s, 0, 3600)
        if self.fade_out_s is not None:
            check_length("fade_out", self.fade_out_s, 0, MAX_FADE_OUT_S)

    def at_on(self, day: date) -> time | None:
        """The local time at which it starts on a date, None where it does not."""
        if day.weekday() not in self.days or any(day in dates for dates in self.leave_out):
            return None
        if self.only_on is not None and day != self.only_on:
            return None
        return dict(self.own_times).get(day.weekday(), self.at)


class OutputKind(StrEnum):
    """Where the sound goes."""

    ALSA = "alsa"
    WAV = "wav"
    PIPE = "pipe"
    SILENT = "silent"


class PipeFormat(StrEnum):
    """What goes into a pipe, in Snapcast's words: rate, bits, channels; 24 bits lie in four bytes."""

    S16 = "48000:16:2"
    S24 = "48000:24:2"
    S32 = "48000:32:2"
    CD = "44100:16:2"


@dataclass(frozen=True, slots=True)
class AudioSettings:
    """The output: an ALSA device by its name or card id (never a number), a WAV file, a pipe, or nothing at real time.

    ``pipe_format`` is None for the usual one, 48000:16:2.
    """

    output: OutputKind = OutputKind.ALSA
    device: str = "default"
    path: str | None = None
    buffer_s: float = 0.3
    hold_s: float = 30.0
    mixer: MixerSettings | None = None
    pipe_format: PipeFormat | None = None

    @property
    def form(self) -> PipeFormat:
        """What goes into a pipe, the usual one where nothing was asked for."""
        return self.pipe_format or PipeFormat.S16

    def __post_init__(self) -> None:
        if self.output is OutputKind.WAV and not self.path:
            raise ValueError("output wav needs path: the file to write")
        if self.output is OutputKind.PIPE and not self.path:
            raise ValueError("output pipe needs path: the pipe to write into, as in /run/lull/snapfifo")
        if self.pipe_format is not None and self.output is not OutputKind.PIPE:
            raise ValueError(f"format applies only to output pipe; output {self.output.value} chooses its own")
        if self.mixer is not None and self.output is not OutputKind.ALSA:
            raise ValueError(f"mixer applies only to output alsa; output {self.output.value} has none")
        if re.match(r"\w+:(CARD=)?\d+(,|$)", self.device):
            raise ValueError(
                f"device {self.device!r} uses the number of a card, which may change at each boot; "
                "use its id, such as plughw:CARD=Headphones (aplay -L lists them)"
            )
        check_length("buffer", self.buffer_s, 0.1, 0.5)
        check_length("hold", self.hold_s, 0, 86400)


@dataclass(frozen=True, slots=True)
class Settings:
    """All that the session needs to know; a reload hands it a new one. No entry of the schedule starts while ``away``.

    ``trusts_clock`` says that the machine's clock is right without a witness (a virtual machine, a clock of its own).
    """

    device: str = "lull"
    volume: VolumeSettings = field(default_factory=VolumeSettings)
    fades: FadeSettings = field(default_factory=FadeSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    session: SessionSettings = field(default_factory=SessionSettings)
    timer: TimerSetting = field(default_factory=lambda: TimerSetting.clock(45 * 60.0))
    playlists: tuple[Playlist, ...] = ()
    default_playlist: str | None = None
    schedule: tuple[Entry, ...] = ()
    away: tuple[Dates, ...] = ()
    rest_nights: RestNights | None = None
    catch_up_s: float = 20 * 60.0
    trusts_clock: bool = False

    def playlist(self, name: str) -> Playlist | None:
        """The playlist of that name, or None."""
        return next((playlist for playlist in self.playlists if playlist.name == name), None)

    def planned(self) -> tuple[Entry, ...]:
        """The schedule, ``away`` included."""
        away = self.away
        return (
            tuple(replace(entry, leave_out=entry.leave_out + away) for entry in self.schedule)
            if away
            else self.schedule
        )

    @property
    def first_playlist(self) -> str | None:
        """What plays when nobody names a playlist: ``default_playlist``, otherwise the first one."""
        if self.default_playlist is not None:
            return self.default_playlist
        return self.playlists[0].name if self.playlists else None
