"""Settings that hold the sound down, or end it: fades, limits, night cap, tapering, guard, mixer, session. Frozen.

They can tighten the built-in limits but never loosen them, and the guard cannot be switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from player.core.limits import CEILING_DBTP, MAX_RISE_DB_PER_S
from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.core.units import VOLUME_MAX
from player.core.validation import check_range

TARGET_LUFS: Final = -23.0
"""EBU R 128's own."""
MAX_FADE_OUT_S: Final = 7200.0
LATEST_NIGHT_CAP_S: Final = 24 * 3600.0
LATEST_ASLEEP_S: Final = 2 * 3600.0
"""Later than this the guard would never become strict."""
LOWEST_PIN_DB: Final = -100.0


@dataclass(frozen=True, slots=True)
class FadeSettings:
    """Lengths of the fades. A fade-in never rises faster than 6 dB/s whatever is asked: 60 dB take at least 10 s."""

    fade_in_s: Annotated[
        float, ConfigKey("fade_in", "from silence; at least 10 s for 60 dB, whatever is written", (0, 3600), SECONDS)
    ] = 30.0
    fade_out_s: Annotated[
        float, ConfigKey("fade_out", "the last part of the sleep timer, and never longer", (0, MAX_FADE_OUT_S), SECONDS)
    ] = 600.0
    crossfade_s: Annotated[float, ConfigKey("crossfade", "from track to track", (0, 60), SECONDS)] = 8.0
    stop_s: Annotated[float, ConfigKey("stop", "after `stop`", (0.5, 60), SECONDS)] = 4.0
    pause_s: Annotated[float, ConfigKey("pause", "after `pause`", (0.5, 30), SECONDS)] = 1.5
    volume_db_per_s: Annotated[
        float,
        ConfigKey("volume_rate", "how fast a volume command changes the level", (0.5, MAX_RISE_DB_PER_S), "dB/s"),
    ] = MAX_RISE_DB_PER_S

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Limits that a user can tighten; values looser than the built-in ones are refused.

    ``target_lufs`` is what every track is brought to before the volume: not a limit by itself, but C3 counts from it.
    """

    ceiling_dbtp: Annotated[float, ConfigKey("ceiling", "no peak ever exceeds it", (-40, CEILING_DBTP), "dBTP")] = (
        CEILING_DBTP
    )
    target_lufs: Annotated[
        float,
        ConfigKey("target", "loudness of the calm part of every track, before the volume", (-40, -16), "LUFS"),
    ] = TARGET_LUFS

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class NightCap:
    """A lower cap of the volume, in force ``after_s`` from the start of a session on; people are asleep by then."""

    max: Annotated[
        int, ConfigKey("max", "a higher level sinks to it slowly; no command rises above it", (1, VOLUME_MAX))
    ]
    after_s: Annotated[float, ConfigKey("after", "from the start of the session", (0, LATEST_NIGHT_CAP_S), SECONDS)] = (
        30 * 60.0
    )

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class Taper:
    """The rate at which the volume sinks while somebody sleeps, and the floor (0-100) at which it stops."""

    db_per_h: Annotated[float, ConfigKey("by", "how fast it sinks", (0.1, 12), "dB per hour")]
    floor: Annotated[int, ConfigKey("floor", "the lowest volume that it sinks to", (1, VOLUME_MAX))] = 10

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class RestNights:
    """A number of nights of each week on which the schedule plays another playlist, or nothing."""

    per_week: Annotated[int, ConfigKey("per_week", "how many, chosen anew each week", (1, 6))]
    playlist: Annotated[
        str | None,
        ConfigKey("playlist", "played instead; without it nothing starts by itself", allowed="a playlist"),
    ] = None

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """Settings that apply to every session."""

    max_s: Annotated[
        float,
        ConfigKey("max", "no session lasts longer, with or without a sleep timer", (10 * 60, 24 * 3600), SECONDS),
    ] = 10 * 3600.0
    pause_holds_timer: Annotated[bool, ConfigKey("pause_holds_timer", "the sleep timer stops during a pause")] = False
    rearm_s: Annotated[
        float,
        ConfigKey(
            "rearm_within", "how long after the end of the timer play continues with the same timer", (0, 3600), SECONDS
        ),
    ] = 5 * 60.0
    taper: Annotated[
        Taper | None,
        ConfigKey("taper", "how the volume sinks once people are asleep (`guard.asleep_after`)", takes_off=True),
    ] = None
    resume_s: Annotated[
        float,
        ConfigKey(
            "resume_within",
            "how long after a crash or a power cut a session is resumed; 0: never",
            (0, 3600),
            SECONDS,
        ),
    ] = 10 * 60.0
    asleep_timer_s: Annotated[
        float | None,
        ConfigKey(
            "asleep_timer",
            "the longest time from `asleep` to silence; off: the sleep timer stays as it is",
            (60, 24 * 3600),
            SECONDS,
            takes_off=True,
        ),
    ] = 20 * 60.0

    def __post_init__(self) -> None:
        check_bounds(self)


class GuardMode(StrEnum):
    """How far something new may stand out: 8 dB while falling asleep and 6 dB later, or 6 dB from the start."""

    GENTLE = "gentle"
    STRICT = "strict"


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """The emergence guard; it can be tightened but not switched off.

    ``asleep_after_s`` from a session's start on, a gentle one is strict as well.
    """

    mode: Annotated[
        GuardMode, ConfigKey("mode", "gentle: 8 dB while falling asleep, then 6 dB; strict: 6 dB from the start")
    ] = GuardMode.GENTLE
    asleep_after_s: Annotated[
        float, ConfigKey("asleep_after", "from the start of the session", (0, LATEST_ASLEEP_S), SECONDS)
    ] = 20 * 60.0

    def __post_init__(self) -> None:
        check_bounds(self)


@dataclass(frozen=True, slots=True)
class MixerLevel:
    """The level of a hardware mixer's control: per cent of its range, or decibels as the card counts them."""

    value: float
    is_db: bool = False

    def __post_init__(self) -> None:
        if self.is_db:
            check_range("value in dB", self.value, LOWEST_PIN_DB, 0)
        else:
            check_range("value in per cent", self.value, 1, 100)

    def __str__(self) -> str:
        return f"{self.value:g} dB" if self.is_db else f"{self.value:g} %"


@dataclass(frozen=True, slots=True)
class MixerSettings:
    """A control of the card's own mixer and the level that it is pinned at; ``Name,1`` is the second of that name."""

    control: Annotated[
        str,
        ConfigKey(
            "control", "its name; the second of the same name is `PCM,1`", allowed="a name of `amixer scontrols`"
        ),
    ]
    level: Annotated[
        MixerLevel,
        ConfigKey(
            "value", "set at each opening, checked every minute", allowed="1% to 100% of its range, or -100dB to 0dB"
        ),
    ]

    def __post_init__(self) -> None:
        if not self.control or len(self.control) > 64:
            raise ValueError("control must be the name of a mixer control; `amixer scontrols` lists them")
