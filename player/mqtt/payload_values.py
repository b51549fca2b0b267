"""Payloads and the values in them: forgiving in form, strict in meaning. Pure functions, any thread.

`15`, `"15"`, `15.0` and `{"minutes": 15}` are the same fifteen minutes, because every automation writes them in its own
way; but what is not clearly one thing is refused with a reason that names it. Nothing here raises anything but
`Refused`, whatever bytes come in: numbers are bounded before they are computed with (1e999, four thousand digits),
objects before they are descended into (depth), and names that come twice are refused, because nobody can say which one
was meant.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any, Final, TypeAlias

from player.core.errors import Refused, did_you_mean
from player.core.settings.session import TIMER_END_OF_PLAYLIST, TIMER_END_OF_TRACK, TIMER_OFF, TimerSetting
from player.core.units import parse_duration_s, parse_time_of_day

MAX_PAYLOAD_BYTES: Final = 4096
"""Longer payloads are refused unread."""
MAX_DEPTH: Final = 4
MAX_TEXT: Final = 64
"""No name, number or duration is longer."""

Value: TypeAlias = str | Mapping[str, Any] | None
"""A payload as it was read: nothing, plain text, or a JSON object."""

_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_CLOCK: Final = re.compile(r"(?:([0-9]{1,2}):)?([0-9]{1,3}):([0-5][0-9])")
_BRACKETS: Final = re.compile(r'"(?:[^"\\]|\\.?)*(?:"|\Z)|[\[{]|[\]}]', re.DOTALL)
"""Strings, or brackets outside of them. A string without an end runs to the end, so that the scan stays linear."""
_YES: Final = frozenset({"on", "true", "1", "yes"})
_NO: Final = frozenset({"off", "false", "0", "no"})


def quoted(value: object) -> str:
    """The value as it is shown in a reason: quoted, and cut to forty characters."""
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return repr(text if len(text) <= 40 else text[:39] + "…")


def read(payload: bytes) -> Value:
    """What a payload says: None when empty, an object when it is JSON, otherwise its text without outer spaces.

    Raises:
        Refused: longer than 4 KiB, not UTF-8, with control characters, or JSON that is broken, ambiguous or a bomb.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise Refused(f"the payload is longer than the {MAX_PAYLOAD_BYTES} bytes that are allowed")
    try:
        text = payload.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise Refused("the payload is not UTF-8 text") from None
    if text.startswith(("{", "[", '"')):
        return _read_json(text)
    return _plain(text)


def _plain(text: str) -> str | None:
    if not all(character.isprintable() for character in text):
        raise Refused(f"the payload {quoted(text)} has control characters")
    return text or None


def _read_json(text: str) -> Value:
    _check_depth(text)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_without_twins,
            parse_constant=_refuse_number,
            parse_float=_bounded_float,
            parse_int=_bounded_int,
        )
    except ValueError as error:
        raise Refused(f"the payload is not JSON: {error}") from None
    if isinstance(value, str):
        return _plain(value.strip())
    if not isinstance(value, dict):
        raise Refused("the payload is a JSON list; write one value or an object")
    return value


def _check_depth(text: str) -> None:
    """Refuse deep nesting before the JSON reader descends into it; brackets inside of strings do not count."""
    depth = 0
    for match in _BRACKETS.finditer(text):
        if match[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused(f"the payload is nested more than {MAX_DEPTH} deep")
        elif match[0] in "]}":
            depth -= 1


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Refused(f"the key {quoted(key)} comes twice")
        found[key] = value
    return found


def _refuse_number(text: str) -> None:
    raise Refused(f"{quoted(text)} is not a usable number")


def _bounded_int(text: str) -> int:
    if len(text) > 10:
        _refuse_number(text)
    return int(text)


def _bounded_float(text: str) -> float:
    value = float(text)
    if not abs(value) < 1e10:
        _refuse_number(text)
    return value


def as_object(payload: bytes) -> dict[str, Any]:
    """The JSON object in what a speaker has published; empty for anything else."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def check_keys(what: str, fields: Mapping[str, Any], allowed: Iterable[str]) -> None:
    """Raise Refused naming the first key that is not allowed, and the choices."""
    choices = sorted(allowed)
    for key in fields:
        if key not in choices:
            hint = did_you_mean(key[:MAX_TEXT], choices)
            raise Refused(f"{what}: unknown key {quoted(key)}{hint}; allowed: {', '.join(choices) or 'none'}")


def number(name: str, value: object) -> float:
    """A number from a JSON number or a text such as ``"15"``, ``"15.0"``, ``"+5"``; booleans are none."""
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


def text(name: str, value: object) -> str:
    """A text that is not empty and at most 64 characters long, without outer spaces."""
    if not isinstance(value, str):
        raise Refused(f"{name} {quoted(value)} is not a text")
    found = value.strip()
    if not found or len(found) > MAX_TEXT or not found.isprintable():
        raise Refused(f"{name} {quoted(value)} is not usable; write 1 to {MAX_TEXT} printable characters")
    return found


def switch(name: str, value: object) -> bool:
    """On or off: true, ``1``, ``ON``, ``yes`` and their opposites, in any case."""
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return value == 1
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _YES or word in _NO:
        return word in _YES
    raise Refused(f"{name} {quoted(value)} is neither on nor off")


def is_signed(value: object) -> bool:
    """Whether a text begins with a sign, which makes it a step and not a place."""
    return isinstance(value, str) and value.strip()[:1] in {"+", "-"}


def duration_s(name: str, value: object, unit_s: float) -> float:
    """Seconds of a duration: a number of ``unit_s``, a text with units (``45m``, ``1h30``), either with a sign."""
    if not isinstance(value, str) or _NUMBER.fullmatch(value.strip()):
        return number(name, value) * unit_s
    found = value.strip()
    sign = -1.0 if found.startswith("-") else 1.0
    try:
        if len(found) > MAX_TEXT // 2 or not found.isascii():
            raise ValueError(f"{quoted(found)} is not a duration; write 30s, 45m, 1h or 1h30")
        return sign * parse_duration_s(found[1:] if is_signed(found) else found)
    except ValueError as error:
        raise Refused(f"{name}: {error}") from None


def place_s(name: str, value: object) -> float:
    """Seconds of a place in a track: seconds, ``m:ss``, ``h:mm:ss``, or with units; a sign makes it a distance."""
    if isinstance(value, str):
        found = value.strip()
        if clock := _CLOCK.fullmatch(found.lstrip("+-") if is_signed(found) else found):
            hours, minutes, seconds = (int(part or 0) for part in clock.groups())
            return (-1.0 if found.startswith("-") else 1.0) * (hours * 3600 + minutes * 60 + seconds)
    return duration_s(name, value, 1.0)


def clock_time(name: str, value: object) -> time:
    """A local time of day in 24 hours: ``23:15``, or ``23:15:00`` as homes write it."""
    hours, _, rest = value.strip().partition(":") if isinstance(value, str) else ("", "", "")
    try:
        return parse_time_of_day(f"{hours}:{rest.removesuffix(':00')}")
    except ValueError:
        raise Refused(f"{name} {quoted(value)} is no time of day; write hours and minutes, as in 23:15") from None


def timer(value: object) -> TimerSetting:
    """A sleep timer: minutes, text with units, ``off``, ``end-of-track`` or ``-playlist``, or ``{"minutes": 45}``."""
    if isinstance(value, Mapping):
        return timer_from("timer", value)
    word = value.strip().lower().replace("_", "-").replace(" ", "-") if isinstance(value, str) else ""
    for setting in (TIMER_OFF, TIMER_END_OF_TRACK, TIMER_END_OF_PLAYLIST):
        if word == setting.mode.value:
            return setting
    try:
        length_s = duration_s("timer", value, 60.0)
    except Refused:
        raise Refused(
            f"timer {quoted(value)} is no timer; write minutes, 45m, 1h30, off, end-of-track or end-of-playlist"
        ) from None
    return _clock_timer(length_s, value)


def _clock_timer(length_s: float, value: object) -> TimerSetting:
    if length_s == 0:
        raise Refused(f"timer {quoted(value)} is no time; to switch the sleep timer off write off, to stop use stop")
    try:
        return TimerSetting.clock(length_s)
    except ValueError as error:
        raise Refused(str(error)) from None


def timer_from(what: str, fields: Mapping[str, Any]) -> TimerSetting:
    """A sleep timer from an object with exactly one of ``minutes``, ``seconds`` and ``timer``."""
    key, value = only_one(what, fields, ("minutes", "seconds", "timer"))
    if key == "timer":
        if isinstance(value, Mapping):
            raise Refused(f"{what}: timer {quoted(value)} is nested too deep")
        return timer(value)
    return _clock_timer(number(key, value) * (60.0 if key == "minutes" else 1.0), value)


def only_one(what: str, fields: Mapping[str, Any], allowed: tuple[str, ...]) -> tuple[str, Any]:
    """The one key that is there and its value; none, two, or one that is not allowed is refused."""
    check_keys(what, fields, allowed)
    if len(fields) != 1:
        raise Refused(f"{what} needs exactly one of {', '.join(allowed)}")
    return next(iter(fields.items()))
