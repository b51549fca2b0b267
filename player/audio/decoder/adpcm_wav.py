"""The length of a WAV with ADPCM, and the start time that libVLC must be given so that it starts at the right place.

Runs on the keeper thread of a source, once for each WAV.

Why: libVLC uses the bytes per second from the header. They are what the encoder was asked for and not what it
wrote (ffmpeg: 16,000 instead of 44,360), so 100 s count as 278 s, and a start at 60 s lands at 22 s. The number of
bytes and samples per block is reliable, because the file could not be decoded otherwise.

Layout: Microsoft, Multimedia Data Standards Update 3.0 (1994): after the usual 16 bytes of the format, the length of
what follows and the samples per block, for MS ADPCM (tag 2), IMA ADPCM (tag 0x11) and GSM 6.10 (tag 0x31).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from player.audio.decoder.wav_chunks import wav_chunks

_BLOCKS: Final = frozenset({0x0002, 0x0011, 0x0031})


def adpcm_length(path: Path) -> tuple[float, float] | None:
    """Length in seconds, and libVLC's value of a position divided by the true one; None for other contents.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        chunks, size = wav_chunks(file), os.fstat(file.fileno()).st_size
    if chunks is None or len(chunks.form) < 20 or int.from_bytes(chunks.form[:2], "little") not in _BLOCKS:
        return None
    rate_hz, told_bytes_per_s = (int.from_bytes(chunks.form[at : at + 4], "little") for at in (4, 8))
    block_bytes, block_frames = (int.from_bytes(chunks.form[at : at + 2], "little") for at in (12, 18))
    if not (rate_hz and told_bytes_per_s and block_bytes and block_frames):
        return None
    data_bytes = min(chunks.data_bytes, size - chunks.data_at)
    bytes_per_s = block_bytes * rate_hz / block_frames
    return data_bytes / bytes_per_s, bytes_per_s / told_bytes_per_s
