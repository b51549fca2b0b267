"""Text from outside: what is left of it."""

from __future__ import annotations

import pytest

from player.core.events import LibraryRead, Track
from player.core.text import MAX_SENTENCE, MAX_TITLE, clean_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rain\0fall", "rain fall"),
        ("\x1b]0;owned\x07\x1b[2Jgone", "]0;owned [2Jgone"),
        ("a\u202eb\u2066c", "a b c"),
        ("one\r\ntwo\u2028three\x85", "one two three"),
        ("  Grüße 雨 👩‍🚀  ", "Grüße 雨 👩‍🚀"),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_control_characters_become_spaces(text: str, shown: str) -> None:
    """NUL, escape, direction marks and line ends go; letters, emoji and bytes that are not UTF-8 stay."""
    assert clean_text(text) == shown


def test_every_track_and_warning_is_cleaned_and_bounded() -> None:
    """A title of 100 kB would not fit into a packet, an empty one would show as nothing."""
    assert len(Track("u", "x" * 100_000).title) == MAX_TITLE
    assert Track("u", "\0").title == "untitled"
    assert LibraryRead("p", (), ("a\x1b[2J", "y" * 10_000)).warnings == ("a [2J", "y" * (MAX_SENTENCE - 1) + "…")
