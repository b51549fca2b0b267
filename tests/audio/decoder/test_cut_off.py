"""Files that end before their container says, by the encoders of ffmpeg, and whole ones that only look like them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from player.audio.decoder.cut_off import CUT_OFF, cut_off
from player.audio.decoder.unheard import unheard
from tests import effort
from tests.audio_files import encode, noise, write_wav

ID3 = b"TAG" + bytes(125)
APE = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8) + bytes(32)

TOLD: list[tuple[str, tuple[str, ...]]] = [
    ("a.wav", ("-c:a", "pcm_s16le")),
    ("a.mp3", ("-b:a", "128k")),
    ("a.ogg", ("-c:a", "libvorbis")),
    ("a.wv", ("-c:a", "wavpack")),
    ("a.tta", ("-c:a", "tta")),
    ("a.wma", ("-c:a", "wmav2")),
    ("quality.mp3", ("-q:a", "4")),
    ("slow.mp3", ("-b:a", "64k", "-ac", "1", "-ar", "22050")),
    ("float.wav", ("-c:a", "pcm_f32le")),
    ("a.opus", ("-c:a", "libopus")),
    ("flac.oga", ("-c:a", "flac")),
]
NOT_TOLD: list[tuple[str, tuple[str, ...]]] = [
    ("headless.mp3", ("-b:a", "128k", "-write_xing", "0")),
    ("a.aac", ("-c:a", "aac")),
    ("a.flac", ("-c:a", "flac")),
    ("a.m4a", ("-c:a", "aac")),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), effort.first(6, TOLD))
def test_what_is_cut_in_half_lacks_its_end(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """A whole file does not, also with tags behind it."""
    whole = encode(tmp_path / name, noise(10.0), *options).read_bytes()
    file = tmp_path / f"cut.{name}"
    for content in (whole, whole + ID3, whole + APE + ID3):
        file.write_bytes(content)
        assert cut_off(str(file)) is None
    for share in (0.3, 0.7):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert cut_off(str(file)) == CUT_OFF


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), effort.first(1, NOT_TOLD))
def test_what_its_headers_do_not_say_is_not_told(tmp_path: Path, name: str, options: tuple[str, ...]) -> None:
    """Or what the decoder says by itself, as of a FLAC."""
    whole = encode(tmp_path / name, noise(10.0), *options).read_bytes()
    file = tmp_path / f"cut.{name}"
    for share in (0.5, 1.0):
        file.write_bytes(whole[: int(len(whole) * share)])
        assert cut_off(str(file)) is None


@pytest.mark.parametrize("size", [0, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF])
def test_a_wav_that_was_written_into_a_pipe_is_whole(tmp_path: Path, size: int) -> None:
    """The program could not know its size, and wrote what it likes; so with a size that is off by the header."""
    whole = write_wav(tmp_path / "a.wav", noise(3.0)).read_bytes()
    at = whole.index(b"data") + 4
    file = tmp_path / "b.wav"
    for stated in (size, len(whole)):
        file.write_bytes(whole[:at] + struct.pack("<I", stated) + whole[at + 4 :])
        assert cut_off(str(file)) is None


def wavpack_block(index: int, samples: int, total: int) -> bytes:
    return struct.pack("<4sIHBBIII", b"wvpk", 40, 0x406, 0, 0, total, index, samples) + bytes(24)


def test_a_last_block_of_wavpack_without_samples_ends_no_recording_and_begins_none(tmp_path: Path) -> None:
    """It holds a checksum, and counts from 0. Without it, and cut between two blocks, the file lacks its end."""
    first, second, checksum = (wavpack_block(*numbers, 200) for numbers in ((0, 100), (100, 100), (0, 0)))
    file = tmp_path / "a.wv"
    file.write_bytes(first + second + checksum)
    assert (cut_off(str(file)), unheard(str(file))) == (None, None)
    file.write_bytes(first)
    assert cut_off(str(file)) == CUT_OFF
    file.write_bytes(wavpack_block(0, 100, 0xFFFF_FFFF))
    assert cut_off(str(file)) is None, "it was written into a pipe"


def test_a_live_recording_in_asf_states_no_length(tmp_path: Path) -> None:
    """The object of its packets has 0 bytes, or only those of its head."""
    head, data = (bytes.fromhex(f"{first}b2758e66cf11a6d900aa0062ce6c") for first in ("3026", "3626"))
    file = tmp_path / "a.wma"
    for length, told in ((0, None), (50, None), (5000, CUT_OFF), (150, None)):
        file.write_bytes(head + struct.pack("<Q", 30) + bytes(6) + data + struct.pack("<Q", length) + bytes(126))
        assert cut_off(str(file)) == told


@pytest.mark.parametrize("content", [b"", b"OggS", b"wvpk", b"TTA1", b"RIFF", b"ID3", b"no sound", bytes(1000)])
def test_what_is_no_such_file_is_not_told(tmp_path: Path, content: bytes) -> None:
    """Nor what cannot be read."""
    file = tmp_path / "a"
    file.write_bytes(content)
    assert cut_off(str(file)) in {None, CUT_OFF if content == b"OggS" else None}
    assert cut_off(str(tmp_path)) is None
    assert cut_off(str(tmp_path / "none")) is None
