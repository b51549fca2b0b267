"""The decoder crashes while it plays, and takes the daemon with it: how soon something is heard again, and what."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from player.core.limits import MAX_RISE_DB_PER_S
from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.soundserver import SoundServer
from tests.live.supervisor import restart

pytestmark = [pytest.mark.live, pytest.mark.slow]

BACK_WITHIN_S = 10.0
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 80, max: 100}}
fades: {{fade_in: 10s, fade_out: 20s, crossfade: 2s, stop: 1s}}
trust_clock: true
state_dir: state
playlists:
  tones: {{paths: [{folder}], order: in_order}}
"""


@pytest.fixture
def daemon(tmp_path: Path, broker: RealBroker, sound_server: SoundServer) -> Iterator[Daemon]:
    """Three tones, and the sound server before it."""
    assert sound_server.env()
    (tmp_path / "music").mkdir()
    for name, hz in (("one", 440.0), ("three", 840.0), ("two", 640.0)):
        write_wav(tmp_path / "music" / f"{name}.wav", sine(hz, 120.0, peak=0.25))
    made = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=tmp_path / "music"))
    made.start()
    yield made
    made.kill()


@pytest.mark.long
def test_after_a_crash_another_track_rises_from_silence_within_ten_seconds(
    daemon: Daemon, listener: Listener, sound_server: SoundServer
) -> None:
    """With the pause of the unit; the state says why it plays, and the journal what crashed."""
    listener.wait_state("idle", lambda state: state["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play", volume=70)
        before = listener.wait_level()
        crashed_s, since = recording.seconds(), len(listener.heard)
        daemon.send(signal.SIGSEGV)
        assert restart(daemon) == -signal.SIGSEGV
        again = listener.wait(
            "going on",
            lambda heard: (
                heard.is_state and not heard.retained and heard.fields["why"] == "resume" and heard.fields["track"]
            ),
            since,
        )
        recording.wait_s(recording.seconds() + 11.0)
        after = listener.command("status")[1]["state"]
        assert daemon.stop() == 0
    assert again.fields["track"] not in {None, before["track"]}
    problems = [text for text in after["problems"] if "ran out of data" not in text]  # a busy machine
    assert (after["volume"], problems) == (70, [])
    assert "lull crashed: Fatal Python error: Segmentation fault" in daemon.log()
    rest = recording.samples[round((crashed_s + 1.0) * 48_000) :]
    back_s = 1.0 + float(np.flatnonzero(rest[:, 0])[0]) / 48_000
    print(f"\nthe first sound came {back_s:.1f} s after the crash")
    assert 1.0 < back_s < BACK_WITHIN_S
    rise = sound.fastest_rise(rest, -80.0)
    assert rise.db_per_s <= MAX_RISE_DB_PER_S + 0.6, rise
