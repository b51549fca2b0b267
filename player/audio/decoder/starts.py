"""Where libVLC must begin so that a track is heard from exactly the requested position.

Runs on the keeper thread of a source, once for each start in the middle of a file; reads headers only.

Why: libVLC is exact in WAV, AIFF and CAF with PCM. In other formats it lands early or late: up to 1 s early in Ogg,
0.1 s late in FLAC, 33 s early in an M4A of 100 s, and always at the beginning of an ADTS file. The planned
gain belongs to the frames of the track, so a wrong position means a wrong gain. So libVLC begins before the position,
at a known frame, and the frames in between are decoded and dropped:

* if packets have one length and the container states it (MP4, FLAC, ADTS): one packet before the one that contains the
  position. This needs the reader of libavformat, which finds packets exactly and costs 13 MB;
* otherwise at the beginning of the file, for positions up to `DROPPED_S`;
* at the beginning for any position if libVLC 3 crashes when it seeks: Speex in any container (its decoder resets what
  it has not created yet), and AVI and FLV (Vorbis or FLAC in AVI divides by zero), or if it finds no sound after a
  seek: VOC, RealAudio, and Opus in CAF. This took 0.3 s on a PC for 100 s.

Limitation: beyond `DROPPED_S` of other formats libVLC's own error remains: MP3 within 0.1 s (0.4 s with a variable
bit rate and no header), Matroska and WMA 0.2 s, WavPack 0.5 s, Ogg, TTA and MPEG-TS up to 1.4 s.

Layouts: ISO/IEC 14496-12 (MP4 boxes), RFC 9639 section 8.2 (FLAC), ISO/IEC 13818-7 section 6.2 (ADTS).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from player.audio.decoder.lengths import ADTS, WAV, TrackLength, suffix_of
from player.audio.decoder.mp4_boxes import number, sound_track
from player.core.events import is_web
from player.core.units import RATE_HZ, to_frames

DROPPED_S: Final = 60.0
"""Maximum that is decoded and dropped: 0.1 to 0.5 s of work for one core of a PC."""
_AVFORMAT: Final = "avformat,any"
_EXACT: Final = WAV | {".aif", ".aiff", ".aifc", ".au", ".snd"}
_HEAD_BYTES: Final = 1 << 16


@dataclass(frozen=True, slots=True)
class Start:
    """How to begin.

    Attributes:
        time_s: the start time for libVLC.
        dropped_frames: frames at 48 kHz that are decoded and dropped.
        demux: which reader libVLC should use.
    """

    time_s: float
    dropped_frames: int = 0
    demux: str = "any"


@dataclass(frozen=True, slots=True)
class _Packets:
    """Packets of one length: ``frames`` at ``rate_hz``; the first sample heard is ``ahead`` frames into the media."""

    frames: int
    rate_hz: int
    ahead: int = 0


def start_of(uri: str, start_s: float, length: TrackLength | None, web_head: bytes = b"") -> Start:
    """How to begin a file or an address at ``start_s``.

    Args:
        uri: the file or address.
        start_s: the position, in seconds.
        length: the result of `length_of` for it.
        web_head: the first bytes that an address delivers.

    Raises:
        OSError: the file cannot be read.
    """
    suffix = suffix_of(uri)
    if start_s <= 0:
        return Start(0.0)
    head = web_head if is_web(uri) else _head(Path(uri))
    if _cannot_seek(head):
        return Start(0.0, to_frames(start_s))
    if is_web(uri):
        return Start(start_s)
    if suffix in _EXACT and length is None:
        return Start(start_s)
    packets = _packets(Path(uri), suffix)
    if packets is not None:
        return _at_a_packet(packets, start_s)
    if start_s <= DROPPED_S:
        return Start(0.0, to_frames(start_s))
    scale = 1.0 if length is None else length.start_scale
    # libVLC's own Ogg reader seeks by the average bit rate: 8 s wrong after 250 s of Vorbis, and beyond the end of a
    # quiet file
    return Start(start_s * scale, demux=_AVFORMAT if head.startswith(b"OggS") else "any")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_HEAD_BYTES)


def _cannot_seek(head: bytes) -> bool:
    is_avi = head[:4] == b"RIFF" and head[8:11] == b"AVI"
    is_opus_caf = head[:4] == b"caff" and head[28:32] == b"opus"
    is_silent = is_opus_caf or head.startswith((b"Creative Voice File", b".ra\xfd", b".RMF"))
    return b"Speex   " in head or head[:3] == b"FLV" or is_avi or is_silent


def _at_a_packet(packets: _Packets, start_s: float) -> Start:
    """Start in the middle of the packet before the one with ``start_s``: rounding cannot lead to another packet."""
    # the whole packets before the first sample heard are never decoded; libVLC counts from the end of a part of one
    skipped, part = divmod(packets.ahead, packets.frames)
    counted_from = part - packets.frames if part else 0
    wanted = int(start_s * packets.rate_hz) + packets.ahead
    place = wanted // packets.frames - 1
    if place <= skipped:
        return Start(0.0, to_frames(start_s))
    time_s = ((place + 0.5) * packets.frames - packets.ahead - counted_from) / packets.rate_hz
    begin = (place - skipped) * packets.frames * RATE_HZ / packets.rate_hz
    return Start(time_s, to_frames(start_s) - round(begin), _AVFORMAT)


def _packets(path: Path, suffix: str) -> _Packets | None:
    """The packets of a file; None if it does not state them, or if their lengths differ."""
    reader = _READERS.get(suffix)
    if reader is None:
        return None
    with path.open("rb") as file:
        return reader(file)


def _flac(file: BinaryIO) -> _Packets | None:
    head = file.read(42)
    if head[:4] != b"fLaC" or len(head) < 42:
        return None
    least, most = (int.from_bytes(head[at : at + 2], "big") for at in (8, 10))
    rate_hz = int.from_bytes(head[18:21], "big") >> 4
    return _Packets(most, rate_hz) if least == most and most and rate_hz else None


_ADTS_RATES_HZ: Final = (96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000)


def _adts(file: BinaryIO) -> _Packets | None:
    head = file.read(4)
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
        return None
    rate = head[2] >> 2 & 15
    return _Packets(1024, _ADTS_RATES_HZ[rate]) if rate < len(_ADTS_RATES_HZ) else None


def _mp4(file: BinaryIO) -> _Packets | None:
    """The packets of the first track with sound; None if its table is empty (fragments) or their lengths differ."""
    track = sound_track(file)
    header, table, edits = (track.get(name, b"") for name in (b"mdhd", b"stts", b"elst"))
    rate_hz = number(header, 20 if header[:1] == b"\1" else 12)
    frames = number(table, 12)
    is_even = number(table, 4) == 1 or (number(table, 4) == 2 and number(table, 8) > 1)
    place = edits[16:24] if edits[:1] == b"\1" else edits[12:16]
    ahead = int.from_bytes(place, "big", signed=True)
    if not (rate_hz and frames and is_even) or number(edits, 4) > 1 or ahead < 0:
        return None
    # libavformat reads PCM, one frame a packet by the table, in packets of 1 024 frames
    return _Packets(frames if frames > 1 else 1024, rate_hz, ahead)


_READERS: Final[dict[str, Callable[[BinaryIO], _Packets | None]]] = {
    ".flac": _flac, **dict.fromkeys(ADTS, _adts), **dict.fromkeys((".m4a", ".m4b", ".m4r", ".mp4", ".mov"), _mp4),
}  # fmt: skip
