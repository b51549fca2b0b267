"""A library from 100 to 50,000 tracks: `python -m bench.library` from the repository (`--most N` for a smaller one).

Files of a few bytes in folders of a hundred, all measured, with a plan of 350 bytes each: what four minutes of a
recording with a few strangers take. A playlist uses the first 20,000 tracks. Times are CPU time of this process, so
that they hold beside other work; a share or a card adds its own time for each system call (see the table).
What the session does is measured on the real session and runs on the thread that obeys commands.
"""

from __future__ import annotations

import argparse
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

from player.core.clock import Now
from player.core.commands import Command, NeverAgain, Next, Play, ReplyTo, Request
from player.core.events import ItemStarted, LibraryRead
from player.core.measurement import Measured, MeasureResult
from player.core.settings.session import Playlist, Settings
from player.library.file_id import mark_of
from player.library.files import FileLibrary
from player.session.controller import Controller, Message
from player.session.outcome import Outcome
from player.storage.measurements_db import MeasurementsDb

SIZES: Final = (100, 1_000, 5_000, 20_000, 50_000)
PER_FOLDER: Final = 100
PLAN_BYTES: Final = 350
WALL: Final = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
ASKED: Final = ("stat", "lstat", "readlink", "access", "open", "scandir", "listdir")
MEASURED: Final = Measured(240.0, -22.0, -23.0, 5.0, -15.0, -18.0, -20.0, -3.0, -19.0, calm_lufs=-23.0)


def make(folder: Path, count: int) -> MeasurementsDb:
    """So many files in ``folder/music``, and what is known of each."""
    rng = random.Random(count)
    store = MeasurementsDb(folder / "state")
    for number in range(count):
        place = folder / "music" / f"folder {number // PER_FOLDER}"
        place.mkdir(parents=True, exist_ok=True)
        path = place / f"{number:05d} rain on a roof.flac"
        path.write_bytes(b"fLaC" + bytes(16))
        store.keep(mark_of(str(path)), MeasureResult(replace(MEASURED, plan=rng.randbytes(PLAN_BYTES))))
    return store


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


def row(count: int) -> dict[str, float]:
    """All figures for so many tracks."""
    with tempfile.TemporaryDirectory(prefix="lull-bench-library-") as name:
        store = make(Path(name), count)
        playlist = Playlist("rain", (str(Path(name) / "music"),))
        library = FileLibrary(store)
        began_s = time.process_time()
        read = library.read(playlist)
        read_ms = (time.process_time() - began_s) * 1e3
        assert len(read.tracks) == min(count, 20_000), read.warnings
        with system_calls() as made:
            library.read(playlist)
        del read
        gc.collect()
        tracemalloc.start()
        read = library.read(playlist)
        gc.collect()
        held = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        found = session_figures(playlist, read)
        store.close()
    return {
        "read ms": read_ms, "us/track": read_ms * 1e3 / count, "calls/track": len(made) / count, "MB held": held / 1e6,
        **found,
    }  # fmt: skip


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


def main() -> None:
    """Print the table: a line for each size, and the growth from the smallest to the largest."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--most", type=int, default=SIZES[-1])
    most = parser.parse_args().most
    row(SIZES[0])  # what is imported late is there now
    rows = {count: row(count) for count in SIZES if count <= most}
    names = list(next(iter(rows.values())))
    print("tracks".rjust(8), *(name.rjust(14) for name in names))
    for count, figures in rows.items():
        print(f"{count:8d}", *(f"{figures[name]:14.2f}" for name in names))
    first, last = rows[min(rows)], rows[max(rows)]
    print(f"{max(rows) / min(rows):7.0f}x", *(f"{last[name] / max(first[name], 1e-3):13.1f}x" for name in names))


if __name__ == "__main__":
    main()
