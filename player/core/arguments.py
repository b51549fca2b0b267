"""The kinds of argument that commands take: how each is read, what it allows, and its JSON Schema. Pure, any thread.

`player.core.verbs` declares the verbs with them, and the commands check the same bounds, so that each bound is written
once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from player.core.days import day_of
from player.core.errors import Refused
from player.core.json_text import quoted
from player.core.pillow import LOUDEST_DBA, QUIETEST_DBA, parse_level
from player.core.settings.bed import BED_DB, MAX_BED_DB, MAX_BEDS, MIN_BED_DB, Bed
from player.core.settings.safety import MAX_FADE_OUT_S
from player.core.settings.session import MAX_PHASES, MAX_TIMER_S, TimerSetting
from player.core.text import MAX_TITLE
from player.core.units import VOLUME_MAX, format_duration, volume_step
from player.core.validation import check_length, check_range
from player.core.values import (
    MAX_PATH,
    MAX_TEXT,
    beds,
    clock_time,
    clock_timer,
    duration_s,
    is_signed,
    number,
    phases,
    place_s,
    switch,
    text,
    timer,
    title,
    title_or_path,
    volume,
)

MAX_FADE_IN_S: Final = 3600.0
MAX_BED_STEP_DB: Final = MAX_BED_DB - MIN_BED_DB
MAX_PLACE_S: Final = 86_400.0

_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
CONFIG: Final = "config"
"""The word that means the value of the config."""
_SWITCH: Final = ["boolean", "string", "integer"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of argument.

    Attributes:
        read: the value from its key and what was sent; raises Refused.
        expects: what may be written, for people.
        schema: JSON Schema of what may be sent; the forms of text are not described there.
        check: raises ValueError for a value that is out of bounds.
        from_seconds: the value that a number of seconds means, where ``minutes`` and ``seconds`` may be sent in its
            place.
        takes_null: null is a value; otherwise null means that the argument is not given.
    """

    read: Callable[[str, object], Any]
    expects: str
    schema: Mapping[str, Any]
    check: Callable[[str, float], None] = field(default=lambda _name, _value: None)
    from_seconds: Callable[[float], Any] | None = None
    takes_null: bool = False


@dataclass(frozen=True, slots=True)
class Amount:
    """A value, or with a sign a step from the present value."""

    value: float
    is_relative: bool = False


@dataclass(frozen=True, slots=True)
class PillowLevel:
    """A level at the pillow in dB(A)."""

    dba: float


@dataclass(frozen=True, slots=True)
class AtMost:
    """An end at most this many seconds from now; it never moves the end later."""

    left_s: float


def _length(unit_s: float, lowest_s: float, highest_s: float) -> Kind:
    """A length of time; plain numbers count ``unit_s``."""
    unit, other = ("minutes", "90s") if unit_s == 60.0 else ("seconds", "10m")
    limits = {"minimum": lowest_s / unit_s, "maximum": highest_s / unit_s}
    low, high = ("-" * (lowest_s < 0) + format_duration(abs(lowest_s))), format_duration(highest_s)
    return Kind(
        lambda name, value: duration_s(name, value, unit_s),
        f"{low} to {high}; a number without a unit is {unit}; with a unit, for example {other}",
        {"anyOf": [{"type": "number", **limits}, _TEXT]},
        check=lambda name, value_s: check_length(name, value_s, lowest_s, highest_s),
        from_seconds=lambda value_s: value_s,
    )


def _reading(name: str, value: object) -> float:
    """A level in dB(A), with or without its unit."""
    level_dba = parse_level(value) if isinstance(value, str) else None
    return number(name, value) if level_dba is None else level_dba


def _volume_amount(name: str, value: object) -> Amount | PillowLevel:
    if isinstance(value, str) and (level_dba := parse_level(value)) is not None:
        return PillowLevel(level_dba)
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in {"up", "+", "down", "-"}:
        return Amount(volume_step() if word in {"up", "+"} else -volume_step(), is_relative=True)
    return Amount(volume(name, value), is_signed(value))


def _timer_or_step(name: str, value: object) -> TimerSetting | Amount | AtMost:
    if is_signed(value):
        return Amount(duration_s(name, value, 60.0), is_relative=True)
    if isinstance(value, str) and (length := re.fullmatch(r"\s*at[\s_-]most\s+(.*)", value, re.IGNORECASE)):
        return AtMost(duration_s(name, length[1], 60.0))
    return timer(value)


def _flip(name: str, value: object) -> bool | None:
    """A switch that may also be toggled, which is None."""
    if isinstance(value, str) and value.strip().lower() == "toggle":
        return None
    try:
        return switch(name, value)
    except Refused as refusal:
        raise Refused(f"{refusal}; allowed: on, off, toggle") from None


def _flip_schedule(name: str, value: object) -> bool | None:
    try:
        return _flip(name, value)
    except Refused as refusal:
        raise Refused(f"{refusal}; to name one entry use entry, as in: schedule off --entry weeknights") from None


def _is_config(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() == CONFIG)


def _bed_or_step(name: str, value: object) -> tuple[Bed, ...] | Amount:
    if isinstance(value, Mapping) and set(value) == {"gain"}:
        return Amount(number("gain", value["gain"]))
    return Amount(number(name, value), is_relative=True) if is_signed(value) else beds(name, value)


def _configured_time(name: str, value: object) -> Any:
    return None if _is_config(value) else clock_time(name, value)


def _configured_days(name: str, value: object) -> frozenset[int] | None:
    """Weekdays, Monday is 0: a list of them, or words with commas or spaces between."""
    if _is_config(value):
        return None
    words = re.split(r"[\s,]+", value.strip()) if isinstance(value, str) and len(value) <= MAX_TEXT else value
    if not isinstance(words, list | tuple) or not words or not all(isinstance(word, str) for word in words):
        raise Refused(f"{name} {quoted(value)} is not a list of days; write mon tue, daily, weekdays or weekend")
    try:
        return frozenset(day for word in words for day in day_of(word))
    except ValueError as error:
        raise Refused(f"{name} {quoted(value)} {error}") from None


_MINUTES: Final = {"type": "number", "minimum": 0, "maximum": MAX_TIMER_S / 60}
_TIMER_FORMS: Final = [_MINUTES, _TEXT, {"type": "object", "minProperties": 1, "maxProperties": 1}]
_VOLUME: Final = {"type": "number", "minimum": 0, "maximum": VOLUME_MAX}
_TIME_OF_DAY: Final = {"type": "string", "pattern": "^\\s*[0-9]{1,2}:[0-9]{2}(:00)?\\s*$"}

TITLE: Final = Kind(
    title,
    f"up to {MAX_TITLE} characters",
    {**_TEXT, "maxLength": MAX_TITLE},
)
TITLE_OR_PATH: Final = Kind(
    title_or_path,
    f"up to {MAX_TITLE} characters, or a path of up to {MAX_PATH}",
    {**_TEXT, "maxLength": MAX_PATH},
)
TEXT: Final = Kind(text, f"up to {MAX_TEXT} characters", _TEXT)
SWITCH: Final = Kind(switch, "on or off", {"type": _SWITCH})
FLIP: Final = Kind(_flip, "on, off or toggle", {"type": _SWITCH})
FLIP_SCHEDULE: Final = Kind(_flip_schedule, "on, off or toggle", {"type": _SWITCH})
VOLUME: Final = Kind(
    volume,
    f"0 to {VOLUME_MAX}, at most volume.max; or 35 dBA",
    {"anyOf": [_VOLUME, _TEXT]},
    check=lambda name, value: check_range(name, value, 0, VOLUME_MAX),
)
VOLUME_AMOUNT: Final = Kind(
    _volume_amount,
    f"0 to {VOLUME_MAX}, at most volume.max; with a sign a step; up or +, down or -; 35 dBA",
    VOLUME.schema,
)
_BED_GAIN: Final = {"anyOf": [{"type": "number", "minimum": MIN_BED_DB, "maximum": MAX_BED_DB}, _TEXT]}
_BED: Final = {
    "type": "object",
    "properties": {
        "playlist": _TEXT,
        "gain": _BED_GAIN,
        "outlasts": {"anyOf": [{"type": "number"}, _TEXT]},
    },
    "required": ["playlist"],
    "additionalProperties": False,
}
BED: Final = Kind(
    beds,
    f"a playlist; an object with playlist, gain ({MIN_BED_DB:g} to {MAX_BED_DB:g} dB, default {BED_DB:g}) and "
    f"outlasts; a list of up to {MAX_BEDS}; or off",
    {
        "anyOf": [
            _TEXT,
            {"const": False},
            _BED,
            {"type": "array", "maxItems": MAX_BEDS, "items": {"anyOf": [_TEXT, _BED]}},
        ]
    },
)
BED_OR_STEP: Final = Kind(
    _bed_or_step,
    f"{BED.expects}; with a sign a step in dB; an object with gain alone is a level",
    {"anyOf": [*BED.schema["anyOf"], {**_BED, "properties": {"gain": _BED_GAIN}, "required": ["gain"]}]},
)
PHASES: Final = Kind(
    phases,
    "a list of objects with playlist, volume, one of for, until and timer, taper, when_asleep, bed",
    {
        "anyOf": [
            {
                "type": "array",
                "maxItems": MAX_PHASES,
                "items": {
                    "type": "object",
                    "properties": {
                        "playlist": _TEXT,
                        "volume": VOLUME.schema,
                        "for": {"anyOf": [{"type": "number"}, _TEXT]},
                        "until": _TIME_OF_DAY,
                        "timer": {"anyOf": _TIMER_FORMS},
                        "taper": {"anyOf": [{"type": _SWITCH}, {"type": "object"}]},
                        "when_asleep": {"type": _SWITCH},
                        "bed": BED.schema,
                    },
                    "additionalProperties": False,
                },
            },
            {"type": "string"},
        ]
    },
)
PLACE: Final = Kind(
    lambda name, value: Amount(place_s(name, value), is_signed(value)),
    "seconds, m:ss, h:mm:ss, 90s, 2m; with a sign a distance",
    {"anyOf": [{"type": "number", "minimum": 0, "maximum": MAX_PLACE_S}, _TEXT]},
)
TIMER: Final = Kind(
    lambda _name, value: timer(value),
    f"minutes, 45m, 1h30, at most {format_duration(MAX_TIMER_S)}; until 06:30; off, end-of-track, end-of-playlist",
    {"anyOf": _TIMER_FORMS},
)
TIMER_OR_STEP: Final = Kind(
    _timer_or_step, f"{TIMER.expects}; with a sign a step; at-most 10m", TIMER.schema, from_seconds=clock_timer
)
FADE_IN: Final = _length(1.0, 0.0, MAX_FADE_IN_S)
FADE_OUT_S: Final = _length(1.0, 0.0, MAX_FADE_OUT_S)
FADE_OUT: Final = _length(60.0, 0.0, MAX_FADE_OUT_S)
TIMER_SHIFT: Final = _length(60.0, -MAX_TIMER_S, MAX_TIMER_S)
SNOOZE: Final = _length(60.0, 60.0, 3600.0)
READING: Final = Kind(
    _reading,
    f"{QUIETEST_DBA:g} to {LOUDEST_DBA:g} dB(A)",
    {"anyOf": [{"type": "number", "minimum": QUIETEST_DBA, "maximum": LOUDEST_DBA}, _TEXT]},
    check=lambda name, value: check_range(name, value, QUIETEST_DBA, LOUDEST_DBA),
)
TIME_OF_DAY: Final = Kind(clock_time, "a local time, as in 23:15", _TIME_OF_DAY)
CONFIGURED_TIME: Final = Kind(
    _configured_time,
    "a local time, as in 23:15; config or null restores that of the config",
    {"anyOf": [_TIME_OF_DAY, {"const": "config"}, {"type": "null"}]},
    takes_null=True,
)


CONFIGURED_DAYS: Final = Kind(
    _configured_days,
    "days as in mon tue, or daily, weekdays, weekend; config or null restores that of the config",
    {"anyOf": [_TEXT, {"type": "array", "minItems": 1, "maxItems": 7, "items": _TEXT}, {"type": "null"}]},
    takes_null=True,
)
CONFIGURED_PLAYLIST: Final = Kind(
    lambda name, value: None if _is_config(value) else text(name, value),
    "a playlist; config or null restores that of the config",
    {"anyOf": [_TEXT, {"type": "null"}]},
    takes_null=True,
)
CONFIGURED_VOLUME: Final = Kind(
    lambda name, value: None if _is_config(value) else volume(name, value),
    f"0 to {VOLUME_MAX}, at most volume.max, or 35 dBA; config or null restores that of the config",
    {"anyOf": [*VOLUME.schema["anyOf"], {"type": "null"}]},
    takes_null=True,
)


def seconds_in(key: str, value: object) -> float:
    """Seconds of an argument called ``minutes`` or ``seconds``."""
    return number(key, value) * (60.0 if key == "minutes" else 1.0)
