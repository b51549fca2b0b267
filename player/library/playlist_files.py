"""Playlist files: M3U, M3U8, PLS and XSPF, read into entries. Pure functions of bytes; runs on the librarian's thread.

libVLC could parse them, but in its M3U reader (3.0.24) a file called ``Night #1.mp3`` or ``Why?.mp3`` loses what
follows the mark, and a byte order mark becomes an entry of its own; so this is a small parser instead.

Text is UTF-8 where it is valid UTF-8, otherwise Latin-1, whatever the extension: programs do not keep to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree import ElementTree

SUFFIXES: Final = frozenset({".m3u", ".m3u8", ".pls", ".xspf"})
MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One line: where it leads as it is written, and a title if the playlist has one."""

    location: str
    title: str | None = None


def parse_playlist(suffix: str, data: bytes) -> list[PlaylistEntry]:
    """Entries of a playlist file with such a suffix, in order.

    Raises:
        ValueError: an XSPF that is no XML, or that defines entities of its own.
    """
    if suffix == ".xspf":
        return list(_xspf(data))
    text = _decode(data)
    return list(_pls(text) if suffix == ".pls" else _m3u(text))


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _m3u(text: str) -> Iterator[PlaylistEntry]:
    """A line is a location; ``#EXTINF:seconds,title`` before it names it, other lines with ``#`` are comments."""
    title = None
    for line in map(str.strip, text.splitlines()):
        if line.upper().startswith("#EXTINF:"):
            title = line.partition(",")[2].strip() or None
        elif line and not line.startswith("#"):
            yield PlaylistEntry(line, title)
            title = None


def _pls(text: str) -> Iterator[PlaylistEntry]:
    """``File1=location`` and ``Title1=title``, in the order of the numbers."""
    files: dict[int, str] = {}
    titles: dict[int, str] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"\s*(file|title)(\d{1,6})\s*=\s*(.*?)\s*", line, re.IGNORECASE):
            (files if match[1].lower() == "file" else titles)[int(match[2])] = match[3]
    for number in sorted(files):
        if files[number]:
            yield PlaylistEntry(files[number], titles.get(number) or None)


def _xspf(data: bytes) -> Iterator[PlaylistEntry]:
    """``track`` elements with ``location`` and ``title``."""
    if b"<!ENTITY" in data:
        raise ValueError("defines XML entities, which no playlist needs")
    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - entities are refused above, and the size is bounded
    except ElementTree.ParseError as fault:
        raise ValueError(f"is not valid XML: {fault}") from fault
    for track in root.iterfind(".//{*}track"):
        location = (track.findtext("{*}location") or "").strip()
        if location:
            yield PlaylistEntry(location, (track.findtext("{*}title") or "").strip() or None)
