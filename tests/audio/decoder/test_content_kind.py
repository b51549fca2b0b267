"""What the head of a file says, before libVLC looks into it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from player.audio.decoder.content_kind import look_into
from tests.audio_files import encode, noise
from tests.paths import ROOT


@pytest.mark.parametrize(("pictures", "is_refused"), [(1, False), (6, True)])
def test_a_flac_with_too_many_pictures_is_refused(tmp_path: Path, pictures: int, is_refused: bool) -> None:
    """Blocks of 16 MB each; with 96 MB of them libVLC takes 354 MB."""
    path = tmp_path / "a.flac"
    with path.open("wb") as file:
        file.write(b"fLaC" + bytes([0]) + (34).to_bytes(3, "big") + bytes(34))
        for number in range(pictures):
            file.write(bytes([6 | (0x80 if number == pictures - 1 else 0)]) + (16_000_000).to_bytes(3, "big"))
            file.seek(16_000_000, 1)
        file.write(b"\xff\xf8")
    expected = "has 91 MB of pictures and tags in it; at most 32 MB are allowed"
    assert look_into(str(path)).refusal == (expected if is_refused else None)


ID3 = b"ID3\3\0\0" + bytes([0, 0, 0x27, 0x10]) + bytes(5008)
"""A tag of 5,018 bytes: more than is read at once."""


def wav(bits: int, name: bytes = b"RIFF") -> bytes:
    fields = bytes([3, 0, 2, 0]) + bytes(10) + bytes([bits, 0])
    return name + bytes(4) + b"WAVELIST" + (8).to_bytes(4, "little") + b"the fmt fmt " + bytes([16, 0, 0, 0]) + fields


def aiff(kind: bytes, comment: bytes = b"") -> bytes:
    return b"FORM" + bytes(4) + b"AIFC" + comment + b"COMM" + bytes(22) + kind


def mp4(kind: bytes, first: bytes = b"") -> bytes:
    """An MP4 with one track with sound, whose index comes after 10,000 bytes of samples."""
    track = box(b"mdia", box(b"hdlr", bytes(8) + b"soun" + bytes(12)) + box(b"minf", box(b"stbl", stsd(kind))))
    return first + box(b"mdat", bytes(10_000)) + box(b"moov", box(b"trak", track))


def box(name: bytes, data: bytes) -> bytes:
    return (len(data) + 8).to_bytes(4, "big") + name + data


def stsd(kind: bytes) -> bytes:
    return box(b"stsd", bytes(7) + b"\1" + bytes(3) + b"\x40" + kind + bytes(56))


MATROSKA = b"\x1a\x45\xdf\xa3"


BEYOND = bytes([0, 0, 0, 1]) + b"mdat" + b"\xff" * 8 + bytes(50)
"""A box of a damaged file that ends where no file can."""


@pytest.mark.parametrize(
    ("data", "may_be"),
    [
        (wav(64), True), (wav(32), False), (wav(64, b"RF64"), True), (ID3 + wav(64), True), (ID3 + wav(32), False),
        (b"RIFF" + bytes(4) + b"WAVE" + bytes(5000), True), (b"RIFF" + bytes(4) + b"AVI LIST" + bytes(500), True),
        (aiff(b"fl64"), True), (aiff(b"FL64"), True), (aiff(b"sowt"), False), (ID3 + aiff(b"fl64"), True),
        (aiff(b"sowt", b"ANNO" + bytes(5000)), True),
        (mp4(b"fl64"), True), (mp4(b"lpcm"), True), (mp4(b"mp4a"), False), (mp4(b"alac", box(b"ftyp", b"M4A ")), False),
        (mp4(b"mp4a") + BEYOND, False), (box(b"ftyp", b"M4A ") + BEYOND, True),
        (box(b"ftyp", b"M4A ") + bytes(900), True), (ID3 + mp4(b"mp4a"), True),
        (MATROSKA + b"A_PCM/FLOAT/IEEE", True), (MATROSKA + bytes(5000) + b"A_VORBIS", True),
        (MATROSKA + b"A_VORBIS", False), (b"caff" + bytes(99), True), (b"nut/multimedia container", True),
        (b"\xff\xfb\x90\0", False), (ID3 + b"\xff\xfb\x90\0", False), (b"fLaC", False), (b"OggS", False),
        (b"never seen", True), (b"", True),
    ],
)  # fmt: skip
def test_what_may_be_64_bit_float_is_kept_away_from_soxr(tmp_path: Path, data: bytes, *, may_be: bool) -> None:
    """By what stands behind tags; what is not known, and what the head does not tell, counts as such."""
    path = tmp_path / "a"
    path.write_bytes(data)
    assert look_into(str(path)).may_be_double is may_be


DECODE = """
import sys
from player.audio.decoder.vlc_decoder import VlcDecoder
source = VlcDecoder().open(sys.argv[1])
while not source.is_finished() or source.frames_ready():
    assert source.wait_ready(4800, 30.0)
    source.read(48_000)
"""


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["mov", "nut", "aiff", "mka", "wav"])
def test_64_bit_float_at_48_khz_does_not_end_the_process(tmp_path: Path, suffix: str) -> None:
    """In every container that libVLC takes it in, with a long comment before the sound where that can be."""
    path, comment = tmp_path / f"a.{suffix}", "x" * 9000
    kind = "pcm_f64be" if suffix == "aiff" else "pcm_f64le"
    options = ("-c:a", kind, "-metadata", f"comment={comment}", "-write_id3v2", "1")
    encode(path, noise(8.0), *options[: 6 if suffix == "aiff" else 4])
    subprocess.run([sys.executable, "-c", DECODE, str(path)], cwd=ROOT, check=True, timeout=120)
