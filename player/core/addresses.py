"""Addresses as they may be shown: without user, password, and the values of a query. Pure, any thread.

Stream addresses carry passwords (``http://user:password@host/``) and tokens (``?token=…``). Whatever goes to the
broker, the journal or a list for people goes through here; the address itself stays where the stream is opened.
"""

from __future__ import annotations

import re
from typing import Final

_ADDRESS: Final = re.compile(r"([a-z][a-z0-9+.-]{1,15}:/{2,})([^\s\"'<>|]+)", re.IGNORECASE)
_PORT: Final = re.compile(r"[^:]*(:[0-9]{0,5})?|\[[0-9a-f:.%]*\](:[0-9]{0,5})?", re.IGNORECASE)
HIDDEN: Final = "?…"


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
