"""docs/config.md against the declarations of the keys."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

import pytest

from player.config import reference
from player.config.binding import Keys, fill
from player.config.readers import ConfigValue
from player.config.yaml_tree import read_tree
from player.core.settings.key import SECONDS, ConfigKey, check_bounds
from player.mqtt.reference import filled_in


class Smell(StrEnum):
    LAVENDER = "lavender"
    HOPS = "hops"


@dataclass(frozen=True, slots=True)
class Pillow:
    """Settings that nobody has, to see what a declaration alone gives."""

    height_cm: Annotated[int, ConfigKey("height", "how high it is", (5, 20), "cm")]
    airing_s: Annotated[float, ConfigKey("airing", "how long it hangs out", (60, 3600), SECONDS)] = 600.0
    smell: Annotated[Smell | None, ConfigKey("smell", "what it smells of", takes_off=True)] = Smell.HOPS

    def __post_init__(self) -> None:
        check_bounds(self)


def pillow(text: str) -> tuple[Pillow, list[str]]:
    """What a text makes of a pillow, and its faults."""
    node, _ = read_tree(text)
    assert node is not None
    spot = ConfigValue(node, "pillow", reference.DOCUMENT.parent, [], node.place)
    made = fill(spot, Keys.of(Pillow), Pillow(10))
    return made, [f"{fault.path}: {fault.text}" for fault in spot.faults]


def test_the_document_is_made_from_the_declarations() -> None:
    """``python -m player.config.reference`` would change nothing."""
    document = reference.DOCUMENT.read_text(encoding="utf-8")
    assert filled_in(document, {"keys": reference.key_tables}) == document, "run python -m player.config.reference"


def test_a_declared_key_is_read() -> None:
    """By its type, its unit and its bounds, with nothing beside the declaration."""
    assert pillow("{height: 12, airing: 5m, smell: lavender}") == (Pillow(12, 300.0, Smell.LAVENDER), [])
    assert pillow("{height: 12, smell: off}") == (Pillow(12, 600.0, None), [])


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{height: 30}", "pillow.height: 30 is out of range; use 5 to 20 cm"),
        ("{height: low}", "pillow.height: 'low' is not a whole number; write it like 30, without a unit"),
        ("{height: 9, airing: 2h}", "pillow.airing: 2h is out of range; use 1m to 1h"),
        ("{height: 9, smell: hop}", "pillow.smell: 'hop' is not one of lavender, hops (did you mean 'hops'?)"),
        ("{airing: 5m}", "pillow: needs height"),
        (
            "{height: 9, hight: 9}",
            "pillow.hight: unknown key (did you mean 'height'?); valid keys: height, airing, smell",
        ),
    ],
)
def test_a_declaration_says_what_is_allowed(text: str, fault: str) -> None:
    """The messages come from it as well."""
    assert pillow(text)[1] == [fault]


def test_settings_that_are_made_elsewhere_keep_the_bounds() -> None:
    """A class of settings is valid once it exists, whoever makes it."""
    with pytest.raises(ValueError, match=re.escape("height is 30; allowed is 5 to 20")):
        Pillow(30)


def test_every_key_has_a_row() -> None:
    """One for each declared key, with its bounds and its default."""
    tables = reference.key_tables()
    assert "| `crossfade` | 8s | 0 to 1m | from track to track |" in tables
    assert "| `ceiling` | -1 | -40 to -1 dBTP | no peak ever exceeds it |" in tables
    assert "| `mode` | gentle | gentle, strict |" in tables
