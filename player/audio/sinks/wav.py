"""The sink that writes a WAV file: float32, 48 kHz, stereo; for rehearsals, recordings and tests.

Runs on the engine thread. The file is valid at every moment: each block is appended first and the header that counts
it is written afterwards, so if the process is killed, the file on disk is a valid WAV without at most the last block.
(A power cut may lose what the kernel had not written yet.) Beyond 4 GiB, about three hours, the header becomes RF64
with the real length in a ds64 chunk, for which a JUNK chunk of the same size reserves the space from the start.
Sources: EBU Tech 3306 (RF64), Microsoft's Multimedia Programming Interface (RIFF WAVE, IEEE float, fact chunk).
"""

from __future__ import annotations

import os
import stat
import struct
from pathlib import Path
from typing import Final

import numpy as np

from player.audio.dsp.types import Block
from player.audio.sinks.pacing import Pacing
from player.core.clock import Clock
from player.core.errors import SinkError
from player.core.units import CHANNELS, RATE_HZ

FRAME_BYTES: Final = 4 * CHANNELS
_IEEE_FLOAT: Final = 3
_MAX_U32: Final = 0xFFFFFFFF
_DS64_BYTES: Final = 28
_MARK: Final = b"written by lull".ljust(_DS64_BYTES, b"\0")
"""Content of the JUNK chunk: identifies files that lull wrote; other files are never overwritten."""
HEADER_BYTES: Final = 12 + (8 + _DS64_BYTES) + (8 + 18) + (8 + 4) + 8


def wav_header(data_bytes: int) -> bytes:
    """The first `HEADER_BYTES` bytes of a file with ``data_bytes`` of samples: WAVE, or RF64 if 32 bits are too few."""
    riff_bytes = HEADER_BYTES - 8 + data_bytes
    frames = data_bytes // FRAME_BYTES
    fmt = struct.pack("<HHIIHHH", _IEEE_FLOAT, CHANNELS, RATE_HZ, RATE_HZ * FRAME_BYTES, FRAME_BYTES, 32, 0)
    if riff_bytes <= _MAX_U32:
        top = struct.pack("<4sI4s", b"RIFF", riff_bytes, b"WAVE")
        spare = struct.pack("<4sI", b"JUNK", _DS64_BYTES) + _MARK
    else:
        top = struct.pack("<4sI4s", b"RF64", _MAX_U32, b"WAVE")
        spare = struct.pack("<4sIQQQI", b"ds64", _DS64_BYTES, riff_bytes, data_bytes, frames, 0)
    fact = struct.pack("<4sII", b"fact", 4, min(frames, _MAX_U32))
    data = struct.pack("<4sI", b"data", data_bytes if riff_bytes <= _MAX_U32 else _MAX_U32)
    return top + spare + struct.pack("<4sI", b"fmt ", len(fmt)) + fmt + fact + data


def is_ours(header: bytes) -> bool:
    """Whether lull wrote a file with this header; an RF64 file (beyond 4 GiB) has no room for the mark."""
    known = wav_header(0 if header.startswith(b"RIFF") else _MAX_U32)
    spare = 20 + (_DS64_BYTES if header.startswith(b"RF64") else 0)
    fmt = 20 + _DS64_BYTES
    return len(header) == HEADER_BYTES and (header[8:20], header[spare : fmt + 26]) == (
        known[8:20],
        known[spare : fmt + 26],
    )


class WavSink:
    """A `Sink` into one file, which the first `open` starts anew and later ones continue.

    Args:
        path: the file; its folder must exist.
        clock: paces the writing like a sound card; None writes as fast as blocks come.
        buffer_s: the simulated device buffer when paced.
    """

    def __init__(self, path: Path, clock: Clock | None = None, buffer_s: float = 0.3) -> None:
        self._path = path
        self._clock = clock
        self._buffer_s = buffer_s
        self._file: int | None = None
        self._pace: Pacing | None = None
        self._is_begun = False
        self._data_bytes = 0

    @property
    def buffer_s(self) -> float:
        """The simulated buffer, in seconds; 0 when unpaced or closed."""
        return self._pace.buffer_s if self._pace else 0.0

    @property
    def delay_s(self) -> float:
        """What is in the simulated buffer, in seconds; 0 when unpaced or closed."""
        return self._pace.delay_s if self._pace else 0.0

    def open(self, buffer_times: int = 1) -> None:
        """Create the file, or continue it after a `close`, without the incomplete rest of a failed write.

        Raises:
            SinkError: the file cannot be written.
        """
        self.close()
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
            self._check_whose()
            os.ftruncate(self._file, HEADER_BYTES + self._data_bytes)
            self._put(wav_header(self._data_bytes), 0)
        except OSError as fault:
            self.close()
            raise self._error(fault) from fault
        self._is_begun = True
        self._pace = Pacing(self._clock, self._buffer_s * buffer_times) if self._clock else None

    def write(self, block: Block) -> None:
        """Append the block, then count it in the header.

        Raises:
            SinkError: the sink is closed, or the file cannot be written (disk full).
        """
        if self._file is None:
            raise SinkError(f"{self._path} is not open")
        assert block.dtype == np.float32, block.dtype
        assert block.shape[1:] == (CHANNELS,), block.shape
        samples = block.astype("<f4", copy=False).tobytes()
        try:
            self._put(samples, HEADER_BYTES + self._data_bytes)
            self._put(wav_header(self._data_bytes + len(samples)), 0)
        except OSError as fault:
            raise self._error(fault) from fault
        self._data_bytes += len(samples)
        if self._pace:
            self._pace.admit(len(block))

    def drain(self) -> None:
        """Wait until the simulated buffer is empty; the file itself needs no wait."""
        if self._pace:
            self._pace.drain()

    def close(self) -> None:
        """Close the file, which is complete already."""
        if self._file is not None:
            os.close(self._file)
        self._file = None
        self._pace = None

    def _check_whose(self) -> None:
        """Raises SinkError unless the file is new or was written by lull."""
        assert self._file is not None
        facts = os.fstat(self._file)
        if stat.S_ISREG(facts.st_mode) and (facts.st_size == 0 or is_ours(os.pread(self._file, HEADER_BYTES, 0))):
            return
        self.close()
        raise SinkError(f"{self._path} already exists and was not written by lull; choose another file or remove it")

    def _put(self, data: bytes, at_byte: int) -> None:
        """Write all of it; pwrite may take less at once when the disk is nearly full."""
        assert self._file is not None
        rest = memoryview(data)
        while rest:
            count = os.pwrite(self._file, rest, at_byte)
            rest, at_byte = rest[count:], at_byte + count

    def _error(self, fault: OSError) -> SinkError:
        return SinkError(f"cannot write {self._path}: {fault.strerror}")
