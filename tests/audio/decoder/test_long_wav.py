"""A WAV over 4 GiB: what its header becomes. The files are sparse: long, and small on the disk."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from player.audio.decoder.long_wav import long_wav
from player.audio.decoder.vlc_decoder import VlcDecoder

FORM = struct.pack("<HHIIHH", 1, 2, 48_000, 192_000, 4, 16)


def sparse(path: Path, size: int) -> Path:
    """A WAV with so many bytes of 16 bit stereo at 48 kHz, and a size field of 32 bits that has wrapped."""
    with path.open("wb") as file:
        file.write(b"RIFF" + struct.pack("<I", (size + 36) & 0xFFFFFFFF) + b"WAVEfmt " + struct.pack("<I", 16) + FORM)
        file.write(b"data" + struct.pack("<I", size & 0xFFFFFFFF))
        file.truncate(44 + size)
    return path


def test_sizes_become_64_bit_and_samples_stay(tmp_path: Path) -> None:
    """The new header tells the true size, and the bytes behind it are those of the file."""
    size = (1 << 32) + 192_000
    path = sparse(tmp_path / "a.wav", size)
    with path.open("r+b") as file:
        file.seek(44)
        file.write(b"first!")
    with path.open("rb") as file:
        long = long_wav(file)
        assert long is not None
        head = long.read(1 << 16)
        assert (head[:4], head[12:16], int.from_bytes(head[28:36], "little")) == (b"RF64", b"ds64", size)
        assert long.read(6) == b"first!"
        assert long.size == len(head) + size
        assert long.seek(len(head) + size)
        assert long.read(10) == b""


def test_a_true_header_is_left_alone(tmp_path: Path) -> None:
    """A short file is played as it is."""
    with sparse(tmp_path / "a.wav", 192_000).open("rb") as file:
        assert long_wav(file) is None


@pytest.mark.live
@pytest.mark.slow
def test_all_of_it_plays(tmp_path: Path) -> None:
    """Six hours and 70 s, of which the wrapped size told 70 s; a start near the end finds sound as well."""
    path = sparse(tmp_path / "a.wav", (1 << 32) + 70 * 192_000)
    for start_s in (0.0, 22_400.0):
        source = VlcDecoder().open(str(path), start_s)
        assert source.wait_ready(96_000, 20.0)
        assert source.frames_ready() >= 96_000
        assert source.duration_s == pytest.approx(22_439.6, abs=0.1)
        source.close()
