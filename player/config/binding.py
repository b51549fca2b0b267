"""Turns a table of the file into a settings object: reads known keys, reports unknown ones, and checks each range.

Runs on the main thread; pure. The settings classes check their own ranges; here every key is tried separately, so that
all faults are reported at once, each with its line. A faulty value leaves the default (or a placeholder) in
place only so that the rest can be checked: with a single fault nothing of it is used.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import MISSING, Field, dataclass, fields, replace
from enum import StrEnum
from types import NoneType
from typing import Any, ClassVar, Protocol, TypeVar, get_args

from player.config.readers import (
    OFF,
    ConfigValue,
    Reader,
    ValueReported,
    duration_s,
    each,
    number,
    one_of,
    switch,
    text,
    whole,
    whole_seconds,
    word,
)
from player.config.yaml_tree import Leaf, Table
from player.core.errors import did_you_mean
from player.core.settings.key import SECONDS, ConfigKey, keys_of
from player.core.validation import check_length, check_range


class SettingsClass(Protocol):
    """A dataclass, as mypy knows one."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


S = TypeVar("S", bound=SettingsClass)


@dataclass(frozen=True, slots=True)
class Key:
    """One key: its word in the file, the attribute that it fills, and its reader."""

    word: str
    attribute: str
    read: Reader


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one table; ``needs`` are those without a default, ``hints`` explain words that are not keys."""

    keys: tuple[Key, ...]
    needs: tuple[str, ...] = ()
    hints: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """The words in the order in which they are listed."""
        return tuple(key.word for key in self.keys)

    @classmethod
    def of(cls, settings: type[SettingsClass], **readers: Reader) -> Keys:
        """The keys that a class of settings declares; ``readers`` by attribute, for values that are not plain."""
        declared = keys_of(settings)
        assert set(readers) <= set(declared), f"not declared in {settings.__name__}: {set(readers) - set(declared)}"
        is_needed = {one.name: one.default is MISSING and one.default_factory is MISSING for one in fields(settings)}
        return cls(
            tuple(
                Key(key.word, attribute, reader_of(key, kind, readers.get(attribute)))
                for attribute, (key, kind) in declared.items()
            ),
            needs=tuple(key.word for attribute, (key, _) in declared.items() if is_needed[attribute]),
        )


def reader_of(key: ConfigKey, kind: Any, special: Reader | None = None) -> Reader:
    """The reader for the type of a key, which checks its bounds and handles ``off``."""
    plain = special or _reader_for(next(part for part in get_args(kind) or (kind,) if part is not NoneType), key.unit)

    def read(spot: ConfigValue) -> Any:
        if key.takes_off and isinstance(spot.node, Leaf) and text(spot).lower() in OFF:
            return None
        value = plain(spot)
        if key.bounds is not None:
            try:
                (check_length if key.unit == SECONDS else check_range)(key.word, value, *key.bounds)
            except ValueError as error:
                raise ValueError(f"{error}{'' if key.unit == SECONDS else f' {key.unit}'}".rstrip()) from None
        return value

    return read


def _reader_for(kind: type, unit: str) -> Callable[[ConfigValue], Any]:
    if issubclass(kind, StrEnum):
        return one_of(kind)
    if unit == SECONDS:
        return whole_seconds if kind is int else duration_s
    return {bool: switch, int: whole, float: number, str: word}[kind]


def fill(spot: ConfigValue, keys: Keys, start: S) -> S:
    """The start value with the values of the table put into it.

    Raises:
        ValueReported: the value is not a table.
    """
    return put(spot, keys, start, read(spot, keys))


def read(spot: ConfigValue, keys: Keys) -> dict[str, Any]:
    """The value of each key that is present, not empty and readable, by its word.

    Raises:
        ValueReported: the value is not a table.
    """
    if not isinstance(spot.node, Table) and not spot.is_empty:
        spot.blame(f"must be a table with these keys: {', '.join(keys.words)}")
        raise ValueReported
    found: dict[str, Any] = {}
    rows = spot.rows()
    by_word = {key.word: key for key in keys.keys}
    for name, row in rows.items():
        if name not in by_word:
            row.blame(f"unknown key{_hint(row, name, keys)}; valid keys: {', '.join(keys.words)}")
        elif not row.is_empty:
            found |= _read_one(row, by_word[name])
    for name in keys.needs:
        if name not in rows or rows[name].is_empty:
            spot.blame(f"needs {name}")
    return found


def put(spot: ConfigValue, keys: Keys, start: S, found: dict[str, Any]) -> S:
    """The start value with the found values put into it; values that its class refuses are reported and left out."""
    values = {key.attribute: found[key.word] for key in keys.keys if key.word in found}
    try:
        return replace(start, **values)
    except ValueError:
        return _put_one_by_one(spot, keys, start, values)


def _put_one_by_one(spot: ConfigValue, keys: Keys, start: S, values: dict[str, Any]) -> S:
    """Put in each valid value; one that fails beside a default is tried again after the others."""
    faults: dict[str, str] = {}
    is_moving = True
    while is_moving:
        is_moving = False
        for attribute in list(values):
            try:
                start = replace(start, **{attribute: values[attribute]})
            except ValueError as error:
                faults[attribute] = str(error)
            else:
                del values[attribute]
                is_moving = True
    rows = spot.rows()
    for key in keys.keys:
        if key.attribute in values:
            rows[key.word].blame(faults[key.attribute])
    return start


def _read_one(row: ConfigValue, key: Key) -> dict[str, Any]:
    try:
        return {key.word: each([row], key.read)[0]}
    except ValueReported:
        return {}


def _hint(row: ConfigValue, name: str, keys: Keys) -> str:
    """A hint for an unknown key: why it does not exist, the nearest one, or a likely mistake."""
    known: Iterable[str] = keys.words
    if name in dict(keys.hints):
        return f" ({dict(keys.hints)[name]})"
    if row.is_empty and re.search(r"[=:/]", name):
        return " (inside {...} and [...] a value that contains a comma needs quotes)"
    return did_you_mean(name, known)
