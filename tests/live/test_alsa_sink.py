"""The ALSA sink on a real ALSA library into a real sound server that dies, freezes and comes back."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from player.audio.sinks.alsa import ANSWER_S, CLOSE_S, STALL_S, AlsaSink
from player.core.clock import SystemClock
from player.core.errors import SinkError, Underrun
from tests.contracts.test_sink import BUFFER_S, DeviceContract, Rig, noise
from tests.live.soundserver import MONO_PCM, NAMED_PCM, RATE_HZ, S32_PCM, Samples, SoundServer
from tests.recording import beginning_s, clicks, gaps

pytestmark = [pytest.mark.live, pytest.mark.slow]


def make_sink(device: str = NAMED_PCM) -> AlsaSink:
    """A sink with the default buffer on the machine's clock."""
    return AlsaSink(device, BUFFER_S, SystemClock())


def tone(duration_s: float, peak: float = 0.1) -> Samples:
    """220 Hz on both channels, with a fade of 50 ms at both ends."""
    at_s = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    fade = np.clip(np.minimum(at_s, duration_s - at_s) / 0.05, 0, 1)
    wave = (peak * fade * np.sin(2 * np.pi * 220 * at_s)).astype(np.float32)
    return np.stack([wave, wave], axis=1)


def write_all(sink: AlsaSink, samples: Samples) -> None:
    """In blocks of 100 ms, as the engine does."""
    for start in range(0, len(samples), 4_800):
        sink.write(samples[start : start + 4_800])


def held_files() -> int:
    """File descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


class TestContract(DeviceContract):
    """The contract of every sink, on the real thing; what was heard is checked below, sample by sample."""

    @pytest.fixture
    def rig(self, sound_server: SoundServer) -> Iterator[Rig]:
        """ALSA into PulseAudio, which is killed and started again."""
        sink = make_sink()
        yield Rig(sink, SystemClock(), None, sound_server.kill, sound_server.start)
        sink.close()


class TestSound:
    @pytest.mark.parametrize("device", ["default", NAMED_PCM])
    def test_every_sample_arrives(self, sound_server: SoundServer, device: str) -> None:
        """What the monitor records is exactly what was written, and nothing is added."""
        sink = make_sink(device)
        whole = np.concatenate(noise(15))
        with sound_server.record() as recording:
            sink.open()
            write_all(sink, whole)
            sink.drain()
            sink.close()
            recording.wait_s(recording.seconds() + 0.3)
        start = int(np.flatnonzero(recording.samples.any(axis=1))[0])
        heard = recording.samples[start : start + len(whole)]
        np.testing.assert_array_equal(heard, whole)
        assert not recording.samples[start + len(whole) :].any()

    def test_a_device_without_float_gets_32_bit(self, stopped_sound_server: SoundServer) -> None:
        """ALSA grants such a device some other format without a word; lull finds that out and asks for S32."""
        sink = make_sink(S32_PCM)
        whole = np.concatenate(noise(5))
        sink.open()
        write_all(sink, whole)
        sink.close()
        heard = np.fromfile(stopped_sound_server.raw_file, "<i4").reshape(-1, 2)
        np.testing.assert_array_equal(heard, np.rint(whole.astype(np.float64) * 2**31))

    def test_a_device_with_one_channel_gets_the_mean(self, stopped_sound_server: SoundServer) -> None:
        """ALSA grants one channel without a word; lull mixes down instead of feeding misaligned frames."""
        sink = make_sink(MONO_PCM)
        whole = np.concatenate(noise(5))
        sink.open()
        write_all(sink, whole)
        sink.close()
        np.testing.assert_array_equal(np.fromfile(stopped_sound_server.raw_file, "<f4"), whole.mean(axis=1))

    def test_a_tone_has_neither_click_nor_gap(self, sound_server: SoundServer) -> None:
        """3 s of a tone in blocks of 100 ms are heard as one piece."""
        sink = make_sink()
        with sound_server.record() as recording:
            sink.open()
            write_all(sink, tone(3.0))
            sink.drain()
            sink.close()
            recording.wait_s(recording.seconds() + 0.2)
        assert beginning_s(recording.samples) < 2.0
        assert clicks(recording.samples) == ()
        assert gaps(recording.samples) == ()

    def test_from_write_to_sound_it_takes_less_than_400_ms(self, sound_server: SoundServer) -> None:
        """With a full buffer a new sound is heard within 400 ms, which leaves 100 ms for the block being rendered."""
        sink = make_sink()
        with sound_server.record() as recording:
            sink.open()
            write_all(sink, np.zeros((RATE_HZ, 2), np.float32))
            written_s = time.clock_gettime(time.CLOCK_BOOTTIME)
            write_all(sink, tone(1.0))
            sink.drain()
            sink.close()
        heard_s = recording.started_boot_s + beginning_s(recording.samples)
        assert 0.1 < heard_s - written_s < 0.4

    def test_after_a_gap_there_is_silence(self, sound_server: SoundServer) -> None:
        """The writer is late by a second: the next 100 ms are silent whatever was in them, and then sound goes on."""
        sink = make_sink()
        loud: Samples = np.full((4_800, 2), 0.5, np.float32)
        soft: Samples = np.full((4_800, 2), 0.25, np.float32)
        with sound_server.record() as recording:
            sink.open()
            sink.write(loud)
            time.sleep(1.0)
            with pytest.raises(Underrun):
                sink.write(loud)
            sink.write(soft)
            sink.drain()
            sink.close()
            recording.wait_s(recording.seconds() + 0.2)
        assert np.count_nonzero(recording.samples[:, 0] == 0.5) == 4_800
        assert np.count_nonzero(recording.samples[:, 0] == 0.25) == 4_800
        (gap,) = gaps(recording.samples)
        assert gap.length_s > 0.9


class TestLoss:
    def test_no_server_is_an_error_at_once(self, stopped_sound_server: SoundServer) -> None:
        """Nothing listens: opening fails within a second, says so, and holds no file."""
        sink = make_sink()
        with pytest.raises(SinkError, match="the sound server is not running"):
            sink.open()
        gc.collect()  # what other tests left behind is not closed in between
        held = held_files()
        start_s = time.monotonic()
        with pytest.raises(SinkError):
            sink.open()
        assert time.monotonic() - start_s < 1.0
        assert held_files() <= held

    @pytest.mark.parametrize("device", ["nosuch", "hw:CARD=Nope", "plughw:CARD=Nope"])
    def test_a_missing_device_is_an_error_at_once(self, sound_server: SoundServer, device: str) -> None:
        """An unknown name fails even while the default device works: there is no fall-back."""
        with pytest.raises(SinkError, match="no such device at the moment"):
            make_sink(device).open()

    def test_a_server_that_dies_is_noticed_within_a_second(self, sound_server: SoundServer) -> None:
        """SIGKILL in the middle: the next writes fail, quickly, and so does the closing."""
        sink = make_sink()
        sink.open()
        write_all(sink, tone(0.5))
        sound_server.kill()
        start_s = time.monotonic()
        with pytest.raises(SinkError, match="lost the sound device"):
            write_all(sink, tone(5.0))
        sink.close()
        assert time.monotonic() - start_s < 1.0

    def test_it_plays_again_when_the_server_is_back(self, sound_server: SoundServer) -> None:
        """Lost, found, and heard again on the same sink."""
        sink = make_sink()
        sink.open()
        sound_server.kill()
        with pytest.raises(SinkError):
            write_all(sink, tone(5.0))
        sink.close()
        sound_server.start()
        with sound_server.record() as recording:
            sink.open()
            write_all(sink, tone(1.0))
            sink.drain()
            sink.close()
            recording.wait_s(recording.seconds() + 0.2)
        assert beginning_s(recording.samples) < 2.0
        assert gaps(recording.samples) == ()

    def test_a_server_that_hangs_is_lost_after_two_seconds(self, sound_server: SoundServer) -> None:
        """A stopped server keeps its socket open and takes nothing: a bounded wait, then an error."""
        sink = make_sink()
        sink.open()
        write_all(sink, tone(0.5))
        with sound_server.frozen():
            start_s = time.monotonic()
            with pytest.raises(SinkError, match="has accepted no sound for 2 s"):
                write_all(sink, tone(20.0))
            assert STALL_S - 0.5 < time.monotonic() - start_s < STALL_S + 1.0
        sink.close()

    def test_a_server_that_hangs_holds_nobody_up(self, sound_server: SoundServer) -> None:
        """Closing takes 0.3 s and opening 2 s at most, and no other thread stands still; it opens again afterwards."""
        sink, pauses, is_over = make_sink(), [0.0], threading.Event()

        def look() -> None:
            last_s = time.monotonic()
            while not is_over.wait(0.02):
                pauses.append(time.monotonic() - last_s)
                last_s = time.monotonic()

        sink.open()
        write_all(sink, tone(0.5))
        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        with sound_server.frozen():
            start_s = time.monotonic()
            sink.close()
            assert time.monotonic() - start_s < CLOSE_S + 0.5
            for _ in range(2):
                start_s = time.monotonic()
                with pytest.raises(SinkError, match="does not answer"):
                    sink.open()
                assert time.monotonic() - start_s < ANSWER_S + 0.5
        is_over.set()
        watcher.join()
        assert max(pauses) < 0.5
        sink.open()
        write_all(sink, tone(0.5))
        sink.close()

    def test_after_it_hung_no_more_than_its_buffer_is_heard(self, sound_server: SoundServer) -> None:
        """What the server had taken when it froze is all that comes: the lost device does not play on when it thaws."""
        sink = make_sink()
        with sound_server.record() as recording:
            sink.open()
            write_all(sink, tone(2.0))
            written_s = recording.seconds()
            with sound_server.frozen():
                with pytest.raises(SinkError):
                    write_all(sink, tone(20.0))
                sink.close()
                time.sleep(1.0)
            recording.wait_s(written_s + 6.0)
        heard = np.flatnonzero(recording.samples.any(axis=1))
        assert heard[-1] / RATE_HZ < written_s + 2 * BUFFER_S

    def test_two_hundred_times_open_and_close_leak_nothing(self, sound_server: SoundServer) -> None:
        """Files and threads are as many after 200 openings as after the first few."""
        sink = make_sink()
        for turn in range(203):
            sink.open()
            sink.close()
            if turn == 2:
                held, tasks = held_files(), len(os.listdir("/proc/self/task"))
        # a leak would be 200; a few belong to whatever else this process did before and is still winding up
        assert held_files() < held + 20
        assert len(os.listdir("/proc/self/task")) < tasks + 20

    def test_two_hundred_failed_openings_leak_nothing(self, stopped_sound_server: SoundServer) -> None:
        """A device that is missing all night costs no file and no thread."""
        sink = make_sink()
        for turn in range(203):
            with pytest.raises(SinkError):
                sink.open()
            if turn == 2:
                held, tasks = held_files(), len(os.listdir("/proc/self/task"))
        # a leak would be 200; a few belong to whatever else this process did before and is still winding up
        assert held_files() < held + 20
        assert len(os.listdir("/proc/self/task")) < tasks + 20

    def test_alsa_does_not_chatter(self, stopped_sound_server: SoundServer, capfd: pytest.CaptureFixture[str]) -> None:
        """A missing device is said by the exception alone; ALSA's own messages would fill the journal all night."""
        with pytest.raises(SinkError):
            make_sink("hw:CARD=Nope").open()
        assert capfd.readouterr().err == ""
