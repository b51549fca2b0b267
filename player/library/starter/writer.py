"""Writes the starter tracks: the synthesised beds as files, so that a first night needs no recordings of one's own.

Runs on whichever thread asks, in little memory; a minute of sound takes about 0.3 s on a desktop core. The format is
WAV, stereo, 48 kHz, 16 bit with TPDF dither: FLAC from libVLC 3.0 (mux=raw) carries no total length, so that a reader
cannot tell its duration. 192 kB a second: three tracks of a minute are 35 MB.
A file appears whole or not at all: it is written under a temporary name, synced, and renamed.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np

from player.audio.dsp.types import Block
from player.core.errors import LullError
from player.core.units import CHANNELS, RATE_HZ, to_frames
from player.library.starter.recipes import BEDS, Texture, render

Progress = Callable[[str, float], None]
"""Told the title of a track and how much of it is done, 0 to 1."""

DURATION_S: Final = 60.0
SEED: Final = 20
SAMPLE_BYTES: Final = 2
HEADER_BYTES: Final = 44
SPARE_BYTES: Final = 32 << 20
"""Left free on the disk, so that the state can still be saved."""


class StarterError(LullError, OSError):
    """The starter tracks cannot be written; ``filename`` is the path that failed."""

    def __str__(self) -> str:  # OSError's own begins with the number
        return f"{self.strerror}: {self.filename}"


def make_starter_library(folder: Path, progress: Progress, duration_s: float = DURATION_S) -> list[Path]:
    """Write the tracks that the folder lacks and return all of them, in the order of `BEDS`.

    An existing file is kept, so an interrupted run continues where it stopped.

    Raises:
        StarterError: no room, no permission, or the disk failed; whole files stay, the unfinished one is removed.
        ValueError: ``duration_s`` is below 10 s or no multiple of 5 ms.
    """
    paths = [folder / f"{bed.title}.wav" for bed in BEDS]
    try:
        with _opened(folder) as place:
            missing = [bed for bed, path in zip(BEDS, paths, strict=True) if not _is_there(path.name, place)]
            _check_room(folder, len(missing) * (to_frames(duration_s) * SAMPLE_BYTES * CHANNELS + HEADER_BYTES))
            for bed, path in zip(BEDS, paths, strict=True):
                if bed in missing:
                    _write_whole(bed, path, place, to_frames(duration_s), progress)
    except OSError as fault:
        if isinstance(fault, StarterError):
            raise
        number = fault.errno or errno.EIO
        reason = f"cannot write the starter tracks: {fault.strerror or fault}"
        raise StarterError(number, reason, str(fault.filename or folder)) from fault
    return paths


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """The folder, made where it is missing, as an open file: what is written goes there, whatever its name leads to.

    Root does not follow a link: it may lie in a folder that others can write.
    """
    folder.mkdir(parents=True, exist_ok=True)
    no_link = os.O_NOFOLLOW if os.geteuid() == 0 else 0
    try:
        place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | no_link)
    except OSError as fault:
        if no_link and folder.is_symlink():
            raise StarterError(
                errno.ELOOP, "the folder is a link, which root does not follow; name the folder itself", str(folder)
            ) from fault
        raise
    try:
        yield place
    finally:
        os.close(place)


def _is_there(name: str, place: int) -> bool:
    try:
        os.stat(name, dir_fd=place)
    except FileNotFoundError:
        return False
    return True


def _check_room(folder: Path, needed_bytes: int) -> None:
    """Raise StarterError when the disk would be full before the end."""
    free_bytes = shutil.disk_usage(folder).free
    if needed_bytes and free_bytes < needed_bytes + SPARE_BYTES:
        needed_mb, free_mb = (needed_bytes + SPARE_BYTES) / 1e6, free_bytes / 1e6
        reason = f"the starter tracks need {needed_mb:.0f} MB, only {free_mb:.0f} MB are free"
        raise StarterError(errno.ENOSPC, reason, str(folder))


def _write_whole(bed: Texture, path: Path, place: int, frames: int, progress: Progress) -> None:
    """Write one track under a temporary name and rename it; on any interruption the temporary file is removed."""
    part = f".{path.name}.part"
    try:
        _write(bed, part, place, frames, progress)
        os.replace(part, path.name, src_dir_fd=place, dst_dir_fd=place)
    except OSError as fault:
        fault.filename = str(path)
        raise
    finally:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=place)
    progress(bed.title, 1.0)


def _write(bed: Texture, part: str, place: int, frames: int, progress: Progress) -> None:
    """Render a track into a file and see it on the disk."""
    dither = np.random.SFC64(SEED)
    done = 0
    # never through a link: the folder may be writable for others, and the installer runs this as root
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=place)
    with open(os.open(part, flags, 0o644, dir_fd=place), "wb") as raw:
        with wave.open(raw, "wb") as out:
            out.setnchannels(CHANNELS)
            out.setsampwidth(SAMPLE_BYTES)
            out.setframerate(RATE_HZ)
            out.setnframes(frames)
            for chunk in render(bed, SEED, frames):
                out.writeframesraw(_to_16_bit(chunk, dither))
                progress(bed.title, done / frames)
                done += len(chunk)
        raw.flush()
        os.fsync(raw.fileno())


def _to_16_bit(chunk: Block, dither: np.random.SFC64) -> bytes:
    """Little-endian 16-bit samples; triangular dither of +-1 step makes the rounding error plain steady noise."""
    halves = dither.random_raw((chunk.size + 1) // 2).view(np.uint16)[: 2 * chunk.size].astype(np.float32) / 65536
    steps = chunk.ravel() * 32767 + halves[::2] - halves[1::2]
    return np.clip(np.rint(steps), -32768, 32767).astype("<i2").tobytes()
