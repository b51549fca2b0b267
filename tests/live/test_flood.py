"""A flood of commands against the real daemon: the sound stays within the contract, and a stop comes through at once."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from player.wire.verbs import VERBS
from tests.calm import whisper
from tests.contract_check import figures
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.soundserver import SoundServer
from tests.material import write_wav

pytestmark = [pytest.mark.live, pytest.mark.slow]

RATE_PER_S = 1000
FLOOD_S = 10.0
CONFIG = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 40, max: 80}}
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
    for index, name in enumerate(("one", "two")):
        (tmp_path / "music" / name).mkdir(parents=True)
        for number in range(2):
            write_wav(tmp_path / "music" / name / f"{number}.wav", whisper(60.0, seed=2 * index + number))
    running = Daemon(tmp_path, CONFIG.format(port=broker.port, folder=tmp_path / "music"))
    running.measure()
    running.start()
    yield running
    running.kill()


def anything(rng: random.Random) -> tuple[str, bytes]:
    """A command of any kind but stop, sensible or not; now and then four kilobytes of it."""
    verb = rng.choice([verb for verb in VERBS if verb != "stop"])
    payload = rng.choice(
        [b"", b"1", b"40", b"80", b"+5", b"-5", b"up", b"one", b"two", b"10m", b"90s", b"off", b"toggle", b"end-of-track",
         b"undo", b"23:15", b"{", b"\xff\xfe", b"[" * 2000, b"x" * 5000, rng.randbytes(20),
         json.dumps({"playlist": rng.choice(["one", "two", "three"]), "volume": rng.randrange(120)}).encode(),
         json.dumps({"id": str(rng.randrange(10**6))}).encode()]
    )  # fmt: skip
    return f"lull/{rng.choice(['bedroom', 'all'])}/cmd/{verb}", payload


class Flood:
    """Commands at a steady rate from a connection of its own, for a while."""

    def __init__(self, port: int, seed: int) -> None:
        self.sent = 0
        self._rng = random.Random(seed)
        self._client = Client(CallbackAPIVersion.VERSION2)
        self._client.max_queued_messages_set(0)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began_s = time.monotonic()
        while (ran_s := time.monotonic() - began_s) < FLOOD_S:
            while self.sent < ran_s * RATE_PER_S:
                topic, payload = anything(self._rng)
                self._client.publish(topic, payload, qos=0)
                self.sent += 1
            time.sleep(0.005)

    def wait(self) -> None:
        self._thread.join()
        self._client.disconnect()
        self._client.loop_stop()


def memory_kb(pid: int) -> int:
    """What the process holds in memory."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_a_flood_moves_nothing_beyond_the_contract_and_delays_no_stop(
    daemon: Daemon, sound_server: SoundServer, broker: RealBroker, listener: Listener
) -> None:
    """A thousand commands a second for ten seconds, any payloads; a stop in the middle is answered within a second."""
    listener.wait_state("idle", lambda fields: fields["state"] == "idle")
    with sound_server.record() as recording:
        listener.command("play", playlist="one")
        recording.wait_s(14.0)
        before_kb = memory_kb(daemon.pid)
        flood = Flood(broker.port, seed=4)
        took_s = []
        for _ in range(4):
            time.sleep(2.0)
            sent_s = time.monotonic()
            _, answer = listener.command("stop")
            took_s.append(time.monotonic() - sent_s)
            assert answer["state"]["state"] in {"idle", "stopping"}, answer
        flood.wait()
        after_kb = memory_kb(daemon.pid)
        listener.command("stop", now=True)
        recording.wait_s(recording.length_s + 3.0)
    told = [heard.fields for heard in listener.heard if heard.topic.endswith("/event")]
    surplus = [fields for fields in told if fields.get("reason", "").startswith("too many commands")]
    print(f"\nsent {flood.sent}; stops answered in {[round(each, 3) for each in took_s]} s; "
          f"memory {before_kb} kB, {after_kb} kB; surplus told {len(surplus)} times; events {len(told)}")  # fmt: skip
    assert flood.sent >= 0.9 * RATE_PER_S * FLOOD_S
    assert max(took_s) < 1.0
    assert after_kb - before_kb < 8_000
    assert 1 <= len(surplus) <= 3
    assert daemon.is_running
    heard = figures(recording.samples)
    print(heard)
    assert heard.startles == 0
    assert os.path.exists(f"/proc/{daemon.pid}")
