"""The sound server is killed again and again under a playing daemon: it comes back each time, and holds what it held.

``python -m tests.soak.device_losses 50`` does it so often and says what the process held on the way.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.audio_files import sine, write_wav
from tests.live.daemon import Daemon, Listener
from tests.live.default_sound import bedroom
from tests.live.process import Held, settled
from tests.live.soundserver import Samples, SoundServer

BACK_WITHIN_S: Final = 20.0
"""A device is tried again every five seconds at most, and then there is another rise to begin."""
CONFIG: Final = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 80, max: 100}}
fades: {{fade_in: 10s, crossfade: 2s, stop: 1s}}
trust_clock: true
state_dir: state
playlists:
  tones: {{paths: [{folder}]}}
"""


@dataclass(frozen=True)
class Lost:
    """What the daemon held after the first loss and after the last one, and what was heard when it had come back."""

    before: Held
    after: Held
    samples: Samples


@contextmanager
def house(folder: Path) -> Iterator[tuple[Daemon, Listener, SoundServer]]:
    """A daemon that plays a tone."""
    music = folder / "music"
    music.mkdir()
    write_wav(music / "tone.wav", sine(440.0, 60.0, peak=0.25))
    with bedroom() as (broker, server, listener), ExitStack() as stack:
        daemon = Daemon(folder, CONFIG.format(port=broker.port, folder=music))
        daemon.start()
        stack.callback(daemon.kill)
        listener.wait_state("idle", lambda state: state["state"] == "idle")
        assert listener.command("play", timer="off")[1]["done"]
        listener.wait_state("sound", lambda state: state["level"] is not None)
        yield daemon, listener, server


def lose_often(folder: Path, losses: int) -> Lost:
    """So many losses; raises AssertionError where one is not noticed or the sound does not come back."""
    with house(folder) as (daemon, listener, server):
        held = []
        for number in range(1, losses + 1):
            server.kill()
            listener.wait_state("the loss", lambda state: "sound device" in str(state["problem"]), BACK_WITHIN_S)
            server.start()
            back = listener.wait_state("the sound", lambda state: state["problem"] is None, BACK_WITHIN_S)
            assert back["state"] == "playing", back
            if number in {1, losses} or number % 10 == 0:
                held.append(settled(daemon.pid))
                print(f"after {number} losses: {held[-1]}", flush=True)
        with server.record() as recording:
            recording.wait_s(12.0)
        assert daemon.stop() == 0
    return Lost(held[0], held[-1], recording.samples)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("losses", type=int)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lull-losses-") as folder:
        lose_often(Path(folder), args.losses)
    return 0


if __name__ == "__main__":
    sys.exit(main())
