"""Text from outside (titles, names, addresses), made safe to show. Pure, standard library, any thread.

Addresses of streams carry passwords (``http://user:password@host/``) and tokens (``?token=…``). Whatever goes to the
broker, the journal or a list for people goes through here; the address itself stays where the stream is opened.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final
from urllib.parse import urlsplit

MAX_TITLE: Final = 200
"""Characters of a title; a title of 100 kB would make the published state larger than brokers accept."""
MAX_SENTENCE: Final = 600
"""Characters of a sentence that quotes a path; a path has at most 4,096 bytes."""

_HARMFUL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufff9-\ufffb]")
"""What a terminal or the layout of text obeys: control characters (NUL, escape), line and paragraph separators,
embeddings, overrides and isolates of the direction of writing, marks of annotations.

Everything else may be shown: fixed and wide spaces, joiners (Persian, Hindi and emoji need them), the marks for left to
right and right to left (Hebrew and Arabic need them), soft hyphens, letters and emoji newer than this Python.
"""
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Zs"})


def is_harmless(text: str) -> bool:
    """Whether the text is on one line and holds nothing that a terminal would obey."""
    return text.isprintable() or (_HARMFUL.search(text) is None and _SURROGATE.search(text) is None)


def clean_text(text: str, longest: int = MAX_TITLE) -> str:
    """The text on one line, without what controls a terminal or a direction of writing, cut to ``longest`` characters.

    Letters with accents that are written as two characters (names of files from macOS) become one. Bytes of file names
    that are not UTF-8 (surrogates) stay: whoever writes them out replaces them.
    """
    text = text[: 4 * longest]
    if text.isascii() and text.isprintable() and text == text.strip() and "  " not in text and len(text) <= longest:
        return text  # as nearly all are; of 20,000 titles, looking closer takes 0.05 s
    if not text.isprintable():
        text = _HARMFUL.sub(" ", text)
        if all(unicodedata.category(character) in _INVISIBLE for character in text):
            return ""
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return text if len(text) <= longest else text[: longest - 1] + "…"


def without_controls(text: str, kept: str = "\n\t") -> str:
    """The text without what a terminal would obey (`is_harmless`), which is replaced; ``kept`` stays all the same.

    Bytes of file names that are not UTF-8 (surrogates) are replaced too.
    """
    if text.isprintable():
        return text
    for pattern in (_HARMFUL, _SURROGATE):
        text = pattern.sub(lambda found: found[0] if found[0] in kept else "\N{REPLACEMENT CHARACTER}", text)
    return text


def quoted_text(text: str) -> str:
    """The text in quotes as `repr` writes it, except that harmless characters are never escaped."""
    mark = '"' if "'" in text and '"' not in text else "'"
    escaped = (repr(one)[1:-1] if one == "\\" or not is_harmless(one) else one for one in text)
    return mark + "".join(f"\\{one}" if one == mark else one for one in escaped) + mark


_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]{1,15}:/{2,})([^\s\"'<>|]+)", re.IGNORECASE)
_PORT: Final = re.compile(r"[^:]*(:[0-9]{0,5})?|\[[0-9a-f:.%]*\](:[0-9]{0,5})?", re.IGNORECASE)
HIDDEN: Final = "?…"
_ANY_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]{0,15}://[^\s\"'<>|]*|[\w.+-]{1,64}@[\w.-]+|\b(?:\d{1,3}\.){3}\d{1,3}\b(:\d+)?", re.IGNORECASE
)
_HOST: Final = re.compile(
    r"\b(?:[a-z][\w.-]*:[0-9]{2,5}|(?:[a-z0-9-]+\.){2,}[a-z]{2,24}"
    r"|[a-z0-9-]+\.(?:com|org|net|info|io|fm|tv|radio|local|lan|home|internal|(?!db|md|ra|rm|au|wv|ts)[a-z]{2}))\b(?!\.\w)",
    re.IGNORECASE,
)
"""A name with a port, with two dots, or with a usual ending; other words with one dot are names of files and titles."""
_FILE: Final = re.compile(r"\bfile:/*(?=/)", re.IGNORECASE)
_QUOTED_PATH: Final = re.compile(r"(?<=['\"])[~.]{0,2}/[^'\"]*(?=['\"])")
_PATH: Final = re.compile(r"(?<![^\s(\[=:,;'\"])[~.]{0,2}/[^:;'\"]*")


def host_of(address: str) -> str:
    """The host in an address, in lower case; empty where there is none, or the address is malformed."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def without_secrets(text: str) -> str:
    """The text with each address in it cut down to scheme, host and path; a query shows as ``?…``."""
    return _ADDRESS.sub(_shown, text) if "://" in text else text


def _shown(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    if scheme.lower().startswith("file:"):
        return match[0]
    host, slash, path = rest.partition("/")
    if "@" in host:
        host = host.rpartition("@")[2]
    elif "@" in path and not _PORT.fullmatch(host):  # a password with a slash in it
        host, slash, path = path.rpartition("@")[2].partition("/")
    place = host + slash + path
    shown = re.split(r"[?#]", place, maxsplit=1)[0]
    return f"{scheme}{shown}{HIDDEN if len(shown) < len(place) else ''}"


def without_places(text: str) -> str:
    """The text without any address or path: each shows as ``…``, a path up to the colon or quote behind it.

    For what is sent to a phone or shown to guests.
    """
    text = _FILE.sub("", text)
    for pattern in (_ANY_ADDRESS, _QUOTED_PATH, _PATH, _HOST):
        text = pattern.sub("…", text)
    return " ".join("…" if "/" in word and ("." in word or word.count("/") > 1) else word for word in text.split(" "))
