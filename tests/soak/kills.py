"""The daemon is killed again and again at random moments, and started again: what goes on, and what rests.

``python -m tests.soak.kills 25`` kills it so often (``--seed N`` for other moments). Before each death a person does
something, or nothing. After it the memory must be whole; who stopped or paused hears nothing; a session that was broken
off goes on at most at its level, or says why it waits or rests; and in the recording of all of it nothing startles.
"""

from __future__ import annotations

import argparse
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from player.core.settings.safety import TARGET_LUFS
from player.core.units import volume_to_db
from tests.audio_files import write_wav
from tests.calm_material import whisper
from tests.contract_check import Figures, figures
from tests.live.daemon import Daemon, Listener
from tests.live.default_sound import bedroom
from tests.live.soundserver import SoundServer

VOLUMES: Final = (30, 60, 80)
WRITTEN_S: Final = 0.4
"""A card needs a moment until a stop is on it; nobody pulls the plug sooner after having said it."""
CONFIG: Final = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 60, max: 80}}
fades: {{fade_in: 10s, fade_out: 20s, crossfade: 2s, stop: 1s}}
trust_clock: true
state_dir: state
playlists:
  night: {{paths: [{folder}]}}
"""


@dataclass
class Killed:
    """What came of it.

    Attributes:
        outcomes: after each death: it went on, waits its turn, rests, or nothing was to go on.
        figures: what was heard in all of it.
    """

    figures: Figures
    outcomes: Counter[str] = field(default_factory=Counter)


class Night:
    """A daemon, somebody who commands it, and the one who kills it."""

    def __init__(self, folder: Path, listener: Listener, port: int, rng: random.Random) -> None:
        music = folder / "music"
        music.mkdir()
        for name in ("one", "two", "three"):
            write_wav(music / f"{name}.wav", whisper(40.0, name))
        self.daemon = Daemon(folder, CONFIG.format(port=port, folder=music))
        self.daemon.measure()
        self._memory = folder / "state" / "memory.db"
        self._listener = listener
        self._rng = rng
        self._volume = 60
        self._wants_silence = True

    def start(self) -> dict[str, Any]:
        """Start it, and return the first state that it publishes itself."""
        since = len(self._listener.heard)
        self.daemon.start()
        own = self._listener.wait(
            "its first state", lambda heard: heard.topic.endswith("/state") and not heard.retained, since
        )
        return own.fields

    def do_something(self) -> None:
        """What a person may do before the plug is pulled."""
        verb = self._rng.choice(("play", "play", "play", "next", "volume", "extend", "stop", "pause", "nothing"))
        if verb == "nothing":
            return
        fields: dict[str, Any] = {}
        if verb == "volume":
            fields["volume"] = self._volume = self._rng.choice(VOLUMES)
        done = self._listener.command(verb, **fields)[1]["done"]
        if done and verb in {"play", "stop", "pause"}:
            self._wants_silence = verb != "play"
            time.sleep(WRITTEN_S if self._wants_silence else 0.0)

    def die(self) -> None:
        """At some moment within two seconds, or, one time in four, when the sound is up."""
        time.sleep(self._rng.uniform(0.0, 2.0) if self._rng.random() < 0.75 else self._rng.uniform(7.0, 12.0))
        self.daemon.send(signal.SIGKILL)
        self.daemon.wait_end()

    def check(self, state: dict[str, Any]) -> str:
        """What became of the session; asserts what must hold."""
        with closing(sqlite3.connect(f"file:{self._memory}?mode=ro", uri=True)) as base:
            assert base.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert not list(self._memory.parent.glob("*damaged*"))
        problems = " ".join(state["problems"])
        assert "saved" not in problems, problems
        if self._wants_silence:
            assert (state["state"], state["why"]) == ("idle", None), state
            assert "interrupted" not in problems, problems
            return "nothing was to go on"
        if state["why"] == "resume":
            assert state["volume"] <= max(VOLUMES)
            return "goes on"
        assert state["state"] == "idle", state
        return "waits its turn" if "resumes" in problems else "rests"


@contextmanager
def house(folder: Path, seed: int) -> Iterator[tuple[Night, SoundServer]]:
    """Broker, sound server and daemon."""
    with bedroom() as (broker, server, listener), ExitStack() as stack:
        night = Night(folder, listener, broker.port, random.Random(seed))
        stack.callback(night.daemon.kill)
        yield night, server


def kill_often(folder: Path, deaths: int, seed: int = 1) -> Killed:
    """So many deaths; raises AssertionError where something does not hold."""
    outcomes: Counter[str] = Counter()
    with house(folder, seed) as (night, server):
        night.start()
        with server.record() as recording:
            for _ in range(deaths):
                night.do_something()
                night.die()
                outcomes[night.check(night.start())] += 1
            recording.wait_s(recording.seconds() + 3.0)
        assert night.daemon.stop() == 0
    calm_lufs = TARGET_LUFS + volume_to_db(max(VOLUMES))
    return Killed(figures(recording.samples, calm_lufs), outcomes)


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("deaths", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lull-killings-") as folder:
        killed = kill_often(Path(folder), args.deaths, args.seed)
    print(f"{args.deaths} deaths: {dict(killed.outcomes)}\n{killed.figures}")
    return 1 if killed.figures.startles or killed.figures.bursts or killed.figures.new_onsets else 0


if __name__ == "__main__":
    sys.exit(main())
