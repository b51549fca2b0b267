"""The length of files for which libVLC is often wrong: MP3, Ogg, ADTS, and ADPCM in WAV.

Runs on the keeper thread of a source, once for each file.

The length of an Ogg file is the time stamp of its last page. Why: libVLC 3 is wrong by up to a page or more (7.1 s for
9 s of Vorbis, 65.2 s for 60 s of Opus), so the next track would blend in at the wrong time.

Page layout: RFC 3533 section 6; the time stamp counts samples for Vorbis (rate in its first header, Vorbis I section
4.2.2), and samples at 48 kHz for Opus, those skipped at the start included (RFC 7845 sections 4 and 5.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from player.audio.decoder.adpcm_wav import adpcm_length
from player.audio.decoder.mp3_length import mp3_length
from player.core.events import is_web

_PAGE_BYTES: Final = 65_307
"""Size of the longest page."""


def ogg_length_s(path: Path) -> float | None:
    """Length of an Ogg Vorbis or Opus file in seconds; None for other contents, chained streams and broken files.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(128)
        file.seek(max(0, path.stat().st_size - 2 * _PAGE_BYTES))
        tail = file.read(2 * _PAGE_BYTES)
    timing = _timing(head)
    end = _last_stamp(tail, head[14:18])
    if timing is None or end is None:
        return None
    rate_hz, skipped = timing
    return max(0, end - skipped) / rate_hz


def _timing(head: bytes) -> tuple[int, int] | None:
    """Samples per second and samples skipped at the start, from the first header; None for other codecs."""
    if head[:4] != b"OggS" or len(head) < 64:
        return None
    first = head[27 + head[26] :]
    if first.startswith(b"OpusHead"):
        return 48_000, int.from_bytes(first[10:12], "little")
    rate_hz = int.from_bytes(first[12:16], "little")
    return (rate_hz, 0) if first.startswith(b"\x01vorbis") and rate_hz else None


def _last_stamp(tail: bytes, serial: bytes) -> int | None:
    """The last time stamp of the stream with this serial number; None if the file ends with another stream."""
    at = len(tail)
    while (at := tail.rfind(b"OggS", 0, at)) >= 0:
        stamp = int.from_bytes(tail[at + 6 : at + 14], "little", signed=True)
        if tail[at + 4 : at + 5] != b"\0" or len(tail) < at + 27 or stamp < 0:
            continue  # these four bytes within a packet, a truncated page, or a page on which no packet ends
        return stamp if tail[at + 14 : at + 18] == serial else None
    return None


OGG: Final = frozenset({".ogg", ".oga", ".opus"})
WAV: Final = frozenset({".wav", ".wave", ".w64"})
ADTS: Final = frozenset({".aac", ".adts"})


@dataclass(frozen=True, slots=True)
class TrackLength:
    """The length of a file, for formats where libVLC's own value is not reliable.

    Attributes:
        duration_s: length of the whole file, None if unknown. libVLC takes half of an MP3, the first part of a
            chained Ogg, and 104 s for an ADTS file of 100 s.
        start_scale: libVLC's value of a position divided by the true one; `start-time` must be multiplied by it.
    """

    duration_s: float | None
    start_scale: float = 1.0


def suffix_of(uri: str) -> str:
    """The extension of a file's name in lower case; empty for addresses."""
    return "" if is_web(uri) else Path(uri).suffix.lower()


def length_of(uri: str) -> TrackLength | None:
    """The length of a file; None if libVLC's own value is good.

    Raises:
        OSError: the file cannot be read.
    """
    suffix = suffix_of(uri)
    if suffix == ".mp3":
        told = mp3_length(Path(uri))
        return TrackLength(told.duration_s, told.start_scale)
    if suffix in OGG:
        return TrackLength(ogg_length_s(Path(uri)))
    if suffix in ADTS:
        return TrackLength(None)
    adpcm = adpcm_length(Path(uri)) if suffix in WAV else None
    return None if adpcm is None else TrackLength(*adpcm)
