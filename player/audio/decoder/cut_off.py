"""Whether a file ends before its container says: a download or a copy that broke off. Only headers are read.

libVLC plays such a file to where it ends, and takes that for its length. Told only where the container makes it
certain: the size of the samples in a WAV (not of one that was written into a pipe, whose size is 0 or near 2 or 4 GiB),
the bytes in the Xing or Info header of an MP3, the last page of an Ogg, the table of frames of a TTA, the blocks of a
WavPack, the size of the packets in an ASF (WMA). A FLAC, an AIFF, a Matroska and an MP4 state a length of which the
sound that was decoded falls short (`player.audio.decoder.faults`).

Not known: of an Ogg that was cut between two pages (recordings of streams end so too), an MP3 without such a header,
and ADTS.

Layouts: see `player.audio.decoder.unheard` and `player.audio.decoder.lengths`; Advanced Systems Format (Microsoft).
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

from player.audio.decoder.faults import MISSING_S
from player.audio.decoder.mp3_length import missing_s
from player.audio.decoder.unheard import WAVPACK_HEAD_BYTES, end_of_tta, wavpack_blocks
from player.audio.decoder.wav_chunks import wav_chunks

CUT_OFF: Final = "lacks its end: the file is shorter than it says; copy or download it again"
_STREAMED: Final = 0x7F00_0000
"""A stated size of this many bytes or more may be what a program wrote that could not know it."""
_TAIL_BYTES: Final = 2 * 65_307
"""More than the longest page of an Ogg."""
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_DATA: Final = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")
_UNKNOWN_SAMPLES: Final = 0xFFFF_FFFF
_SLACK_SHARE: Final = 0.01


def cut_off(path: str) -> str | None:
    """What is wrong, for people; None for other files, and for those that cannot be read."""
    try:
        with open(path, "rb") as file:
            return CUT_OFF if _is_cut(file, os.fstat(file.fileno()).st_size) else None
    except (OSError, struct.error):
        return None


def _is_cut(file: BinaryIO, size: int) -> bool:
    head = file.read(22)
    file.seek(0)
    match head[:4]:
        case b"RIFF":
            return _is_cut_wav(file, size)
        case b"OggS":
            return _is_cut_ogg(file, size)
        case b"wvpk":
            return _is_cut_wavpack(file, size)
        case b"TTA1":
            file.seek(22)
            return _falls_short(size, end_of_tta(file, head))
        case _ if head[:16] == _ASF:
            return _falls_short(size, _end_of_asf(file))
        case _:
            return missing_s(file, size) > MISSING_S


def _falls_short(size: int, end: int | None) -> bool:
    return end is not None and end - size > _SLACK_SHARE * end


def _is_cut_wav(file: BinaryIO, size: int) -> bool:
    chunks = wav_chunks(file)
    if chunks is None or chunks.data_bytes >= _STREAMED or len(chunks.form) < 12:
        return False
    bytes_per_s = int.from_bytes(chunks.form[8:12], "little")
    return chunks.data_at + chunks.data_bytes - size > MISSING_S * bytes_per_s > 0


def _is_cut_ogg(file: BinaryIO, size: int) -> bool:
    """Whether the last page is longer than what is left of the file."""
    file.seek(max(0, size - _TAIL_BYTES))
    tail = file.read(_TAIL_BYTES)
    at = tail.rfind(b"OggS\0")
    page = tail[at:]
    if at < 0 or len(page) < 27:
        return at >= 0
    segments = page[27 : 27 + page[26]]
    return len(page) < 27 + page[26] + sum(segments)


def _is_cut_wavpack(file: BinaryIO, size: int) -> bool:
    """Whether the last block is not whole, or others should follow it where the file ends."""
    total = int.from_bytes(file.read(16)[12:], "little")
    if total == _UNKNOWN_SAMPLES:
        total = 0
    end, samples = 0, 0
    for block in wavpack_blocks(file):
        end, samples = block.end, max(samples, block.index + block.samples)
    return end > size or (samples < total * (1 - _SLACK_SHARE) and size - end < WAVPACK_HEAD_BYTES)


def _end_of_asf(file: BinaryIO) -> int | None:
    """The offset after the packets; None for a live recording, which states none."""
    data_at = int.from_bytes(file.read(24)[16:], "little")
    file.seek(data_at)
    head = file.read(24)
    length = int.from_bytes(head[16:], "little")
    return data_at + length if head[:16] == _ASF_DATA and 50 < length < 1 << 40 else None
