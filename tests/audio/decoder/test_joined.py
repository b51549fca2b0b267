"""Files that hold more than one recording."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from player.audio.decoder.joined import JOINED, joined


def wav(samples: int = 100) -> bytes:
    form = struct.pack("<HHIIHH", 1, 1, 48_000, 96_000, 2, 16)
    chunks = b"WAVEfmt " + struct.pack("<I", 16) + form + b"data" + struct.pack("<I", 2 * samples) + bytes(2 * samples)
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def aiff() -> bytes:
    chunks = b"AIFF" + b"SSND" + struct.pack(">I", 9) + bytes(10)
    return b"FORM" + struct.pack(">I", len(chunks) - 1) + chunks


def tta(samples: int = 120_000) -> bytes:
    """Three frames: at 48 kHz each has 50,155 samples."""
    head = b"TTA1" + struct.pack("<HHHIII", 1, 1, 16, 48_000, samples, 0)
    return head + struct.pack("<IIII", 5, 6, 7, 0) + bytes(5 + 6 + 7)


def wavpack() -> bytes:
    """Three blocks of 100 samples."""
    blocks = (struct.pack("<4sIHBBII", b"wvpk", 34, 0x410, 0, 0, 300, index) + bytes(22) for index in (0, 100, 200))
    return b"".join(blocks)


def matroska(*, has_length: bool = True) -> bytes:
    """The length of the segment in eight bytes, or unknown, as in a live recording."""
    length = (1 << 56 | 50).to_bytes(8, "big") if has_length else b"\x01" + b"\xff" * 7
    return b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67" + length + bytes(50)


APE = b"APETAGEX" + struct.pack("<II", 2000, 40) + bytes(56)
ID3 = b"TAG" + bytes(125)
KINDS = {"wav": wav(), "odd.aiff": aiff(), "tta": tta(), "wv": wavpack(), "mka": matroska()}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tags", [b"", APE, ID3, APE + ID3])
def test_a_second_recording_behind_the_end_is_told(tmp_path: Path, kind: str, tags: bytes) -> None:
    """With tags between them or not; one recording alone, or cut short, holds no other."""
    whole, file = KINDS[kind], tmp_path / "file"
    file.write_bytes(whole + tags + whole)
    assert joined(str(file)) == JOINED
    for size in (*range(4, len(whole), 9), len(whole), len(whole + tags)):
        file.write_bytes((whole + tags)[:size])
        assert joined(str(file)) is None, size


def test_other_files_and_those_without_a_length_hold_no_other(tmp_path: Path) -> None:
    """What is not known is not told."""
    file, endless = tmp_path / "file", b"TTA1" + bytes(6) + struct.pack("<II", 1, 0xFFFFFFFF) + bytes(99)
    for content in (
        b"",
        b"no sound",
        bytes(1000),
        matroska(has_length=False) * 2,
        b"OggS" * 20,
        b"TTA1" + bytes(40),
        endless,
    ):
        file.write_bytes(content)
        assert joined(str(file)) is None
    assert joined(str(tmp_path)) is None
    assert joined(str(tmp_path / "none")) is None
