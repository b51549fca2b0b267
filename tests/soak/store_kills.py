"""The process that writes the memory is killed at random moments; what it was told is written must be there.

``python -m tests.soak.store_kills 200`` kills it so often (``--seed N`` for other moments). After each death the last
sectors of the database, of its journal or of the copy are torn in two of three cases, as a card does that loses power
within a write.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Final

from player.session.memory.memory import RememberedTrack
from player.session.memory.records import Batch, Documents, HeardEntry, HeardHow, texts
from player.storage import memory_db
from player.storage.document_copy import FILE_NAME as COPY_NAME
from player.storage.memory_db import MemoryDb, look_into
from player.storage.writer_thread import MemorySources, WriterThread
from tests.contracts.test_memory import AT

LONGEST_S: Final = 0.2
SECTOR: Final = 512
TORN: Final = ("nothing", memory_db.FILE_NAME, f"{memory_db.FILE_NAME}-wal", COPY_NAME)


def _write_until_killed(folder: Path, first: int, answers: int) -> None:
    """The life of the child: one ban after the other, each number told when it is answered as done."""
    writer = WriterThread(
        MemorySources(lambda: MemoryDb(folder, "this"), lambda: look_into(folder)[0]), lambda _: None, retry_s=0.01
    )
    documents = writer.recall().documents
    os.write(answers, b"ready\n")
    for number in range(first, first + 100_000):
        bans = (*documents.bans[-40:], RememberedTrack(f"/music/{number}", "rain", AT))
        fresh = replace(documents, bans=bans)
        heard = (HeardEntry(AT, "rain", f"/music/{number}", "rain", HeardHow.PLAYED),)
        answered = threading.Event()

        def done(fault: str | None, number: int = number, answered: threading.Event = answered) -> None:
            if fault is None:
                os.write(answers, f"{number}\n".encode())
            answered.set()

        writer.write(Batch(texts(fresh, documents), heard), done)
        documents = fresh
        answered.wait()


def kill_once(folder: Path, first: int, rng: random.Random) -> int:
    """Let a child write from that number on and kill it; returns the last number that was answered as done, or 0."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _write_until_killed(folder, first, writing)
        finally:
            os._exit(1)
    os.close(writing)
    with open(reading, encoding="ascii") as told:
        assert told.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, LONGEST_S))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        numbers = [int(line) for line in told.read().splitlines() if line]
    return numbers[-1] if numbers else 0


def tear(path: Path, rng: random.Random) -> None:
    """The last sectors of a file were not written, or only half of them."""
    with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        at = max(0, size - SECTOR * rng.randrange(1, 9))
        if rng.random() < 0.5:
            file.truncate(at)
        else:
            file.seek(at)
            file.write(rng.choice((b"\0", b"\xff")) * (size - at))


def kill_often(folder: Path, deaths: int, seed: int = 1) -> Counter[str]:
    """So many deaths in processes forked from this one, which must have no threads; counts what was torn.

    Raises AssertionError where something that was answered as done is not there, is not said, or cannot be read.
    """
    rng, counts, first = random.Random(seed), Counter[str](), 1
    for death in range(deaths):
        last = kill_once(folder, first, rng)
        torn = rng.choice(TORN) if death % 3 else "nothing"
        tear(folder / torn, rng)
        counts[f"torn: {torn}"] += 1
        counts["answered"] += max(0, last - first + 1)
        looked = look_into(folder)[0]
        store = MemoryDb(folder, "next")
        recalled = store.recall()
        store.write(Batch(texts(replace(recalled.documents, tries=0), Documents())))
        store.close()
        for number in range(max(first, last - 39), last + 1):
            assert any(ban.uri == f"/music/{number}" for ban in recalled.documents.bans), (death, torn, number)
            assert any(ban.uri == f"/music/{number}" for ban in looked.documents.bans), (death, torn, number)
        if torn == "nothing":
            assert (recalled.faults, store.losses) == ((), ()), (death, recalled.faults, store.losses)
            if last:
                assert f"/music/{last}" in {heard.uri for heard in recalled.heard}, (death, last)
        first = max(first, last) + 10
    return counts


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("deaths", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lull-store-kills-") as folder:
        print(dict(kill_often(Path(folder), args.deaths, args.seed)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
