"""Frozen values to JSON and back, by the types of their fields. Pure; any thread.

It knows what the session's memory is made of: dataclasses, tuples, frozen sets, dates, times, enums, plain values and
None. What is read back is checked against the types, and the classes check their own ranges, so a file that somebody
has edited, or that another version wrote, gives either a valid value or a ValueError that says where.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import date, datetime, time
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Final, Union, cast, get_args, get_origin, get_type_hints

LARGEST: Final = 1e10
"""Largest number in the memory, seconds since 1970 and since the boot included; NaN is not accepted."""
_UNREADABLE: Final = (ValueError, TypeError, OverflowError, RecursionError, AssertionError, AttributeError)
"""The exceptions that invalid text can cause; the classes check their own ranges, some by assertions."""
FIRST_YEAR: Final = 1970
LAST_YEAR: Final = 2900


types_of = cache(get_type_hints)
"""The types of the fields of a dataclass by their names; read again for each item they took most of a recall."""


def as_text(value: Any) -> str:
    """The value as JSON text, in ASCII: bytes of a path that are not text survive."""
    return json.dumps(_plain(value), separators=(",", ":"))


def from_text(kind: Any, text: str, name: str) -> Any:
    """The value of a type from what `as_text` made; ``name`` is what messages call it. Raises ValueError otherwise."""
    try:
        return _built(kind, json.loads(text), name)
    except _UNREADABLE as fault:
        raise ValueError(f"{name}: cannot be read: {fault}") from fault


def salvage(kind: Any, text: str) -> tuple[Any, ...]:
    """The items of a tuple of tables that can be read, of a text that as a whole cannot."""
    decoder, found, at = json.JSONDecoder(), [], text.find("{")
    while at >= 0:
        try:
            plain, end = decoder.raw_decode(text, at)
            found.append(_built(get_args(kind)[0], plain, "item"))
        except _UNREADABLE:
            end = at + 1
        at = text.find("{", end)
    return tuple(found)


def aware(text: str) -> datetime:
    """An instant from its ISO text. Raises ValueError where it lacks an offset from UTC or its year is out of range."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} lacks an offset from UTC")
    _check_year(at.year)
    return at


def _check_year(year: int) -> None:
    """Far from the ends of the calendar, where adding a day overflows."""
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"the year {year} is not between {FIRST_YEAR} and {LAST_YEAR}")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, frozenset):
        return sorted(_plain(item) for item in value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    assert value is None or isinstance(value, str | bool | int | float), value
    return value


def _built(kind: Any, plain: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, UnionType}:
        (inner,) = (part for part in get_args(kind) if part is not NoneType)
        return None if plain is None else _built(inner, plain, where)
    if origin in {tuple, frozenset}:
        return _gathered(origin, get_args(kind), plain, where)
    if is_dataclass(kind):
        return _filled(cast("type", kind), plain, where)
    return _leaf(kind, plain, where)


def _gathered(origin: type, kinds: tuple[Any, ...], plain: Any, where: str) -> Any:
    """A tuple of one type, a tuple of fixed length, or a set."""
    if not isinstance(plain, list):
        raise ValueError(f"{where}: {plain!r} is not a list")
    if origin is frozenset or kinds[-1] is Ellipsis:
        return origin(_built(kinds[0], item, where) for item in plain)
    if len(plain) != len(kinds):
        raise ValueError(f"{where}: has {len(plain)} values instead of {len(kinds)}")
    return tuple(_built(part, item, where) for part, item in zip(kinds, plain, strict=True))


def _filled(kind: type, plain: Any, where: str) -> Any:
    """A dataclass; keys that it does not know are left out, those that it does not need may be missing."""
    if not isinstance(plain, Mapping):
        raise ValueError(f"{where}: {plain!r} is not a table")
    types = types_of(kind)
    values: dict[str, Any] = {}
    for field in fields(cast("Any", kind)):
        if field.name in plain:
            values[field.name] = _built(types[field.name], plain[field.name], f"{where}.{field.name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"{where}: {field.name} is missing")
    return kind(**values)


def _leaf(kind: Any, plain: Any, where: str) -> Any:
    if kind is datetime and isinstance(plain, str):
        return aware(plain)
    if kind in {date, time} and isinstance(plain, str):
        read = kind.fromisoformat(plain)
        _check_year(getattr(read, "year", FIRST_YEAR))
        return read
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(plain)
    if kind is float and type(plain) in {int, float} and abs(plain) <= LARGEST:
        return float(plain)
    if kind in {str, int, bool} and type(plain) is kind and (kind is not int or abs(plain) <= LARGEST):
        return plain
    raise ValueError(f"{where}: {plain!r} is not a {kind.__name__}")
