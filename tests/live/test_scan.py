"""Playing while the daemon measures in the background, everything real: the recording must not notice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from player.storage.measurements_db import FILE_NAME, MeasurementsDb
from tests import recording as sound
from tests.audio_files import noise, sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.soundserver import SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

CONFIG = """\
device: bedroom
audio: {output: alsa, device: bench}
mqtt: {host: 127.0.0.1, port: %d}
volume: {default: 80, max: 100}
fades: {fade_in: 10s}
trust_clock: true
state_dir: state
playlists:
  tones: {paths: [tones]}
  library: {paths: [library]}
"""


def idle_processes() -> list[int]:
    """Ids of scan workers that run at idle priority."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            is_worker = b"scan_worker\0--background" in (process / "cmdline").read_bytes()
            if is_worker and os.sched_getscheduler(int(process.name)) == os.SCHED_IDLE:
                found.append(int(process.name))
        except (OSError, ProcessLookupError):
            continue
    return found


@pytest.mark.long
def test_playing_does_not_notice_the_scan(
    tmp_path: Path, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """A library of half an hour is measured meanwhile: no gap, no click, no underrun; results are kept as they come."""
    for name in ("tones", "library"):
        (tmp_path / name).mkdir()
    write_wav(tmp_path / "tones" / "tone.wav", sine(440.0, 120.0))
    long = np.tile(noise(10.0), (18, 1))
    first = write_wav(tmp_path / "library" / "0.wav", long)
    for index in range(1, 10):
        shutil.copy(first, tmp_path / "library" / f"{index}.wav")
    before = set(idle_processes())
    daemon = Daemon(tmp_path, CONFIG % broker.port)
    with sound_server.record() as recording:
        daemon.start()
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        listener.command("play")
        seen: set[int] = set()
        while recording.seconds() < 25.0:
            seen |= set(idle_processes()) - before
            recording.wait_s(recording.seconds() + 0.2)
        assert daemon.stop() == 0
    assert seen, "a worker was at work, at idle priority"
    peak = float(np.abs(recording.samples).max())
    assert peak > 0
    assert not sound.gaps(recording.samples, longer_than_s=0.020)
    assert not sound.clicks(recording.samples, smallest=2e-3 * peak)
    assert "underr" not in daemon.log()
    store = MeasurementsDb(tmp_path / "state")
    kept = (tmp_path / "state" / FILE_NAME).stat().st_size
    store.close()
    assert kept
    assert not set(idle_processes()) & seen, "nothing is left of it"
