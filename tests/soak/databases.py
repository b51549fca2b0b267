"""Damaged databases under the real store, writer thread, library and session, by the thousand.

``python -m tests.soak.databases 3000`` tries so many of each file and says what came of them; ``--first SEED`` begins
elsewhere, ``--without-copy`` shows what memory.db alone keeps. Batches run in processes of their own, so that one that
dies is named. What must hold: nothing raises, a night is played with gains that are numbers, and what was answered as
done is there after a restart.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import numpy as np

from player.audio.dsp.planned_gain import PlannedGain
from player.core.commands import NeverAgain, Play, Stop
from player.core.engine_orders import PlayItem, QueueItem
from player.core.errors import StoreError
from player.core.limits import MAX_GAIN_DB
from player.core.measurement import MeasureResult
from player.core.settings.session import Playlist, Settings
from player.library.file_id import mark_of
from player.library.files import FileLibrary
from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, EndedSession, HeardEntry, HeardHow, texts
from player.storage import measurements_db, memory_db
from player.storage.document_copy import FILE_NAME as COPY_NAME
from player.storage.measurements_db import MeasurementsDb
from player.storage.memory_db import MemoryDb, look_into
from player.storage.writer_thread import MemorySources, WriterThread
from tests.contracts.test_memory import AT, KEPT
from tests.contracts.test_store import MEASURED
from tests.nights.night_rig import Nights
from tests.paths import ROOT
from tests.soak.database_damage import damage

BATCH: Final = 100
PATIENCE_S: Final = 20.0
BANNED: Final = ("banned one", os.fsdecode(b"banned \xff two"), "banned three")
TRACKS: Final = ("one", "two", "three", "four")
NIGHT_S: Final = 900.0
FILES: Final = 12


def make_memory(folder: Path, *, is_open: bool = False) -> None:
    """A memory of some weeks; left as a daemon leaves it that was killed, with a journal, where ``is_open``."""
    folder.mkdir()
    made = folder.with_name(f"{folder.name}.making")
    kept = replace(KEPT, record=None, bans=tuple(RememberedTrack(uri, uri, AT) for uri in BANNED))
    heard = (
        HeardEntry(AT + timedelta(minutes=number), "rain", TRACKS[number % 4], "", HeardHow.PLAYED)
        for number in range(400)
    )
    ended = (EndedSession(AT + timedelta(days=number), "cli", "rain", 45.0, "timer") for number in range(40))
    store = MemoryDb(made, "this")
    store.write(Batch(texts(kept), tuple(heard), tuple(ended)))
    store.recall()
    if not is_open:
        store.close()
    for file in made.iterdir():
        if not file.name.endswith("-shm"):
            shutil.copy(file, folder)
    store.close()
    shutil.rmtree(made)


def try_memory(folder: Path) -> tuple[list[str], bool, bool]:
    """A start with this memory, a night and a restart.

    Returns:
        what is wrong; whether all bans were known at the start; whether anything was said.
    """
    wrong: list[str] = []
    said: list[str | None] = []
    sources = MemorySources(lambda: MemoryDb(folder, "this"), lambda: look_into(folder)[0])
    writer = WriterThread(sources, said.append, lambda _: None, recall_s=PATIENCE_S, retry_s=0.05)
    recalled = writer.recall()
    known = {ban.uri for ban in recalled.documents.bans}
    nights = Nights(Settings(playlists=(Playlist("rain", ("/rain",)),)), AT, (*BANNED, *TRACKS), recalled=recalled)
    answer = nights.command(NeverAgain("four"))
    for batch in nights.written:
        writer.write(batch)
    answered, faults = threading.Event(), []

    def done(fault: str | None) -> None:
        faults.append(fault)
        answered.set()

    writer.write(Batch({}), done)
    if not answer.is_done or not answered.wait(PATIENCE_S):
        wrong.append(f"no answer: {answer.text}")
    nights.command(Play())
    nights.run_for(NIGHT_S)
    if played := known & {uri for _, uri in nights.engine.heard}:
        wrong.append(f"played although banned: {sorted(played)}")
    nights.command(Stop())
    writer.close(PATIENCE_S)
    wrong.extend(text for text in said if text is not None and "writing the memory failed" in text)
    if faults == [None]:
        wrong.extend(_lost(folder, known | {"four"}))
    return wrong, known >= set(BANNED), bool(recalled.faults or any(said))


def _lost(folder: Path, promised: set[str]) -> list[str]:
    """What the next start does not know, although it was answered as done."""
    looked = {ban.uri for ban in look_into(folder)[0].documents.bans}
    store = MemoryDb(folder, "next")
    found = {ban.uri for ban in store.recall().documents.bans}
    store.close()
    return [f"lost although done: {uri!r}" for uri in sorted(promised - (found & looked))]


def make_measurements(folder: Path, music: Path) -> None:
    """A database of a few measured files, which lie in ``music``."""
    store = MeasurementsDb(folder)
    for number in range(FILES):
        path = music / f"{number}.wav"
        if not path.exists():
            path.write_bytes(b"RIFF" + bytes(1000))
        store.keep(mark_of(str(path)), MeasureResult(replace(MEASURED, calm_lufs=-22.0, plan=b"x" * 800)))
    store.close()


def try_measurements(folder: Path, music: Path) -> tuple[list[str], bool, bool]:
    """A library read with these measurements and a night.

    Returns:
        what is wrong; whether all measurements were known; whether anything was said, which is left to the journal.
    """
    wrong: list[str] = []
    store = MeasurementsDb(folder, is_patient=True)
    playlist = Playlist("rain", (str(music),))
    read = FileLibrary(store).read(playlist)
    if len(read.tracks) < FILES - 1:  # one may have become one that crashes the decoder
        wrong.append(f"tracks were lost: {read.warnings}")
    nights = Nights(Settings(playlists=(playlist,)), AT, ())
    nights.library["rain"] = read.tracks
    nights.tell(read)
    nights.command(Play())
    nights.run_for(NIGHT_S)
    nights.session.snapshot(nights.now)
    items = [order.item for order in nights.engine.orders if isinstance(order, PlayItem | QueueItem) and order.item]
    wrong.extend(f"gain of {item.gain_db} dB" for item in items if not -120.0 < item.gain_db <= MAX_GAIN_DB)
    sound = np.ones((4800, 2), np.float32)
    for item in items:
        levels = (item.reached_lufs, item.habitual_lufs)
        wrong.extend(f"level {level}" for level in levels if level is not None and math.isnan(level))
        if not np.isfinite(PlannedGain(item.plan or b"").apply(sound, 9600, lambda frames: sound[:frames])).all():
            wrong.append("a plan that is no gain")
    mark = mark_of(str(music / "3.wav"))
    try:
        store.keep(mark, MeasureResult(MEASURED))
    except StoreError:
        pass
    else:
        if store.find(mark) != MeasureResult(MEASURED):
            wrong.append("what was kept is not found")
    store.close()
    return wrong, not read.unmeasured and all(track.measured for track in read.tracks), True


class Bench:
    """Both originals, each with and without a journal where it has one, in folders that are there until `close`."""

    def __init__(self) -> None:
        fast = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - a folder of its own is made in it
        self._folder = tempfile.TemporaryDirectory(prefix="lull-databases-", dir=fast)
        self._music = tempfile.TemporaryDirectory(prefix="lull-databases-music-")
        for kind, is_open in (("closed", False), ("open", True)):
            make_memory(self._path(memory_db.FILE_NAME, kind), is_open=is_open)
            make_measurements(self._path(measurements_db.FILE_NAME, kind), Path(self._music.name))

    def _path(self, name: str, kind: str) -> Path:
        return Path(self._folder.name) / f"{name}.{kind}"

    def close(self) -> None:
        """Remove all of it."""
        self._folder.cleanup()
        self._music.cleanup()

    def try_one(self, name: str, seed: int, *, has_copy: bool = True) -> tuple[str, list[str], bool, bool]:
        """One damage of one of the files: how, and as `try_memory`."""
        folder = self._path(name, "tried")
        shutil.copytree(self._path(name, ("closed", "open")[seed % 2]), folder)
        if not has_copy:
            (folder / COPY_NAME).unlink(missing_ok=True)
        how = damage(folder / name, seed)
        try:
            is_memory = name == memory_db.FILE_NAME
            found = try_memory(folder) if is_memory else try_measurements(folder, Path(self._music.name))
        except Exception:  # noqa: BLE001 - this is what is looked for
            found = [traceback.format_exc(limit=-4)], False, False
        shutil.rmtree(folder)
        return how, *found


def run_batch(name: str, first: int, count: int, *, has_copy: bool) -> None:
    """Try so many, and print one JSON line for each."""
    with contextlib.closing(Bench()) as bench:
        for seed in range(first, first + count):
            print(json.dumps([seed, *bench.try_one(name, seed, has_copy=has_copy)]), flush=True)


def hunt(name: str, count: int, first: int = 0, *, has_copy: bool = True) -> tuple[Counter[str], list[str]]:
    """Try so many in batches: counts, and what is wrong, a line each."""
    counts: Counter[str] = Counter()
    found: list[str] = []
    for start in range(first, first + count, BATCH):
        size = min(BATCH, first + count - start)
        command = [sys.executable, "-m", "tests.soak.databases", "--batch", name, "--first", str(start), str(size)]
        command += [] if has_copy else ["--without-copy"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or len(lines) < size:
            found.append(f"{name}: died after seed {start + len(lines) - 1}: {done.returncode} {done.stderr[-600:]}")
        for seed, how, wrong, is_kept, is_said in lines:
            counts.update({"tried": 1, "kept": is_kept, "lost without a word": not is_kept and not is_said})
            counts[f"lost: {how}"] += not is_kept
            found.extend(f"{name} seed {seed} ({how}): {text}" for text in wrong)
    return counts, found


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("count", type=int)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--batch", help=argparse.SUPPRESS)
    parser.add_argument("--without-copy", action="store_true")
    args = parser.parse_args()
    if args.batch:
        run_batch(args.batch, args.first, args.count, has_copy=not args.without_copy)
        return 0
    found: list[str] = []
    for name in (memory_db.FILE_NAME, measurements_db.FILE_NAME):
        counts, wrong = hunt(name, args.count, args.first, has_copy=not args.without_copy)
        print(f"{name}: {dict(+counts)}; wrong: {len(wrong)}", *wrong, sep="\n")
        found += wrong
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
