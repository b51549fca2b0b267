"""A WAV of more than 4 GiB, whose 32-bit size has wrapped, as the RF64 (EBU Tech 3306) that it should have been.

libVLC plays as much as the header says: 70 s of six hours, and nothing of a Sony Wave64. Such files are given to it
through this class instead: a new header with 64-bit sizes, and then the samples as they are in the file. Called by
libVLC's input thread.
"""

from __future__ import annotations

import os
import struct
from typing import BinaryIO, Final

from player.audio.decoder.wav_chunks import wav_chunks, wave64_chunks

_WRAPPED: Final = 1 << 32
_UNKNOWN: Final = 0xFFFFFFFF


class LongWav:
    """The file's samples after a header with correct sizes.

    Attributes:
        size: bytes in all.
    """

    def __init__(self, file: BinaryIO, form: bytes, begin: int, end: int) -> None:
        self._file = file
        self._begin = begin
        sizes = struct.pack("<QQQI", end - begin + len(form) + 64, end - begin, 0, 0)
        self._head = b"RF64" + struct.pack("<I", _UNKNOWN) + b"WAVEds64" + struct.pack("<I", len(sizes)) + sizes
        self._head += b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", _UNKNOWN)
        self.size: int | None = len(self._head) + end - begin
        self._at = 0

    def read(self, most: int) -> bytes:
        """Up to ``most`` bytes; none at the end."""
        data = self._head[self._at : self._at + most]
        if not data:
            self._file.seek(self._begin + self._at - len(self._head))
            data = self._file.read(most)
        self._at += len(data)
        return data

    def seek(self, at: int) -> bool:
        """Continue at another byte."""
        self._at = at
        return True

    def close(self) -> None:
        """Does nothing: no call blocks, and whoever opened the file closes it."""


def long_wav(file: BinaryIO) -> LongWav | None:
    """The file with a corrected header; None if libVLC plays it correctly as it is, and for files that are not WAVs."""
    size = os.fstat(file.fileno()).st_size
    wave64 = wave64_chunks(file)
    if wave64 is not None:
        return LongWav(file, wave64.form, wave64.data_at, min(size, wave64.data_at + wave64.data_bytes))
    file.seek(0)
    chunks = wav_chunks(file) if size >= _WRAPPED else None
    if chunks is None or chunks.data_at + chunks.data_bytes >= size - _WRAPPED // 2:
        return None
    return LongWav(file, chunks.form, chunks.data_at, size)
