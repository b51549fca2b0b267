"""MP3 lengths, from files of ffmpeg's and from headers written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.audio.decoder.mp3_length import mp3_length
from tests import effort
from tests.audio_files import encode, noise

FRAME_S = 1152 / 44_100


def frame(kbit_index: int = 9, body: bytes = b"") -> bytes:
    """An MPEG 1 Layer III frame at 44.1 kHz stereo; index 9 is 128 kbit/s, so 144 * 128000 // 44100 = 417 bytes."""
    kbits = {9: 128, 11: 192, 5: 64}[kbit_index]
    return (bytes([0xFF, 0xFB, kbit_index << 4, 0]) + b"\0" * 32 + body).ljust(144 * kbits * 1000 // 44_100, b"\0")


def header(tag: bytes, frames: int, size: int, kbit_index: int = 9) -> bytes:
    """A first frame that holds the numbers of frames and bytes."""
    return frame(kbit_index, tag + (3).to_bytes(4, "big") + frames.to_bytes(4, "big") + size.to_bytes(4, "big"))


def write(path: Path, *parts: bytes) -> Path:
    """A file of these parts."""
    path.write_bytes(b"".join(parts))
    return path


def test_an_info_header_tells_the_length_and_the_scale_of_start_times(tmp_path: Path) -> None:
    """100 frames at 128 kbit/s behind an Info frame at 64: libVLC believes 64, so its clock runs twice as fast."""
    info = header(b"Info", 100, 100 * 417, kbit_index=5)
    length = mp3_length(write(tmp_path / "a.mp3", info, frame() * 100))
    assert length.duration_s == pytest.approx(100 * FRAME_S)
    stream_bits = 8 * (len(info) + 100 * 417)
    assert length.start_scale == pytest.approx((stream_bits / 64_000) / (100 * FRAME_S))


def test_a_xing_header_tells_the_length_and_libvlc_reads_it_too(tmp_path: Path) -> None:
    """So start times stay as they are."""
    length = mp3_length(write(tmp_path / "a.mp3", header(b"Xing", 5000, 5000 * 417), frame() * 100))
    assert length.duration_s == pytest.approx(5000 * FRAME_S)
    assert length.start_scale == 1.0


def test_frames_of_one_bit_rate_tell_the_length_by_the_size(tmp_path: Path) -> None:
    """41 700 bytes at 128 kbit/s are 2.606 s, which is 99.8 frames (a frame is 417.96 bytes on the average)."""
    assert mp3_length(write(tmp_path / "a.mp3", frame() * 100)).duration_s == pytest.approx(41_700 * 8 / 128_000)


def test_frames_of_several_bit_rates_without_a_header_tell_nothing(tmp_path: Path) -> None:
    """A guess could be half of the truth, and a track would be cut off there."""
    assert mp3_length(write(tmp_path / "a.mp3", (frame(9) + frame(11)) * 50)).duration_s is None


def test_tags_in_front_do_not_count(tmp_path: Path) -> None:
    """An ID3v2 tag that holds frames of a cover's own, its length in bytes of seven bits; some padding behind it."""
    inside = frame(11) * 40
    size = len(inside)
    tag = b"ID3\x04\0\0" + bytes([0, size >> 14, size >> 7 & 0x7F, size & 0x7F]) + inside
    footed = b"ID3\x04\0\x10" + tag[6:] + frame(11)[:10]
    plain = mp3_length(write(tmp_path / "a.mp3", frame() * 100))
    assert mp3_length(write(tmp_path / "b.mp3", tag, b"\0" * 50, frame() * 100)) == plain
    assert mp3_length(write(tmp_path / "c.mp3", footed, frame() * 100)) == plain


@pytest.mark.parametrize("data", [b"", b"ID3", b"\xff" * 5000, b"hello world" * 500, frame(), frame() + b"junk"])
def test_what_is_no_mp3_tells_nothing(tmp_path: Path, data: bytes) -> None:
    """Nor does it raise."""
    assert mp3_length(write(tmp_path / "a.mp3", data)).duration_s is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate_hz", "channels", "options"),
    effort.first(
        2,
        [
            (44_100, 2, ("-b:a", "128k")),
            (44_100, 2, ("-b:a", "128k", "-write_xing", "0")),
            (48_000, 2, ("-b:a", "320k")),
            (44_100, 2, ("-q:a", "4")),
            (22_050, 1, ("-q:a", "4")),
            (44_100, 1, ("-b:a", "64k")),
            (11_025, 1, ("-b:a", "32k")),
        ],
    ),
)
def test_the_length_of_real_files_is_right(
    tmp_path: Path, rate_hz: int, channels: int, options: tuple[str, ...]
) -> None:
    """To within the encoder's padding: at most four frames of 1 152 or 576 samples."""
    samples = noise(8.0, rate_hz=rate_hz, channels=channels)
    path = encode(tmp_path / "a.mp3", samples, *options, rate_hz=rate_hz)
    assert mp3_length(path).duration_s == pytest.approx(8.0, abs=4 * 1152 / rate_hz)


def test_joined_files_are_as_long_as_all_of_them(tmp_path: Path) -> None:
    """The header of the first tells of the first alone; a length that is too short would cut the others off."""
    one = encode(tmp_path / "a.mp3", noise(10.0), "-b:a", "96k", "-id3v2_version", "0").read_bytes()
    (tmp_path / "joined.mp3").write_bytes(one * 3)
    assert mp3_length(tmp_path / "joined.mp3").duration_s == pytest.approx(30.1, abs=0.3)
