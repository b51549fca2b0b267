"""Sessions by the hundred in the real daemon: does it hold more memory, files or threads after them than before?

``python -m tests.soak.sessions 1000`` starts and stops so many, each with two tracks of another format opened, and says
what the process held on the way. The output is silent and paced like a sound card.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.audio_files import encode, noise
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener
from tests.live.process import Held, settled

FORMATS: Final = ("wav", "flac", "mp3", "ogg", "opus", "m4a")
WARM_UP: Final = 20
"""Everything has been used once by then: each plugin of libVLC, each page of the database."""
CONFIG: Final = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
fades: {{fade_in: 10s, fade_out: 10s, crossfade: 2s, stop: 1s}}
trust_clock: true
state_dir: state
playlists:
  all: {{paths: [{folder}]}}
"""


@contextmanager
def house(folder: Path) -> Iterator[tuple[Daemon, Listener]]:
    """A daemon with a track in each format."""
    music = folder / "music"
    music.mkdir()
    for suffix in FORMATS:
        encode(music / f"{suffix}.{suffix}", noise(30.0, rate_hz=44_100), rate_hz=44_100)
    with ExitStack() as stack:
        broker = RealBroker()
        stack.callback(broker.close)
        broker.start()
        listener = Listener(broker.port)
        stack.callback(listener.close)
        daemon = Daemon(folder, CONFIG.format(port=broker.port, folder=music))
        daemon.measure()
        daemon.start()
        stack.callback(daemon.kill)
        listener.wait_state("idle", lambda state: state["state"] == "idle")
        yield daemon, listener


def one_session(listener: Listener) -> None:
    """Play until a track sounds, skip to another one, and stop."""
    del listener.heard[:-1]
    assert listener.command("play")[1]["done"]
    listener.wait_event("track_started", 1)
    since = len(listener.heard)
    assert listener.command("next")[1]["done"]
    listener.wait_event("track_started", since)
    since = len(listener.heard)
    assert listener.command("stop", now=True)[1]["done"]
    listener.wait_event("session_ended", since)


def held_over(folder: Path, sessions: int, looks: tuple[int, ...], warm_up: int = WARM_UP) -> list[tuple[int, Held]]:
    """What the daemon held after the warm-up (0), and after so many sessions behind it."""
    found = []
    with house(folder) as (daemon, listener):
        for number in range(-warm_up, sessions + 1):
            if number == 0 or number in looks:
                found.append((number, settled(daemon.pid)))
                print(f"after {number} sessions: {found[-1][1]}", flush=True)
            if number < sessions:
                one_session(listener)
        assert daemon.stop() == 0
    return found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sessions", type=int)
    args = parser.parse_args()
    looks = tuple(sorted({*range(100, args.sessions, 100), args.sessions}))
    with tempfile.TemporaryDirectory(prefix="lull-sessions-") as folder:
        held_over(Path(folder), args.sessions, looks)
    return 0


if __name__ == "__main__":
    sys.exit(main())
