"""The length of an MP3 file, and the start time that libVLC must be given so that it starts at the right place.

Runs on the keeper thread of a source, once for each MP3; reads at most 64 KB after the ID3 tag, and 256 KB more of a
file without a length header whose bit rate varies.

Why: libVLC's own MP3 reader understands the length header of encoders only when it is called ``Xing`` (VBR). If it
is called ``Info`` (CBR: LAME, ffmpeg) libVLC takes the bit rate of the header's own frame for that of the file, so a
20 s file by ffmpeg at 128 kbit/s counts as 40 s, and a start at 10 s lands at 5 s. Without any header a VBR file is
wrong as well (8.8 s for 19.5 s), and a start at 60 s of 100 s finds nothing. libVLC's other reader (avformat) is
correct but costs 13 MB of memory.

Layout of the frame header: ISO/IEC 11172-3 section 2.4.2.3; of the Xing header: after the side information, a tag,
flags, then the numbers of frames (flag 1) and bytes (flag 2), all big-endian 32 bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

_LOOK_BYTES: Final = 65_536
_LOOKS: Final = 32
_MOST_TAG_BYTES: Final = 16_384
"""Up to this many bytes after the stated end count as tags, and more as a second file."""
_KBITS: Final = {
    True: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Layer III bit rates in kbit/s: MPEG 1, and MPEG 2 and 2.5."""
_RATES_HZ: Final = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


@dataclass(frozen=True, slots=True)
class Mp3Length:
    """What is known about an MP3 file.

    Attributes:
        duration_s: length of the whole file, None if unknown.
        start_scale: libVLC's value of a position divided by the true one; `start-time` must be multiplied by it.
    """

    duration_s: float | None
    start_scale: float = 1.0


@dataclass(frozen=True, slots=True)
class _Frame:
    bits_per_s: int
    rate_hz: int
    samples: int
    size: int
    side_bytes: int


def mp3_length(path: Path) -> Mp3Length:
    """Length of an MP3 file, from its Xing or Info header, or from its bit rate if every frame seen has the same.

    Raises:
        OSError: the file cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        offset, head = _beginning(file, _LOOK_BYTES)
    frames = list(_frames(head))
    if len(frames) < 3:
        return Mp3Length(None)
    at, first = frames[0]
    stream_bytes = size - offset - at
    if told := _told(head[at:], first, stream_bytes):
        return told
    if len({frame.bits_per_s for _, frame in frames}) == 1:
        return Mp3Length(stream_bytes * 8 / first.bits_per_s)
    return Mp3Length(None, _mean_bits_per_s(path, offset + at, stream_bytes) / first.bits_per_s)


def _mean_bits_per_s(path: Path, begin: int, stream_bytes: int) -> float:
    """Approximate bit rate of a file without a length header, from samples across the file: accurate to a few per cent.

    That is too coarse for a length, at which the next track would begin, but good enough for a start position.
    libVLC takes the bit rate of the first frame, often the highest of all, and would seek beyond the file's end.
    """
    seen_bits, seen_s = 0, 0.0
    with path.open("rb") as file:
        for number in range(_LOOKS):
            file.seek(begin + stream_bytes * number // _LOOKS)
            for _, frame in _frames(file.read(_LOOK_BYTES // 8)):
                seen_bits += frame.size * 8
                seen_s += frame.samples / frame.rate_hz
    return seen_bits / seen_s


def _told(head: bytes, first: _Frame, stream_bytes: int) -> Mp3Length | None:
    """The length from the Xing or Info header in the first frame, None without one."""
    header = _header(head, first)
    if header is None:
        return None
    tag, duration_s, told_bytes = header
    if told_bytes and stream_bytes > 1.02 * told_bytes + _MOST_TAG_BYTES:  # several files, one after the other
        return Mp3Length(duration_s * stream_bytes / told_bytes)
    if tag == b"Xing" and told_bytes:
        return Mp3Length(duration_s)
    return Mp3Length(duration_s, stream_bytes * 8 / duration_s / first.bits_per_s)


def _header(head: bytes, first: _Frame) -> tuple[bytes, float, int] | None:
    """The tag, the seconds and the bytes (0: unknown) of the Xing or Info header in the first frame."""
    place = 4 + first.side_bytes
    tag, flags = head[place : place + 4], int.from_bytes(head[place + 4 : place + 8], "big")
    count = int.from_bytes(head[place + 8 : place + 12], "big")
    if tag not in {b"Xing", b"Info"} or not flags & 1 or not count:
        return None
    told_bytes = int.from_bytes(head[place + 12 : place + 16], "big") if flags & 2 else 0
    return tag, count * first.samples / first.rate_hz, told_bytes


def missing_s(file: BinaryIO, size: int) -> float:
    """Seconds that a file of ``size`` bytes lacks, by its Xing or Info header; 0 without one, and for other files."""
    offset, head = _beginning(file, _LOOK_BYTES // 8)
    at, first = next(_frames(head), (0, None))
    header = None if first is None else _header(head[at:], first)
    if header is None:
        return 0.0
    _, duration_s, told_bytes = header
    return duration_s * max(0.0, 1.0 - (size - offset - at) / told_bytes) if told_bytes else 0.0


def _beginning(file: BinaryIO, count: int) -> tuple[int, bytes]:
    """The offset behind the tag at the beginning of the file, and so many bytes from there."""
    file.seek(0)
    offset = _tag_bytes(file.read(10))
    file.seek(offset)
    return offset, file.read(count)


def _tag_bytes(head: bytes) -> int:
    """Length of the ID3v2 tag at the start: four bytes of seven bits, plus ten; a footer is skipped by `_frames`."""
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    return 10 + sum(byte << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))


def _frames(data: bytes) -> Iterator[tuple[int, _Frame]]:
    """Layer III frames and their offsets; the first one is a frame that is directly followed by another."""
    at, is_synced = 0, False
    while at + 4 <= len(data):
        frame = _frame(data[at : at + 4])
        if frame is not None and (is_synced or _frame(data[at + frame.size : at + frame.size + 4])):
            is_synced = True
            yield at, frame
            at += frame.size
        elif is_synced:
            return
        else:
            at += 1


def _frame(head: bytes) -> _Frame | None:
    """A Layer III frame header, None if these four bytes are not one."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE6 != 0xE2:
        return None
    version, kbit, rate = head[1] >> 3 & 3, head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or kbit in {0, 15} or rate == 3:
        return None
    is_first, is_mono = version == 3, head[3] >> 6 == 3
    bits_per_s = _KBITS[is_first][kbit] * 1000
    rate_hz = _RATES_HZ[version][rate]
    samples = 1152 if is_first else 576
    side_bytes = (17 if is_mono else 32) if is_first else (9 if is_mono else 17)
    return _Frame(bits_per_s, rate_hz, samples, samples // 8 * bits_per_s // rate_hz + (head[2] >> 1 & 1), side_bytes)
