"""Text from outside (titles, names, sentences about files), made safe to show. Pure, standard library, any thread."""

from __future__ import annotations

import unicodedata
from typing import Final

MAX_TITLE: Final = 200
"""Characters of a title; a title of 100 kB would make the published state larger than brokers accept."""
MAX_SENTENCE: Final = 600
"""Characters of a sentence that quotes a path; a path has at most 4,096 bytes."""

_REMOVED: Final = frozenset({"Cc", "Cf", "Zl", "Zp", "Co", "Cn"})
"""Control characters (NUL, escape), formatting (direction marks), line and paragraph separators, unassigned."""
_JOINERS: Final = frozenset({"\u200c", "\u200d"})
"""Formatting characters that Persian, Hindi and emoji need."""


def clean_text(text: str, longest: int = MAX_TITLE) -> str:
    """The text on one line, without what controls a terminal or a direction of writing, cut to ``longest`` characters.

    Bytes of file names that are not UTF-8 (surrogates) stay: whoever writes them out replaces them.
    """
    text = text[: 4 * longest]
    if not text.isprintable():
        text = "".join(character if _is_shown(character) else " " for character in text)
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _is_shown(character: str) -> bool:
    return character in _JOINERS or unicodedata.category(character) not in _REMOVED
