"""The kind of a file or stream according to its first bytes, checked before libVLC is allowed to open it.

libVLC opens whatever a list names: an HLS or DASH manifest that is called ``rain.mp3`` makes web requests. So lists,
manifests, web pages and compressed data (libVLC would unpack a compressed list) never reach it. libVLC skips ID3 and
APE tags before it looks; so do these functions. Pure, except `look_into`, which reads the head of a file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import BinaryIO, Final

from player.audio.decoder.mp4_boxes import sample_kind

HEAD_BYTES: Final = 4096
_PACKED: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", b"\x1f\x9d")
_TEXTS: Final = (
    b"#extm3u", b"#ext-x-", b"[playlist]", b"[reference]", b"ffconcat", b"rtsptext", b"smiltext", b"v=0\r", b"v=0\n",
    b"<?xml", b"<asx", b"<mpd", b"<smoothstreamingmedia", b"<smil", b"<playlist", b"<!doctype", b"<html", b"<rss",
    b"http://", b"https://", b"rtsp://", b"file:",
)  # fmt: skip
_MOST_TAGS: Final = 16
_MATROSKA: Final = b"\x1a\x45\xdf\xa3"
_MP4_BOXES: Final = frozenset({b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"uuid"})
_NEVER_DOUBLE: Final = (
    b"fLaC", b"OggS", b"\x0b\x77", b"\x7f\xfe\x80\x01", b"wvpk", b"TTA1", b"MAC ", b"MPCK", b"MP+", b"#!AMR", b"FLV",
    b"\x30\x26\xb2\x75", b"\x00\x00\x01", b"\x47",
)  # fmt: skip
"""Ogg, AC-3, DTS, WavPack, TTA, APE, Musepack, AMR, ASF, MPEG streams: codecs that have no 64-bit float."""
_MOST_METADATA_BYTES: Final = 32 << 20
"""libVLC holds the pictures of a FLAC more than three times: 354 MB for 100 MB, and the unit may take 320 MB."""


def is_list(head: bytes) -> bool:
    """Whether ``head`` begins a text that names other addresses: a playlist, manifest or web page; also in UTF-16."""
    text = head[:HEAD_BYTES].replace(b"\0", b"").removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe")
    text = text.removeprefix(b"\xfe\xff").lstrip().lower()
    return text.startswith(_TEXTS) or (text.startswith(b"<") and b"<mpd" in text)


def is_packed(head: bytes) -> bool:
    """Whether ``head`` begins compressed data (gzip, bzip2, xz, zstd, compress)."""
    return head.startswith(_PACKED)


def tag_bytes(head: bytes) -> int:
    """Length of the ID3v2 or APEv2 tag that ``head`` begins with, 0 for none (ID3v2.4 section 3.1, APEv2 header)."""
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
        refusal: why it must not be given to libVLC, a phrase that follows its name; None if it may be given.
        may_be_double: it may hold 64-bit float. The soxr resampler of libVLC 3 corrupts the heap with it.
        states_length: its container states its length. That of an MP3 or AAC may be a guess from the file's size,
            whatever the file is called.
    """

    refusal: str | None
    may_be_double: bool = False
    states_length: bool = False


def look_into(path: str) -> FileContent:
    """Read the head of a file, and what follows its tags."""
    try:
        with open(path, "rb") as file:
            first = file.read(HEAD_BYTES)
            head = _head_behind_tags(file, first)
            metadata_bytes = _flac_metadata_bytes(file) if first.startswith(b"fLaC") else 0
            may_be_double = _may_be_double(file, head)
    except OSError as fault:
        return FileContent(f"cannot be read: {fault.strerror}")
    if is_list(head):
        return FileContent("is a playlist, a web page or a manifest, not sound")
    if metadata_bytes > _MOST_METADATA_BYTES:
        most_mb = _MOST_METADATA_BYTES >> 20
        return FileContent(
            f"has {metadata_bytes >> 20} MB of pictures and tags in it; at most {most_mb} MB are allowed"
        )
    return FileContent("is a compressed archive" if is_packed(head) else None, may_be_double, _states_length(head))


def _states_length(head: bytes) -> bool:
    is_wav = head[:4] in {b"RIFF", b"RF64"} and head[8:12] == b"WAVE"
    return is_wav or head[4:8] in _MP4_BOXES or head.startswith((b"fLaC", b"FORM", b"caff", _MATROSKA))


def _flac_metadata_bytes(file: BinaryIO) -> int:
    """Length of what precedes the sound of a FLAC (RFC 9639 section 8.1); beyond eight times the limit it stops."""
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


def _may_be_double(file: BinaryIO, head: bytes) -> bool:
    """Whether the content after the tags may be 64-bit float; True for unknown kinds and if the head is unclear."""
    if head[4:8] in _MP4_BOXES:
        return sample_kind(file) in {b"", b"fl64", b"lpcm"}
    if head.startswith((b"RIFF", b"RF64", b"riff")):
        bits_at = 38 if head.startswith(b"riff") else 22
        kinds = [found.start() for found in re.finditer(b"fmt ", head)]
        return not kinds or any(head[at + bits_at : at + bits_at + 2] in {b"", b"\x40\0"} for at in kinds)
    if head.startswith(b"FORM"):
        return b"COMM" not in head or b"fl64" in head.lower()
    if head.startswith(_MATROSKA):
        return b"A_PCM/FLOAT" in head or b"A_" not in head
    is_mpeg_audio = head[:1] == b"\xff" and head[1:2] >= b"\xe0"
    return not (is_mpeg_audio or head.startswith(_NEVER_DOUBLE))


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
