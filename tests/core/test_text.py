"""Text from outside: what is left of it."""

from __future__ import annotations

import ast
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.core.events import LibraryRead, Track
from player.core.text import (
    MAX_SENTENCE,
    MAX_TITLE,
    clean_text,
    is_harmless,
    quoted_text,
    without_controls,
    without_secrets,
)

BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
"""What turns the direction of writing for more than one character."""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rain\0fall", "rain fall"),
        ("\x1b]0;owned\x07\x1b[2Jgone", "]0;owned [2Jgone"),
        ("a\u202eb\u2066c", "a b c"),
        ("שיר\u200f! نغمة\u061c C++\u200e", "שיר\u200f! نغمة\u061c C++\u200e"),
        ("Wald\u00adspaziergang", "Wald\u00adspaziergang"),
        ("बारिश क्\u200dष \U0001fa77 \U0001fae9", "बारिश क्\u200dष \U0001fa77 \U0001fae9"),
        ("Gru\u0308ße", "Grüße"),
        ("bruit\u00a0blanc\u202f!", "bruit blanc !"),
        ("\u200b\ufeff\u200e ", ""),
        ("one\r\ntwo\u2028three\x85", "one two three"),
        ("  Grüße 雨 👩‍🚀  ", "Grüße 雨 👩‍🚀"),
        ("caf\udce9", "caf\udce9"),
    ],
)
def test_control_characters_become_spaces(text: str, shown: str) -> None:
    """NUL, escape, line ends and what turns the direction of writing go; letters of any script, the joiners and marks
    that they need, emoji newer than this Python, and bytes that are not UTF-8 stay.
    """
    assert clean_text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one\n\ttwo", "one\n\ttwo"),
        ("a\x1b[2J\r\x9b\u202e\u2028b\n", "a\ufffd[2J\ufffd\ufffd\ufffd\ufffdb\n"),
        ("caf\udce9", "caf\ufffd"),
        ("雨の\u3000音\nbruit\xa0!\nمی\u200cخواهم 👩‍🚀\x07", "雨の\u3000音\nbruit\xa0!\nمی\u200cخواهم 👩‍🚀\ufffd"),
    ],
)
def test_only_what_a_terminal_would_obey_is_replaced(text: str, shown: str) -> None:
    """Lines, tabs, wide and fixed spaces and the joiners of Persian and emoji stay."""
    assert without_controls(text) == shown


def test_without_lines_only_those_are_replaced_too() -> None:
    """As where one fact is shown on a line."""
    assert without_controls("one\n\ttwo\u200c", kept="") == "one\ufffd\ufffdtwo\u200c"


@given(st.text(st.one_of(st.characters(), st.sampled_from("\0\x1b\x9b\u202e\u2066\u200c\xa0\udce9"))))
def test_one_law_says_what_is_harmless(text: str) -> None:
    """What is shown is harmless, what is harmless is shown as it is, and no harmful character is left in a title."""
    shown = without_controls(text, kept="")
    assert is_harmless(shown)
    assert len(shown) == len(text)
    assert (shown == text) == is_harmless(text)
    assert is_harmless(re.sub("[\ud800-\udfff]", "", clean_text(text)))
    for character in text:
        is_bidi = unicodedata.bidirectional(character) in BIDI
        if is_bidi or unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}:
            assert not is_harmless(character)


@given(st.text())
def test_a_text_in_quotes_is_as_repr_writes_it_without_needless_escapes(text: str) -> None:
    """A Persian word stays readable."""
    assert quoted_text("می\u200cخواهم") == "'می\u200cخواهم'"
    assert is_harmless(quoted_text(text))
    assert ast.literal_eval(quoted_text(text)) == text
    if text.isprintable():
        assert quoted_text(text) == repr(text)


def test_every_track_and_warning_is_cleaned_and_bounded() -> None:
    """A title of 100 kB would not fit into a packet, an empty one would show as nothing."""
    assert len(Track("u", "x" * 100_000).title) == MAX_TITLE
    assert Track("u", "\0").title == "untitled"
    assert LibraryRead("p", (), ("a\x1b[2J", "y" * 10_000)).warnings == ("a [2J", "y" * (MAX_SENTENCE - 1) + "…")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://radio.example/live", "http://radio.example/live"),
        ("https://me:s3cret@radio.example:8000/live", "https://radio.example:8000/live"),
        ("http://me@radio.example", "http://radio.example"),
        ("http://me:pa@ss@radio.example/a", "http://radio.example/a"),
        ("http://me:pa/ss@radio.example/a", "http://radio.example/a"),
        ("http://radio.example/@me/live", "http://radio.example/@me/live"),
        ("http://radio.example:8000/@me/live", "http://radio.example:8000/@me/live"),
        ("http://[::1]:8000/@me", "http://[::1]:8000/@me"),
        ("http://radio.example/a?token=abc&x=1", "http://radio.example/a?…"),
        ("http://radio.example?token=abc", "http://radio.example?…"),
        ("http://radio.example/a#token=abc", "http://radio.example/a?…"),
        ("HTTP://ME:PW@HOST/A", "HTTP://HOST/A"),
        ("no answer from http://a:b@c/d, and rtsp://e:f@g/h?k=1", "no answer from http://c/d, and rtsp://g/h?…"),
        ("file:///srv/what?.mp3", "file:///srv/what?.mp3"),
        ("/srv/rain/a?b@c.mp3", "/srv/rain/a?b@c.mp3"),
        ("", ""),
    ],
)
def test_an_address_is_shown_without_user_password_and_query(text: str, shown: str) -> None:
    """Scheme, host and path stay; so does what is no address."""
    assert without_secrets(text) == shown


def test_a_long_text_is_searched_soon() -> None:
    """No text makes the search quadratic."""
    for text in ("a" * 200_000 + "://", "http://" * 30_000, "http://" + "@" * 200_000, "http://" + ":" * 200_000):
        without_secrets(text)
