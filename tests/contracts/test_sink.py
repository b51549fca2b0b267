"""The contract of `player.audio.ports.Sink`, run against every sink and its fake; live ALSA runs it in tests/live."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from player.audio.dsp.types import Block
from player.audio.ports import Sink
from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.null import SilentSink
from player.audio.sinks.pipe import PipeSink
from player.audio.sinks.wav import HEADER_BYTES, WavSink
from player.core.clock import Clock
from player.core.errors import SinkError, Underrun
from player.core.settings.audio import AudioSettings, OutputKind, PipeFormat
from tests.fakes.alsa import FakeCard
from tests.fakes.clock import FakeClock
from tests.fakes.pipe import PipeReader, ReadingClock
from tests.fakes.sink import FakeSink

BLOCK_FRAMES = 4_800
BLOCK_S = 0.1
BUFFER_S = 0.3


@dataclass
class Rig:
    """A sink on a bench.

    Attributes:
        clock: the clock that the sink is paced by.
        heard: all samples that were heard so far, None where nobody can know.
        lose: make the device vanish; and bring it back.
    """

    sink: Sink
    clock: Clock
    heard: Callable[[], Block] | None = None
    lose: Callable[[], None] | None = None
    find: Callable[[], None] | None = None


def noise(blocks: int, seed: int = 3) -> list[Block]:
    """Blocks that differ in every sample, at -20 dBFS at most."""
    random = np.random.default_rng(seed)
    return [random.uniform(-0.1, 0.1, (BLOCK_FRAMES, 2)).astype(np.float32) for _ in range(blocks)]


def bytes_as_block(data: bytes | bytearray) -> Block:
    """Float samples as a block."""
    return np.frombuffer(bytes(data), "<f4").astype(np.float32).reshape(-1, 2)


class SinkContract:
    """What every sink keeps."""

    def test_a_closed_sink_takes_nothing(self, rig: Rig) -> None:
        """A write before `open` and after `close` is a SinkError; `close` may be called at any time and twice."""
        for prepare in (rig.sink.close, rig.sink.open, rig.sink.close, rig.sink.close):
            prepare()
        with pytest.raises(SinkError):
            rig.sink.write(noise(1)[0])

    def test_open_and_close_as_often_as_one_likes(self, rig: Rig) -> None:
        """A sink that was closed, or is still open, opens again and plays."""
        rig.sink.open()
        for _ in range(3):
            rig.sink.open()
            rig.sink.write(noise(1)[0])
            rig.sink.close()

    def test_all_is_heard_once_and_in_order(self, rig: Rig) -> None:
        """What was written is what is heard, each sample once, whatever the sizes of the blocks."""
        whole = np.concatenate(noise(12))
        rig.sink.open()
        for start, end in ((0, 1), (1, 64), (64, 4_864), (4_864, 28_864), (28_864, len(whole))):
            rig.sink.write(whole[start:end])
        rig.sink.drain()
        rig.sink.close()
        if rig.heard is not None:
            np.testing.assert_array_equal(rig.heard()[: len(whole)], whole)

    def test_the_delay_is_bounded(self, rig: Rig) -> None:
        """A sample waits no longer than half a second, so that a command is heard soon."""
        rig.sink.open()
        for block in noise(8):
            rig.sink.write(block)
            assert 0.0 <= rig.sink.delay_s < 0.5
        rig.sink.close()


class PacedContract(SinkContract):
    """What every sink keeps that plays at real time."""

    def test_writing_takes_as_long_as_playing(self, rig: Rig) -> None:
        """2 s of sound are taken in 2 s less at most a full buffer; that alone paces the engine."""
        rig.sink.open()
        start_s = rig.clock.now().boot_s
        for block in noise(20):
            rig.sink.write(block)
        took_s = rig.clock.now().boot_s - start_s
        rig.sink.close()
        assert 2.0 - BUFFER_S - 0.1 < took_s < 2.0 + 0.1

    def test_drain_waits_until_all_was_heard(self, rig: Rig) -> None:
        """After `drain` as much time has passed as the sound is long, and no more than a second above it."""
        rig.sink.open()
        start_s = rig.clock.now().boot_s
        for block in noise(5):
            rig.sink.write(block)
        rig.sink.drain()
        took_s = rig.clock.now().boot_s - start_s
        rig.sink.close()
        assert 0.5 - 0.05 < took_s < 0.5 + 1.0

    def test_drain_of_a_closed_sink_returns(self, rig: Rig) -> None:
        """There is nothing to wait for."""
        rig.sink.drain()


class DeviceContract(PacedContract):
    """What every sink keeps that has a device which can run dry and vanish."""

    def test_a_gap_is_told_and_followed_by_silence(self, rig: Rig) -> None:
        """After a gap the block becomes silence and Underrun is raised once; the next block is heard again."""
        before, lost, after = noise(3)
        rig.sink.open()
        rig.sink.write(before)
        rig.clock.sleep(1.0)
        with pytest.raises(Underrun):
            rig.sink.write(lost)
        rig.sink.write(after)
        rig.sink.drain()
        rig.sink.close()
        if rig.heard is not None:
            expected = np.concatenate([before, np.zeros_like(lost), after])
            np.testing.assert_array_equal(rig.heard()[: len(expected)], expected)

    def test_a_lost_device_is_an_error_until_it_is_back(self, rig: Rig) -> None:
        """Writing fails within a few blocks, opening fails while it is away, and both work when it is back."""
        assert rig.lose is not None
        assert rig.find is not None
        rig.sink.open()
        rig.sink.write(noise(1)[0])
        rig.lose()
        with pytest.raises(SinkError) as lost:  # noqa: PT012 - how many writes a server's death takes is its own affair
            for block in noise(20):
                rig.sink.write(block)
        assert not isinstance(lost.value, Underrun)
        rig.sink.close()
        with pytest.raises(SinkError):
            rig.sink.open()
        rig.find()
        rig.sink.open()
        rig.sink.write(noise(1)[0])
        rig.sink.close()


class TestSilentSink(PacedContract):
    @pytest.fixture
    def rig(self) -> Rig:
        """Silence at real time."""
        clock = FakeClock()
        return Rig(SilentSink(clock, BUFFER_S), clock)


class TestWavSink(SinkContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        """A file, as fast as blocks come."""
        path = tmp_path / "out.wav"
        return Rig(WavSink(path), FakeClock(), lambda: bytes_as_block(path.read_bytes()[HEADER_BYTES:]))


class TestWavSinkAtRealTime(PacedContract):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Rig:
        """A file at the pace of a fake clock."""
        path, clock = tmp_path / "out.wav", FakeClock()
        return Rig(WavSink(path, clock, BUFFER_S), clock, lambda: bytes_as_block(path.read_bytes()[HEADER_BYTES:]))


class TestFakeSink(DeviceContract):
    @pytest.fixture
    def rig(self) -> Rig:
        """The fake, which loses its device at the second write from now."""
        clock = FakeClock()
        sink = FakeSink(clock, BUFFER_S)

        def lose() -> None:
            sink.fails_on_write, sink.fails_on_open = {sink.writes + 1}, 1

        return Rig(sink, clock, sink.recorded, lose, lambda: None)


class TestAlsaSink(DeviceContract):
    """On a fake card."""

    @pytest.fixture
    def rig(self, monkeypatch: pytest.MonkeyPatch) -> Rig:
        """A card that answers ENODEV when it is lost, and ENOENT to attempts to open it."""
        clock = FakeClock()
        card = FakeCard(clock)
        monkeypatch.setattr("player.audio.sinks.alsa.AlsaPcm", card.open)

        def lose() -> None:
            card.write_errno, card.open_errno = errno.ENODEV, errno.ENOENT

        def find() -> None:
            card.write_errno = card.open_errno = None

        return Rig(AlsaSink("bench", BUFFER_S, clock), clock, lambda: bytes_as_block(card.heard), lose, find)


class TestPipeSink(DeviceContract):
    """A real pipe; its reader keeps the pace of a fake clock and has the manners of snapserver."""

    @pytest.fixture(params=list(PipeFormat))
    def rig(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
        """What is heard is rounded; tests/audio/sinks/test_pipe.py compares it."""
        path, clock = tmp_path / "fifo", ReadingClock()
        sink = PipeSink(path, request.param, clock, BUFFER_S)
        clock.reader = reader = PipeReader(path, request.param)
        yield Rig(sink, clock, None, reader.leave, reader.come)
        sink.close()
        reader.leave()


def test_the_default_buffer_is_the_one_that_is_tested() -> None:
    """The settings' default buffer is the one these contracts are run with."""
    assert AudioSettings(output=OutputKind.SILENT).buffer_s == BUFFER_S
