"""Readers of single values: durations, times, days, names, paths and the like, each from the text as it was written.

Runs on the main thread; pure but for the home folder that ``~`` asks for. A reader takes a `ConfigValue` and returns
a value, or raises ValueError with a sentence that says what is wrong and what is allowed; the caller adds line
and path.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import time
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from player.config.levels import PillowLevels
from player.config.yaml_tree import Fault, Leaf, Listing, Node, Position, Table, join, shown
from player.core import days as weekdays
from player.core.days import DAYS
from player.core.errors import did_you_mean
from player.core.noise import is_noise, parse_noise
from player.core.pillow import parse_level
from player.core.settings.mqtt import CREDENTIAL, check_group
from player.core.settings.safety import MixerLevel
from player.core.settings.session import TIMER_END_OF_PLAYLIST, TIMER_END_OF_TRACK, TIMER_OFF, TimerSetting
from player.core.units import parse_duration_s, parse_time_of_day

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LONGEST_TEXT: Final = 4096
"""Linux's own limit of a path."""
ON: Final = frozenset({"true", "yes", "on"})
OFF: Final = frozenset({"false", "no", "off"})
_NUMBER = re.compile(r"[+-]?(\d{1,9}(\.\d{0,9})?|\.\d{1,9})", re.ASCII)
_HOST = re.compile(r"[\w-][\w.-]{0,252}")


class ValueReported(Exception):
    """A value cannot be used, and all of its faults have been recorded."""


@dataclass(frozen=True, slots=True)
class ConfigValue:
    """A place in the file: its node and key path, the folder that relative paths start from, the faults so far,
    where faults of this place are shown: at its key, or at the item of a list; and what turns levels into volumes.
    """

    node: Node
    path: str
    base: Path
    faults: list[Fault]
    place: Position
    levels: PillowLevels | None = None

    def blame(self, text: str) -> None:
        """Record a fault at this place."""
        self.faults.append(Fault(self.place, self.path, _without_key(self.path, text)))

    @property
    def is_empty(self) -> bool:
        """Whether the key is present without a value, which counts as absent."""
        return isinstance(self.node, Leaf) and self.node.is_empty

    def rows(self) -> dict[str, ConfigValue]:
        """The keys of a table, in file order; none for anything else."""
        rows = self.node.rows if isinstance(self.node, Table) else ()
        return {
            row.key: ConfigValue(row.value, join(self.path, row.key), self.base, self.faults, row.place, self.levels)
            for row in rows
        }

    def items(self) -> list[ConfigValue]:
        """The items of a list; none for anything else."""
        items = self.node.items if isinstance(self.node, Listing) else ()
        return [
            ConfigValue(item, f"{self.path}[{index}]", self.base, self.faults, item.place, self.levels)
            for index, item in enumerate(items)
        ]


Reader = Callable[[ConfigValue], Any]


def _without_key(path: str, text: str) -> str:
    """A message about a key without the name of the key, which is the end of the path in front of it."""
    key = re.escape(path.rpartition(".")[2])
    if found := re.fullmatch(rf"{key}(?: in (per cent|dB))? is (\S+); allowed is (.+)", text):
        return f"{found[2]} is out of range; use {found[3]}{f' {found[1]}' if found[1] else ''}"
    if found := re.fullmatch(rf"{key} is (\S+), above (.+)", text):
        return f"{found[1]} is above {found[2]}"
    return re.sub(rf"^{key} (?=['\d]|is empty|\w+ needs )", "", text)


def text(spot: ConfigValue) -> str:
    """The text of a scalar without the space around it."""
    if not isinstance(spot.node, Leaf):
        raise ValueError("must be a single value, not a list or a table")
    if len(spot.node.text) > LONGEST_TEXT:
        raise ValueError(f"{shown(spot.node.text)} is too long for a name or path")
    return spot.node.text.strip()


def word(spot: ConfigValue) -> str:
    """A text that names something; an unquoted YAML truth value is refused, because other YAML readers do not read it
    as text.
    """
    value = text(spot)
    if isinstance(spot.node, Leaf) and spot.node.is_plain and value.lower() in ON | OFF:
        raise ValueError(f'{value} without quotes means yes or no in YAML; for the name, write "{value}"')
    if not value:
        raise ValueError("is empty; write a name")
    return value


def group(spot: ConfigValue) -> str:
    """A group of speakers; each is checked separately, so that every invalid one is reported."""
    name = word(spot)
    check_group(name)
    return name


def number(spot: ConfigValue) -> float:
    """A decimal number; a unit behind it is refused."""
    value = text(spot)
    if not _NUMBER.fullmatch(value):
        raise ValueError(f"{shown(value)} is not a number; write it like -3 or 1.5, without a unit")
    return float(value)


def whole(spot: ConfigValue) -> int:
    """A whole number."""
    value = text(spot)
    if not _NUMBER.fullmatch(value) or not float(value).is_integer():
        raise ValueError(f"{shown(value)} is not a whole number; write it like 30, without a unit")
    return int(float(value))


def volume(spot: ConfigValue) -> int:
    """A volume from 0 to 100, or a level in dB(A)."""
    value = text(spot)
    level_dba = parse_level(value)
    if level_dba is None:
        try:
            return whole(spot)
        except ValueError:
            raise ValueError(f"{shown(value)} is not a volume; write it like 30, or like 35 dBA") from None
    assert spot.levels is not None, "whoever reads volumes says how loud they are"
    return spot.levels.volume(level_dba)


def volume_said(spot: ConfigValue, volume: int) -> str:
    """A volume as a message names it, with the level that the file has instead: ``10 (35 dBA)``."""
    value = text(spot)
    return f"{volume}" if parse_level(value) is None else f"{volume} ({value})"


def switch(spot: ConfigValue) -> bool:
    """A truth value in any of YAML's spellings, quoted or not."""
    value = text(spot).lower()
    if value not in ON | OFF:
        raise ValueError(f"{shown(value)} is not true or false")
    return value in ON


def duration_s(spot: ConfigValue) -> float:
    """Seconds of a duration; a bare number other than 0 is refused, because its unit is unknown."""
    value = text(spot)
    if _NUMBER.fullmatch(value):
        if float(value) == 0:
            return 0.0
        raise ValueError(f"{value} has no unit; write {value}s for seconds or {value}m for minutes")
    # the limit keeps numbers of hundreds of digits away from float()
    if len(value) > 24:
        raise ValueError(f"{shown(value)} is not a duration; write 30s, 45m, 1h or 1h30")
    return parse_duration_s(value)


def whole_seconds(spot: ConfigValue) -> int:
    """A duration that is counted in whole seconds."""
    seconds = duration_s(spot)
    if not seconds.is_integer():
        raise ValueError(f"{shown(text(spot))} is not a whole number of seconds")
    return int(seconds)


def timer(spot: ConfigValue) -> TimerSetting:
    """A sleep timer: a duration, ``until 06:30``, ``off``, ``end-of-track`` or ``end-of-playlist``."""
    value = re.sub(r"[\s_-]+", "-", text(spot).lower())
    if value in OFF:
        return TIMER_OFF
    for setting in (TIMER_END_OF_TRACK, TIMER_END_OF_PLAYLIST):
        if value == setting.mode.value:
            return setting
    if value.startswith("until-"):
        return TimerSetting.at(_time_of_day(text(spot).lower().removeprefix("until").strip()))
    try:
        seconds = duration_s(spot)
    except ValueError as error:
        words = [TIMER_OFF.mode.value, TIMER_END_OF_TRACK.mode.value, TIMER_END_OF_PLAYLIST.mode.value]
        raise ValueError(f"{error}; or until 06:30, {', '.join(words)}{did_you_mean(value, words)}") from None
    if seconds == 0:
        raise ValueError("0 would end a session immediately; write off for no timer")
    return TimerSetting.clock(seconds)


def mixer_level(spot: ConfigValue) -> MixerLevel:
    """Where a hardware mixer is pinned: ``80%`` or ``-12 dB``."""
    value = text(spot)
    parts = re.fullmatch(r"([+-]?\d{1,3}(?:\.\d{1,3})?)\s*(%|dB)", value, re.IGNORECASE | re.ASCII)
    if not parts:
        raise ValueError(f"{shown(value)} is not a mixer level; write it like 80% or -12dB")
    return MixerLevel(float(parts[1]), is_db=parts[2] != "%")


def clock_time(spot: ConfigValue) -> time:
    """A time of day in 24 hours, ``22:30``."""
    return _time_of_day(text(spot))


def _time_of_day(value: str) -> time:
    try:
        return parse_time_of_day(value)
    except ValueError:
        raise ValueError(f"{shown(value)} is not a time of day; write 0:00 to 23:59, such as 22:30") from None


def days(spot: ConfigValue) -> frozenset[int]:
    """Weekdays, Monday is 0: a list of them, or one word."""
    spots = spot.items() if isinstance(spot.node, Listing) else [spot]
    if not spots:
        raise ValueError(f"is an empty list; name days ({', '.join(DAYS)}) or omit it for every day")
    return frozenset(day for group in each(spots, _day) for day in group)


def _day(spot: ConfigValue) -> Sequence[int]:
    return day_of(text(spot))


def day_of(word: str) -> Sequence[int]:
    """The weekdays that a word means, Monday is 0. Raises ValueError when it means none."""
    try:
        return weekdays.day_of(word)
    except ValueError as error:
        raise ValueError(f"{shown(word.lower())} {error}, several as [sun, mon]") from None


def one_of(kind: type[E]) -> Callable[[ConfigValue], E]:
    """A reader of one word of a closed set."""

    def read(spot: ConfigValue) -> E:
        value = text(spot)
        known = [member.value for member in kind]
        if value.lower() not in known:
            raise ValueError(f"{shown(value)} is not one of {', '.join(known)}{did_you_mean(value.lower(), known)}")
        return kind(value.lower())

    return read


def host(spot: ConfigValue) -> str:
    """A broker's name or address alone; the message shows no value, because addresses may carry passwords."""
    value = text(spot)
    if not _HOST.fullmatch(value):
        try:
            ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(
                "is not a host name or address; write only that, such as homeassistant.local, "
                "and use port, username and password_file for the rest"
            ) from None
    return value


def file_path(spot: ConfigValue) -> str:
    """A path on this machine: ``~`` is the home folder, a relative one starts at the config's folder."""
    value = text(spot)
    if not value:
        raise ValueError("is empty; write a path")
    try:
        return str(spot.base / Path(value).expanduser())
    except RuntimeError:
        raise ValueError(f"{shown(value)} starts with the home folder of an unknown user") from None


def secret_path(spot: ConfigValue) -> str:
    """A file that contains a secret, or ``credential:NAME`` for one that the service manager provides."""
    value = text(spot)
    if not value.startswith(CREDENTIAL):
        return file_path(spot)
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}", value.removeprefix(CREDENTIAL)):
        raise ValueError(
            f"{shown(value)} does not name a credential; write {CREDENTIAL}NAME, with the NAME of LoadCredential="
        )
    return value


def path_or_address(spot: ConfigValue) -> str:
    """A path on this machine, an http(s) address, or a generated sound such as ``noise:brown``."""
    value = text(spot)
    if is_noise(value):
        parse_noise(value)
        return value
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", value)
    if not scheme:
        return file_path(spot)
    if scheme[1].lower() not in {"http", "https"}:
        raise ValueError(
            f"{scheme[1]}:// is not supported; use an http or https address, or the path of a mounted share"
        )
    try:
        is_whole = bool(urlsplit(value).hostname) and not re.search(r"\s", value)
    except ValueError:
        is_whole = False
    if not is_whole:
        raise ValueError(f"{shown(value)} is not a complete address; write it like https://host/stream")
    return value


def several(reader: Callable[[ConfigValue], T]) -> Callable[[ConfigValue], tuple[T, ...]]:
    """A reader of a list of values, or of one value alone."""

    def read(spot: ConfigValue) -> tuple[T, ...]:
        return tuple(each(spot.items() if isinstance(spot.node, Listing) else [spot], reader))

    return read


def each(spots: Sequence[ConfigValue], reader: Callable[[ConfigValue], T]) -> list[T]:
    """The values of all places. Raises ValueReported when one was faulty, after all were read."""
    found = list(_good(spots, reader))
    if len(found) < len(spots):
        raise ValueReported
    return found


def _good(spots: Sequence[ConfigValue], reader: Callable[[ConfigValue], T]) -> Iterator[T]:
    for spot in spots:
        try:
            yield reader(spot)
        except ValueReported:
            pass
        except ValueError as error:
            spot.blame(str(error))
