"""The WAV sink: a valid file at every moment and at every length."""

from __future__ import annotations

import errno
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from player.audio.sinks.wav import FRAME_BYTES, HEADER_BYTES, WavSink, is_ours, wav_header
from player.core.errors import SinkError
from tests.fakes.clock import FakeClock

GIB = 2**30
BLOCK = np.full((4_800, 2), 0.25, np.float32)


def chunks(header: bytes) -> dict[bytes, bytes]:
    """The chunks of a header, in the way in which every reader walks them; the data chunk is its size alone."""
    assert header[8:12] == b"WAVE"
    found: dict[bytes, bytes] = {header[:4]: header[4:8]}
    at = 12
    while True:
        name, size = struct.unpack_from("<4sI", header, at)
        if name == b"data":
            assert at + 8 == len(header), "the samples must follow the header at once"
            return found | {name: struct.pack("<I", size)}
        found[name] = header[at + 8 : at + 8 + size]
        at += 8 + size + size % 2


class TestHeader:
    @pytest.mark.parametrize("frames", [0, 1, 4_800, 300_000_000])
    def test_a_short_file_is_plain_riff(self, frames: int) -> None:
        """Up to 4 GiB it is a WAVE with 32 bit float, 2 channels, 48 kHz, and the sizes that the file has."""
        data_bytes = frames * FRAME_BYTES
        found = chunks(wav_header(data_bytes))
        assert struct.unpack("<I", found[b"RIFF"]) == (HEADER_BYTES + data_bytes - 8,)
        assert struct.unpack("<I", found[b"data"]) == (data_bytes,)
        assert struct.unpack("<I", found[b"fact"]) == (frames,)
        assert struct.unpack("<HHIIHHH", found[b"fmt "]) == (3, 2, 48_000, 384_000, 8, 32, 0)

    @pytest.mark.parametrize("data_bytes", [4 * GIB, 9 * GIB])
    def test_a_long_file_is_rf64(self, data_bytes: int) -> None:
        """Beyond 4 GiB the sizes stand in ds64, and the 32 bit ones say so with all ones."""
        found = chunks(wav_header(data_bytes))
        assert found[b"RF64"] == found[b"data"] == b"\xff" * 4
        riff_bytes, ds64_bytes, frames, table = struct.unpack("<QQQI", found[b"ds64"])
        assert (riff_bytes, ds64_bytes) == (HEADER_BYTES + data_bytes - 8, data_bytes)
        assert (frames, table) == (data_bytes // FRAME_BYTES, 0)

    def test_the_header_has_one_length(self) -> None:
        """It can be rewritten in place whatever the length of the file becomes."""
        last_riff = (2**32 - 1 - (HEADER_BYTES - 8)) // FRAME_BYTES * FRAME_BYTES
        lengths = {len(wav_header(size)) for size in (0, last_riff, last_riff + FRAME_BYTES, 100 * GIB)}
        assert lengths == {HEADER_BYTES}
        assert wav_header(last_riff)[:4] == b"RIFF"
        assert wav_header(last_riff + FRAME_BYTES)[:4] == b"RF64"


class TestWavSink:
    def test_the_file_is_whole_after_every_write(self, tmp_path: Path) -> None:
        """Whoever kills the process at any time finds a header that counts what is there."""
        path = tmp_path / "night.wav"
        sink = WavSink(path)
        sink.open()
        for number in range(4):
            header = path.read_bytes()[:HEADER_BYTES]
            data_bytes = number * BLOCK.nbytes
            assert header == wav_header(data_bytes)
            assert path.stat().st_size == HEADER_BYTES + data_bytes
            sink.write(BLOCK)

    def test_opened_again_it_goes_on(self, tmp_path: Path) -> None:
        """The device is closed between sessions; the file holds the whole night."""
        path = tmp_path / "night.wav"
        sink = WavSink(path)
        for _ in range(3):
            sink.open()
            sink.write(BLOCK)
            sink.close()
        assert path.read_bytes()[:HEADER_BYTES] == wav_header(3 * BLOCK.nbytes)
        assert path.stat().st_size == HEADER_BYTES + 3 * BLOCK.nbytes

    def test_a_new_sink_starts_anew(self, tmp_path: Path) -> None:
        """What an earlier run left under the name is replaced."""
        path = tmp_path / "night.wav"
        path.write_bytes(wav_header(8_000) + bytes(8_000))
        WavSink(path).open()
        assert path.read_bytes() == wav_header(0)

    @pytest.mark.parametrize("content", [b"x" * 1_000, b"RIFF", wav_header(8)[:50], b"\n"])
    def test_a_file_of_somebody_else_is_never_overwritten(self, tmp_path: Path, content: bytes) -> None:
        """Whatever it is: the message names it, and not a byte has changed."""
        path = tmp_path / "letter.txt"
        path.write_bytes(content)
        with pytest.raises(SinkError, match="not written by lull"):
            WavSink(path).open()
        assert path.read_bytes() == content

    def test_a_wav_of_another_program_is_not_ours(self) -> None:
        """Of the same format and with the same spare chunk, without the mark in it."""
        assert is_ours(wav_header(8))
        assert is_ours(wav_header(1 << 33))
        assert not is_ours(wav_header(8)[:20] + bytes(28) + wav_header(8)[48:])

    def test_what_is_no_file_is_refused_and_nobody_waits(self, tmp_path: Path) -> None:
        """A named pipe without a reader would hold the thread up."""
        os.mkfifo(tmp_path / "pipe.wav")
        with pytest.raises(SinkError):
            WavSink(tmp_path / "pipe.wav").open()

    def test_a_folder_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        """The message names the file and the reason, and nothing is held."""
        held = len(os.listdir("/proc/self/fd"))
        with pytest.raises(SinkError, match=r"missing/out\.wav: No such file or directory"):
            WavSink(tmp_path / "missing" / "out.wav").open()
        assert len(os.listdir("/proc/self/fd")) <= held

    def test_a_full_disk_is_an_error_and_leaves_whole_frames(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The disk takes half a block and no more: the header counts the blocks before, and with room it goes on."""
        path = tmp_path / "night.wav"
        sink = WavSink(path)
        sink.open()
        sink.write(BLOCK)
        real_pwrite, is_half_done = os.pwrite, False

        def pwrite(file: int, data: memoryview, at_byte: int) -> int:
            nonlocal is_half_done
            if is_half_done:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            is_half_done = True
            return real_pwrite(file, data[: 4_800 * 4 + 3], at_byte)

        with monkeypatch.context() as full_disk:
            full_disk.setattr(os, "pwrite", pwrite)
            with pytest.raises(SinkError, match="No space left"):
                sink.write(BLOCK)
        assert path.read_bytes()[:HEADER_BYTES] == wav_header(BLOCK.nbytes)
        sink.close()
        sink.open()
        assert path.stat().st_size == HEADER_BYTES + BLOCK.nbytes
        sink.write(BLOCK * 2)
        samples = np.frombuffer(path.read_bytes()[HEADER_BYTES:], "<f4").reshape(-1, 2)
        np.testing.assert_array_equal(samples, np.concatenate([BLOCK, BLOCK * 2]))

    def test_a_disk_that_takes_little_at_once_gets_all(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """A write that takes only a part is continued where it stopped."""
        path = tmp_path / "night.wav"
        sink = WavSink(path)
        real_pwrite = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda file, data, at_byte: real_pwrite(file, data[:999], at_byte))
        sink.open()
        sink.write(BLOCK)
        assert path.read_bytes() == wav_header(BLOCK.nbytes) + BLOCK.tobytes()

    def test_unpaced_it_takes_no_time_and_paced_it_does(self, tmp_path: Path) -> None:
        """A rehearsal runs as fast as it can; a recording daemon runs at the clock's pace."""
        clock = FakeClock()
        for paced_by, slept_s in ((None, 0.0), (clock, 0.7)):
            sink = WavSink(tmp_path / "out.wav", paced_by, buffer_s=0.3)
            sink.open()
            for _ in range(10):
                sink.write(BLOCK)
            assert clock.slept_s == pytest.approx(slept_s)
