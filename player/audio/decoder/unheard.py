"""What of a file libVLC leaves out: a second recording, or channels. Only headers are read.

A second recording comes after the end of the first, as after ``cat one.wav two.wav > both.wav``: libVLC plays only the
first one of such a WAV, AIFF, Matroska, TTA or WavPack, as their headers say. Of a WAV whose channels it cannot place
(more than eight, or five or seven without a mask that says where they belong) libVLC plays the first two, and of an
AIFF with more than eight as well; so it is with third-order ambisonics. Seen with libVLC 3.0.

Layouts: RIFF and AIFF (IFF), RFC 8794 and RFC 9559 (EBML, Matroska), TTA1 by the True Audio project, WavPack 5, APEv2.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

JOINED: Final = "holds another recording after its end, which is not played; make two files of it"
CHANNELS: Final = "has {} channels, of which only the first two are heard; mix them down to two"
_MOST_CHANNELS: Final = 8
_UNPLACED: Final = frozenset({5, 7})
_EXTENSIBLE: Final = 0xFFFE
_MOST_CHUNKS: Final = 100
_EBML: Final = b"\x1a\x45\xdf\xa3"
_SEGMENT: Final = b"\x18\x53\x80\x67"
_WAVPACK: Final = struct.Struct("<4sIHBBIII")
WAVPACK_HEAD_BYTES: Final = _WAVPACK.size
_MOST_BLOCKS: Final = 100_000
"""Maximum number of blocks or frames that are read: half a day of sound."""


def unheard(path: str) -> str | None:
    """What is left out, for people; None for other files, and for those that cannot be read."""
    try:
        with open(path, "rb") as file:
            if _is_joined(file):
                return JOINED
            file.seek(0)
            channels = _lost_channels(file)
            return None if channels is None else CHANNELS.format(channels)
    except (OSError, struct.error):
        return None


def _lost_channels(file: BinaryIO) -> int | None:
    """The number of channels where not all of them are heard."""
    head = file.read(12)
    is_wav = head[:4] == b"RIFF" and head[8:] == b"WAVE"
    if not is_wav and not (head[:4] == b"FORM" and head[8:] in {b"AIFF", b"AIFC"}):
        return None
    for _ in range(_MOST_CHUNKS):
        name, length = struct.unpack("<4sI" if is_wav else ">4sI", file.read(8))
        if name == b"fmt ":
            form, channels = struct.unpack("<HH", file.read(4))
            is_unplaced = form != _EXTENSIBLE and channels in _UNPLACED
            return channels if channels > _MOST_CHANNELS or is_unplaced else None
        if name == b"COMM":
            (channels,) = struct.unpack(">H", file.read(2))
            return channels if channels > _MOST_CHANNELS else None
        file.seek(length + length % 2, os.SEEK_CUR)
    return None


def _is_joined(file: BinaryIO) -> bool:
    head = file.read(22)
    magic, form = head[:4], head[8:12]
    match magic:
        case b"RIFF" if form == b"WAVE":
            return _has_at(file, _after(int.from_bytes(head[4:8], "little")), magic)
        case b"FORM" if form in {b"AIFF", b"AIFC"}:
            return _has_at(file, _after(int.from_bytes(head[4:8], "big")), magic)
        case b"TTA1":
            return _has_at(file, end_of_tta(file, head), magic)
        case b"wvpk":
            return _begins_again(file)
        case _:
            return magic == _EBML and _has_at(file, _end_of_matroska(file), magic)


def _after(length: int) -> int:
    """The end of an IFF file of that length, which is padded to an even number of bytes."""
    return 8 + length + length % 2


def _has_at(file: BinaryIO, end: int | None, magic: bytes) -> bool:
    if end is None:
        return False
    file.seek(_past_tags(file, end))
    return file.read(len(magic)) == magic


def _past_tags(file: BinaryIO, at: int) -> int:
    """The offset after an APEv2 tag and an ID3v1 tag, which may follow a recording."""
    file.seek(at)
    head = file.read(16)
    if head[:8] == b"APETAGEX":
        at += 32 + int.from_bytes(head[12:], "little")
        file.seek(at)
        head = file.read(3)
    return at + 128 if head[:3] == b"TAG" else at


def end_of_tta(file: BinaryIO, head: bytes) -> int | None:
    """The offset after the header, the table of the frames' lengths, and the frames."""
    rate, samples = int.from_bytes(head[10:14], "little"), int.from_bytes(head[14:18], "little")
    frames = -(-samples // (256 * rate // 245)) if rate else _MOST_BLOCKS
    if frames >= _MOST_BLOCKS:
        return None
    lengths: tuple[int, ...] = struct.unpack(f"<{frames}I", file.read(4 * frames))
    return 22 + 4 * frames + 4 + sum(lengths)


def _end_of_matroska(file: BinaryIO) -> int | None:
    """The offset after the segment; None if its length is unknown."""
    file.seek(4)
    length = _number(file)
    if length is None:
        return None
    file.seek(length, os.SEEK_CUR)
    if file.read(4) != _SEGMENT:
        return None
    length = _number(file)
    return None if length is None else file.tell() + length


def _number(file: BinaryIO) -> int | None:
    """An EBML number: its first byte has as many leading zeros as bytes follow; all ones mean an unknown length."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    more = 8 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0x7F >> more)]) + file.read(more), "big")
    return None if value == (1 << 7 * (more + 1)) - 1 else value


@dataclass(frozen=True, slots=True)
class WavpackBlock:
    """A block: the number of its first sample, how many it has, and the offset of its end, as its header says.

    One without samples holds what belongs to the whole recording, and may stand behind the others.
    """

    index: int
    samples: int
    end: int


def wavpack_blocks(file: BinaryIO) -> Iterator[WavpackBlock]:
    """The blocks of a WavPack file up to its tags."""
    at = 0
    for _ in range(_MOST_BLOCKS):
        file.seek(at)
        head = file.read(_WAVPACK.size)
        if len(head) < _WAVPACK.size:
            return
        magic, length, *_, index, samples = _WAVPACK.unpack(head)
        if magic != b"wvpk" or length < _WAVPACK.size - 8:
            return
        at += 8 + length
        yield WavpackBlock(index, samples, at)


def _begins_again(file: BinaryIO) -> bool:
    """Whether a WavPack file contains another first block after later ones, or after tags."""
    at, last = 0, 0
    for block in wavpack_blocks(file):
        at = block.end
        if block.samples:
            if block.index < last:
                return not block.index
            last = block.index
    return _past_tags(file, at) > at and _has_at(file, at, b"wvpk")
