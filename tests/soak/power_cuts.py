"""An evening of commands on a disk of its own, and a power cut at each of its moments.

``python -m tests.soak.power_cuts 150`` lasts so many seconds (``--seed N`` for another evening); root, since the state
directory is an ext4 in a loop device. Whenever the device was written to, its bytes are copied: that is what a power
cut would leave, without all that is in memory only. Later each copy is mounted and read as by a start of lull. The
database must be whole; and bans, liked tracks, the skipped night and a moved start must be those of the commands that
were answered as done by then. Where a command was under way, nothing is asked.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from player.core.errors import StoreError
from player.storage.memory_db import MemoryDb
from tests.audio_files import sine, write_wav
from tests.live.broker import RealBroker
from tests.live.daemon import Daemon, Listener

TRACKS: Final = 5
PAUSES_S: Final = (0.0, 0.05, 0.3, 1.0)
SILENT_S: Final = 1.0
"""A stop is written within this time after its answer."""
CONFIG: Final = """\
device: bedroom
audio: {{output: silent, hold: 0s}}
mqtt: {{host: 127.0.0.1, port: {port}}}
fades: {{fade_in: 10s, stop: 1s, crossfade: 1s}}
trust_clock: true
state_dir: {folder}/disk/state
schedule: [{{name: night, at: "03:33", playlist: tones}}]
playlists:
  tones: {{paths: [{folder}/music]}}
"""


@dataclass(frozen=True)
class Done:
    """A command that was answered as done: when it was sent and answered, on the monotonic clock."""

    verb: str
    fields: dict[str, Any]
    sent_s: float
    answered_s: float


@dataclass
class Evening:
    """What was asked for, and the copies of the device: when each was begun, and its file."""

    done: list[Done] = field(default_factory=list)
    copies: list[tuple[float, Path]] = field(default_factory=list)


class Disk:
    """An ext4 of its own, mounted, and copied whenever it was written to."""

    def __init__(self, folder: Path, copies: list[tuple[float, Path]]) -> None:
        self.place = folder / "disk"
        self.place.mkdir()
        self._image = folder / "image"
        self._copies = copies
        self._folder = folder
        run("truncate", "-s", "8M", str(self._image))
        run("mkfs.ext4", "-q", str(self._image))
        self._loop = run("losetup", "--show", "-f", str(self._image)).strip()
        run("mount", self._loop, str(self.place))
        self._counts = Path("/sys/block", Path(self._loop).name, "stat")
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        before = ""
        while not self._is_over.wait(0.01):
            counts, at_s = self._counts.read_text(), time.monotonic()
            data = b"" if counts == before else self._image.read_bytes()
            is_whole = self._counts.read_text() == counts and counts.split()[8] == "0"
            if data and is_whole:  # nothing was written meanwhile
                before = counts
                path = self._folder / f"copy-{len(self._copies):05d}"
                path.write_bytes(data)
                self._copies.append((at_s, path))

    def close(self) -> None:
        """Unmount it."""
        self._is_over.set()
        self._thread.join()
        run("umount", "-l", str(self.place))
        run("losetup", "-d", self._loop)


def run(*command: str) -> str:
    """The output of a command that must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def commands(rng: random.Random) -> tuple[str, dict[str, Any]]:
    """Any command with something to remember."""
    track = f"t{rng.randrange(TRACKS)}"
    choices: list[tuple[str, dict[str, Any]]] = [
        ("play", {}), ("play", {}), ("stop", {"now": True}), ("pause", {}), ("resume", {}), ("next", {}),
        ("asleep", {}), ("never_again", {"track": track}), ("never_again", {"track": track}),
        ("never_again", {"undo": True}), ("like", {"track": track}), ("unlike", {"track": track}),
        ("skip_tonight", {}), ("skip_tonight", {"skip": False}), ("volume", {"volume": rng.randrange(60)}),
        ("schedule", {"entry": "night", "at": f"0{rng.randrange(1, 9)}:15"}),
    ]  # fmt: skip
    return rng.choice(choices)


def live_through(folder: Path, seconds: float, seed: int) -> Evening:
    """The evening: commands at random, and kills of the daemon."""
    evening, rng = Evening(), random.Random(seed)
    (folder / "music").mkdir()
    for number in range(TRACKS):
        write_wav(folder / "music" / f"t{number}.wav", sine(300.0 + 50.0 * number, 20.0, peak=0.1))
    disk, broker = Disk(folder, evening.copies), RealBroker()
    broker.start()
    listener = Listener(broker.port)
    daemon = Daemon(folder, CONFIG.format(port=broker.port, folder=folder))
    try:
        start(daemon, listener)
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s:
            if rng.random() < 0.06:
                daemon.kill()
                start(daemon, listener)
            verb, fields = commands(rng)
            sent_s = time.monotonic()
            _, answer = listener.command(verb, **fields)
            if answer["done"]:
                evening.done.append(Done(verb, fields, sent_s, time.monotonic()))
            time.sleep(rng.choice(PAUSES_S))
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        listener.close()
        broker.close()
        disk.close()
    return evening


def start(daemon: Daemon, listener: Listener) -> None:
    """Start it, and wait for its first state."""
    since = len(listener.heard)
    daemon.start()
    listener.wait("a state", lambda heard: heard.is_state and not heard.retained, since)


@contextmanager
def mounted(image: Path, place: Path) -> Iterator[None]:
    """A copy of the device, as after the power cut."""
    run("mount", "-o", "loop", str(image), str(place))
    try:
        yield
    finally:
        run("umount", str(place))


def judge(folder: Path, evening: Evening) -> list[str]:
    """What is wrong, a line each."""
    place = folder / "after"
    place.mkdir()
    found = []
    for at_s, copy in evening.copies:
        with mounted(copy, place):
            found += [f"{copy.name}: {fault}" for fault in faults_at(place / "state", evening.done, at_s)]
    return found


def faults_at(state_dir: Path, done: list[Done], at_s: float) -> Iterator[str]:
    """What a start after a power cut at that moment would not know."""

    def of(*verbs: str) -> list[Done] | None:
        """Those done by then; None while one is under way, or before the first."""
        began = [one for one in done if one.verb in verbs and one.sent_s < at_s]
        return began if began and all(one.answered_s < at_s for one in began) else None

    if not (state_dir / "memory.db").exists():
        if of("never_again", "like", "skip_tonight", "schedule"):
            yield "there is no memory"
        return
    try:
        store = MemoryDb(state_dir, "another boot")
        recalled = store.recall()
    except StoreError as fault:
        yield str(fault)
        return
    store.close()
    yield from (*store.losses, *recalled.faults)
    documents = recalled.documents
    if (tracks := of("never_again", "like", "unlike")) is not None:
        bans, likes = marks_after(tracks)
        told = ([Path(ban.uri).stem for ban in documents.bans], {Path(like.uri).stem for like in documents.likes})
        if told != (bans, likes):
            yield f"bans and likes are {told}, not {(bans, likes)}"
    if (skips := of("skip_tonight")) is not None and bool(documents.switches.skipped) != skips[-1].fields.get(
        "skip", True
    ):
        yield f"skipped is {documents.switches.skipped}"
    if (moves := of("schedule")) is not None:
        moved = dict(documents.switches.times).get("night")
        if moved is None or f"{moved.at:%H:%M}" != moves[-1].fields["at"]:
            yield f"the start is {moved}, not {moves[-1].fields['at']}"
    session = of("play", "stop", "pause", "resume", "next", "asleep")
    is_stopped = session is not None and session[-1].verb == "stop" and session[-1].answered_s + SILENT_S < at_s
    if is_stopped and documents.record is not None:
        yield "the session that was stopped would be resumed"


def marks_after(done: list[Done]) -> tuple[list[str], set[str]]:
    """Banned tracks, the latest last, and liked ones."""
    bans, likes = list[str](), set[str]()
    for one in done:
        track = one.fields.get("track", "")
        if one.fields.get("undo"):
            del bans[-1]
        elif one.verb == "never_again":
            bans = [*(name for name in bans if name != track), track]
            likes.discard(track)
        elif one.verb == "like":
            likes.add(track)
        else:
            likes.discard(track)
    return bans, likes


def main(tell: Callable[[str], None] = print) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("seconds", type=float)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lull-cuts-") as name:
        evening = live_through(Path(name), args.seconds, args.seed)
        found = judge(Path(name), evening)
    tell(f"{len(evening.copies)} power cuts, {len(evening.done)} commands, {len(found)} faults")
    for fault in found:
        tell(fault)
    return 1 if found else 0


def can_mount_images() -> bool:
    """Whether loop devices can be made here: that takes root."""
    with tempfile.TemporaryDirectory() as name, suppress(subprocess.CalledProcessError, FileNotFoundError):
        run("truncate", "-s", "1M", f"{name}/image")
        run("losetup", "-d", run("losetup", "--show", "-f", f"{name}/image").strip())
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
