"""How a dataclass is published as JSON: each field says its key, its type and what it is. Pure, standard library.

    track: Annotated[str | None, PublishedKey("track", or_null(TEXT), "its title")]

The payload, its JSON Schema and the table in the documents are made from these declarations, so a new field needs one.
A key with a dot is nested: ``timer.ends`` is ``{"timer": {"ends": …}}``. A field without a key is not published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import UnionType
from typing import Annotated, Any, Final, Union, cast, get_args, get_origin, get_type_hints

TIME: Final = {"$ref": "#/$defs/time"}
DEFS: Final = {
    "time": {
        "description": "ISO 8601 with seconds and offset",
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}[+-]\d{2}:\d{2}$",
    }
}
"""What the schemas refer to."""


@dataclass(frozen=True, slots=True)
class JsonType:
    """The type of a published value.

    Attributes:
        name: for people.
        schema: JSON Schema of the published value.
        encode: the published value.
    """

    name: str
    schema: Mapping[str, Any]
    encode: Callable[[Any], Any] = lambda value: value


@dataclass(frozen=True, slots=True)
class PublishedKey:
    """One key of a payload: its name, its type, and what it is; ``runs`` where it changes all the time by itself."""

    key: str
    type: JsonType
    about: str
    runs: bool = False


# The types.


def or_null(kind: JsonType) -> JsonType:
    """The type, or null where there is no value."""
    plain = kind.schema.get("type")
    schema = {**kind.schema, "type": [plain, "null"]} if isinstance(plain, str) and plain != "object" else None
    return JsonType(
        f"{kind.name}, null",
        schema or {"anyOf": [kind.schema, {"type": "null"}]},
        lambda value: None if value is None else kind.encode(value),
    )


def one_of(values: type[StrEnum]) -> JsonType:
    """One of some words."""
    return JsonType("text", {"enum": [value.value for value in values]}, str)


def whole(name: str, lowest: int = 0, highest: int | None = None) -> JsonType:
    """A whole number within bounds."""
    return JsonType(name, {"type": "integer", "minimum": lowest} | ({} if highest is None else {"maximum": highest}))


def an_object(kind: type, name: str = "object") -> JsonType:
    """A dataclass whose fields are published."""
    return JsonType(name, closed_object(properties_of(kind)), fields_of)


def objects(kind: type) -> JsonType:
    """A list of such objects."""
    schema = {"type": "array", "items": closed_object(properties_of(kind))}
    return JsonType("list of objects", schema, lambda found: [fields_of(value) for value in found])


def objects_by_name(kind: type) -> JsonType:
    """A mapping of names to such objects."""
    schema = {"type": "object", "additionalProperties": closed_object(properties_of(kind))}
    return JsonType("object", schema, lambda found: {name: fields_of(value) for name, value in found.items()})


def list_of(kind: type, most: int) -> JsonType:
    """A list of such objects, of bounded length."""
    schema = {"type": "array", "items": closed_object(properties_of(kind)), "maxItems": most}
    return JsonType("list of objects", schema, lambda found: [fields_of(value) for value in found])


def whole_seconds(length_s: float | None) -> int | None:
    """Seconds rounded to whole ones; None for what is unknown or endless."""
    return round(length_s) if length_s is not None and math.isfinite(length_s) else None


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with seconds and offset."""
    return None if moment is None else moment.isoformat(timespec="seconds")


def _tenths(value: float) -> float | None:
    return round(value, 1) if math.isfinite(value) else None


TEXT: Final = JsonType("text", {"type": "string"})
TEXTS: Final = JsonType("list of text", {"type": "array", "items": {"type": "string"}}, list)
BOOLEAN: Final = JsonType("boolean", {"type": "boolean"})
SECONDS: Final = JsonType("seconds", {"type": "integer", "minimum": 0}, whole_seconds)
MOMENT: Final = JsonType("time", TIME, iso)
TIME_OF_DAY: Final = JsonType("text", {"type": "string", "pattern": r"^\d{2}:\d{2}$"}, lambda at: f"{at:%H:%M}")
DBFS: Final = JsonType("dBFS", {"type": "number"}, _tenths)
DBA: Final = JsonType("dB(A)", {"type": "number"}, _tenths)
SHARE: Final = JsonType("0 to 1", {"type": "number", "minimum": 0, "maximum": 1})
DECIBELS: Final = JsonType("dB", {"type": "number", "minimum": 0}, _tenths)


# What is made from the declarations.


@cache
def _declared(kind: Any) -> tuple[tuple[str, PublishedKey], ...]:
    """Pairs of a published key and the field that it is made from."""
    found: list[tuple[str, PublishedKey]] = []
    for name, hint in get_type_hints(kind, include_extras=True).items():
        found.extend((name, key) for key in getattr(hint, "__metadata__", ()) if isinstance(key, PublishedKey))
    return tuple(found)


def keys_of(kind: type) -> Iterator[PublishedKey]:
    """The keys of a dataclass, in their order."""
    return (key for _, key in _declared(kind))


def running_fields(kind: type) -> frozenset[str]:
    """The names of the fields that change all the time by themselves."""
    return frozenset(name for name, key in _declared(kind) if key.runs)


def fields_of(value: Any) -> dict[str, Any]:
    """The dataclass as it is published."""
    found: dict[str, Any] = {}
    kind: Any = type(value)
    for name, key in _declared(kind):
        outer, _, inner = key.key.rpartition(".")
        place = found.setdefault(outer, {}) if outer else found
        place[inner] = key.type.encode(getattr(value, name))
    return found


def by_field(kind: Any, published: Any) -> Any:
    """What was published of a dataclass, with the names of the fields in place of the keys; the values as they are."""
    if get_origin(kind) in {Union, UnionType, tuple, Annotated}:
        inner = get_args(kind)[0]
        return (
            [by_field(inner, item) for item in published] if isinstance(published, list) else by_field(inner, published)
        )
    if not is_dataclass(kind) or not isinstance(published, Mapping):
        return published
    found: dict[str, Any] = {}
    declared, hints = _declared(cast("Any", kind)), get_type_hints(kind)
    for name, key in declared:
        outer, _, inner_key = key.key.rpartition(".")
        place = published.get(outer, {}) if outer else published
        if isinstance(place, Mapping) and inner_key in place:
            found[name] = by_field(hints[name], place[inner_key])
    return found


def properties_of(kind: type) -> dict[str, Any]:
    """JSON Schema of each published key."""
    properties: dict[str, Any] = {}
    for key in keys_of(kind):
        outer, _, inner = key.key.rpartition(".")
        if outer:
            place = properties.setdefault(outer, closed_object({}))
            place["properties"][inner] = key.type.schema
            place["required"].append(inner)
        else:
            properties[inner] = key.type.schema
    return properties


def closed_object(properties: Mapping[str, Any]) -> dict[str, Any]:
    """JSON Schema of an object that has exactly these keys."""
    return {
        "type": "object",
        "properties": dict(properties),
        "required": list(properties),
        "additionalProperties": False,
    }
