"""The chapters of Matroska and WebM: the atoms of the first edition that is not hidden. Source: RFC 9559."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from player.core.measurement import MAX_CHAPTERS, Chapter

EBML: Final = b"\x1a\x45\xdf\xa3"
SEGMENT: Final = 0x18538067
SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
CHAPTERS, EDITION, EDITION_HIDDEN, ATOM = 0x1043A770, 0x45B9, 0x45BD, 0xB6
START, HIDDEN, ENABLED, DISPLAY, STRING = 0x91, 0x98, 0x4598, 0x80, 0x85
MAX_ELEMENTS: Final = 100_000
"""So many elements of a file are looked at; one of ten hours has some ten thousand clusters."""
MAX_BYTES: Final = 1 << 20
"""Chapters that take more are not read."""
MAX_PARTS: Final = 20_000
"""An element with more parts is not read."""


@dataclass(frozen=True, slots=True)
class Element:
    """An element of EBML: its id, and where in the data its content begins and ends."""

    id: int
    begin: int
    end: int


def matroska_chapters(file: BinaryIO) -> list[Chapter]:
    """The chapters of the file. Raises ValueError, IndexError, OSError or OverflowError for a damaged one."""
    end = file.seek(0, 2)
    segment = next((one for one in _elements_of(file, 0, end) if one.id == SEGMENT), None)
    if segment is None:
        return []
    for element in _elements_of(file, segment.begin, segment.end):
        if element.id == CHAPTERS:
            return _editions(_content(file, element))
        if element.id == SEEK_HEAD and (place := _place_of_chapters(_content(file, element))) is not None:
            there = next(_elements_of(file, segment.begin + place, segment.end), None)
            if there is not None and there.id == CHAPTERS:
                return _editions(_content(file, there))
    return []


def _elements_of(file: BinaryIO, begin: int, end: int) -> Iterator[Element]:
    """The elements between two offsets of the file; one of unknown size reaches to the end."""
    for _ in range(MAX_ELEMENTS):
        if begin >= end:
            return
        file.seek(begin)
        head = file.read(12)
        element_id, width = _number(head, 0, keeps_mark=True)
        size, more = _number(head, width)
        begin += width + more
        is_open = size == (1 << (7 * more)) - 1
        after = end if is_open else begin + size
        yield Element(element_id, begin, min(after, end))
        begin = after


def _elements_in(data: bytes, begin: int = 0, end: int | None = None) -> Iterator[Element]:
    """The elements of a piece of data; raises ValueError where there are too many."""
    end = len(data) if end is None else end
    for _ in range(MAX_PARTS):
        if begin >= end:
            return
        element_id, width = _number(data, begin, keeps_mark=True)
        size, more = _number(data, begin + width)
        begin += width + more
        if begin + size > end:
            raise ValueError("an element is larger than what it lies in")
        yield Element(element_id, begin, begin + size)
        begin += size
    raise ValueError("too many parts")


def _number(data: bytes, at: int, *, keeps_mark: bool = False) -> tuple[int, int]:
    """A number of variable length, and its length: the leading zeros of the first byte say how many more follow."""
    width = 9 - data[at].bit_length()
    if width > 8 or at + width > len(data):
        raise ValueError("a number is longer than what is there")
    value = int.from_bytes(data[at : at + width], "big")
    return value if keeps_mark else value & ((1 << (7 * width)) - 1), width


def _content(file: BinaryIO, element: Element) -> bytes:
    if element.end - element.begin > MAX_BYTES:
        raise ValueError("too much to be read")
    file.seek(element.begin)
    return file.read(element.end - element.begin)


def _place_of_chapters(data: bytes) -> int | None:
    """Where the chapters begin, counted from the beginning of the segment's content."""
    for seek in (one for one in _elements_in(data) if one.id == SEEK):
        parts = {part.id: data[part.begin : part.end] for part in _elements_in(data, seek.begin, seek.end)}
        if int.from_bytes(parts.get(SEEK_ID, b""), "big") == CHAPTERS:
            return int.from_bytes(parts.get(SEEK_POSITION, b"")[:8], "big")
    return None


def _editions(data: bytes) -> list[Chapter]:
    for edition in _elements_in(data):
        parts = list(_elements_in(data, edition.begin, edition.end)) if edition.id == EDITION else []
        if parts and not any(part.id == EDITION_HIDDEN and _value(data, part) for part in parts):
            atoms = [part for part in parts if part.id == ATOM][:MAX_CHAPTERS]
            return [chapter for atom in atoms if (chapter := _chapter(data, atom)) is not None]
    return []


def _chapter(data: bytes, atom: Element) -> Chapter | None:
    """An atom's chapter; None of one that is hidden or switched off."""
    start_ns, title = 0, ""
    for part in _elements_in(data, atom.begin, atom.end):
        if (part.id == HIDDEN and _value(data, part)) or (part.id == ENABLED and not _value(data, part)):
            return None
        if part.id == START:
            start_ns = _value(data, part)
        elif part.id == DISPLAY and not title:
            texts = (one for one in _elements_in(data, part.begin, part.end) if one.id == STRING)
            title = next((data[one.begin : one.end].decode("utf-8", "replace") for one in texts), "")
    return Chapter(start_ns / 1e9, title)


def _value(data: bytes, part: Element) -> int:
    return int.from_bytes(data[part.begin : min(part.end, part.begin + 8)], "big")
