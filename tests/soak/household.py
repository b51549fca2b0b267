"""A household in which everything goes wrong at once: the real daemon, and what is heard of it, for an hour.

``python -m tests.soak.household 60`` runs so many minutes (``--seed N`` for another course). Eight people send
commands, sensible ones and odd ones; meanwhile the config is read again, broken and good, the daemon is killed, the
sound server is lost, and audio files are damaged while they may be playing. All that the sound server played is
recorded. Afterwards `tests.soak.household_verdict` judges it: nothing startles, the daemon died only when it was
killed, and each state that it told agrees with what was heard.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np

from tests.audio_files import write_wav
from tests.calm_material import rain, whisper
from tests.live.daemon import Daemon, Listener, boot_s
from tests.live.default_sound import bedroom
from tests.live.soundserver import Recording, SoundServer
from tests.soak.flood import anything
from tests.soak.household_verdict import Course, Segment, Verdict, judge, keep
from tests.soak.mutation import make_originals, mutant

PEOPLE: Final = 8
PAUSE_S: Final = 20.0
"""The mean time between two commands of one person: with more of them no fade would ever arrive."""
TROUBLE_S: Final = (10.0, 45.0)
"""The time between two troubles of the house."""
AWAY_S: Final = (0.0, 6.0)
"""How long the sound server, or a daemon that was killed, stays away."""
MOST_FILES: Final = 12
LOUDEST: Final = 80
PLAYLISTS: Final = ("whispers", "rain", "odd")
CARE_S: Final = 12.0
"""So often a ban is taken back, and `play` is said where nothing plays: otherwise most of the hour would be silent."""
CONFIG: Final = """\
device: bedroom
audio: {{output: alsa, device: bench}}
mqtt: {{host: 127.0.0.1, port: {port}}}
volume: {{default: 60, max: {most}}}
fades: {{fade_in: 10s, fade_out: 20s, crossfade: {crossfade}s, stop: {stop}s}}
session: {{resume_within: 10m}}
trust_clock: true
state_dir: state
playlists:
  whispers: {{paths: [{folder}/whispers], order: {order}}}
  rain: {{paths: [{folder}/rain, "noise:brown"]}}
  odd: {{paths: [{folder}/odd], order: shuffle}}
"""


class Person:
    """Somebody who sends commands at random, on a thread of its own."""

    def __init__(self, listener: Listener, seed: int, is_over: threading.Event) -> None:
        self.sent = 0
        self._listener = listener
        self._rng = random.Random(seed)
        self._is_over = is_over
        self._thread = threading.Thread(target=self._live, name=f"person-{seed}", daemon=True)
        self._thread.start()

    def _live(self) -> None:
        while not self._is_over.wait(self._rng.expovariate(1 / PAUSE_S)):
            topic, payload = anything(self._rng) if self._rng.random() < 0.25 else self._sensible()
            self._listener.send(topic, payload)
            self.sent += 1

    def _sensible(self) -> tuple[str, str]:
        rng = self._rng
        verb, payload = rng.choice(
            [
                *[("play", rng.choice(PLAYLISTS))] * 4,
                *[("next", "")] * 2,
                *[("volume", rng.choice(("30", "60", str(LOUDEST), "+10", "-10")))] * 3,
                ("extend", "10"), ("timer", rng.choice(("2m", "30m", "off", "end-of-track"))), ("fade", "30s"),
                ("playlist", rng.choice(PLAYLISTS)), ("seek", rng.choice(("10", "+20", "-5", "3:00"))),
                ("stop", rng.choice(("", "now"))), ("pause", ""), ("resume", ""), ("toggle", ""), ("status", ""),
                ("previous", ""), ("like", ""), ("unlike", ""), ("tracks", "e"), ("play", "favourites"),
            ]
        )  # fmt: skip
        return f"lull/{rng.choice(('bedroom', 'bedroom', 'all'))}/cmd/{verb}", payload

    def leave(self) -> None:
        """Wait until it has stopped sending."""
        self._thread.join(PAUSE_S)


class Ear:
    """Records what the sound server plays, a file for each of its lives."""

    def __init__(self, server: SoundServer, folder: Path) -> None:
        self.segments: list[Segment] = []
        self._server = server
        self._folder = folder
        self._stack = ExitStack()
        self._recording: Recording | None = None

    def listen(self) -> None:
        """Begin to record."""
        self._recording = self._stack.enter_context(self._server.record())

    def keep(self) -> None:
        """End the recording, which a server that was killed has ended already, and write it down."""
        assert self._recording is not None
        self._stack.close()
        path = self._folder / f"heard-{len(self.segments):04d}.npy"
        np.save(path, self._recording.samples)
        self.segments.append(Segment(path, self._recording.started_boot_s, len(self._recording.samples)))
        self._recording = None


class Household:
    """A daemon, its music, and what goes wrong around it. All methods are called on one thread."""

    def __init__(self, folder: Path, port: int, server: SoundServer, listener: Listener, seed: int) -> None:
        self.course = Course()
        self.rng = random.Random(seed)
        self._music = folder / "music"
        self._port = port
        self._server = server
        self._listener = listener
        self._originals = make_originals(folder / "originals")
        self._mutants = 1000 * seed
        self._fill()
        self.daemon = Daemon(folder, self._config())
        self.daemon.measure()
        self.ear = Ear(server, folder)

    def _fill(self) -> None:
        for name, make in (("whispers", whisper), ("rain", rain)):
            (self._music / name).mkdir(parents=True)
            for number in range(3):
                write_wav(self._music / name / f"{number}.wav", make(40.0, f"{name}{number}"))
        (self._music / "odd").mkdir()
        for _ in range(MOST_FILES // 2):
            self._add_mutant()

    def _config(self) -> str:
        rng = self.rng
        return CONFIG.format(
            port=self._port, folder=self._music, most=rng.choice((60, LOUDEST)), crossfade=rng.choice((1, 2, 5)),
            stop=rng.choice((1, 3)), order=rng.choice(("rotate", "shuffle", "in_order")),
        )  # fmt: skip

    def start(self) -> None:
        """Start the daemon; it counts as there once it has told a state of its own."""
        since = len(self._listener.heard)
        self.daemon.start()
        self._listener.wait(
            "its first state",
            lambda heard: heard.topic.endswith("/state") and not heard.retained,
            since,
            patience_s=60.0,
        )
        self.course.daemon_is_there(boot_s())

    def look(self) -> None:
        """Notice a daemon that died by itself, and start it again."""
        if not self.daemon.is_running:
            self.course.daemon_is_gone(boot_s())
            self.course.deaths.append(f"exit code {self.daemon.wait_end()}: {self.daemon.log()[-1500:]}")
            self.start()

    def take_care(self) -> None:
        """Take the latest ban back, and play where nothing plays."""
        self._listener.send("lull/bedroom/cmd/never_again", "undo")
        state = next((message for message in reversed(self._listener.heard) if message.is_state), None)
        verb = {"idle": "play", "paused": "resume"}.get("" if state is None else state.fields["state"])
        if verb is not None:
            self._listener.send(f"lull/bedroom/cmd/{verb}", "")

    # Troubles.

    def be_killed(self) -> None:
        """The daemon, from outside."""
        self.daemon.send(signal.SIGKILL)
        self.course.daemon_is_gone(boot_s())
        self.daemon.wait_end()
        time.sleep(self.rng.uniform(*AWAY_S))
        self.start()

    def lose_sound(self) -> None:
        """The sound server dies, and comes back."""
        self._server.kill()
        self.course.sound_is_gone(boot_s())
        self.ear.keep()
        time.sleep(self.rng.uniform(*AWAY_S))
        self._server.start()
        self.course.sound_is_there(boot_s())
        self.ear.listen()

    def reload(self) -> None:
        """Another config, one time in four a broken one, which changes nothing and is mended before the next start."""
        good = self._config()
        is_broken = self.rng.random() < 0.25
        self.daemon.config.write_text("plailists: {}\n" if is_broken else good, encoding="utf-8")
        self.daemon.send(signal.SIGHUP)
        if is_broken:
            time.sleep(2.0)
            self.daemon.config.write_text(good, encoding="utf-8")

    def damage(self) -> None:
        """Another broken file, one that is written over in its place, or one that goes."""
        files = sorted((self._music / "odd").iterdir())
        what = self.rng.choice(("add", "overwrite", "remove"))
        if what == "add" and len(files) < MOST_FILES:
            self._add_mutant()
        elif what == "remove" and len(files) > MOST_FILES // 3:
            self.rng.choice(files).unlink()
        else:
            self._mutants += 1
            self.rng.choice(files).write_bytes(mutant(self._mutants, self._originals).data)

    def _add_mutant(self) -> None:
        self._mutants += 1
        broken = mutant(self._mutants, self._originals)
        (self._music / "odd" / broken.name).write_bytes(broken.data)

    def trouble(self) -> str:
        """Something goes wrong; returns what."""
        troubles: list[Callable[[], None]] = [
            self.be_killed, self.lose_sound, self.lose_sound, self.reload, self.reload, self.damage, self.damage,
        ]  # fmt: skip
        chosen = self.rng.choice(troubles)
        chosen()
        return chosen.__name__


@contextmanager
def household(folder: Path, seed: int) -> Iterator[tuple[Household, Listener]]:
    """Broker, sound server, and a daemon that runs and is recorded."""
    with bedroom() as (broker, server, listener), ExitStack() as stack:
        house = Household(folder, broker.port, server, listener, seed)
        stack.callback(house.daemon.kill)
        house.ear.listen()
        house.start()
        yield house, listener


def live_through(folder: Path, minutes: float, seed: int, tell: Callable[[str], None] = lambda _: None) -> Verdict:
    """So many minutes; returns what is to be said about them. ``tell`` hears how it goes on, and the verdict."""
    counts: Counter[str] = Counter()
    with household(folder, seed) as (house, listener):
        is_over = threading.Event()
        people = [Person(listener, 100 * seed + number, is_over) for number in range(PEOPLE)]
        end_s = time.monotonic() + 60.0 * minutes
        trouble_s = care_s = 0.0
        while (now_s := time.monotonic()) < end_s:
            house.look()
            if now_s >= care_s:
                house.take_care()
                care_s = now_s + CARE_S
            if now_s >= trouble_s > 0.0:
                counts[house.trouble()] += 1
                tell(f"{(end_s - now_s) / 60:.1f} min left: {dict(counts)}, {len(house.course.deaths)} deaths")
            if now_s >= trouble_s:
                trouble_s = time.monotonic() + house.rng.uniform(*TROUBLE_S)
            time.sleep(0.25)
        is_over.set()
        for person in people:
            person.leave()
        house.look()
        house.course.end_s = boot_s()
        house.ear.keep()
        assert house.daemon.stop() == 0
        counts["commands"] = sum(person.sent for person in people)
        keep(folder, house.course, house.ear.segments, listener.heard, LOUDEST)
        verdict = judge(house.course, house.ear.segments, listener.heard, LOUDEST, counts)
        tell(str(verdict))  # the listener may have something to say as well, which ends this by an exception
        return verdict


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("minutes", type=float)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the recording and the log in this new folder")
    args = parser.parse_args()

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    with ExitStack() as stack:
        folder = args.keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lull-household-")))
        folder.mkdir(parents=True, exist_ok=True)
        verdict = live_through(folder, args.minutes, args.seed, tell)
    return 1 if verdict.found else 0


if __name__ == "__main__":
    sys.exit(main())
