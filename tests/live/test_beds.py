"""A bed over a real broker, with libVLC, ALSA and a sound server: states, events and recording agree."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from tests import recording as sound
from tests.audio_files import sine, write_wav
from tests.contract_check import figures
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener, boot_s
from tests.live.soundserver import RATE_HZ, Recording, SoundServer

pytestmark = [pytest.mark.live, pytest.mark.slow]

TRACK_HZ, BED_HZ = 440.0, 900.0
VOLUME = 80
RISE = 6.6
"""6 dB/s, and what the measurement adds."""
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: {volume}, max: 100}}
fades: {{fade_in: 10s, fade_out: 8s, crossfade: 2s, stop: 2s}}
playlists:
  tracks: {{paths: [{folder}/tracks], bed: {{playlist: low, gain: -12, outlasts: 12s}}}}
  low: {{paths: [{folder}/low]}}
"""


def tones_db(recording: Recording, at_s: float) -> tuple[float, float]:
    """Levels of the two tones in the second before a moment of the boot clock, in dB re full scale."""
    last = round((at_s - recording.started_boot_s) * RATE_HZ)
    heard = recording.samples[last - RATE_HZ : last, 0]
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard)))) / (len(heard) / 4)
    low, high = (20 * np.log10(spectrum[round(hz) - 2 : round(hz) + 3].max() + 1e-9) for hz in (TRACK_HZ, BED_HZ))
    return float(low), float(high)


@pytest.mark.long
def test_a_bed_is_heard_under_a_track_moves_and_outlasts_it(
    tmp_path: Path, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """12 dB below it, then 18, then alone for 12 s after the track's end, and then silence.

    The bed is a file of 10 s that is looped. Both tones are brought to one loudness, within 0.6 dB by the K-weighting.
    """
    for name, hz, length_s in (("tracks", TRACK_HZ, 200.0), ("low", BED_HZ, 10.0)):
        (tmp_path / name).mkdir()
        write_wav(tmp_path / name / "tone.wav", sine(hz, length_s, peak=0.25))
    daemon = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=tmp_path, volume=VOLUME))
    daemon.measure()
    moments: dict[str, float] = {}

    def settle(name: str, wait_s: float) -> None:
        recording.wait_s(recording.seconds() + wait_s)
        moments[name] = boot_s() - 1.0

    try:
        daemon.start()
        listener.wait_state("idle", lambda fields: fields["state"] == "idle")
        with sound_server.record() as recording:
            listener.command("play", playlist="tracks", timer="10m")
            listener.wait_state("its bed", lambda fields: fields["beds"] == [{"playlist": "low", "gain": -12.0}])
            settle("under", 24.0)
            assert listener.command("bed", bed="-6")[1]["text"] == "bed: low at -18 dB"
            settle("lower", 8.0)
            listener.command("bed", bed={"playlist": "low", "gain": -12, "outlasts": "12s"})
            listener.command("timer", timer="at-most 30s")
            alone = listener.wait_event("bed_alone", patience_s=60.0)
            assert alone.fields["seconds"] == 12
            settle("alone", 6.0)
            state = listener.wait_state("a phase of its own", lambda fields: fields["phase"]["number"] == 2)
            assert (state["track"], state["phase"]["count"]) == (None, 2)
            listener.wait_state("silence", lambda fields: fields["state"] == "idle", 60.0)
            recording.wait_s(recording.seconds() + 2.0)
    finally:
        daemon.kill()
    found = {name: tones_db(recording, at_s) for name, at_s in moments.items()}
    track_db = found["under"][0]
    assert found["under"][1] - track_db == pytest.approx(-12.0, abs=1.0)
    assert found["lower"][1] - track_db == pytest.approx(-18.0, abs=1.0)
    assert found["alone"][1] - track_db == pytest.approx(-12.0, abs=1.0)
    assert found["alone"][0] < track_db - 50.0
    rise = sound.fastest_rise(recording.samples, -80.0)
    assert rise.db_per_s <= RISE, (rise, sound.gaps(recording.samples), daemon.log()[-1500:])
    assert not sound.gaps(recording.samples, longer_than_s=0.020)
    assert not recording.samples[-RATE_HZ:].any()
    judged = figures(recording.samples, TARGET_LUFS + volume_to_db(VOLUME))
    assert not judged.startles, judged
