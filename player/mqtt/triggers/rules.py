"""The rules of triggers: frozen values, valid once built, on the standard library alone.

`player.config.schema_triggers` reads it from a config.

A trigger waits for messages on a topic, takes one value out of each, compares it, and asks for a command.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import time
from fnmatch import fnmatchcase
from typing import Final, TypeAlias

from player.core.commands import QUERIES, Command, Play, Resume, Stop, Toggle, Tonight
from player.core.commands_level import Calibrate
from player.core.input_codes import check_word
from player.core.json_text import quoted
from player.core.validation import check_length, check_range
from player.mqtt.triggers.content import Scalar, Step
from player.mqtt.triggers.filters import INPUT, check_filter

MAX_FOR_S: Final = 24 * 3600.0
MAX_DEBOUNCE_S: Final = 3600.0
DEBOUNCE_S: Final = 0.3
"""Seconds within which a radio may repeat a message; nobody presses a button twice that fast."""
STARTERS: Final = (Play, Toggle, Resume, Tonight, Calibrate)
"""Commands that can make a silent speaker sound, at once or later."""
_NUMBER: Final = re.compile(r"[+-]?([0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15})([eE][+-]?[0-9]{1,2})?")


@dataclass(frozen=True, slots=True)
class AnyValue:
    """Every message that has a value meets it."""

    def is_met(self, value: Scalar, *, was_met: bool) -> bool:
        """Always."""
        return True

    def __str__(self) -> str:
        return "any value"


@dataclass(frozen=True, slots=True)
class OneOf:
    """The value is one of these words; see `is_same` for the comparison."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.words or not all(self.words):
            raise ValueError("is empty; write the value to wait for")

    def is_met(self, value: Scalar, *, was_met: bool) -> bool:
        """Whether one of the words is the same as the value."""
        return any(is_same(word, value) for word in self.words)

    def __str__(self) -> str:
        return " or ".join(quoted(word) for word in self.words)


@dataclass(frozen=True, slots=True)
class Glob:
    """The value, as text, matches a pattern with ``*``, ``?`` and ``[...]``; case-sensitive."""

    pattern: str

    def __post_init__(self) -> None:
        if not 0 < len(self.pattern) <= 64:
            raise ValueError("is not a pattern; write 1 to 64 characters, with * and ? as wildcards")

    def is_met(self, value: Scalar, *, was_met: bool) -> bool:
        """Whether the text of the value matches."""
        return fnmatchcase(as_text(value)[:256], self.pattern)

    def __str__(self) -> str:
        return f"like {quoted(self.pattern)}"


@dataclass(frozen=True, slots=True)
class Beyond:
    """The value is a number above (or below) a limit, and stays so until it has come back by ``hysteresis``."""

    limit: float
    is_above: bool
    hysteresis: float = 0.0

    def __post_init__(self) -> None:
        check_range("hysteresis", self.hysteresis, 0, 1e9)

    def is_met(self, value: Scalar, *, was_met: bool) -> bool:
        """Whether the number is beyond the limit; a value that is not a number never is."""
        number = as_number(value)
        if number is None:
            return False
        back = self.hysteresis if was_met else 0.0
        return number > self.limit - back if self.is_above else number < self.limit + back

    def __str__(self) -> str:
        return f"{'above' if self.is_above else 'below'} {self.limit:g}"


Condition: TypeAlias = AnyValue | OneOf | Glob | Beyond


def is_same(word: str, value: Scalar) -> bool:
    """Whether a word of the config and a value of a message are the same.

    A JSON boolean is the word ``true`` or ``false`` in any case and nothing else; a number is a word that means the
    same number (``1`` and ``1.0``); texts are the same letter by letter, unless both are numbers. ``ON`` is not ``on``,
    and neither is ``true`` or ``1``: a device always sends the same form.
    """
    if isinstance(value, bool):
        return word.lower() == as_text(value)
    if isinstance(value, str) and value == word:
        return True
    mine, yours = as_number(word), as_number(value)
    return mine is not None and mine == yours


def as_number(value: Scalar) -> float | None:
    """The value or its text as a finite number; None for anything else, including booleans."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def as_text(value: Scalar) -> str:
    """A value as JSON writes it, without quotes."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else repr(value)


@dataclass(frozen=True, slots=True)
class DayPart:
    """A part of every day, over midnight if it ends before it begins; the end is not included."""

    begins: time
    ends: time

    def __post_init__(self) -> None:
        if self.begins == self.ends:
            raise ValueError(f"{self} begins and ends at the same time; write two different times, such as 21:00-07:00")

    def has(self, at: time) -> bool:
        """Whether a time of day is in it."""
        if self.begins < self.ends:
            return self.begins <= at < self.ends
        return at >= self.begins or at < self.ends

    def __str__(self) -> str:
        return f"{self.begins:%H:%M}-{self.ends:%H:%M}"


@dataclass(frozen=True, slots=True)
class Trigger:
    """One rule.

    Attributes:
        name: as it is shown after ``trigger:``.
        topic: a filter.
        path: the part of the JSON; empty for the whole text.
        command: what is requested, and ``asks``, the same as it was written.
        hold_s: how long the condition has to hold; None asks at once.
        only_changes: only the message with which the condition begins to hold counts.
        debounce_s: minimum seconds before it fires again; None is the default of its command.
        only_between: it fires only at these times.
        is_grabbed: no other program gets the events of its input device.
    """

    name: str
    topic: str
    command: Command
    asks: str
    path: tuple[Step, ...] = ()
    condition: Condition = AnyValue()
    hold_s: float | None = None
    debounce_s: float | None = None
    allow_retained: bool = False
    only_changes: bool = False
    only_between: DayPart | None = None
    is_grabbed: bool = False

    def __post_init__(self) -> None:
        check_filter(self.topic)
        self._check_input()
        if self.hold_s is not None:
            check_length("for", self.hold_s, 0.1, MAX_FOR_S)
        if self.debounce_s is not None:
            check_length("debounce", self.debounce_s, 0, MAX_DEBOUNCE_S)
        if isinstance(self.command, QUERIES):
            verb = self.command.VERB
            raise ValueError(f"{verb} changes nothing, and its answer would go nowhere; choose another command")
        if self.only_changes and (self.hold_s is not None or isinstance(self.condition, Beyond)):
            raise ValueError("only_changes applies only to any, equals, one_of and glob without for; omit it")
        if (self.hold_s is not None or self.is_edge) and set(self.topic) & set("+#"):
            raise ValueError(f"{self.topic!r} has a wildcard; for, above, below and only_changes need a single topic")
        if self.allow_retained and self.can_start:
            raise ValueError(
                "a retained message arrives again at each connection, also at night, so it may not start sound; "
                "omit allow_retained, or choose a command other than play, toggle, resume, tonight and calibrate"
            )

    def _check_input(self) -> None:
        """Raise ValueError for a key that does not apply to an input device, or only to one."""
        if self.input is None:
            if self.is_grabbed:
                raise ValueError(f"grab applies only to a topic that begins with {INPUT}; omit it")
            return
        of_messages = {
            "path": bool(self.path),
            "for": self.hold_s is not None,
            "only_changes": self.only_changes,
            "allow_retained": self.allow_retained,
            f"a value that is {self.condition}": not isinstance(self.condition, AnyValue | OneOf),
        }
        for what, is_given in of_messages.items():
            if is_given:
                raise ValueError(f"{what} cannot be used with {self.topic!r}; use equals or one_of with names of keys")
        for word in self.words:
            check_word(word)

    @property
    def input(self) -> str | None:
        """The input device that it listens to; None for a topic of the broker."""
        return self.topic.removeprefix(INPUT) if self.topic.startswith(INPUT) else None

    @property
    def words(self) -> tuple[str, ...]:
        """The values that it waits for, if it waits for certain ones."""
        return self.condition.words if isinstance(self.condition, OneOf) else ()

    @property
    def can_start(self) -> bool:
        """Whether its command can make a silent speaker sound, at once or later."""
        return isinstance(self.command, STARTERS)

    @property
    def is_stop(self) -> bool:
        """Whether its command is a stop, which is always carried out."""
        return isinstance(self.command, Stop)

    @property
    def is_edge(self) -> bool:
        """Whether it fires only when the condition becomes true, not on each message that meets it."""
        return self.hold_s is None and (self.only_changes or isinstance(self.condition, Beyond))

    @property
    def rest_s(self) -> float:
        """Minimum time before it fires again."""
        if self.debounce_s is not None:
            return self.debounce_s
        return 0.0 if self.is_stop or self.input is not None else DEBOUNCE_S

    @property
    def origin(self) -> str:
        """The origin of its requests, as it is shown."""
        return f"trigger:{self.name}"
