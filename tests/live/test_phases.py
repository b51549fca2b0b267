"""A night in three phases over a real broker, everything real: states, events and recording agree."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener, boot_s
from tests.live.soundserver import RATE_HZ, Recording, SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

TONES = {"whispers": 440.0, "rain": 640.0, "noise": 900.0}
RISE = 6.6
"""6 dB/s, and what the measurement adds."""
SETTLED_S = 14.0
"""A blend of two seconds begins far below what sounds, and is over so long after a phase began."""
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 80, max: 100}}
fades: {{fade_in: 10s, fade_out: 8s, crossfade: 2s, stop: 2s}}
trust_clock: true
playlists:
{playlists}
"""


def tone_hz(recording: Recording, at_s: float) -> float:
    """The strongest tone of the second before a moment of the boot clock."""
    last = round((at_s - recording.started_boot_s) * RATE_HZ)
    heard = recording.samples[last - RATE_HZ : last, 0]
    return float(np.argmax(np.abs(np.fft.rfft(heard * np.hanning(len(heard))))) * RATE_HZ / len(heard))


@pytest.mark.long
def test_three_phases_are_driven_by_mqtt_and_heard(
    tmp_path: Path, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """The first ends by its timer, the second by `advance`; `asleep`, `awake`, `until` and `at-most` move the end.

    Each phase sounds as its playlist, nothing rises faster than 6 dB/s, and there is no silence before the end.
    """
    for name, hz in TONES.items():
        (tmp_path / name).mkdir()
        write_wav(tmp_path / name / "tone.wav", sine(hz, 120.0, peak=0.25))
    playlists = "\n".join(f"  {name}: {{paths: [{tmp_path / name}]}}" for name in TONES)
    daemon = Daemon(tmp_path, CONFIG.format(port=broker.port, playlists=playlists))
    daemon.measure()
    moments: dict[str, float] = {}

    def settle(phase: int, playlist: str, volume: int) -> None:
        state = listener.wait_state(
            f"phase {phase}", lambda fields: (fields["phase"]["number"], fields["playlist"]) == (phase, playlist), 60.0
        )
        assert (state["phase"]["count"], state["volume"], state["state"]) == (3, volume, "playing")
        assert (state["phase"]["next"] is None) is (phase == 3)
        recording.wait_s(recording.seconds() + SETTLED_S)
        moments[playlist] = boot_s() - 1.0  # what was heard by then is recorded

    try:
        daemon.start()
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        with sound_server.record() as recording:
            then = [{"playlist": "rain", "volume": 70, "for": "1h"}, {"playlist": "noise", "volume": 60, "for": "1h"}]
            listener.command("play", playlist="whispers", timer="40s", then=then)
            recording.wait_s(recording.seconds() + 10.0)
            settle(1, "whispers", 80)
            settle(2, "rain", 70)
            assert listener.wait_event("phase_started").fields["phase"] == 2
            assert listener.command("advance")[1]["text"] == "phase 3 of 3: noise at volume 60"
            settle(3, "noise", 60)
            refused = listener.command("advance")[1]
            assert (refused["done"], refused["text"]) == (False, "advance: no phase follows")
            ends = listener.wait_state("its end", lambda fields: fields["timer"]["ends"] is not None)["timer"]["ends"]
            listener.command("asleep")
            asleep = listener.wait_state("asleep", lambda fields: fields["asleep"])
            assert asleep["timer"]["ends"] == ends  # the last phase keeps its end
            listener.command("awake")
            listener.wait_state("awake", lambda fields: not fields["asleep"])
            until = (datetime.now().astimezone() + timedelta(minutes=5)).replace(second=0, microsecond=0)
            listener.command("timer", timer=f"until {until:%H:%M}")
            listener.wait_state("until", lambda fields: _is_near(fields["timer"]["ends"], until))
            listener.command("timer", timer="at-most 12s")
            listener.wait_state("the fade", lambda fields: fields["state"] == "fading_out")
            listener.wait_state("silence", lambda fields: fields["state"] == "idle", 30.0)
            recording.wait_s(recording.seconds() + 2.0)
    finally:
        daemon.kill()
    for name, hz in TONES.items():
        assert tone_hz(recording, moments[name]) == pytest.approx(hz, abs=2.0), name
    rise = sound.fastest_rise(recording.samples, -80.0)
    assert rise.db_per_s <= RISE, (rise, sound.gaps(recording.samples), daemon.log()[-1500:])
    assert not sound.gaps(recording.samples, longer_than_s=0.020)
    assert not recording.samples[-RATE_HZ:].any()


def _is_near(ends: str | None, moment: datetime) -> bool:
    return ends is not None and abs((datetime.fromisoformat(ends) - moment).total_seconds()) <= 2.0
