"""Reads the chapters of a file with their starts and titles. Runs in the process that measures, never in the daemon.

Three places are read: the chapter track and the Nero list of MP4 (m4b, m4a), and the chapters of Matroska. The readers
follow sizes that the file names, so each step is bounded: how many boxes are visited, how much is read of one, how many
chapters are kept. A damaged file counts as one without chapters.

The chapters of MP4: a text track that the sound's track names (``tref/chap``), or Nero's list (``udta/chpl``).
Sources: ISO/IEC 14496-12 for boxes and sample tables; Apple's QuickTime File Format for chapter tracks, whose samples
are a length of two bytes and a text; ``chpl`` has no specification: one byte counts, each entry is a start in units of
100 ns (8 bytes), a length (1 byte) and a text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final

from player.core.measurement import MAX_CHAPTERS, Chapter

MAX_BOXES: Final = 20_000
"""Maximum number of boxes that are visited in one file."""
MAX_TABLE_BYTES: Final = 1 << 20
"""Maximum bytes that are read of a table: a chapter track has a few thousand entries at most."""
MAX_TEXT_BYTES: Final = 1000
MAX_READ_BYTES: Final = 16 << 20
"""Maximum bytes that are read of one file in total."""


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the file between two offsets, with a name of four bytes."""

    kind: bytes
    begin: int
    end: int


class BoxReader:
    """Reads boxes of a file; raises ValueError once too many were looked at, or too much was read."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_BOXES
        self._left_bytes = MAX_READ_BYTES
        self.end = file.seek(0, 2)

    def inside(self, begin: int, end: int) -> Iterator[Box]:
        """The boxes between two offsets."""
        while begin + 8 <= end:
            self._left -= 1
            if self._left < 0:
                raise ValueError("too many boxes")
            size, kind = struct.unpack(">I4s", self.read(begin, 8))
            head = 8
            if size == 1:
                size, head = struct.unpack(">Q", self.read(begin + 8, 8))[0], 16
            elif size == 0:
                size = end - begin
            if size < head or begin + size > end:
                raise ValueError("a box is larger than what it lies in")
            yield Box(kind, begin + head, begin + size)
            begin += size

    def child(self, box: Box | None, *path: bytes) -> Box | None:
        """The first box on a path of names below one; None where there is none."""
        for kind in path:
            if box is None:
                return None
            box = next((one for one in self.inside(box.begin, box.end) if one.kind == kind), None)
        return box

    def table(self, box: Box | None) -> bytes:
        """The content of a box after its version and flags; empty without a box or where it is too long."""
        if box is None or not 4 <= box.end - box.begin <= MAX_TABLE_BYTES:
            return b""
        return self.read(box.begin + 4, box.end - box.begin - 4)

    def read(self, offset: int, size: int) -> bytes:
        """A number of bytes. Raises ValueError where the file ends before, or too much was read of it."""
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise ValueError("too much to be read")
        self._file.seek(offset)
        data = self._file.read(size)
        if len(data) != size:
            raise ValueError("the file ends here")
        return data


def mp4_chapters(file: BinaryIO) -> list[Chapter]:
    """The chapters of the file. Raises ValueError, struct.error, OSError or OverflowError for a damaged one."""
    boxes = BoxReader(file)
    movie = boxes.child(Box(b"", 0, boxes.end), b"moov")
    if movie is None:
        return []
    tracks = [box for box in boxes.inside(movie.begin, movie.end) if box.kind == b"trak"]
    wanted = {number for track in tracks for number in _numbers(boxes, boxes.child(track, b"tref", b"chap"))}
    for track in tracks:
        if wanted and _id_of(boxes, track) in wanted and (found := _of_track(boxes, track)):
            return found
    return _of_list(boxes, boxes.child(movie, b"udta", b"chpl"))


def _numbers(boxes: BoxReader, box: Box | None) -> list[int]:
    """The numbers of four bytes of which a box without version consists."""
    if box is None or box.end - box.begin > MAX_TABLE_BYTES:
        return []
    data = boxes.read(box.begin, (box.end - box.begin) // 4 * 4)
    return [number for (number,) in struct.iter_unpack(">I", data)]


def _id_of(boxes: BoxReader, track: Box) -> int:
    header = boxes.child(track, b"tkhd")
    if header is None:
        return 0
    is_long = boxes.read(header.begin, 1) == b"\x01"
    return int.from_bytes(boxes.read(header.begin + (20 if is_long else 12), 4), "big")


def _of_track(boxes: BoxReader, track: Box) -> list[Chapter]:
    """The chapters of a text track: its samples, each as long as its chapter."""
    media = boxes.child(track, b"mdia")
    times = boxes.child(media, b"mdhd")
    tables = boxes.child(media, b"minf", b"stbl")
    if times is None or tables is None:
        return []
    is_long = boxes.read(times.begin, 1) == b"\x01"
    units = int.from_bytes(boxes.read(times.begin + (20 if is_long else 12), 4), "big")
    if units == 0:
        raise ValueError("a track has no unit of time")
    found = []
    for start, offset in zip(_starts(boxes, tables), _offsets(boxes, tables), strict=False):
        length = int.from_bytes(boxes.read(offset, 2), "big")
        text = boxes.read(offset + 2, length) if length <= MAX_TEXT_BYTES else b""
        found.append(Chapter(start / units, _text(text)))
    return found


def _starts(boxes: BoxReader, tables: Box) -> list[int]:
    """When each sample begins, in units of the track: ``stts`` has runs of equal lengths."""
    data = boxes.table(boxes.child(tables, b"stts"))
    lengths: list[int] = []
    for count, length in struct.iter_unpack(">II", data[4 : 4 + (len(data) - 4) // 8 * 8]):
        lengths += [length] * min(count, MAX_CHAPTERS - len(lengths))
    return list(accumulate(lengths[:-1], initial=0)) if lengths else []


def _offsets(boxes: BoxReader, tables: Box) -> Iterator[int]:
    """The offset of each sample: chunks (``stco``), samples in each chunk (``stsc``), and their sizes (``stsz``)."""
    wide = boxes.child(tables, b"co64")
    kind, width = (">Q", 8) if wide is not None else (">I", 4)
    data = boxes.table(wide or boxes.child(tables, b"stco"))
    chunks = [place for (place,) in struct.iter_unpack(kind, data[4 : 4 + (len(data) - 4) // width * width])]
    data = boxes.table(boxes.child(tables, b"stsc"))
    runs = list(struct.iter_unpack(">III", data[4 : 4 + (len(data) - 4) // 12 * 12]))
    data = boxes.table(boxes.child(tables, b"stsz"))
    same = int.from_bytes(data[:4], "big")
    sizes = [size for (size,) in struct.iter_unpack(">I", data[8 : 8 + (len(data) - 8) // 4 * 4])]
    sample, run = 0, 0
    for number, chunk in enumerate(chunks, 1):
        place = chunk
        while run + 1 < len(runs) and runs[run + 1][0] <= number:
            run += 1
        for _ in range(min(runs[run][1] if runs else 1, MAX_CHAPTERS)):
            if sample >= MAX_CHAPTERS or not (same or sample < len(sizes)):
                return
            yield place
            place += same or sizes[sample]
            sample += 1


def _of_list(boxes: BoxReader, box: Box | None) -> list[Chapter]:
    """Nero's list; version 1 has four more bytes before the count."""
    if box is None:
        return []
    at = 4 if boxes.read(box.begin, 1) == b"\x01" else 0
    data = boxes.table(box)
    count, at = data[at], at + 1
    found = []
    for _ in range(count):
        start, length = struct.unpack_from(">QB", data, at)
        found.append(Chapter(start / 1e7, _text(data[at + 9 : at + 9 + length])))
        at += 9 + length
    return found


def _text(data: bytes) -> str:
    """UTF-8, or UTF-16 with its mark."""
    if data[:2] in {b"\xfe\xff", b"\xff\xfe"}:
        return data.decode("utf-16", "replace")
    return data.decode("utf-8", "replace")


EBML: Final = b"\x1a\x45\xdf\xa3"
SEGMENT: Final = 0x18538067
SEEK_HEAD, SEEK, SEEK_ID, SEEK_POSITION = 0x114D9B74, 0x4DBB, 0x53AB, 0x53AC
CHAPTERS, EDITION, EDITION_HIDDEN, ATOM = 0x1043A770, 0x45B9, 0x45BD, 0xB6
START, HIDDEN, ENABLED, DISPLAY, STRING = 0x91, 0x98, 0x4598, 0x80, 0x85
MAX_ELEMENTS: Final = 100_000
"""Maximum number of elements that are visited in a file; one of ten hours has some ten thousand clusters."""
MAX_BYTES: Final = 1 << 20
"""Maximum size of the chapters in bytes."""
MAX_PARTS: Final = 20_000
"""Maximum number of parts of an element."""


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
    """The offset of the chapters from the beginning of the segment's content."""
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
    """An atom's chapter; None for one that is hidden or disabled."""
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


SHORTEST_S: Final = 1.0
"""Minimum seconds of a chapter, and between its start and the end of the file."""
_FAULTS: Final = (OSError, ValueError, IndexError, OverflowError, struct.error)
"""Exceptions of the readers for a damaged file."""


def read_chapters(path: str, length_s: float) -> tuple[Chapter, ...]:
    """The chapters of a file of this length, in order; empty where it has none, or only one."""
    try:
        with open(path, "rb") as file:
            begin = file.read(8)
            if begin[:4] == EBML:
                return usable(matroska_chapters(file), length_s)
            return usable(mp4_chapters(file), length_s) if begin[4:] == b"ftyp" else ()
    except _FAULTS:
        return ()


def usable(found: Iterable[Chapter], length_s: float) -> tuple[Chapter, ...]:
    """The chapters in the order of their beginnings, without those that cannot be played."""
    kept: list[Chapter] = []
    for chapter in sorted(found, key=lambda one: one.start_s):
        is_apart = not kept or chapter.start_s - kept[-1].start_s >= SHORTEST_S
        if is_apart and chapter.start_s <= length_s - SHORTEST_S:
            kept.append(chapter)
    return tuple(kept[:MAX_CHAPTERS]) if len(kept) > 1 else ()
