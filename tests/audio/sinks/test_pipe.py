"""The pipe: its pace, its reader's ways, and what lies at its path. The pipes are real, time is not."""

from __future__ import annotations

import math
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from player.audio.dsp.types import Block
from player.audio.sinks.pipe import READER_S, STALL_S, PipeSink
from player.core.errors import SinkError, Underrun
from player.core.settings.audio import PipeFormat
from tests import effort
from tests.fakes.pipe import PipeReader, ReadingClock

BUFFER_S = 0.3
RATE_BYTES = 192_000
BLOCK: Block = np.full((4_800, 2), 0.25, np.float32)


class House:
    """A sink, a pipe, and somebody who reads it."""

    def __init__(self, folder: Path, pipe_format: PipeFormat, rate: float) -> None:
        self.path = folder / "fifo"
        self.clock = ReadingClock()
        self.clock.reader = self.reader = PipeReader(self.path, pipe_format, rate)
        self.sink = PipeSink(self.path, pipe_format, self.clock, BUFFER_S)

    def play(self, duration_s: float, block: Block = BLOCK) -> float:
        """Write so much; how long it took."""
        start_s = self.clock.now().boot_s
        for _ in range(round(duration_s * 10)):
            self.sink.write(block)
        return self.clock.now().boot_s - start_s

    def close(self) -> None:
        self.sink.close()
        self.reader.leave()


Make = Callable[..., House]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes houses and clears them away."""
    houses: list[House] = []

    def build(pipe_format: PipeFormat = PipeFormat.S16, rate: float = 1.0) -> House:
        houses.append(House(tmp_path, pipe_format, rate))
        return houses[-1]

    yield build
    for house in houses:
        house.close()


@pytest.fixture
def house(make: Make) -> House:
    """16 bit, read at real time."""
    return make()


class TestOpen:
    def test_it_makes_the_pipe_for_its_owner_and_its_group(self, house: House) -> None:
        """Whatever the process's mask, which is 077 for the service; nobody else can listen in, or write."""
        before = os.umask(0o077)
        try:
            house.sink.open()
        finally:
            os.umask(before)
        mode = house.path.stat().st_mode
        assert stat.S_ISFIFO(mode)
        assert stat.S_IMODE(mode) == 0o660

    def test_a_pipe_that_is_there_is_left_as_it_is(self, house: House) -> None:
        """Somebody else has decided who may use it."""
        os.mkfifo(house.path)
        house.path.chmod(0o622)
        house.sink.open()
        assert stat.S_IMODE(house.path.stat().st_mode) == 0o622

    def test_a_reader_who_comes_by_now_and_then_is_caught(self, house: House) -> None:
        """Snapserver opens, finds nobody who writes, and is gone for 100 ms; it stays as soon as somebody does."""
        os.mkfifo(house.path)
        house.clock.sleep(1.07)
        house.sink.open()
        house.play(1.0)
        assert len(house.reader.heard) > 0.6 * RATE_BYTES

    def test_without_a_reader_it_says_so_soon(self, house: House) -> None:
        """A bounded wait, no descriptor kept, and the pipe stays for whoever comes."""
        house.reader.leave()
        held = len(os.listdir("/proc/self/fd"))
        start_s = house.clock.now().boot_s
        with pytest.raises(SinkError, match=r"no program reads .*fifo; is its reader running, for example snapserver"):
            house.sink.open()
        assert house.clock.now().boot_s - start_s == pytest.approx(READER_S)
        assert len(os.listdir("/proc/self/fd")) == held
        assert house.path.is_fifo()

    def test_a_file_is_never_overwritten(self, house: House) -> None:
        """A path that somebody mistyped may be a piece of music."""
        house.path.write_bytes(b"music")
        with pytest.raises(SinkError, match="is not a pipe; remove it or choose another path"):
            house.sink.open()
        assert house.path.read_bytes() == b"music"

    def test_a_missing_folder_is_an_error_and_is_not_made(self, tmp_path: Path) -> None:
        """/run is empty after each start of the machine; whoever makes the folder decides who may use it."""
        path = tmp_path / "none" / "fifo"
        with pytest.raises(SinkError, match=r"cannot write into .*none/fifo: No such file or directory"):
            PipeSink(path, PipeFormat.S16, ReadingClock(), BUFFER_S).open()
        assert not path.parent.exists()

    def test_what_was_left_is_heard_before_anything_new(self, house: House) -> None:
        """Closed in the middle and opened at once: the rest of the old sound goes first, and no error is made of it."""
        house.sink.open()
        house.play(0.3)
        house.sink.close()
        house.sink.open()
        assert house.sink.delay_s == 0.0


class TestPace:
    @pytest.mark.slow
    @pytest.mark.parametrize("rate", effort.first(1, [0.9992, 1.0, 1.0008]))
    def test_the_reader_sets_the_pace(self, make: Make, rate: float) -> None:
        """Crystals are up to 200 ppm off; with four times as much it takes as long as the reader takes, never dry."""
        house = make(rate=rate)
        house.sink.open()
        house.play(0.3)
        house.reader.dry_ticks = 0
        took_s = house.play(150.0)
        assert took_s == pytest.approx(150.0 / rate, abs=0.03)
        assert house.reader.dry_ticks == 0

    def test_a_greedy_reader_gets_no_more_than_real_time(self, make: Make) -> None:
        """A recorder takes all at once; a night would be over in minutes. Our own clock is 0.1 % fast and no more."""
        house = make(rate=math.inf)
        house.sink.open()
        assert house.play(30.0) == pytest.approx((30.0 - BUFFER_S) / 1.001, abs=0.02)

    def test_no_more_than_the_buffer_waits(self, house: House) -> None:
        """So a command is heard as soon as with a card."""
        house.sink.open()
        for _ in range(20):
            house.sink.write(BLOCK)
            assert house.sink.delay_s <= BUFFER_S
        assert house.sink.delay_s > BUFFER_S - 0.11

    def test_a_block_larger_than_the_buffer_goes_in_piece_by_piece(self, house: House) -> None:
        """Nothing is lost, and it takes as long as it is."""
        house.sink.open()
        start_s = house.clock.now().boot_s
        house.sink.write(np.full((48_000, 2), 0.25, np.float32))
        assert house.clock.now().boot_s - start_s == pytest.approx(0.7, abs=0.05)
        house.sink.drain()
        assert len(house.reader.heard) == RATE_BYTES

    def test_it_wakes_up_seldom(self, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
        """About twice a block: it does not fit, and then it does."""
        house.sink.open()
        house.play(1.0)
        naps: list[float] = []
        real = house.clock.sleep
        monkeypatch.setattr(house.clock, "sleep", lambda duration_s: naps.append(duration_s) or real(duration_s))
        house.play(10.0)
        assert len(naps) < 250


class TestSound:
    @pytest.mark.parametrize(
        ("pipe_format", "dtype", "scale"),
        [(PipeFormat.S16, "<i2", 2**15), (PipeFormat.S24, "<i4", 2**23), (PipeFormat.S32, "<i4", 2**31)],
    )
    def test_every_sample_arrives_in_order(self, make: Make, pipe_format: PipeFormat, dtype: str, scale: int) -> None:
        """Rounded to the format, with dither in 16 bit; whole frames, whatever the sizes of the blocks."""
        house = make(pipe_format)
        whole = np.random.default_rng(5).uniform(-0.5, 0.5, (48_000, 2)).astype(np.float32)
        house.sink.open()
        for start, end in ((0, 1), (1, 64), (64, 4_864), (4_864, 28_864), (28_864, len(whole))):
            house.sink.write(whole[start:end])
        house.sink.drain()
        heard = np.frombuffer(bytes(house.reader.heard), dtype).reshape(-1, 2) / scale
        assert len(heard) == len(whole)
        assert np.abs(heard - whole).max() <= (1.5 if pipe_format is PipeFormat.S16 else 0.5) / scale

    def test_44_1_khz_is_as_long_and_as_loud(self, make: Make) -> None:
        """Resampled as for a card."""
        house = make(PipeFormat.CD)
        house.sink.open()
        took_s = house.play(2.0)
        house.sink.drain()
        heard = np.frombuffer(bytes(house.reader.heard), "<i2").reshape(-1, 2) / 2**15
        assert took_s == pytest.approx(1.7, abs=0.06)
        assert heard[500:88_000] == pytest.approx(0.25, abs=1e-4)

    def test_a_pause_in_the_writing_is_a_gap(self, house: House) -> None:
        """The reader filled it with silence; the block that follows is silence too, and then sound goes on."""
        house.sink.open()
        house.play(0.5)
        house.clock.sleep(0.35)
        before = len(house.reader.heard)
        with pytest.raises(Underrun):
            house.sink.write(BLOCK)
        house.sink.write(BLOCK)
        house.sink.drain()
        after = np.frombuffer(bytes(house.reader.heard[before:]), "<i2").reshape(-1, 2)
        assert not after[:4_800].any()
        assert after[4_800:].all()

    def test_at_44_1_khz_a_gap_leaves_no_tail(self, make: Make) -> None:
        """What the resampler still had belongs to sound that was lost."""
        house = make(PipeFormat.CD)
        house.sink.open()
        house.play(0.5)
        house.clock.sleep(0.5)
        before = len(house.reader.heard)
        with pytest.raises(Underrun):
            house.sink.write(BLOCK)
        house.play(0.2, np.zeros_like(BLOCK))
        house.sink.drain()
        assert len(house.reader.heard) > before
        assert not any(house.reader.heard[before:])

    def test_a_writer_who_is_late_but_not_too_late_leaves_no_gap(self, house: House) -> None:
        """There was still something in the pipe."""
        house.sink.open()
        house.play(0.5)
        house.clock.sleep(0.25)
        house.sink.write(BLOCK)

    def test_a_late_writer_is_noticed_with_a_greedy_reader_too(self, make: Make) -> None:
        """The pipe is always empty there; our own clock knows."""
        house = make(rate=math.inf)
        house.sink.open()
        house.play(0.5)
        house.sink.write(BLOCK)
        house.clock.sleep(0.35)
        with pytest.raises(Underrun):
            house.sink.write(BLOCK)


class TestLoss:
    def test_a_reader_who_leaves_is_noticed_with_the_next_block(self, house: House) -> None:
        """The pipe was full, too: a full one is not written to, and still it is noticed."""
        house.sink.open()
        house.play(1.0)
        house.reader.leave()
        with pytest.raises(SinkError, match=r"no program reads .* any more") as lost:
            house.sink.write(BLOCK)
        assert not isinstance(lost.value, Underrun)

    def test_the_next_reader_hears_nothing_old(self, house: House) -> None:
        """What waited in the pipe is gone with the reader for whom it was; the next begins with what is new."""
        house.sink.open()
        house.play(1.0)
        house.reader.leave()
        with pytest.raises(SinkError):
            house.sink.write(BLOCK)
        house.sink.close()
        house.reader.heard.clear()
        house.reader.come()
        house.sink.open()
        house.play(0.5, -BLOCK)
        house.sink.drain()
        heard = np.frombuffer(bytes(house.reader.heard), "<i2")
        assert len(heard) == 48_000
        assert np.all(heard < 0)

    def test_a_reader_who_takes_another_ones_place_at_once_goes_on_with_what_waits(self, house: House) -> None:
        """The kernel keeps what is in a pipe as long as it is held at one end, and tells nobody of the exchange."""
        house.sink.open()
        house.play(1.0)
        house.reader.leave()
        house.reader.heard.clear()
        house.reader.come()
        house.clock.sleep(0.1)
        assert house.reader.heard  # nothing was written meanwhile
        house.sink.write(BLOCK)

    def test_a_reader_who_freezes_is_lost_after_two_seconds(self, house: House) -> None:
        """A bounded wait; and it is no reader until it has taken what waits for it."""
        house.sink.open()
        house.play(1.0)
        house.reader.rate = 0.0
        start_s = house.clock.now().boot_s
        with pytest.raises(SinkError, match="has read nothing for 2 s"):
            house.sink.write(BLOCK)
        assert house.clock.now().boot_s - start_s == pytest.approx(STALL_S, abs=0.2)
        house.sink.close()
        with pytest.raises(SinkError, match=r"the program that reads .* has stopped reading"):
            house.sink.open()
        house.reader.rate = 1.0
        house.clock.sleep(1.0)
        house.sink.open()
        house.sink.write(BLOCK)

    @pytest.mark.parametrize("is_there", [True, False])
    def test_drain_ends_soon_without_a_reader(self, house: House, is_there: bool) -> None:
        """Frozen or gone: nothing that will be heard is worth waiting for."""
        house.sink.open()
        house.play(1.0)
        house.reader.rate = 0.0
        if not is_there:
            house.reader.leave()
        start_s = house.clock.now().boot_s
        house.sink.drain()
        assert house.clock.now().boot_s - start_s < 1.0

    def test_a_pipe_that_is_removed_is_made_again(self, house: House) -> None:
        """Whoever reads the old one is served until the next opening; then there is a new one."""
        house.sink.open()
        house.path.unlink()
        house.play(0.5)
        house.sink.close()
        house.reader.leave()
        house.reader.come()
        house.sink.open()
        assert house.path.is_fifo()
