"""What a verb is: its name, arguments and texts, and how a payload becomes its command. Pure, any thread.

The parser of payloads, the command line, the JSON Schema and the tables in docs/mqtt.md are all made from this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from player.core.arguments import Kind, seconds_in
from player.core.commands import Command
from player.core.errors import Refused
from player.core.json_text import quoted
from player.core.values import NO, Value, check_keys

IN_UNITS: Final = ("minutes", "seconds")
"""Keys that can be sent instead of an argument that is a length of time."""
PRESS: Final = "press"
"""What Home Assistant's buttons send unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a verb.

    Attributes:
        key: in a JSON command; with hyphens it is the option on the command line.
        about: what it is, for people.
        metavar: how the command line shows its value.
        field: the attribute of the command; the key where it is not given.
        in_units: ``minutes`` or ``seconds`` may be sent in its place.
        is_phrase: on the command line it may be several words without quotes.
    """

    key: str
    kind: Kind
    about: str
    metavar: str = ""
    field: str = ""
    is_required: bool = False
    in_units: bool = False
    is_phrase: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb.

    Attributes:
        makes: the commands that it may become; the first one names the verb, and is made where `make` is not given.
        brief: a few words, for lists.
        about: what it does, for the documents and the command's own help.
        make: the command from the arguments that were given, by their `Argument.field`.
        plain: key of the argument that plain text is the value of; None where any text just triggers the verb.
        words: plain texts, with the arguments that each one means.
        obeys_off: plain ``off``, ``false``, ``no`` and ``0`` are obeyed like other text; False where that would do the
            opposite of what the sender means.
        instead_of_off: what a sender of ``off`` may have meant, said in the refusal.
        examples: payloads, as documented; a test reads each. Empty text is the empty payload.
        to_type: what to type after ``lull``, with a remark behind it, for the command's own help.
    """

    makes: tuple[type[Command], ...]
    brief: str
    about: str
    arguments: tuple[Argument, ...] = ()
    make: Callable[..., Command] | None = None
    plain: str | None = None
    words: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    obeys_off: bool = True
    instead_of_off: str = "to fall silent use stop or pause"
    examples: tuple[str, ...] = ("",)
    to_type: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """On the wire and on the command line."""
        return self.makes[0].VERB

    def command(self, value: Value) -> Command:
        """The command that a value asks for. Raises Refused; the reason names the verb and what is allowed."""
        try:
            fields = value if isinstance(value, Mapping) else self.fields_of(value)
            return (self.make or self.makes[0])(**self._read(fields))
        except (Refused, ValueError) as error:
            reason = str(error)
            raise Refused(reason if reason.startswith(self.name) else f"{self.name}: {reason}") from None

    def meaning(self, text: str) -> Command | None:
        """The command that plain text asks for; None where it is refused."""
        try:
            return self.command(text)
        except Refused:
            return None

    def fields_of(self, text: str | None) -> Mapping[str, Any]:
        """The arguments that plain text stands for. Raises Refused."""
        word = "" if text is None else text.strip().lower()
        if not word:
            return {}
        if word in self.words:
            return self.words[word]
        if word in NO and not self.obeys_off:
            raise Refused(f"{self.name} {quoted(text)} does nothing; {self.instead_of_off}")
        if self.plain is None or (word == PRESS and not self._required):
            return {}
        return {self.plain: text}

    @property
    def _required(self) -> tuple[Argument, ...]:
        return tuple(argument for argument in self.arguments if argument.is_required)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that an object may have."""
        own = tuple(argument.key for argument in self.arguments)
        return own + (IN_UNITS if any(argument.in_units for argument in self.arguments) else ())

    def _read(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """The values by their `Argument.field`."""
        check_keys(self.name, fields, self.keys)
        found: dict[str, Any] = {}
        for argument in self.arguments:
            names = (argument.key, *IN_UNITS) if argument.in_units else (argument.key,)
            given = [name for name in names if name in fields and self._is_given(argument, fields[name])]
            if len(given) > 1:
                raise Refused(f"{self.name} takes exactly one of {', '.join(names)}")
            if given:
                found[argument.field or argument.key] = _value(argument, given[0], fields[given[0]])
            elif argument.is_required:
                needed = "a value" if argument.key == self.plain else argument.key
                raise Refused(f"{self.name} needs {needed}: {argument.kind.expects}")
        return found

    @staticmethod
    def _is_given(argument: Argument, value: object) -> bool:
        return value is not None or argument.kind.takes_null


def _value(argument: Argument, key: str, value: object) -> Any:
    if key == argument.key:
        return argument.kind.read(key, value)
    assert argument.kind.from_seconds is not None, f"{argument.key} is not a length"
    return argument.kind.from_seconds(seconds_in(key, value))
