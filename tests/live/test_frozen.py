"""What hangs outside holds nothing up: a sound server that is stopped, a config that is a pipe nobody writes to."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audio_files import write_wav
from tests.calm_material import whisper
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener, boot_s
from tests.live.soundserver import RATE_HZ, SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

BUFFER_S = 0.3
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 60, max: 100}}
fades: {{fade_in: 10s, fade_out: 10s, stop: 1s}}
timer: {{default: 10m}}
trust_clock: true
playlists:
  night: {{paths: [{folder}]}}
"""


@pytest.fixture
def daemon(tmp_path: Path, sound_server: SoundServer, broker: RealBroker, listener: Listener) -> Iterator[Daemon]:
    """It has played a whisper for twelve seconds."""
    folder = tmp_path / "music"
    folder.mkdir()
    write_wav(folder / "one.wav", whisper(40.0))
    running = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=folder))
    running.start()
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    yield running
    running.kill()


@pytest.mark.long
def test_a_frozen_sound_server_is_told_within_three_seconds_and_a_stop_is_obeyed(
    daemon: Daemon, sound_server: SoundServer, listener: Listener
) -> None:
    """The state names the problem and shows no level; after the stop nothing but one old buffer is ever heard."""
    with sound_server.record() as recording:
        listener.command("play")
        recording.wait_s(12.0)
        sounding_s = recording.seconds()
        with sound_server.frozen():
            frozen_s = boot_s()
            fields = listener.wait_state("the problem", lambda fields: fields["problem"] is not None)
            assert boot_s() - frozen_s < 3.0
            assert fields["level"] is None
            asked_s, answer = listener.command("stop")
            assert answer["done"]
            listener.wait_state("idle", lambda fields: fields["state"] == "idle", patience_s=3.0)
            assert boot_s() - asked_s < 3.0
            time.sleep(max(0.0, 8.0 - (boot_s() - frozen_s)))
        listener.wait_state("all well", lambda fields: fields["problem"] is None)
        recording.wait_s(sounding_s + 12.0)
    heard = np.flatnonzero(recording.samples.any(axis=1)) / RATE_HZ
    assert heard[-1] < sounding_s + 2 * BUFFER_S
    listener.command("play")
    listener.wait_state("sound", lambda fields: (fields["level"] or -200.0) > -120.0)


def test_play_while_the_sound_server_is_frozen_is_answered_and_plays_when_it_goes_on(
    daemon: Daemon, sound_server: SoundServer, listener: Listener
) -> None:
    """The device is opened for the first time while the server stands still."""
    time.sleep(1.0)
    with sound_server.frozen():
        sent_s, answer = listener.command("play")
        assert answer["done"]
        assert boot_s() - sent_s < 1.0
        listener.wait_state("the problem", lambda fields: fields["problem"] is not None, patience_s=4.0)
        _, answer = listener.command("status")
        assert answer["done"]
    listener.wait_state("sound", lambda fields: (fields["level"] or -200.0) > -120.0)
    listener.wait_state("all well", lambda fields: fields["problem"] is None)


def test_a_config_that_hangs_holds_no_stop_up(daemon: Daemon, listener: Listener) -> None:
    """The config becomes a pipe that nobody writes to and is read again: stop and SIGTERM are obeyed as ever."""
    listener.command("play")
    listener.wait_state("sound", lambda fields: (fields["level"] or -200.0) > -120.0)
    text = daemon.config.read_text()
    daemon.config.unlink()
    os.mkfifo(daemon.config)
    daemon.send(signal.SIGHUP)
    time.sleep(0.5)
    sent_s, answer = listener.command("stop")
    assert answer["done"]
    assert boot_s() - sent_s < 1.0
    listener.wait_state("idle", lambda fields: fields["state"] == "idle", patience_s=3.0)
    daemon.config.unlink()
    daemon.config.write_text(text.replace("max: 100", "max: 70"))
    daemon.send(signal.SIGHUP)
    listener.wait_state("the new config", lambda fields: fields["volume_max"] == 70)
    daemon.config.unlink()
    os.mkfifo(daemon.config)
    daemon.send(signal.SIGHUP)
    time.sleep(0.5)
    began_s = boot_s()
    assert daemon.stop() == 0
    assert boot_s() - began_s < 3.0
