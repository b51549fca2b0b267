"""Output that no locale, no encoding and no file name can break: what cannot be written is written another way."""

from __future__ import annotations

import codecs
import io
import sys
from typing import Final

_INSTEAD: Final = {
    "✓": "+", "✗": "x", "→": "->", "…": "...", "–": "-", "−": "-", "—": "-", "×": "x", "\N{NO-BREAK SPACE}": " ",
}  # fmt: skip
"""How the characters that lull itself writes look in plain ASCII."""
_HANDLER: Final = "lull.plain"


def _plain(error: UnicodeError) -> tuple[str, int]:
    """What is written in place of characters that the encoding does not have."""
    assert isinstance(error, UnicodeEncodeError), "it is registered for encoding"
    lost = error.object[error.start : error.end]
    return "".join(_INSTEAD.get(character, "?") for character in lost), error.end


def write_anything() -> None:
    """From now on stdout and stderr take any text, also where the locale is C and a name is no UTF-8."""
    codecs.register_error(_HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
