"""The chunks of a WAV that describe its format and where its samples are. Pure, except for reading the first 64 KB.

Layouts: IBM and Microsoft, Multimedia Programming Interface and Data Specifications 1.0 (1991); Sony Pictures Digital,
Sony Wave64 (names of 16 bytes, and sizes of 64 bits that count the 24 bytes of name and size).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

_LOOK_BYTES: Final = 65_536
_WAVE64: Final = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_GUID: Final = bytes.fromhex("f3acd3118cd100c04f8edb8a")
"""The last bytes of each chunk's name in Wave64; the four bytes before them are the name in a WAV."""


@dataclass(frozen=True, slots=True)
class WavChunks:
    """What the header says: the format's bytes, where the samples begin, and how many bytes they take."""

    form: bytes
    data_at: int
    data_bytes: int


def wav_chunks(file: BinaryIO) -> WavChunks | None:
    """The chunks of a file, read from its beginning; None for other files, and if the samples begin after 64 KB."""
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


def wave64_chunks(file: BinaryIO) -> WavChunks | None:
    """The same for a Sony Wave64."""
    head = file.read(_LOOK_BYTES)
    if head[:16] != _WAVE64 or head[24:40] != b"wave" + _GUID:
        return None
    at, form = 40, b""
    while at + 24 <= len(head):
        name, length = head[at : at + 16], int.from_bytes(head[at + 16 : at + 24], "little")
        if length < 24:
            return None
        if name == b"data" + _GUID:
            return WavChunks(form, at + 24, length - 24) if form else None
        if name == b"fmt " + _GUID:
            form = head[at + 24 : at + length]
        at += length + -length % 8
    return None
