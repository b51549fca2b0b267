"""A flood of commands against the real daemon: the sound keeps the contract, and a stop comes through at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from tests.audio_files import write_wav
from tests.calm_material import whisper
from tests.contract_check import figures
from tests.live.broker import RealBroker
from tests.live.daemon import ROOT, Daemon, Listener, boot_s
from tests.live.soundserver import SoundServer
from tests.soak.flood import RATE_PER_S

pytestmark = [pytest.mark.live, pytest.mark.slow]

FLOOD_S = 10.0
LOUDEST = 80
MOST_KB = 60_000
"""What libVLC takes for the tracks that a flood of `play` and `next` opens and closes: 10 to 33 MB were seen, from run
to run, and no more in six floods than in three. That what waits is bounded is shown with the inbox."""
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 80, max: {loudest}}}
fades: {{fade_in: 10s, fade_out: 10s, crossfade: 2s, stop: 2s}}
trust_clock: true
state_dir: state
playlists:
  one: {{paths: [{folder}/one], order: in_order}}
  two: {{paths: [{folder}/two], order: in_order}}
"""


@pytest.fixture
def daemon(tmp_path: Path, sound_server: SoundServer, broker: RealBroker) -> Iterator[Daemon]:
    """Two playlists of whispers."""
    for name in ("one", "two"):
        (tmp_path / "music" / name).mkdir(parents=True)
        for number in range(2):
            write_wav(tmp_path / "music" / name / f"{number}.wav", whisper(60.0, f"{name}{number}"))
    running = Daemon(tmp_path, CONFIG.format(port=broker.port, loudest=LOUDEST, folder=tmp_path / "music"))
    running.measure()
    running.start()
    yield running
    running.kill()


@pytest.fixture
def listener(broker: RealBroker) -> Iterator[Listener]:
    """Somebody who hears the speaker and not the flood."""
    somebody = Listener(broker.port, "lull/bedroom/+")
    yield somebody
    somebody.close()


@pytest.fixture
def asker(broker: RealBroker) -> Iterator[Listener]:
    """Somebody who hears answers alone."""
    somebody = Listener(broker.port, "lull/bedroom/reply")
    yield somebody
    somebody.close()


def memory_kb(pid: int) -> int:
    """What the process holds in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


@pytest.mark.long
def test_a_flood_moves_nothing_beyond_the_contract_and_delays_no_stop(
    daemon: Daemon, sound_server: SoundServer, broker: RealBroker, listener: Listener, asker: Listener
) -> None:
    """A thousand commands a second for ten seconds, any payloads; a stop in the middle is answered within a second."""
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play", playlist="one")
        recording.wait_s(14.0)
        kb = [memory_kb(daemon.pid)]
        command = [sys.executable, "-m", "tests.soak.flood", str(broker.port), str(FLOOD_S)]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as flood:
            took_s = []
            for pause_s in (5.0, 4.0):
                time.sleep(pause_s)
                sent_s, answer = asker.command("stop")
                took_s.append(boot_s() - sent_s)
                assert answer["state"]["state"] in {"idle", "stopping"}, answer
                kb.append(memory_kb(daemon.pid))
            sent = int(flood.communicate(timeout=FLOOD_S)[0])
        kb.append(memory_kb(daemon.pid))
        listener.command("stop", now=True)
        recording.wait_s(recording.seconds() + 3.0)
    told = [heard.fields for heard in listener.heard if heard.topic.endswith("/event")]
    surplus = [fields for fields in told if fields.get("reason", "").startswith("too many commands")]
    print(f"\nsent {sent}; stops answered after {[round(each, 3) for each in took_s]} s; memory {kb} kB; "
          f"surplus told {len(surplus)} times; events {len(told)}")  # fmt: skip
    assert sent >= 0.9 * RATE_PER_S * FLOOD_S
    assert max(took_s) < 1.0
    assert max(kb) - kb[0] < MOST_KB
    assert 1 <= len(surplus) <= 3
    assert daemon.is_running
    found = figures(recording.samples, TARGET_LUFS + volume_to_db(LOUDEST))
    print(found)
    assert found.startles == found.bursts == found.new_onsets == ()
    assert found.is_finite
    assert not recording.samples[-24_000:].any()
