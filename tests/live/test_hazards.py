"""Two minutes of the worst through everything: daemon, libVLC, ALSA, a sound server; judged by the recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.limits import CEILING_DBTP
from player.core.settings.safety import TARGET_LUFS
from player.core.units import db_to_gain, volume_to_db
from tests.contract_check import figures
from tests.hazard_material import worst
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.soundserver import SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

VOLUME = 90
LATER_VOLUME = 100
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: {volume}, max: 100}}
fades: {{fade_in: 10s, fade_out: 20s, crossfade: 2s, stop: 2s}}
timer: {{default: 110s}}
trust_clock: true
playlists:
  worst: {{paths: [{folder}], order: in_order}}
"""


@pytest.fixture
def daemon(tmp_path: Path, sound_server: SoundServer, broker: RealBroker) -> Iterator[Daemon]:
    """Runs on the three files."""
    folder = tmp_path / "music"
    folder.mkdir()
    worst(folder)
    running = Daemon(tmp_path, CONFIG.format(port=broker.port, volume=VOLUME, folder=folder))
    running.start()
    yield running
    running.kill()


@pytest.mark.long
def test_two_minutes_of_the_worst_startle_nobody(daemon: Daemon, sound_server: SoundServer, listener: Listener) -> None:
    """What the device was given, the volume moved and a pause in between: the contract."""
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play")
        recording.wait_s(28.0)
        listener.command("volume", volume=LATER_VOLUME)
        recording.wait_s(50.0)
        listener.command("pause")
        recording.wait_s(54.0)
        listener.command("resume")
        listener.wait_event("session_ended", patience_s=90)
        recording.wait_s(recording.seconds() + 1.0)
    calm_lufs = TARGET_LUFS + volume_to_db(VOLUME)
    found = figures(recording.samples, calm_lufs)
    print(f"\nlive, {recording.seconds():.0f} s: {found}")
    full = TARGET_LUFS + volume_to_db(LATER_VOLUME)
    events = {*found.startles, *found.bursts, *found.new_onsets}
    assert not events
    assert found.clicks == ()
    assert found.max_momentary_lufs <= full + 8.0
    assert found.max_short_lufs <= full + 5.0
    assert found.peak <= db_to_gain(CEILING_DBTP)
    assert found.true_peak_dbtp <= CEILING_DBTP + 0.2
    started = [
        heard for heard in listener.heard if heard.topic.endswith("/event") and b"track_started" in heard.payload
    ]
    assert len(started) >= 2
    assert found.max_short_lufs > calm_lufs - 20.0, "hardly anything was heard"
