"""Files of which libVLC leaves something out: a second recording, or channels."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from player.audio.decoder.unheard import CHANNELS, JOINED, unheard


def wav(samples: int = 100, channels: int = 1, kind: int = 1, before: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", kind, channels, 48_000, 96_000, 2, 16)
    chunks = (
        b"WAVE"
        + before
        + b"fmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", 2 * samples)
        + bytes(2 * samples)
    )
    return b"RIFF" + struct.pack("<I", len(chunks)) + chunks


def aiff(channels: int = 1) -> bytes:
    chunks = (
        b"AIFF" + b"COMM" + struct.pack(">IH", 18, channels) + bytes(16) + b"SSND" + struct.pack(">I", 9) + bytes(10)
    )
    return b"FORM" + struct.pack(">I", len(chunks) - 1) + chunks


def tta(samples: int = 120_000) -> bytes:
    """Three frames: at 48 kHz each has 50,155 samples."""
    head = b"TTA1" + struct.pack("<HHHIII", 1, 1, 16, 48_000, samples, 0)
    return head + struct.pack("<IIII", 5, 6, 7, 0) + bytes(5 + 6 + 7)


def wavpack() -> bytes:
    """Three blocks of 100 samples."""
    head = (b"wvpk", 34, 0x410, 0, 0, 300)
    blocks = (struct.pack("<4sIHBBIII", *head, index, 100) + bytes(18) for index in (0, 100, 200))
    return b"".join(blocks)


def matroska(*, has_length: bool = True) -> bytes:
    """The length of the segment in eight bytes, or unknown, as in a live recording."""
    length = (1 << 56 | 50).to_bytes(8, "big") if has_length else b"\x01" + b"\xff" * 7
    return b"\x1a\x45\xdf\xa3\x84abcd\x18\x53\x80\x67" + length + bytes(50)


APE = b"APETAGEX" + struct.pack("<II", 2000, 40) + bytes(56)
ID3 = b"TAG" + bytes(125)
KINDS = {"wav": wav(), "odd.aiff": aiff(), "tta": tta(), "wv": wavpack(), "mka": matroska()}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (wav(channels=16), 16),
        (wav(channels=9, kind=0xFFFE), 9),
        (wav(channels=5), 5),
        (wav(channels=7, before=b"JUNK\x03\0\0\0abcd"), 7),
        (aiff(10), 10),
        (wav(channels=5, kind=0xFFFE), None),
        (wav(channels=8), None),
        (wav(channels=2), None),
        (aiff(5), None),
    ],
)
def test_channels_that_are_not_heard_are_told(tmp_path: Path, content: bytes, told: int | None) -> None:
    """More than eight, and five or seven without a mask; a chunk before the format is passed over."""
    file = tmp_path / "file"
    file.write_bytes(content)
    assert unheard(str(file)) == (None if told is None else CHANNELS.format(told))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tags", [b"", APE, ID3, APE + ID3])
def test_a_second_recording_behind_the_end_is_told(tmp_path: Path, kind: str, tags: bytes) -> None:
    """With tags between them or not; one recording alone, or cut short, holds no other."""
    whole, file = KINDS[kind], tmp_path / "file"
    file.write_bytes(whole + tags + whole)
    assert unheard(str(file)) == JOINED
    for size in (*range(4, len(whole), 9), len(whole), len(whole + tags)):
        file.write_bytes((whole + tags)[:size])
        assert unheard(str(file)) is None, size


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
        assert unheard(str(file)) is None
    assert unheard(str(tmp_path)) is None
    assert unheard(str(tmp_path / "none")) is None
