"""A start in the middle begins at the frame that the scan counted: for each format, with the real library."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from player.audio.decoder.starts import DROPPED_S, Start, start_of
from player.audio.decoder.vlc_decoder import DecoderSettings, VlcDecoder
from player.audio.dsp.types import Block
from tests.audio_files import encode, noise
from tests.effort import first

COMPARED_FRAMES = 4_800
"""So much is compared: 0.1 s."""

FORMATS = {
    "mp3": ("-b:a", "128k"), "aac": ("-b:a", "128k"), "m4a": ("-b:a", "128k"), "mov": ("-c:a", "adpcm_ima_qt"),
    "flac": (), "ogg": ("-q:a", "5"), "opus": ("-b:a", "96k"), "wav": (), "webm": ("-c:a", "libopus"),
    "aiff": (), "caf": (), "mka": ("-c:a", "flac"), "wv": (), "mp2": (), "wma": ("-b:a", "128k"), "ac3": (), "tta": (),
    "au": (), "ts": ("-c:a", "mp2"), "avi": ("-c:a", "libmp3lame"), "oga": ("-c:a", "flac"),
}  # fmt: skip

VARIANTS = {
    "mp3 CBR without a header": ("mp3", "-b:a", "128k", "-write_xing", "0"), "mp3 VBR": ("mp3", "-q:a", "4"),
    "mp3 VBR without a header": ("mp3", "-q:a", "4", "-write_xing", "0"), "alac": ("m4a", "-c:a", "alac"),
    "fragments": ("m4a", "-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "2000000"),
    "index first": ("m4a", "-movflags", "+faststart"), "pcm in mov": ("mov", "-c:a", "pcm_s16le"),
    "aac in mov": ("mov", "-c:a", "aac"), "adpcm": ("wav", "-c:a", "adpcm_ms"), "alac in caf": ("caf", "-c:a", "alac"),
    "vorbis": ("webm", "-c:a", "libvorbis"), "flac 48 kHz": ("flac", "-ar", "48000"),
}  # fmt: skip


def read(start_s: float, path: Path, *, is_piped: bool, frames: int) -> Block:
    """The first frames heard after a start, or all of them where the file has fewer."""
    source = VlcDecoder(DecoderSettings(is_piped=is_piped)).open(str(path), start_s)
    blocks: list[Block] = []
    while sum(map(len, blocks)) < frames and not (source.is_finished() and not source.frames_ready()):
        assert source.wait_ready(4800, 30.0)
        blocks.append(source.read(min(48_000, frames - sum(map(len, blocks)))))
    source.close()
    return np.concatenate(blocks)


def place_s(whole: Block, heard: Block, near_s: float) -> float:
    """Where within a second of a place in the whole track a stretch lies, by cross-correlation of the left side."""
    first = max(0, round((near_s - 1.0) * 48_000))
    part = whole[first : round((near_s + 1.0) * 48_000) + len(heard), 0]
    size = 1 << (len(part) + len(heard)).bit_length()
    spectrum = np.fft.rfft(part, size) * np.conj(np.fft.rfft(heard[:, 0], size))
    return (first + int(np.argmax(np.fft.irfft(spectrum, size)[: len(part)]))) / 48_000


def assert_starts_where_asked(path: Path, starts_s: tuple[float, ...]) -> None:
    """What is heard 0.1 s behind each start lies there in what the scan decodes, to within 2 ms."""
    whole = read(0.0, path, is_piped=True, frames=1 << 40)
    for start_s in starts_s:
        heard = read(start_s, path, is_piped=False, frames=2 * COMPARED_FRAMES)[COMPARED_FRAMES:]
        assert place_s(whole, heard, start_s + 0.1) == pytest.approx(start_s + 0.1, abs=0.002), start_s


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.parametrize("suffix", first(6, FORMATS))
def test_a_start_in_the_middle_is_exact(tmp_path: Path, suffix: str) -> None:
    """In a file of 12 s, at the beginning, in the middle and near the end."""
    path = encode(tmp_path / f"a.{suffix}", noise(12.0, rate_hz=44_100), *FORMATS[suffix], rate_hz=44_100)
    assert_starts_where_asked(path, (0.0, 0.01, 7.003, 11.3 if suffix != "tta" else 10.2))


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("kind", VARIANTS)
def test_a_start_is_exact_in_each_kind_of_file(tmp_path: Path, kind: str) -> None:
    """Headers, codecs and places of the index that libVLC seeks in differently."""
    suffix, *options = VARIANTS[kind]
    path = encode(tmp_path / f"a.{suffix}", noise(12.0, rate_hz=44_100), *options, rate_hz=44_100)
    assert_starts_where_asked(path, (0.0, 0.01, 7.003, 11.3))


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize("suffix", ["wav", "flac", "aac", "m4a", "mov"])
def test_a_start_far_behind_the_beginning_is_exact(tmp_path: Path, suffix: str) -> None:
    """Behind all that is decoded and dropped: at 98 of 100 s."""
    path = encode(tmp_path / f"a.{suffix}", noise(100.0, rate_hz=44_100), *FORMATS[suffix], rate_hz=44_100)
    assert DROPPED_S < 98.0
    assert_starts_where_asked(path, (98.0,))


def test_an_address_and_a_beginning_are_left_to_libvlc(tmp_path: Path) -> None:
    """Nothing is dropped, and no file is looked into."""
    assert start_of("http://a.example/b.mp3", 5.0, None) == Start(5.0)
    assert start_of(str(tmp_path / "gone.flac"), 0.0, None) == Start(0.0)


@pytest.mark.parametrize(
    "head",
    [
        b"OggS" + bytes(24) + b"Speex   1.2", b"\x1a\x45\xdf\xa3" + bytes(9000) + b"Speex   1.2",
        b"RIFF\0\0\0\0AVI LIST", b"RIFF\0\0\0\0AVIXLIST", b"FLV\x01\x04",
        b"Creative Voice File\x1a", b".RMF\0\0\0\x12", b".ra\xfd\0\3",
        b"caff\0\1\0\0desc" + bytes(16) + b"opus",
    ],
)  # fmt: skip
@pytest.mark.parametrize("suffix", ["spx", "ogg", "wav", "mka", "flac"])
def test_where_libvlc_cannot_seek_it_decodes_from_the_beginning(tmp_path: Path, head: bytes, suffix: str) -> None:
    """And what libVLC finds no sound in after a seek, whatever the file is called, from any place, and from the web."""
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(head + bytes(100))
    assert start_of(str(path), 3600.0, None) == Start(0.0, 3600 * 48_000)
    assert start_of(str(path), 5.0, None) == Start(0.0, 5 * 48_000)
    assert start_of("http://a.example/b.mp3", 3600.0, None, head) == Start(0.0, 3600 * 48_000)


@pytest.mark.live
@pytest.mark.slow
@pytest.mark.thorough
@pytest.mark.parametrize(
    ("suffix", "options"),
    [
        ("spx", ()),
        ("mka", ("-c:a", "libspeex")),
        ("avi", ("-c:a", "libvorbis")),
        ("avi", ("-c:a", "flac")),
        ("voc", ()),
    ],
)
def test_a_far_start_where_libvlc_cannot_seek_is_exact(tmp_path: Path, suffix: str, options: tuple[str, ...]) -> None:
    """Behind all that other formats drop; Speex resets a decoder that it has not made, AVI divides by zero."""
    path = encode(tmp_path / f"a.{suffix}", noise(66.0, rate_hz=32_000), *options, rate_hz=32_000)
    assert_starts_where_asked(path, (64.0,))


@pytest.mark.live
@pytest.mark.slow
def test_other_priming_of_an_mp4_moves_its_packets(tmp_path: Path) -> None:
    """With 2 112 frames of priming (iTunes) libVLC begins at the third packet; the places count from there.

    At 5 s of 48 kHz: frame 240 000 + 2 112 lies in packet 236; the one before begins at 235 x 1 024 = 240 640, which is
    frame 238 592 of what a decoder of the whole file gives.
    """
    path = encode(tmp_path / "a.m4a", noise(8.0), "-b:a", "128k")
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 16
    assert data[at : at + 4] == (1024).to_bytes(4, "big")
    data[at : at + 4] = (2112).to_bytes(4, "big")
    path.write_bytes(data)
    assert start_of(str(path), 5.0, None).dropped_frames == 240_000 - 238_592
    assert_starts_where_asked(path, (5.0,))


def test_a_damaged_mp4_is_decoded_from_its_beginning(tmp_path: Path) -> None:
    """Boxes that lead nowhere, and none at all."""
    for number, data in enumerate((b"", b"\0" * 64, b"\0\0\0\x08moov" * 50_000, (1).to_bytes(4, "big") + b"moov" * 9)):
        path = tmp_path / f"{number}.m4a"
        path.write_bytes(data)
        assert start_of(str(path), 5.0, None) == Start(0.0, 240_000)
