"""Ogg lengths, from files of ffmpeg's and from pages written by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from player.audio.decoder.lengths import ogg_length_s
from tests import effort
from tests.audio_files import encode, noise

VORBIS = b"\x01vorbis" + b"\0" * 4 + b"\x02" + (44_100).to_bytes(4, "little") + b"\0" * 14
OPUS = b"OpusHead\x01\x02" + (312).to_bytes(2, "little") + b"\0" * 15


def page(stamp: int, body: bytes, serial: int = 7) -> bytes:
    """A page with one segment."""
    numbers = stamp.to_bytes(8, "little", signed=True) + serial.to_bytes(4, "little") + b"\0" * 8
    return b"OggS\0\0" + numbers + bytes([1, len(body)]) + body


def length_of(folder: Path, *pages: bytes) -> float | None:
    """The length of a file of these pages."""
    (folder / "a.ogg").write_bytes(b"".join(pages))
    return ogg_length_s(folder / "a.ogg")


def test_the_last_stamp_of_vorbis_counts_samples_at_its_own_rate(tmp_path: Path) -> None:
    """88 200 samples at 44.1 kHz are 2 s."""
    assert length_of(tmp_path, page(0, VORBIS), page(44_100, b"x" * 80), page(88_200, b"x" * 80)) == 2.0


def test_the_last_stamp_of_opus_counts_at_48_khz_and_includes_what_is_skipped(tmp_path: Path) -> None:
    """96 312 less 312 at 48 kHz are 2 s."""
    assert length_of(tmp_path, page(0, OPUS), page(96_312, b"x" * 80)) == 2.0


def test_a_page_on_which_no_packet_ends_has_no_stamp(tmp_path: Path) -> None:
    """It says -1; the page before it counts, and so it does when its mark only occurs inside a packet."""
    pages = page(0, VORBIS), page(44_100, b"x" * 80)
    assert length_of(tmp_path, *pages, page(-1, b"x" * 80)) == 1.0
    assert length_of(tmp_path, *pages, page(-1, b"OggSx" + b"x" * 80)) == 1.0
    assert length_of(tmp_path, *pages, b"OggS\0") == 1.0


def test_a_file_that_ends_with_another_stream_tells_nothing(tmp_path: Path) -> None:
    """Chained files have several starts, and the last stamp counts from the last of them."""
    assert length_of(tmp_path, page(0, VORBIS), page(44_100, b"x" * 80), page(100, b"x" * 80, serial=8)) is None


@pytest.mark.parametrize("data", [b"", b"OggS", b"no ogg" * 100, page(0, b"fLaC" + b"x" * 80), page(0, VORBIS[:9])])
def test_what_is_neither_vorbis_nor_opus_tells_nothing(tmp_path: Path, data: bytes) -> None:
    """Nor does it raise."""
    assert length_of(tmp_path, data) is None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("suffix", "options"), effort.first(1, [("ogg", ("-q:a", "6")), ("ogg", ()), ("opus", ("-b:a", "160k"))])
)
def test_the_length_of_real_files_is_right(tmp_path: Path, suffix: str, options: tuple[str, ...]) -> None:
    """To the sample for Vorbis; to within one packet of 20 ms for Opus."""
    path = encode(tmp_path / f"a.{suffix}", noise(9.0), *options)
    assert ogg_length_s(path) == pytest.approx(9.0, abs=0.021)
