"""The checks of values: what they let pass, and in which units they speak."""

from __future__ import annotations

import math

import pytest

from player.core.validation import check_length, check_name


@pytest.mark.parametrize(
    ("value_s", "said"),
    [
        (300.0, "max is 5m; allowed is 10m to 24h"),
        (90_000.0, "max is 25h; allowed is 10m to 24h"),
        (-5400.0, "max is -1h30m; allowed is 10m to 24h"),
        (599.9, "max is 599.9s; allowed is 10m to 24h"),  # rounded it would be what is allowed
        (0.25, "max is 0.25s; allowed is 10m to 24h"),
        (math.nan, "max is nan; allowed is 10m to 24h"),
        (math.inf, "max is inf; allowed is 10m to 24h"),
    ],
)
def test_a_length_is_named_in_the_units_that_people_write(value_s: float, said: str) -> None:
    """Hours, minutes, seconds; and never rounded to something that would be allowed."""
    with pytest.raises(ValueError, match="allowed") as caught:
        check_length("max", value_s, 600, 86_400)
    assert str(caught.value) == said


@pytest.mark.parametrize("value_s", [600, 600.5, 86_400])
def test_a_length_within_its_range_passes(value_s: float) -> None:
    """Both ends belong to it."""
    check_length("max", value_s, 600, 86_400)


@pytest.mark.parametrize("name", ["Regen-2", "_a.b c", "बारिश", "ฝน ตก", "می\u200cخواهم", "Bu\u0308cher"])
def test_a_name_may_be_in_any_script(name: str) -> None:
    """With vowel signs, joiners and accents."""
    check_name("playlist", name)


@pytest.mark.parametrize("name", ["", " a", "a/b", "a+", "#", "a\nb", "a\0", "a\u202eb", "a\u200eb", "💤", "x" * 65])
def test_what_cannot_be_a_topic_level_or_be_typed_is_no_name(name: str) -> None:
    """The reason shows it, and what is allowed."""
    with pytest.raises(ValueError, match="is not a name: use up to 64 letters"):
        check_name("playlist", name)
