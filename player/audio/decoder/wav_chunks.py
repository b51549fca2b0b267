"""The chunks of a WAV that say what is in it and where. Pure, but for reading the first 64 KB.

Layout: IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

_LOOK_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class WavChunks:
    """What the header says: the format's bytes, where the samples begin, and how many bytes they take."""

    form: bytes
    data_at: int
    data_bytes: int


def wav_chunks(file: BinaryIO) -> WavChunks | None:
    """Of a file that stands at its beginning; None for other files, and where the samples begin behind 64 KB."""
    head = file.read(_LOOK_BYTES)
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at, form = 12, b""
    while at + 8 <= len(head):
        name, length = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        if name == b"data":
            return WavChunks(form, at + 8, length) if form else None
        if name == b"fmt ":
            form = head[at + 8 : at + 8 + length]
        at += 8 + length + length % 2
    return None
