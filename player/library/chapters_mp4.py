"""The chapters of MP4: a text track that the sound's track names (``tref/chap``), or Nero's list (``udta/chpl``).

Sources: ISO/IEC 14496-12 for boxes and sample tables; Apple's QuickTime File Format for chapter tracks, whose samples
are a length of two bytes and a text; ``chpl`` has no specification: one byte counts, each entry is a start in units of
100 ns (8 bytes), a length (1 byte) and a text.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, Final

from player.core.measurement import MAX_CHAPTERS, Chapter

MAX_BOXES: Final = 20_000
"""So many boxes are looked at in one file."""
MAX_TABLE_BYTES: Final = 1 << 20
"""Of a table so much is read: a chapter track has a few thousand entries at most."""
MAX_TEXT_BYTES: Final = 1000
MAX_READ_BYTES: Final = 16 << 20
"""So much is read of one file altogether."""


@dataclass(frozen=True, slots=True)
class Box:
    """What lies between two offsets in the file, under a name of four bytes."""

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
        """What a box holds, behind its version and flags; empty where there is none or it is too long."""
        if box is None or not 4 <= box.end - box.begin <= MAX_TABLE_BYTES:
            return b""
        return self.read(box.begin + 4, box.end - box.begin - 4)

    def read(self, offset: int, size: int) -> bytes:
        """Exactly so many bytes. Raises ValueError where the file ends before, or too much was read of it."""
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
    """Where each sample lies: chunks (``stco``), how many samples each has (``stsc``), and their sizes (``stsz``)."""
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
