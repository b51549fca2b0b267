"""Commands: what people and their homes ask for. Frozen, valid once built, on the standard library alone.

A command asks, an order tells the engine, an event reports; the three are never mixed. A command travels in a
`Request` that says where it came from, so that the state can say why the sound started and a reply finds its way back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import time
from typing import Any, ClassVar, Final, TypeAlias, get_args

from player.core.arguments import FADE_IN, FADE_OUT, MAX_PLACE_S, SNOOZE, TIMER_SHIFT, VOLUME
from player.core.commands_level import Calibrate, MoveBed, NoteReading, SetBed, SetBedGain, SetLevel
from player.core.obeyed import Bare, Obeyed
from player.core.settings.bed import Bed, check_beds
from player.core.settings.session import MAX_TIMER_S, Phase, TimerSetting, check_phases
from player.core.units import VOLUME_MAX
from player.core.validation import check_length, check_range

EXTEND_S: Final = 15 * 60.0
"""What ``extend`` without a value adds."""
MAX_ANSWERED: Final = 200
"""An answer to ``tracks`` lists no more."""
SNOOZE_S: Final = 9 * 60.0
"""How long ``snooze`` without a value lasts."""


@dataclass(frozen=True, slots=True)
class Play:
    """Start, or change what plays; None takes the default (and on a running session: leaves it as it is)."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "play"
    playlist: str | None = None
    volume: int | None = None
    timer: TimerSetting | None = None
    fade_in_s: float | None = None
    fade_out_s: float | None = None
    then: tuple[Phase, ...] | None = None
    track: str | None = None
    bed: tuple[Bed, ...] | None = None

    def __post_init__(self) -> None:
        check_phases(self.then or ())
        check_beds(self.bed or ())
        if self.volume is not None:
            VOLUME.check("volume", self.volume)
        if self.fade_in_s is not None:
            FADE_IN.check("fade_in", self.fade_in_s)
        if self.fade_out_s is not None:
            FADE_OUT.check("fade_out", self.fade_out_s)


@dataclass(frozen=True, slots=True)
class Stop:
    """End the session by a short fade; ``now`` by the shortest one that does not sound like a cut."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "stop"
    now: bool = False


class Pause(Bare):
    """Fall silent and keep the place."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "pause"


class Resume(Bare):
    """Come back from a pause."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "resume"


class Toggle(Bare):
    """One button: play when idle, pause when playing, resume when paused; it does not cancel a stop that is fading."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "toggle"


class Next(Bare):
    """Go to another track."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "next"


class Previous(Bare):
    """Go back to the track before this one."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "previous"


class Advance(Bare):
    """Go to the next phase of the night."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.BEFORE_THE_END
    VERB: ClassVar = "advance"


@dataclass(frozen=True, slots=True)
class Seek:
    """Move within the track: to a position, or by a distance when ``is_relative``; seconds."""

    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "seek"
    position_s: float
    is_relative: bool = False

    def __post_init__(self) -> None:
        check_length("position", self.position_s, -MAX_PLACE_S if self.is_relative else 0, MAX_PLACE_S)


@dataclass(frozen=True, slots=True)
class SetVolume:
    """Set the volume 0-100, or move it by a number of points when ``is_relative``."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "volume"
    volume: int
    is_relative: bool = False

    def __post_init__(self) -> None:
        check_range("volume", self.volume, -VOLUME_MAX if self.is_relative else 0, VOLUME_MAX)


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Set the sleep timer from now, to the end of the track, or switch it off."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "timer"
    timer: TimerSetting


@dataclass(frozen=True, slots=True)
class ExtendTimer:
    """Move the sleep timer's end by a number of seconds, earlier when negative."""

    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "extend"
    by_s: float = EXTEND_S

    def __post_init__(self) -> None:
        TIMER_SHIFT.check("by", self.by_s)


@dataclass(frozen=True, slots=True)
class ShortenTimer:
    """Move the timer's end to at most this many seconds from now; an earlier end stays."""

    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "timer"
    left_s: float

    def __post_init__(self) -> None:
        check_length("timer", self.left_s, 1, MAX_TIMER_S)


class Asleep(Bare):
    """Somebody was detected to be asleep: apply the night's stricter limits now, and end sooner."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "asleep"


class Awake(Bare):
    """Cancel `Asleep`; nothing becomes louder by it."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "awake"


@dataclass(frozen=True, slots=True)
class Snooze:
    """Delay a morning by a number of seconds."""

    OBEYED: ClassVar = Obeyed.WHILE_RUNNING
    VERB: ClassVar = "snooze"
    for_s: float = SNOOZE_S

    def __post_init__(self) -> None:
        SNOOZE.check("snooze", self.for_s)


@dataclass(frozen=True, slots=True)
class SetFade:
    """Set the length of the fade-out, of this session or, when idle, of the next one that is started by hand."""

    OBEYED: ClassVar = Obeyed.UNLESS_STOPPING
    VERB: ClassVar = "fade"
    fade_out_s: float

    def __post_init__(self) -> None:
        FADE_OUT.check("fade", self.fade_out_s)


@dataclass(frozen=True, slots=True)
class NeverAgain:
    """Ban a track for good, and blend out of it if it is playing: the current track, or one by its title or uri."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "never_again"
    track: str | None = None


@dataclass(frozen=True, slots=True)
class AllowAgain:
    """Lift a ban: the latest one, or that of a track by its title or uri."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "never_again"
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Like:
    """Mark a track as liked: the current one, or one by its title."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "like"
    track: str | None = None


@dataclass(frozen=True, slots=True)
class Unlike:
    """Remove the like of the current track, or of a liked track by its title."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "unlike"
    track: str | None = None


@dataclass(frozen=True, slots=True)
class SkipTonight:
    """Skip the schedule's starts of this night, or cancel that; None toggles it."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "skip_tonight"
    is_skipped: bool | None = True


@dataclass(frozen=True, slots=True)
class SetStartTime:
    """Move an entry of the schedule to another local time until the config changes; None restores the config's."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "schedule"
    entry: str
    at: time | None


@dataclass(frozen=True, slots=True)
class ChangeEntry:
    """Change days, playlist or volume of an entry of the schedule, each kept until the config changes it.

    What ``back`` names (``at``, ``days``, ``playlist``, ``volume``) is reset to the config.
    """

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "schedule"
    entry: str
    days: frozenset[int] | None = None
    playlist: str | None = None
    volume: int | None = None
    back: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.volume is not None:
            VOLUME.check("volume", self.volume)


@dataclass(frozen=True, slots=True)
class Tonight:
    """Start once, at the next time that the clocks show ``at``; what is None takes the default."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "tonight"
    at: time
    playlist: str | None = None
    volume: int | None = None
    timer: TimerSetting | None = None

    def __post_init__(self) -> None:
        if self.volume is not None:
            VOLUME.check("volume", self.volume)


class NotTonight(Bare):
    """Cancel the start of `Tonight`."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "tonight"


@dataclass(frozen=True, slots=True)
class SetPlaylist:
    """Choose the playlist: blend into it when playing; otherwise `play` starts it."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "playlist"
    playlist: str


@dataclass(frozen=True, slots=True)
class SetSchedule:
    """Switch the schedule, or one entry of it, on or off; None toggles it."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "schedule"
    is_enabled: bool | None
    entry: str | None = None


@dataclass(frozen=True, slots=True)
class GetTracks:
    """Ask for the tracks that can be played, those with a text in their title or of a playlist; changes nothing."""

    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "tracks"
    text: str | None = None


class GetStatus(Bare):
    """Ask for the snapshot as a reply; changes nothing."""

    __slots__ = ()
    OBEYED: ClassVar = Obeyed.ALWAYS
    VERB: ClassVar = "status"


Command: TypeAlias = (
    Play | Stop | Pause | Resume | Toggle | Next | Previous | Advance | Seek | SetVolume | SetBed | SetBedGain | MoveBed
    | SetTimer | ExtendTimer | ShortenTimer | SetPlaylist | SetSchedule | SetFade | NeverAgain | AllowAgain
    | Like | Unlike | SkipTonight | SetStartTime | ChangeEntry | Tonight | NotTonight | Asleep | Awake | Snooze
    | SetLevel | Calibrate | NoteReading
    | GetTracks | GetStatus
)  # fmt: skip

COMMANDS: Final[tuple[type[Any], ...]] = get_args(Command)
QUERIES: Final = (GetStatus, GetTracks)
"""Commands that change nothing."""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where an answer goes: the sender's id, and over MQTT 5 its response topic and correlation data."""

    id: str | None = None
    topic: str | None = None
    correlation: bytes | None = None


@dataclass(frozen=True, slots=True)
class Request:
    """A command on its way to the session.

    Attributes:
        origin: who asked, as it is shown: ``mqtt``, ``cli``, ``schedule:weeknights``, ``trigger:button``, ``signal``.
        reply_to: where an answer is wanted; None when no answer is expected.
        typed: the verb as it was written, where it was; ``timer +15m`` and ``extend`` are the same command.
    """

    command: Command
    origin: str
    reply_to: ReplyTo | None = None
    typed: str | None = field(default=None, compare=False)

    @property
    def verb(self) -> str:
        """The verb, for people."""
        return self.typed or self.command.VERB
