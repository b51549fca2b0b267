"""The length of a WAV with ADPCM, and starts in the middle of it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from player.audio.decoder.adpcm_wav import adpcm_length
from player.audio.decoder.vlc_decoder import VlcDecoder
from tests import effort
from tests.audio_files import encode, noise


def wav(path: Path, tag: int, block_frames: int, data_bytes: int, told_bytes: int | None = None) -> Path:
    """A header at 44.1 kHz stereo in blocks of 2048 bytes that claims 16,000 bytes a second, and zeros behind it."""
    form = struct.pack("<HHIIHHHH", tag, 2, 44_100, 16_000, 2_048, 4, 2, block_frames)
    told = data_bytes if told_bytes is None else told_bytes
    head = b"RIFF" + struct.pack("<I", 28 + len(form) + told) + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    path.write_bytes(head + b"data" + struct.pack("<I", told) + bytes(data_bytes))
    return path


@pytest.mark.parametrize(("tag", "block_frames"), [(0x11, 2_041), (0x02, 2_036)])
def test_the_length_follows_from_blocks_and_not_from_the_bit_rate_that_the_header_claims(
    tmp_path: Path, tag: int, block_frames: int
) -> None:
    """1000 blocks of so many frames; libVLC's clock is off by the true rate over 16,000 bytes a second."""
    found = adpcm_length(wav(tmp_path / "a.wav", tag, block_frames, 2_048_000))
    assert found is not None
    length_s, scale = found
    assert length_s == pytest.approx(1000 * block_frames / 44_100)
    assert scale == pytest.approx(2_048_000 / length_s / 16_000)


def test_a_file_that_was_cut_is_as_long_as_what_is_there(tmp_path: Path) -> None:
    """The header counts 1000 blocks, and 100 are there."""
    found = adpcm_length(wav(tmp_path / "a.wav", 0x11, 2_041, 204_800, told_bytes=2_048_000))
    assert found is not None
    assert found[0] == pytest.approx(100 * 2_041 / 44_100)


@pytest.mark.parametrize("parts", [{"tag": 1, "block_frames": 2_041}, {"tag": 0x11, "block_frames": 0}])
def test_other_contents_are_left_to_libvlc(tmp_path: Path, parts: dict[str, int]) -> None:
    """Plain samples, and a header that nobody could decode by."""
    assert adpcm_length(wav(tmp_path / "a.wav", data_bytes=2_048, **parts)) is None
    assert adpcm_length(encode(tmp_path / "b.wav", noise(0.1))) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options", "is_length_known"),
    effort.first(
        1,
        [
            ("ima.wav", ("-c:a", "adpcm_ima_wav"), True),
            ("ms.wav", ("-c:a", "adpcm_ms"), True),
            ("cbr.mp3", ("-b:a", "128k", "-write_xing", "0"), True),
            ("vbr.mp3", ("-q:a", "4", "-write_xing", "0"), False),
        ],
    ),
)
def test_whole_and_from_the_middle_each_has_its_length(
    tmp_path: Path, name: str, options: tuple[str, ...], is_length_known: bool
) -> None:
    """20 s are 20 s, a start at 15 s leaves 5 s, and nothing is said to be missing; ffmpeg made the files."""
    path = encode(tmp_path / name, noise(20.0, rate_hz=44_100), *options, rate_hz=44_100)
    decoder = VlcDecoder()
    for start_s in (0.0, 15.0):
        source, frames = decoder.open(str(path), start_s), 0
        while not (source.is_finished() and source.frames_ready() == 0):
            source.wait_ready(4_800, 5.0)
            frames += len(source.read(48_000))
        assert source.fault is None
        assert frames / 48_000 == pytest.approx(20.0 - start_s, abs=0.3)
        expected = pytest.approx(20.0, abs=0.1) if is_length_known else None
        assert source.duration_s == expected
        source.close()
