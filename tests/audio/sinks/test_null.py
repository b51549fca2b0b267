"""The silent sink and the pace of an ideal card; and which sink the settings make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from player.audio.sinks.alsa import AlsaSink
from player.audio.sinks.factory import make_sink
from player.audio.sinks.null import SilentSink
from player.audio.sinks.pacing import Pacing
from player.audio.sinks.pipe import PipeSink
from player.audio.sinks.wav import WavSink
from player.core.settings.audio import AudioSettings, OutputKind
from tests.fakes.clock import FakeClock

BLOCK = np.zeros((4_800, 2), np.float32)


class TestPace:
    def test_the_first_buffer_is_free(self) -> None:
        """Three blocks of 100 ms fit into 300 ms; the fourth waits for 100 ms."""
        clock = FakeClock()
        pace = Pacing(clock, 0.3)
        waits = []
        for _ in range(5):
            before_s = clock.slept_s
            pace.admit(4_800)
            waits.append(clock.slept_s - before_s)
        assert waits == pytest.approx([0, 0, 0, 0.1, 0.1])
        assert pace.delay_s == pytest.approx(0.3)

    def test_a_late_writer_does_not_catch_up(self) -> None:
        """After a pause of 10 s the buffer is empty, and no more than a buffer is taken at once."""
        clock = FakeClock()
        pace = Pacing(clock, 0.3)
        pace.admit(4_800)
        clock.advance(10.0)
        assert pace.delay_s == 0.0
        for _ in range(4):
            pace.admit(4_800)
        assert clock.slept_s == pytest.approx(0.1)

    @pytest.mark.slow
    def test_a_whole_night_does_not_drift(self) -> None:
        """8 hours of blocks take 8 hours, to the millisecond."""
        clock = FakeClock()
        pace = Pacing(clock, 0.3)
        for _ in range(8 * 36_000):
            pace.admit(4_800)
        pace.drain()
        assert clock.slept_s == pytest.approx(8 * 3600, abs=0.001)


def test_closing_forgets_what_was_not_played() -> None:
    """A closed sink delays nothing."""
    sink = SilentSink(FakeClock(), 0.3)
    sink.open()
    sink.write(BLOCK)
    assert sink.delay_s == pytest.approx(0.1)
    sink.close()
    assert sink.delay_s == 0.0


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        (OutputKind.ALSA, AlsaSink),
        (OutputKind.WAV, WavSink),
        (OutputKind.PIPE, PipeSink),
        (OutputKind.SILENT, SilentSink),
    ],
)
def test_the_settings_choose_the_sink(output: OutputKind, kind: type, tmp_path: Path) -> None:
    """Each output of the settings has its sink, and making one touches neither device nor file."""
    path = tmp_path / "out.wav"
    assert isinstance(make_sink(AudioSettings(output=output, path=str(path)), FakeClock()), kind)
    assert not path.exists()


def test_a_wav_of_the_daemon_runs_at_real_time(tmp_path: Path) -> None:
    """With a WAV as its output the daemon plays as slowly as with a card: an hour is an hour."""
    clock = FakeClock()
    sink = make_sink(AudioSettings(output=OutputKind.WAV, path=str(tmp_path / "out.wav")), clock)
    sink.open()
    for _ in range(13):
        sink.write(BLOCK)
    sink.close()
    assert clock.slept_s == pytest.approx(1.0)
