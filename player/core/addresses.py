"""Addresses as they may be shown: without user, password, and the values of a query. Pure, any thread.

Stream addresses carry passwords (``http://user:password@host/``) and tokens (``?token=…``). Whatever goes to the
broker, the journal or a list for people goes through here; the address itself stays where the stream is opened.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]{1,15}:/{2,})([^\s\"'<>|]+)", re.IGNORECASE)
_PORT: Final = re.compile(r"[^:]*(:[0-9]{0,5})?|\[[0-9a-f:.%]*\](:[0-9]{0,5})?", re.IGNORECASE)
HIDDEN: Final = "?…"
_ANY_ADDRESS: Final = re.compile(
    r"[a-z][a-z0-9+.-]{0,15}://[^\s\"'<>|]*|[\w.+-]{1,64}@[\w.-]+|\b(?:\d{1,3}\.){3}\d{1,3}\b(:\d+)?", re.IGNORECASE
)
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
    for pattern in (_ANY_ADDRESS, _QUOTED_PATH, _PATH):
        text = pattern.sub("…", text)
    return " ".join("…" if "/" in word and ("." in word or word.count("/") > 1) else word for word in text.split(" "))
