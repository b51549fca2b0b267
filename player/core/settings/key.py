"""A key of the config file, declared once, beside the setting that it fills. Pure, standard library, any thread.

``fade_in_s: Annotated[float, ConfigKey("fade_in", "from silence to the volume", (0, 3600), SECONDS)] = 30.0`` says the
word in the file, what it is for, its bounds, unit, type and default. From this come the check of the bounds, the
reader and the messages of `lull check` (`player.config.binding`), and the tables in docs/config.md
(``python -m player.config.reference``).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from player.core.validation import check_length, check_range

SECONDS: Final = "s"
"""The unit of a length of time, which is written as 30s, 45m or 1h30 and never as a bare number."""


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """What is known of a key beside the type and the default of its setting.

    Attributes:
        word: the key as it is written in the file.
        about: what it is for; Markdown.
        bounds: the lowest and the highest number that are allowed.
        unit: `SECONDS`, or what a message puts behind the bounds.
        allowed: what may be written, where neither the bounds nor the type say it.
        takes_off: ``off`` is allowed and means None.
    """

    word: str
    about: str
    bounds: tuple[float, float] | None = None
    unit: str = ""
    allowed: str = ""
    takes_off: bool = False


@cache
def keys_of(settings: type) -> dict[str, tuple[ConfigKey, Any]]:
    """By its attribute, each key that a class of settings declares, with its type."""
    found: dict[str, tuple[ConfigKey, Any]] = {}
    for attribute, hint in get_type_hints(settings, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, key = get_args(hint)
            found[attribute] = key, kind
    return found


def check_bounds(settings: object) -> None:
    """Raise ValueError naming the first key whose value is outside its bounds; None has none."""
    kind: type = type(settings)
    for attribute, (key, _) in keys_of(kind).items():
        value = getattr(settings, attribute)
        if key.bounds is not None and value is not None:
            (check_length if key.unit == SECONDS else check_range)(key.word, value, *key.bounds)
