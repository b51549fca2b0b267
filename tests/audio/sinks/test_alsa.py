"""What the ALSA sink makes of odd devices: refusals, stalls and gaps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from player.audio.dsp.types import Block
from player.audio.sinks.alsa import DRAIN_STALL_S, STALL_S, AlsaSink
from player.audio.sinks.alsa_pcm import AlsaFormat
from player.core.errors import SinkError, Underrun
from player.core.units import to_seconds
from tests.fakes.alsa import Asked, FakeCard
from tests.fakes.clock import FakeClock

FLOAT, S32, S16 = AlsaFormat.FLOAT_LE, AlsaFormat.S32_LE, AlsaFormat.S16_LE
S24, S24_3 = AlsaFormat.S24_LE, AlsaFormat.S24_3LE
BLOCK: Block = np.full((4_800, 2), 0.25, np.float32)


@pytest.fixture
def clock() -> FakeClock:
    """A fresh clock."""
    return FakeClock()


@pytest.fixture
def card(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> FakeCard:
    """A perfect card in the place of ALSA."""
    card = FakeCard(clock)
    monkeypatch.setattr("player.audio.sinks.alsa.AlsaPcm", card.open)
    return card


@pytest.fixture
def sink(card: FakeCard) -> AlsaSink:
    """A sink that would open the card."""
    return AlsaSink("hw:CARD=Fake", 0.3, card.clock)


class TestOpen:
    def test_it_asks_for_one_device(self, card: FakeCard, sink: AlsaSink) -> None:
        """48 kHz, stereo, float, three periods of 100 ms, and the device by its own name."""
        sink.open()
        assert card.asked == [Asked("hw:CARD=Fake", FLOAT, 48_000, 2, 4_800, 3)]

    @pytest.mark.parametrize(
        ("buffer_s", "periodsize", "periods"), [(0.1, 2_400, 2), (0.5, 4_800, 5), (2.0, 4_800, 20)]
    )
    def test_the_buffer_is_what_was_asked(self, card: FakeCard, buffer_s: float, periodsize: int, periods: int) -> None:
        """Period times periods is the buffer of the settings, with at least two periods."""
        AlsaSink("hw:CARD=Fake", buffer_s, card.clock).open()
        assert (card.asked[0].period_frames, card.asked[0].periods) == (periodsize, periods)

    @pytest.mark.parametrize(
        ("formats", "asked", "dtype"),
        [((S32, S16), [FLOAT, S32], "<i4"), ((S16,), [FLOAT, S32, S24, S24_3, S16], "<i2")],
    )
    def test_it_takes_the_first_format_that_is_granted(
        self, card: FakeCard, sink: AlsaSink, formats: tuple[AlsaFormat, ...], asked: list[int], dtype: str
    ) -> None:
        """A device without float gets 32 bit, one without that 16 bit, and what is not used is closed again."""
        card.formats = formats
        sink.open()
        sink.write(BLOCK)
        assert [one.sample_format for one in card.asked] == asked
        assert card.held == 1
        heard = np.frombuffer(bytes(card.heard), dtype).astype(np.float64) / np.iinfo(dtype).max
        assert heard == pytest.approx(0.25, abs=1e-4)

    def test_a_device_without_a_format_of_ours_is_refused(self, card: FakeCard, sink: AlsaSink) -> None:
        """A device that takes 8 bit only is refused, and not held."""
        card.formats = (AlsaFormat.U8,)
        with pytest.raises(SinkError, match=r"S16_LE .*; use plughw:CARD=Fake or default"):
            sink.open()
        assert card.held == 0

    @pytest.mark.parametrize(("formats", "expected"), [((S24, S24_3), 8), ((S24_3,), 6)])
    def test_24_bits_come_in_four_bytes_or_three(
        self, card: FakeCard, sink: AlsaSink, formats: tuple[AlsaFormat, ...], expected: int
    ) -> None:
        """USB cards know three bytes, I2S cards four."""
        card.formats = formats
        sink.open()
        sink.write(BLOCK)
        assert len(card.heard) == 4_800 * expected
        assert card.held == 1
        assert card.heard[:3] == (2**21).to_bytes(3, "little")

    def test_another_rate_is_resampled(self, card: FakeCard, sink: AlsaSink) -> None:
        """The library grants 44.1 kHz without a word; what is heard is as long, as loud and as high as it was meant."""
        card.rate = 44_100
        sink.open()
        at = np.arange(96_000)
        whole = np.repeat(0.25 * np.sin(2 * np.pi * 480 * at / 48_000), 2).astype(np.float32).reshape(-1, 2)
        start_s = card.clock.now().boot_s
        for first in range(0, len(whole), 4_800):
            sink.write(whole[first : first + 4_800])
        sink.drain()
        heard = np.frombuffer(bytes(card.heard), "<f4").reshape(-1, 2)[:88_200, 0]
        late = 147  # 3.3 ms
        meant = 0.25 * np.sin(2 * np.pi * 480 * (np.arange(len(heard)) - late) / 44_100)
        assert heard[1_000:-1_000] == pytest.approx(meant[1_000:-1_000], abs=1e-5)
        assert card.clock.now().boot_s - start_s == pytest.approx(2.0, abs=0.06)
        assert sink.buffer_s == pytest.approx(14_400 / 44_100)

    def test_at_another_rate_a_gap_leaves_no_tail(self, card: FakeCard, sink: AlsaSink) -> None:
        """The block after a gap is silence, and so is what the resampler still had of the one before."""
        card.rate = 44_100
        sink.open()
        sink.write(BLOCK)
        card.clock.sleep(1.0)
        with pytest.raises(Underrun):
            sink.write(BLOCK)
        before = len(card.heard)
        sink.write(np.zeros_like(BLOCK))
        assert not any(card.heard[before - 4_410 * 8 :])

    def test_at_another_rate_small_blocks_wait(self, card: FakeCard, sink: AlsaSink) -> None:
        """A few frames are no reason to bother the device: they come with the next ones."""
        card.rate = 44_100
        sink.open()
        sink.write(BLOCK[:64])
        assert card.offers == []

    def test_a_rate_that_cannot_be_had_is_refused_with_advice(self, card: FakeCard, sink: AlsaSink) -> None:
        """A telephone's 8 kHz; lull says so, names a way out, and holds nothing."""
        card.rate = 8_000
        with pytest.raises(SinkError, match=r"plays at 8000 Hz; allowed are 44100, .*; use plughw:CARD=Fake or"):
            sink.open()
        assert card.held == 0

    def test_mono_is_mixed_down(self, card: FakeCard, sink: AlsaSink) -> None:
        """A device with one channel hears the mean of both."""
        card.channels = 1
        sink.open()
        sink.write(BLOCK * np.array([1.0, 0.5], np.float32))
        assert np.frombuffer(bytes(card.heard), "<f4") == pytest.approx([0.1875] * 4_800)

    def test_many_channels_are_refused(self, card: FakeCard, sink: AlsaSink) -> None:
        """An 8 channel device is refused rather than fed misaligned frames."""
        card.channels = 8
        with pytest.raises(SinkError, match="8 channels"):
            sink.open()
        assert card.held == 0

    @pytest.mark.parametrize(("frames", "is_taken"), [(3_000, False), (4_096, True), (16_384, True), (48_000, False)])
    def test_a_very_different_buffer_is_refused(
        self, card: FakeCard, sink: AlsaSink, frames: int, is_taken: bool
    ) -> None:
        """A buffer of a second would delay every command by it; one of 62 ms runs dry; dmix's 341 ms are fine."""
        card.buffer_frames = frames
        if is_taken:
            sink.open()
            assert sink.buffer_s == pytest.approx(frames / 48_000)
        else:
            with pytest.raises(SinkError, match="change `buffer`"):
                sink.open()
        assert card.held == is_taken

    @pytest.mark.parametrize(
        ("number", "hint"),
        [
            (errno.EBUSY, "another program"),
            (errno.ENOENT, "aplay -L"),
            (errno.ENODEV, "aplay -L"),
            (errno.EACCES, "group audio"),
            (errno.EPERM, "sandbox does not allow it"),
            (errno.ECONNREFUSED, "sound server"),
            (errno.EINVAL, "Invalid argument"),
        ],
    )
    def test_a_missing_device_says_what_to_do(self, card: FakeCard, sink: AlsaSink, number: int, hint: str) -> None:
        """Each way in which a device can be missing has its own sentence, with ALSA's own words and the name."""
        card.open_errno = number
        with pytest.raises(SinkError, match=hint) as refused:
            sink.open()
        assert "[hw:CARD=Fake]" in str(refused.value)

    @pytest.mark.parametrize(
        ("number", "text"),
        [
            (errno.EPERM, "Operation not permitted [hw:CARD=Fake]; the device is there, but the service's sandbox"),
            (errno.EACCES, "Permission denied [hw:CARD=Fake]; this user has no permission to use it"),
            (errno.EIO, "No such device [hw:CARD=Fake]; no such device at the moment"),
            (None, "No such device [hw:CARD=Fake]; no such device at the moment"),
        ],
    )
    def test_a_card_that_may_not_be_opened_is_not_missing(
        self,
        card: FakeCard,
        sink: AlsaSink,
        number: int | None,
        text: str,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """ALSA says "no such device" of a card whose control device it may not open, so that is looked at; a card that
        is there and cannot be opened for another reason changes nothing, nor does one that can.
        """
        (tmp_path / "controlC0").touch()
        opened = os.open

        def refuse(path: Path, flags: int) -> int:
            if number is None:
                return opened(path, flags)
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("player.audio.sinks.alsa.CARDS", tmp_path)
        monkeypatch.setattr("player.audio.sinks.alsa.os.open", refuse)
        card.open_errno = errno.ENODEV
        with pytest.raises(SinkError) as refused:
            sink.open()
        assert text in str(refused.value)

    def test_no_other_device_is_ever_tried(self, card: FakeCard, sink: AlsaSink) -> None:
        """Whatever fails, only the configured name is opened."""
        card.open_errno = errno.ENODEV
        for _ in range(3):
            with pytest.raises(SinkError):
                sink.open()
        assert {one.device for one in card.asked} == {"hw:CARD=Fake"}


class TestWrite:
    def test_a_block_takes_one_wake_up(self, card: FakeCard, sink: AlsaSink) -> None:
        """With a full buffer a block is offered once, when there is room for all of it."""
        sink.open()
        for _ in range(4):
            sink.write(BLOCK)
        card.offers.clear()
        for _ in range(10):
            sink.write(BLOCK)
        assert len(card.offers) == 10

    @pytest.mark.parametrize("frames", [4_096, 4_800, 7_200])
    def test_a_small_buffer_never_runs_dry_for_a_block(self, card: FakeCard, sink: AlsaSink, frames: int) -> None:
        """A buffer that is shorter than two blocks takes a block in parts, at whatever fill, from the first one on."""
        card.buffer_frames = frames
        sink.open()
        start_s = card.clock.now().boot_s
        sink.write(BLOCK)
        assert card.clock.now().boot_s - start_s < to_seconds(len(BLOCK))
        for left_s in (0.07, 0.05, 0.03, 0.01):
            card.clock.sleep(max(0.0, sink.delay_s - left_s))
            sink.write(BLOCK)  # raises Underrun where it ran dry

    def test_after_a_gap_nobody_waits_for_room(self, card: FakeCard, sink: AlsaSink) -> None:
        """A device that stands has room for nothing, says ALSA, and a wait for it would make the gap longer."""
        sink.open()
        sink.write(BLOCK)
        card.clock.advance(1.0)
        before_s = card.clock.now().boot_s
        with pytest.raises(Underrun):
            sink.write(BLOCK)
        assert card.clock.now().boot_s - before_s < 0.02

    def test_a_gap_inside_a_block_silences_its_rest(
        self, card: FakeCard, sink: AlsaSink, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The device takes a part, runs dry while we wait, and then gets silence for the rest of the block."""
        sink.open()
        real_sleep = card.clock.sleep
        monkeypatch.setattr(card.clock, "sleep", lambda duration_s: real_sleep(duration_s + 1.0))
        with pytest.raises(Underrun):
            sink.write(np.full((19_200, 2), 0.25, np.float32))
        heard = np.frombuffer(bytes(card.heard), "<f4").reshape(-1, 2)
        assert np.all(heard[:14_400] == 0.25)
        assert not heard[14_400:].any()
        assert len(heard) == 19_200

    def test_a_device_that_takes_nothing_is_lost_after_two_seconds(self, card: FakeCard, sink: AlsaSink) -> None:
        """A sound server that hangs does not hang the player."""
        sink.open()
        card.is_stuck = True
        start_s = card.clock.now().boot_s
        with pytest.raises(SinkError, match="accepted no sound for 2 s"):
            sink.write(BLOCK)
        assert card.clock.now().boot_s - start_s == pytest.approx(STALL_S, abs=0.05)

    def test_a_device_that_only_reports_gaps_is_lost_too(self, card: FakeCard, sink: AlsaSink) -> None:
        """Endless underruns end as a lost device, without spinning."""
        sink.open()
        card.is_always_dry = True
        with pytest.raises(SinkError, match="accepted no sound"):
            sink.write(BLOCK)
        assert len(card.offers) < 600

    @pytest.mark.parametrize("number", [errno.EIO, errno.ENODEV, errno.ESTRPIPE, errno.EBADFD])
    def test_an_error_of_the_device_is_a_lost_device(self, card: FakeCard, sink: AlsaSink, number: int) -> None:
        """EIO (server died), ENODEV (unplugged), ESTRPIPE (suspended): close and open again."""
        sink.open()
        card.write_errno = number
        before_s = card.clock.now().boot_s
        with pytest.raises(SinkError, match="lost the sound device") as lost:
            sink.write(BLOCK)
        assert card.clock.now().boot_s == before_s, "room that will not come is not waited for"
        assert sink.delay_s == 0.0
        assert not isinstance(lost.value, Underrun)
        sink.close()
        assert card.held == 0

    def test_digital_silence_stays_silent_in_16_bit(self, card: FakeCard, sink: AlsaSink) -> None:
        """No dither on silence: a paused speaker does not hiss."""
        card.formats = (S16,)
        sink.open()
        sink.write(np.zeros((4_800, 2), np.float32))
        assert not any(card.heard)


class TestDrain:
    def test_it_gives_up_on_a_stuck_device(self, card: FakeCard, sink: AlsaSink) -> None:
        """A stuck device costs half a second, and no error: nothing of it will be heard any more."""
        sink.open()
        card.is_stuck = True
        start_s = card.clock.now().boot_s
        sink.drain()
        assert card.clock.now().boot_s - start_s < DRAIN_STALL_S + 0.2

    def test_it_plays_silence_behind_the_sound(self, card: FakeCard, sink: AlsaSink) -> None:
        """A full buffer of silence pushes the last sample out, without a call that could block."""
        sink.open()
        sink.write(BLOCK)
        sink.drain()
        heard = np.frombuffer(bytes(card.heard), "<f4").reshape(-1, 2)
        assert np.all(heard[:4_800] == 0.25)
        assert not heard[4_800:].any()
        assert len(heard) == 4_800 + 14_400
