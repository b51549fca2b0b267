"""What the boxes of an MP4, M4A or MOV state about its sound. Reads only the heads of boxes.

Layout: ISO/IEC 14496-12; in a sample description (``stsd``) the format of the samples is at byte 12.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import BinaryIO, Final

_MOST_BOXES: Final = 10_000
_BOX_BYTES: Final = 32


def number(data: bytes, at: int) -> int:
    """The 32-bit big-endian number at an offset."""
    return int.from_bytes(data[at : at + 4], "big")


def sound_track(file: BinaryIO) -> dict[bytes, bytes]:
    """The first bytes of the boxes of the first track with sound, by name; empty without such a track."""
    boxes: dict[bytes, bytes] = {}
    for name, data in _boxes(file, os.fstat(file.fileno()).st_size):
        if name == b"trak":
            if boxes.get(b"hdlr", b"")[8:12] == b"soun":
                break
            boxes = {}
        boxes.setdefault(name, data)
    return boxes if boxes.get(b"hdlr", b"")[8:12] == b"soun" else {}


_CONTAINERS: Final = frozenset({b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts"})


def _boxes(file: BinaryIO, end: int) -> Iterator[tuple[bytes, bytes]]:
    """All boxes in order, including those in containers: the name, and the first bytes after the head."""
    at = 0
    for _ in range(_MOST_BOXES):
        if at >= end:
            return
        file.seek(at)
        head = file.read(8)
        size, name = number(head, 0), head[4:8]
        if len(head) < 8:
            return
        data = file.read(_BOX_BYTES)
        if size == 1:  # 64 bits follow
            size = int.from_bytes(data[:8], "big")
        if name not in _CONTAINERS and size < 8:
            return
        yield name, data
        at += 8 if name in _CONTAINERS else size


def sample_kind(file: BinaryIO) -> bytes:
    """The four-letter code of the samples' format, such as ``mp4a``; empty if it is not stated."""
    return sound_track(file).get(b"stsd", b"")[12:16]
