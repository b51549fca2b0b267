"""The checks that every frozen vocabulary makes of its values. Pure, standard library, any thread."""

from __future__ import annotations

import math
import unicodedata

from player.core.units import format_duration, parse_duration_s


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise ValueError naming the field unless lowest <= value <= highest (NaN fails)."""
    if not lowest <= value <= highest:
        raise ValueError(f"{name} is {value:g}; allowed is {lowest:g} to {highest:g}")


def check_length(name: str, value_s: float, lowest_s: float, highest_s: float) -> None:
    """The same for a length of time, said in the units in which people write it: whoever wrote 5m wants to read 5m."""
    if not lowest_s <= value_s <= highest_s:
        raise ValueError(f"{name} is {_length(value_s)}; allowed is {_length(lowest_s)} to {_length(highest_s)}")


def _length(seconds: float) -> str:
    """A length as people write it; in plain seconds where that would round it."""
    sign, size_s = "-" if seconds < 0 else "", abs(seconds)
    if not math.isfinite(seconds):
        return f"{seconds:g}"
    text = format_duration(size_s)
    return sign + (text if parse_duration_s(text) == size_s else f"{size_s:g}s")


def check_name(what: str, name: str) -> None:
    """Raise ValueError unless the name can be a topic level and be typed: letters, digits, space, ``_ - .``."""
    if not 0 < len(name) <= 64 or name.startswith(" ") or not all(map(is_of_names, name)):
        raise ValueError(f"{what} {name!r} is not a name: use up to 64 letters, digits, spaces, '_', '-' and '.'")


def is_of_names(character: str) -> bool:
    """Letters and digits of any script, with the vowel signs of Hindi and Thai, the joiners of Persian, and accents."""
    return character.isalnum() or character in "_-. \u200c\u200d" or unicodedata.category(character) in {"Mn", "Mc"}
