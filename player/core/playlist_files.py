"""Playlist files: M3U, M3U8, PLS and XSPF, read into entries. Pure functions of bytes, linear in their number.

libVLC could parse them, but in its M3U reader (3.0.24) a file called ``Night #1.mp3`` or ``Why?.mp3`` loses what
follows the mark, and a byte order mark becomes an entry of its own; so this is a small parser instead.

Text is UTF-16 with its byte order mark (or with a NUL in every other byte), UTF-8 where it is valid UTF-8, otherwise
Windows code page 1252, whatever the extension: programs do not keep to it.
"""

from __future__ import annotations

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

SUFFIXES: Final = frozenset({".m3u", ".m3u8", ".pls", ".xspf"})
MAX_BYTES: Final = 4 * 1024 * 1024
MAX_ENTRIES: Final = 20_000
_BASE: Final = "{http://www.w3.org/XML/1998/namespace}base"


@dataclass(frozen=True, slots=True)
class PlaylistEntry:
    """One line: where it leads as it is written, and a title if the playlist has one.

    Attributes:
        location: a path or an address.
        title: None where the playlist gives none.
        others: further places of the same track, to be tried in this order.
        may_be_comment: a line of an M3U that begins with ``#``: an entry if there is such a file, otherwise a comment.
    """

    location: str
    title: str | None = None
    others: tuple[str, ...] = ()
    may_be_comment: bool = False


def parse_playlist(suffix: str, data: bytes) -> list[PlaylistEntry]:
    """The first `MAX_ENTRIES` entries of a playlist file with such a suffix, in order.

    Raises:
        ValueError: an XSPF that is not XML, or that defines entities of its own.
    """
    if suffix == ".xspf":
        return list(itertools.islice(_xspf(data), MAX_ENTRIES))
    lines = re.split(
        r"\r\n|\r|\n",
        _decode(data).replace("\ufeff", ""),  # lists that were joined have a mark in the middle
    )  # str.splitlines would also split at U+2028 and U+0085, parts of names
    return list(itertools.islice(_pls(lines) if suffix == ".pls" else _m3u(lines), MAX_ENTRIES))


def _decode(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    start = data[:64]
    for encoding, nul, text in (("utf-16-le", start[1::2], start[::2]), ("utf-16-be", start[::2], start[1::2])):
        if len(nul) > 1 and not any(nul) and 0 not in text:
            return data.decode(encoding, "replace")
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")  # five bytes mean nothing in code page 1252


def _m3u(lines: list[str]) -> Iterator[PlaylistEntry]:
    """A line is a location; ``#EXTINF:seconds,title`` before it names it, most other lines with ``#`` are comments."""
    title = None
    for line in map(str.strip, lines):
        if line.upper().startswith("#EXTINF:"):
            title = line.partition(",")[2].strip() or None
        elif line.startswith("#") and not re.search(r"\.[A-Za-z0-9+]{2,5}$", line):
            continue
        elif line:
            is_comment = line.startswith("#")
            yield PlaylistEntry(line, title, may_be_comment=is_comment)
            title = title if is_comment else None


def _pls(lines: list[str]) -> Iterator[PlaylistEntry]:
    """``File1=location`` and ``Title1=title``, in the order of the numbers."""
    files: dict[int, str] = {}
    titles: dict[int, str] = {}
    for line in lines:
        key, mark, value = line.partition("=")
        if mark and (match := re.fullmatch(r"(file|title)([0-9]{1,6})", key.strip().lower())):
            (files if match[1] == "file" else titles)[int(match[2])] = value.strip()
    for number in sorted(files):
        if files[number]:
            yield PlaylistEntry(files[number], titles.get(number) or None)


def _xspf(data: bytes) -> Iterator[PlaylistEntry]:
    """``track`` elements with locations and a ``title``; ``xml:base`` is what the locations are relative to."""
    if "<!ENTITY" in _decode(data):
        raise ValueError("defines XML entities, which no playlist needs")
    from xml.etree import ElementTree  # noqa: PLC0415 - only now: 0.3 MB, for whoever has an XSPF

    try:
        root = ElementTree.fromstring(data)  # noqa: S314 - entities are refused above, and the size is bounded
    except (ElementTree.ParseError, LookupError) as fault:  # LookupError: an encoding that Python does not know
        raise ValueError(f"is not valid XML: {fault}") from fault
    for tracks in root.iter():
        base = urljoin(root.get(_BASE, ""), tracks.get(_BASE, ""))
        for track in tracks.iterfind("{*}track"):
            here = urljoin(base, track.get(_BASE, ""))
            texts = ((element.text or "").strip() for element in track.iterfind("{*}location"))
            locations = [urljoin(here, text) if here else text for text in texts if text]
            if locations:
                title = (track.findtext("{*}title") or "").strip() or None
                yield PlaylistEntry(locations[0], title, tuple(locations[1:]))
