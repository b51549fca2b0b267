"""Values in payloads and on the command line: tolerant of the form, strict about the meaning. Pure, any thread.

`15`, `"15"` and `15.0` are the same number, because every automation writes it in its own way; a value that is not
clearly one thing is refused with a reason that names it. Nothing here raises anything but `Refused`: numbers are
bounded before they are computed with.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any, Final, TypeAlias

from player.core.errors import Refused, did_you_mean
from player.core.json_text import quoted, read_json
from player.core.pillow import AskedLevel, parse_level
from player.core.settings.bed import Bed, check_beds
from player.core.settings.safety import Taper
from player.core.settings.session import TIMER_END_OF_PLAYLIST, TIMER_END_OF_TRACK, TIMER_OFF, Phase, TimerSetting
from player.core.text import MAX_TITLE, clean_text, is_harmless
from player.core.units import parse_duration_s, parse_time_of_day

MAX_TEXT: Final = 64
"""Maximum number of characters of a name, number or duration."""
MAX_PATH: Final = 1000
"""Maximum number of characters of a path or address."""
YES: Final = frozenset({"on", "true", "1", "yes"})
NO: Final = frozenset({"off", "false", "0", "no"})

PHASE_ENDS: Final = ("for", "until", "timer")
"""Keys of a phase that say what ends it; at most one is given."""

Value: TypeAlias = str | Mapping[str, Any] | None
"""What was sent with a verb: nothing, plain text, or arguments by key."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_CLOCK: Final = re.compile(r"(?:([0-9]{1,2}):)?([0-9]{1,3}):([0-5][0-9])")


def check_keys(what: str, fields: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise Refused naming the first key that is not allowed, and the choices."""
    choices = sorted(allowed)
    for key in fields:
        if key not in choices:
            hint = did_you_mean(key[:MAX_TEXT], choices)
            raise Refused(f"{what}: unknown key {quoted(key)}{hint}; valid keys: {', '.join(choices) or 'none'}")


def number(name: str, value: object) -> float:
    """A number from a JSON number or a text such as ``"15"``, ``"15.0"``, ``"+5"``; booleans are refused."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return float(value.strip())
    raise Refused(f"{name} {quoted(value)} is not a number")


def whole(name: str, value: object) -> int:
    """A whole number in any form that `number` takes; ``15.0`` is whole, ``15.5`` is refused."""
    found = number(name, value)
    if not found.is_integer():
        raise Refused(f"{name} {quoted(value)} is not a whole number")
    return int(found)


def volume(name: str, value: object) -> int:
    """A whole number, with or without a percent sign, or a level such as ``35 dBA``."""
    if isinstance(value, str) and (level_dba := parse_level(value)) is not None:
        try:
            return AskedLevel(level_dba)
        except ValueError as error:
            raise Refused(str(error)) from None
    return whole(name, value.strip().removesuffix("%") if isinstance(value, str) else value)


def text(name: str, value: object) -> str:
    """A text that is not empty and at most 64 characters long, without outer spaces."""
    if not isinstance(value, str):
        raise Refused(f"{name} {quoted(value)} is not a text")
    found = value.strip()
    if not found or len(found) > MAX_TEXT or not is_harmless(found):
        raise Refused(f"{name} {quoted(value)} is not usable; write 1 to {MAX_TEXT} printable characters")
    return found


def title(name: str, value: object) -> str:
    """The title of a track, or a part of it, cleaned as titles are."""
    found = clean_text(value, MAX_TITLE + 1) if isinstance(value, str) else ""
    if not found or len(found) > MAX_TITLE:
        raise Refused(f"{name} {quoted(value)} is not usable; write 1 to {MAX_TITLE} characters")
    return found


def title_or_path(name: str, value: object) -> str:
    """As `title`, or the path or address of a track as it is."""
    if not isinstance(value, str) or "/" not in value:
        return title(name, value)
    if len(value) > MAX_PATH:
        raise Refused(f"{name} {quoted(value)} is not usable; a path has at most {MAX_PATH} characters")
    return value.strip()


def switch(name: str, value: object) -> bool:
    """On or off: true, ``1``, ``ON``, ``yes`` and their opposites, in any case."""
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return value == 1
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in YES or word in NO:
        return word in YES
    raise Refused(f"{name} {quoted(value)} is neither on nor off")


def is_signed(value: object) -> bool:
    """Whether a text begins with a sign, which makes it a step and not a place."""
    return isinstance(value, str) and value.strip()[:1] in {"+", "-"}


def duration_s(name: str, value: object, unit_s: float) -> float:
    """Seconds of a duration: a number of ``unit_s``, a text with units (``45m``, ``1h30``), either with a sign.

    ``6:30`` is refused: it may be hours and minutes, minutes and seconds, or a time of day.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()):
        return number(name, value) * unit_s
    found = value.strip()
    sign = -1.0 if found.startswith("-") else 1.0
    try:
        if len(found) > MAX_TEXT // 2 or not found.isascii():
            raise ValueError(f"{quoted(found)} is not a duration; write 30s, 45m, 1h or 1h30")
        return sign * parse_duration_s(found[1:] if is_signed(found) else found)
    except ValueError as error:
        raise Refused(f"{name} {error}") from None


def place_s(name: str, value: object) -> float:
    """Seconds of a place in a track: seconds, ``m:ss``, ``h:mm:ss``, or with units; a sign makes it a distance."""
    if isinstance(value, str):
        found = value.strip()
        if clock := _CLOCK.fullmatch(found.lstrip("+-") if is_signed(found) else found):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return (-1.0 if found.startswith("-") else 1.0) * (hours * 3600 + minutes * 60 + seconds)
    try:
        return duration_s(name, value, 1.0)
    except Refused:
        raise Refused(
            f"{name} {quoted(value)} is not a place in a track; write 90, 3:20, 1:02:03 or 2m, "
            "or with a sign a distance"
        ) from None


def clock_time(name: str, value: object) -> time:
    """A local time of day in 24 hours: ``23:15``, or ``23:15:00`` as home automations write it."""
    hours, _, rest = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    try:
        return parse_time_of_day(f"{hours}:{rest.removesuffix(':00')}")
    except ValueError:
        raise Refused(f"{name} {quoted(value)} is not a time of day; write hours and minutes, as in 23:15") from None


def timer(value: object) -> TimerSetting:
    """A sleep timer: minutes, text with units, ``until 06:30``, ``off``, ``end-of-track`` or ``-playlist``, or
    ``{"minutes": 45}``.
    """
    if isinstance(value, Mapping):
        return _timer_object(value)
    word = value.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(value, str) else ""
    for setting in (TIMER_OFF, TIMER_END_OF_TRACK, TIMER_END_OF_PLAYLIST):
        if word == setting.mode.value:
            return setting
    if word.startswith("until-"):
        return TimerSetting.at(clock_time("timer until", word.removeprefix("until-")))
    try:
        length_s = duration_s("timer", value, 60.0)
    except Refused as refusal:
        if "ambiguous" in str(refusal):
            raise Refused(f"{refusal}{_or_until(value)}") from None
        raise Refused(
            f"timer {quoted(value)} is not a timer; write minutes, 45m, 1h30, until 06:30, off, end-of-track or "
            "end-of-playlist"
        ) from None
    return clock_timer(length_s)


def phases(name: str, value: object) -> tuple[Phase, ...]:
    """What follows the beginning of a night: a list of objects, or JSON text of one."""
    if isinstance(value, str):
        value = read_json(value, f"{name} {quoted(value)}")
    if not isinstance(value, list | tuple):
        raise Refused(f'{name} {quoted(value)} is not a list of phases, such as [{{"playlist": "rain", "for": "1h"}}]')
    return tuple(_phase(f"{name} {number}", fields) for number, fields in enumerate(value, 1))


def _phase(name: str, fields: object) -> Phase:
    if not isinstance(fields, Mapping):
        raise Refused(f"{name}: {quoted(fields)} is not an object with keys")
    check_keys(name, fields, ("playlist", "volume", *PHASE_ENDS, "taper", "when_asleep", "bed"))
    given = {key: one for key, one in fields.items() if one is not None}
    ends = [key for key in PHASE_ENDS if key in given]
    if len(ends) > 1:
        raise Refused(f"{name}: needs one of {', '.join(ends)}, not more")
    found: dict[str, Any] = {}
    if "playlist" in given:
        found["playlist"] = text("playlist", given["playlist"])
    if "volume" in given:
        found["volume"] = volume("volume", given["volume"])
    if "bed" in given:
        found["bed"] = beds("bed", given["bed"])
    if ends:
        found["timer"] = _phase_end(ends[0], given[ends[0]])
    if "when_asleep" in given:
        found["when_asleep"] = switch("when_asleep", given["when_asleep"])
    if "taper" in given:
        found |= _phase_taper(given["taper"])
    try:
        return Phase(**found)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None


def beds(name: str, value: object) -> tuple[Bed, ...]:
    """What plays under the tracks: a playlist, an object, a list of up to two, or off; or JSON text of one."""
    if isinstance(value, str) and value.strip()[:1] in {"[", "{"}:
        value = read_json(value, f"{name} {quoted(value)}")
    if value is False or (isinstance(value, str) and value.strip().lower() in NO):
        return ()
    found = tuple(_bed(name, one) for one in (value if isinstance(value, list | tuple) else [value]))
    try:
        check_beds(found)
    except ValueError as error:
        raise Refused(str(error)) from None
    return found


def _bed(name: str, value: object) -> Bed:
    """One layer: the name of a playlist, or an object."""
    if not isinstance(value, Mapping):
        return Bed(text(name, value))
    check_keys(name, value, ("playlist", "gain", "outlasts"))
    if "playlist" not in value:
        raise Refused(f"{name} needs playlist")
    found: dict[str, Any] = {"playlist": text("playlist", value["playlist"])}
    if "gain" in value:
        found["gain_db"] = number("gain", value["gain"])
    if "outlasts" in value:
        found["outlasts_s"] = duration_s("outlasts", value["outlasts"], 60.0)
    try:
        return Bed(**found)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None


def _phase_end(key: str, value: object) -> TimerSetting:
    if key == "until":
        return TimerSetting.at(clock_time("until", value))
    return clock_timer(duration_s("for", value, 60.0)) if key == "for" else timer(value)


def _phase_taper(value: object) -> dict[str, Any]:
    """How the volume sinks: an object with ``by`` and ``floor``, or off."""
    if not isinstance(value, Mapping):
        if switch("taper", value):
            raise Refused('taper needs its rate, as in {"by": 3, "floor": 10}; or off')
        return {"has_no_taper": True}
    check_keys("taper", value, ("by", "floor"))
    if "by" not in value:
        raise Refused("taper needs by, in dB an hour")
    floor = {"floor": volume("floor", value["floor"])} if "floor" in value else {}
    try:
        return {"taper": Taper(number("by", value["by"]), **floor)}
    except ValueError as error:
        raise Refused(f"taper: {error}") from None


def _or_until(value: object) -> str:
    """What to add where a length may have been meant as a time of day."""
    try:
        return f", or until {clock_time('timer', value):%H:%M}"
    except Refused:
        return ""


def clock_timer(length_s: float) -> TimerSetting:
    """A sleep timer of so many seconds; 0 is refused, because it could mean off or at once."""
    if length_s == 0:
        raise Refused("timer 0 could mean off or at once; to switch the sleep timer off write off, to stop use stop")
    try:
        return TimerSetting.clock(length_s)
    except ValueError as error:
        raise Refused(str(error)) from None


def _timer_object(fields: Mapping[str, Any]) -> TimerSetting:
    """A sleep timer from an object with exactly one of ``minutes``, ``seconds`` and ``timer``."""
    allowed = ("minutes", "seconds", "timer")
    check_keys("timer", fields, allowed)
    if len(fields) != 1:
        raise Refused(f"timer needs exactly one of {', '.join(allowed)}")
    key, value = next(iter(fields.items()))
    if key == "timer":
        if isinstance(value, Mapping):
            raise Refused(f"timer {quoted(value)} is nested too deep")
        return timer(value)
    return clock_timer(number(key, value) * (60.0 if key == "minutes" else 1.0))
