"""The two checks that every frozen vocabulary makes of its values. Pure, standard library, any thread."""

from __future__ import annotations

import re

_NAME = re.compile(r"[\w.-][\w .-]*", re.UNICODE)


def check_range(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise ValueError naming the field unless lowest <= value <= highest (NaN fails)."""
    if not lowest <= value <= highest:
        raise ValueError(f"{name} is {value:g}; allowed is {lowest:g} to {highest:g}")


def check_name(what: str, name: str) -> None:
    """Raise ValueError unless the name can be a topic level and be typed: letters, digits, space, ``_ - .``."""
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise ValueError(f"{what} {name!r} is not a name: use up to 64 letters, digits, spaces, '_', '-' and '.'")
