"""What the first bytes of a file or stream say that it is, before libVLC is allowed to look into it.

libVLC opens whatever a list names: an HLS or DASH manifest that is called ``rain.mp3`` makes web requests. So lists,
manifests, web pages and what is packed (a packed list would be unpacked) never reach it. libVLC skips ID3 and APE tags
before it looks; so do these functions. Pure, but for `look_into`, which reads the head of a file.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import BinaryIO, Final

HEAD_BYTES: Final = 4096
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x9d")
_TEXTS: Final = (
    b"#extm3u", b"#ext-x-", b"[playlist]", b"[reference]", b"ffconcat", b"rtsptext", b"smiltext", b"v=0\r", b"v=0\n",
    b"<?xml", b"<asx", b"<mpd", b"<smoothstreamingmedia", b"<smil", b"<playlist", b"<!doctype", b"<html", b"<rss",
    b"http://", b"https://", b"rtsp://", b"file:",
)  # fmt: skip
_MOST_TAGS: Final = 16
_MOST_METADATA_BYTES: Final = 32 << 20
"""libVLC holds the pictures of a FLAC more than three times: 354 MB for 100 MB, and the unit may take 320 MB."""


def is_list(head: bytes) -> bool:
    """Whether text begins here that names other places: a playlist, a manifest or a web page; UTF-16 included."""
    text = head[:HEAD_BYTES].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe")
    text = text.removeprefix(b"\xfe\xff").lstrip().lower()
    return text.startswith(_TEXTS) or (text.startswith(b"<") and b"<mpd" in text)


def is_packed(head: bytes) -> bool:
    """Whether packed data begins here (gzip, bzip2, xz, zstd, compress)."""
    return head.startswith(_PACKED)


def tag_bytes(head: bytes) -> int:
    """Length of the ID3v2 or APEv2 tag that begins here, 0 for none (ID3v2.4 section 3.1, APEv2 header)."""
    if head[:3] == b"ID3" and len(head) >= 10 and head[3] < 0xFF and head[4] < 0xFF:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(head[6:10], (21, 14, 7, 0), strict=True))
        return size + (20 if head[5] & 0x10 else 10)
    if head[:8] == b"APETAGEX" and len(head) >= 32:
        return int.from_bytes(head[12:16], "little") + 32
    return 0


@dataclass(frozen=True, slots=True)
class FileContent:
    """What the head of a file says.

    Attributes:
        refusal: why it must not be given to libVLC, to be read after its name; None if it may.
        may_be_double: it may hold 64-bit float: WAV, RF64 and W64 by their header, AIFF-C, CAF and Matroska by their
            kind. The soxr resampler of libVLC 3 corrupts the heap with it.
    """

    refusal: str | None
    may_be_double: bool = False


def look_into(path: str) -> FileContent:
    """Read the head of a file, and what follows its tags."""
    try:
        with open(path, "rb") as file:
            first = file.read(HEAD_BYTES)
            head = _head_behind_tags(file, first)
            metadata_bytes = _flac_metadata_bytes(file) if first.startswith(b"fLaC") else 0
    except OSError as fault:
        return FileContent(f"cannot be read: {fault.strerror}")
    if is_list(head):
        return FileContent("is a playlist, a web page or a manifest, not sound")
    if metadata_bytes > _MOST_METADATA_BYTES:
        most_mb = _MOST_METADATA_BYTES >> 20
        return FileContent(
            f"has {metadata_bytes >> 20} MB of pictures and tags in it; at most {most_mb} MB are allowed"
        )
    return FileContent("is a compressed archive" if is_packed(head) else None, _may_be_double(first))


def _flac_metadata_bytes(file: BinaryIO) -> int:
    """Length of what stands before the sound of a FLAC (RFC 9639 section 8.1), as far as it matters."""
    at = 4
    while at <= _MOST_METADATA_BYTES * 8:
        file.seek(at)
        head = file.read(4)
        if len(head) < 4 or head[0] == 0xFF:
            return at
        at += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return at
    return at


def _may_be_double(head: bytes) -> bool:
    if head.startswith((b"RIFF", b"RF64", b"riff")):
        at = head.find(b"fmt ")
        fields = head[at + (8 if not head.startswith(b"riff") else 24) :] if at >= 0 else b""
        return len(fields) < 16 or int.from_bytes(fields[14:16], "little") == 64
    is_aiff = head[:4] == b"FORM" and head[8:12] == b"AIFC" and b"fl64" in head.lower()
    return is_aiff or head.startswith(b"caff") or b"A_PCM/FLOAT" in head


def _head_behind_tags(file: BinaryIO, head: bytes) -> bytes:
    at = 0
    for _ in range(_MOST_TAGS):
        skipped = tag_bytes(head)
        if not skipped:
            break
        at += skipped
        file.seek(at, os.SEEK_SET)
        head = file.read(HEAD_BYTES)
    return head
