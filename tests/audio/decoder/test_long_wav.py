"""A WAV over 4 GiB and a Sony Wave64: what their headers become. The long files are sparse: small on the disk."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from player.audio.decoder.long_wav import long_wav
from player.audio.decoder.vlc_decoder import VlcDecoder

FORM = struct.pack("<HHIIHH", 1, 2, 48_000, 192_000, 4, 16)

GUID = bytes.fromhex("f3acd3118cd100c04f8edb8a")


def wave64(path: Path, form: bytes, sound: bytes) -> Path:
    """A Sony Wave64 with a chunk of 9 bytes before the format, as an editor may leave one."""
    body = b"".join(
        name + GUID + struct.pack("<Q", 24 + len(data)) + data + bytes(-len(data) % 8)
        for name, data in ((b"junk", b"x" * 9), (b"fmt ", form), (b"data", sound))
    )
    head = bytes.fromhex("726966662e91cf11a5d628db04c10000")
    path.write_bytes(head + struct.pack("<Q", 40 + len(body)) + b"wave" + GUID + body + b"behind the sound")
    return path


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


def test_a_wave64_becomes_a_wav_of_its_samples_alone(tmp_path: Path) -> None:
    """The format's bytes and the samples are kept; what stands around them is left out."""
    with wave64(tmp_path / "a.w64", FORM, b"12345678").open("rb") as file:
        long = long_wav(file)
        assert long is not None
        head = long.read(1 << 16)
        assert (head[:4], FORM in head, int.from_bytes(head[28:36], "little")) == (b"RF64", True, 8)
        assert long.size == len(head) + 8


@pytest.mark.parametrize("cut", [0, 15, 39, 60, 110])
def test_a_wave64_that_ends_in_its_header_is_left_to_libvlc(tmp_path: Path, cut: int) -> None:
    """Nothing is raised."""
    path = wave64(tmp_path / "a.w64", FORM, b"12345678")
    path.write_bytes(path.read_bytes()[:cut])
    with path.open("rb") as file:
        assert long_wav(file) is None


@pytest.mark.live
@pytest.mark.parametrize(("code", "kind"), [(1, "<i2"), (1, "<i4"), (3, "<f4"), (3, "<f8")])
def test_a_wave64_plays_from_any_place(tmp_path: Path, code: int, kind: str) -> None:
    """16, 32 bit and float of 32 and 64 bit, from the beginning and from the middle: libVLC itself plays none."""
    wide = np.dtype(kind).itemsize
    ramp = np.repeat(np.arange(96_000) / 192_000.0, 2)
    samples = (ramp * (1.0 if code == 3 else np.iinfo(kind).max)).astype(kind)
    form = struct.pack("<HHIIHH", code, 2, 48_000, 48_000 * 2 * wide, 2 * wide, 8 * wide)
    path = wave64(tmp_path / "a.w64", form, samples.tobytes())
    for start_s in (0.0, 1.0):
        source = VlcDecoder().open(str(path), start_s)
        assert source.wait_ready(24_000, 20.0)
        assert source.read(24_000)[23_000, 0] == pytest.approx((start_s * 48_000 + 23_000) / 192_000, abs=1e-3)
        assert source.duration_s == pytest.approx(2.0, abs=0.01)
        source.close()
