"""An evening at the bedside, recorded: start, a jump of the volume, a scream, another track, a broker gone, a crash."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from tests.audio_files import write_wav
from tests.calm_material import whisper
from tests.contract_check import figures
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.soundserver import SoundServer
from tests.signals import frames_of, rng_for, with_part

pytestmark = [pytest.mark.live, pytest.mark.slow]

QUIET, LOUD = 5, 100
LICENSED_DB = 4.5
"""3 dB, and what the licence of a planned track rises by in a second: the first phrases come up one after the other."""
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: {quiet}, max: 100}}
fades: {{fade_in: 10s, fade_out: 10s, crossfade: 2s, stop: 2s}}
timer: {{default: 10m}}
trust_clock: true
playlists:
  night: {{paths: [{folder}], order: in_order}}
"""


@pytest.fixture
def daemon(tmp_path: Path, sound_server: SoundServer, broker: RealBroker) -> Iterator[Daemon]:
    """Two whispered stories, each with two seconds of a full-scale scream at 30 s."""
    folder = tmp_path / "music"
    folder.mkdir()
    scream = rng_for("scream").uniform(-1, 1, (frames_of(2.0), 2)).astype("f4")
    story = with_part(whisper(60.0), 30.0, scream)
    for name in ("one", "two"):
        write_wav(folder / f"{name}.wav", story)
    running = Daemon(tmp_path, CONFIG.format(port=broker.port, quiet=QUIET, folder=folder))
    running.start()
    yield running
    running.kill()


@pytest.mark.long
def test_an_evening_with_everything_that_can_happen_startles_nobody(
    daemon: Daemon, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """No startle, burst or new onset: at the scale of the loud volume, and until the crash of the quiet one."""
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play")
        recording.wait_s(15.0)
        listener.command("volume", volume=LOUD)
        recording.wait_s(40.0)
        listener.command("next")
        recording.wait_s(60.0)
        broker.kill()
        recording.wait_s(66.0)
        crashed_s = recording.seconds()
        daemon.kill()
        recording.wait_s(68.0)
        broker.start()
        daemon.start()
        listener.wait_state("going on by itself", lambda fields: fields["why"] == "resume")
        recording.wait_s(recording.seconds() + 16.0)
        listener.command("stop")
        recording.wait_s(recording.seconds() + 4.0)
    evenings = ((QUIET, recording.samples[: frames_of(crashed_s)]), (LOUD, recording.samples))
    for volume, samples in evenings:
        found = figures(samples, TARGET_LUFS + volume_to_db(volume))
        print(f"\nat the scale of volume {volume}, {recording.seconds():.0f} s: {found}")
        new = [one for one in (*found.startles, *found.new_onsets) if one.over_familiar_db > LICENSED_DB]
        assert not new
        assert not found.bursts
    assert not recording.samples[-24_000:].any()
