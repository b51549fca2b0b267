"""A library from 100 to 50,000 tracks: what reading it costs, and what the session does with it.

Files of a second in folders of a hundred, all measured, with a plan of 350 bytes each: what four minutes of a recording
with a few strangers take. A playlist uses the first 20,000 tracks. Times in ms are CPU time of this process, so that
they hold beside other work; a share or a card adds its own time for each system call (see the table). What the session
does is measured on the real session and runs on the thread that obeys commands. The rest is the daemon's, by the clock:
*READY* from its start; *first sound* from a `play` to an idle daemon to the first sample that is not silence; *from
start* the same from the start of a daemon that is told at once, and reads the library first; *own MB* its memory then.
"""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from bench import contestants, report, usage
from bench.contestants import Stage
from bench.latency import heard_after
from player.core.clock import Now
from player.core.commands import Command, NeverAgain, Next, Play, ReplyTo, Request
from player.core.events import ItemStarted, LibraryRead
from player.core.measurement import Measured, MeasureResult
from player.core.settings.session import Playlist, Settings
from player.library.file_id import mark_of
from player.library.files import MAX_TRACKS, FileLibrary
from player.session.controller import Controller
from player.session.messages import Message
from player.session.outcome import Outcome
from player.storage.measurements_db import MeasurementsDb

SIZES: Final = (100, 2_000, 20_000, 50_000)
PER_FOLDER: Final = 100
PLAN_BYTES: Final = 350
HEARD_WITHIN_S: Final = 4.0
WALL: Final = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
ASKED: Final = ("stat", "lstat", "readlink", "access", "open", "scandir", "listdir")
MEASURED: Final = Measured(240.0, -22.0, -23.0, 5.0, -15.0, -18.0, -20.0, -3.0, -19.0, calm_lufs=-23.0)


class Library:
    """A folder of files that grows, and the store of what is known of each.

    Args:
        folder: has the files in ``music``, and is the state directory.
        sound: what is in each file.
    """

    def __init__(self, folder: Path, sound: bytes) -> None:
        self.folder = folder
        self.music = folder / "music"
        self.store = MeasurementsDb(folder)
        self._sound = sound
        self._count = 0

    def grow(self, count: int) -> None:
        """Add files up to so many."""
        rng = random.Random(count)
        for number in range(self._count, count):
            place = self.music / f"folder {number // PER_FOLDER}"
            if number % PER_FOLDER == 0:
                place.mkdir(parents=True)
            path = place / f"{number:05d} rain on a roof.mp3"
            path.write_bytes(self._sound)
            self.store.keep(mark_of(str(path)), MeasureResult(replace(MEASURED, plan=rng.randbytes(PLAN_BYTES))))
        self._count = count


@contextmanager
def system_calls() -> Iterator[list[str]]:
    """The names of the calls that Python makes of the file system meanwhile, one for each call."""
    made: list[str] = []
    real = {name: getattr(os, name) for name in ASKED}

    def counted(name: str) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            made.append(name)
            return real[name](*args, **options)

        return call

    for name in ASKED:
        setattr(os, name, counted(name))
    try:
        yield made
    finally:
        for name, function in real.items():
            setattr(os, name, function)


class Speaker:
    """The real session, with a clock that moves a second at each message."""

    def __init__(self, settings: Settings) -> None:
        self._controller = Controller(settings, random.Random(1))
        self._boot_s = 100.0

    def tell(self, message: Message) -> tuple[float, Outcome]:
        """CPU time of one turn in milliseconds, and what came of it."""
        self._boot_s += 1.0
        now = Now(self._boot_s, WALL, trusted=True)
        began_s = time.process_time()
        out = self._controller.handle(message, now)
        return (time.process_time() - began_s) * 1e3, out

    def command(self, command: Command) -> tuple[float, Outcome]:
        """The same for a command."""
        return self.tell(Request(command, "bench", ReplyTo(id="1")))


def row(stage: Stage, library: Library, count: int) -> dict[str, float]:
    """All figures for so many tracks."""
    library.grow(count)
    playlist, files = Playlist("rain", (str(library.music),)), FileLibrary(library.store)
    began_s = time.process_time()
    read = files.read(playlist)
    read_ms = (time.process_time() - began_s) * 1e3
    tracks = len(read.tracks)
    assert tracks == min(count, MAX_TRACKS), read.warnings
    with system_calls() as made:
        files.read(playlist)
    del read
    gc.collect()
    tracemalloc.start()
    read = files.read(playlist)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return {
        "read ms": read_ms, "us/track": read_ms * 1e3 / tracks, "calls/track": len(made) / tracks,
        "MB held": held / 1e6, **session_figures(playlist, read),
        **heard(replace(stage, folder=library.folder), library.music),
    }  # fmt: skip


def heard(stage: Stage, music: Path) -> dict[str, float]:
    """Seconds until READY and until the first sample, told after a while and at once, and the memory in MB."""
    with contestants.remote(stage, music) as (running, say), stage.server.record() as recording:
        at_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        say("play", "")
        recording.wait_s(recording.seconds() + HEARD_WITHIN_S)
        own_mb = usage.memory_bytes(running.pid).own / 1e6
    first_s = heard_after(recording.samples, at_s - recording.started_boot_s, HEARD_WITHIN_S)
    with stage.server.record() as recording:
        recording.wait_s(1.0)
        at_s = time.clock_gettime(time.CLOCK_BOOTTIME)
        with contestants.lull_alone(stage, music):
            recording.wait_s(recording.seconds() + HEARD_WITHIN_S)
    start_s = heard_after(recording.samples, at_s - recording.started_boot_s, HEARD_WITHIN_S)
    seconds = [float("nan") if value is None else value for value in (running.ready_s, first_s, start_s)]
    return dict(zip(("READY s", "first sound s", "from start s"), seconds, strict=True)) | {"own MB": own_mb}


def session_figures(playlist: Playlist, read: LibraryRead) -> dict[str, float]:
    """What the session needs for it, in ms: the worst of five of each."""
    speaker = Speaker(Settings(playlists=(playlist,)))
    listing, _ = speaker.tell(read)
    wrong = max(speaker.command(NeverAgain("00005 ran on a roff"))[0] for _ in range(5))
    wrong_playlist = max(speaker.command(Play(playlist="rian"))[0] for _ in range(5))
    play, out = speaker.command(Play())
    following = 0.0
    for _ in range(5):
        item = next(order.item for order in out.orders if hasattr(order, "item") and order.item is not None)
        speaker.tell(ItemStarted(item.id, 240.0))
        took, out = speaker.command(Next())
        following = max(following, took)
    return {"listed ms": listing, "wrong track ms": wrong, "wrong list ms": wrong_playlist, "play ms": play,
            "next ms": following}  # fmt: skip


def part(stage: Stage, most: int) -> report.Part:
    """A line for each size, and the growth from the smallest to the largest."""
    sound = contestants.make(
        stage.folder / "short.mp3", "anoisesrc=color=pink:sample_rate=8000:duration=1", "-b:a", "8k"
    )
    rows = {}
    with tempfile.TemporaryDirectory(prefix="library-", dir=stage.folder) as name:
        library = Library(Path(name), sound.read_bytes())
        for count in (size for size in SIZES if size <= most):
            print(f"{count} tracks ...", flush=True)
            rows[count] = row(stage, library, count)
        library.store.close()
    first, last = rows[min(rows)], rows[max(rows)]
    lines = [report.line("", (*(str(count) for count in rows), f"{max(rows) / min(rows):.0f} x"), 12)]
    for figure in first:
        growth = f"{last[figure] / max(first[figure], 1e-3):.1f} x"
        lines.append(report.line(figure, (*(f"{found[figure]:.2f}" for found in rows.values()), growth), 12))
    return report.Part("A growing library, by the number of tracks", "\n".join(lines))
