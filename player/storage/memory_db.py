"""The memory's file: one SQLite database under the state directory, apart from that of the measurements.

Apart, because the two are unlike: measurements are many, written by several processes, and can be made again; bans and
history are few, written by the daemon alone, and cannot. A damaged file of the one must not cost the other. And what is
written here is on the disk when `write` returns (synchronous = FULL): whoever stops a session and pulls the plug must
not hear it again. That is one flush for each of fewer than a hundred writes a night.

Documents are JSON texts by name, see `player.session.memory.records`. Names of files are kept as bytes: they need not
be text.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from player.core.errors import StoreError
from player.session.memory.json_codec import aware
from player.session.memory.records import (
    NAMES,
    RECORD,
    TRIES,
    Batch,
    EndedSession,
    HeardEntry,
    HeardHow,
    RecalledMemory,
    read_texts,
)
from player.storage.sqlite import READ_FAULTS, Database, SchemaLayout, open_to_read, transaction

FILE_NAME: Final = "memory.db"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
KEPT_HEARD: Final = 10_000
"""About a hundred nights of short tracks; what was heard before counts as never heard."""
KEPT_SESSIONS: Final = 2_000
_LONGEST_MIN: Final = 1e6
_STEPS: Final = (
    "CREATE TABLE documents (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """
    CREATE TABLE heard (
        id INTEGER PRIMARY KEY,
        at TEXT NOT NULL,
        playlist TEXT NOT NULL,
        uri BLOB NOT NULL,
        title BLOB NOT NULL,
        how TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE sessions (
        id INTEGER PRIMARY KEY,
        started TEXT NOT NULL,
        why TEXT NOT NULL,
        playlist TEXT NOT NULL,
        minutes REAL NOT NULL,
        reason TEXT NOT NULL
    )
    """,
    "ALTER TABLE sessions ADD COLUMN problems INTEGER NOT NULL DEFAULT 0",
)
_PUT: Final = "INSERT OR REPLACE INTO documents VALUES (?, ?)"
_HEARD_COLUMNS: Final = "at, playlist, uri, title, how"
_SESSION_COLUMNS: Final = "started, why, playlist, minutes, reason, problems"


def this_boot() -> str:
    """What names the time since the machine was switched on; empty where it cannot be told."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _rescue(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy each document and each entry of the log that can still be read; a page that cannot costs what is on it."""
    for name in NAMES:
        with contextlib.suppress(*READ_FAULTS):
            for row in old.execute("SELECT name, value FROM documents WHERE name = ?", (name,)).fetchall():
                new.execute(_PUT, row)
    for table, columns in (("heard", _HEARD_COLUMNS), ("sessions", _SESSION_COLUMNS)):
        places = ", ".join("?" * len(columns.split(",")))
        with contextlib.suppress(*READ_FAULTS), transaction(new):
            rows = old.execute(f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608 - no foreign word in it
            with contextlib.suppress(*READ_FAULTS):
                for row in rows:
                    new.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", row)  # noqa: S608 - as above


LAYOUT: Final = SchemaLayout(
    _STEPS, "FULL", "only what could still be read of bans and history is in the new one", _rescue
)


class MemoryDb:
    """`player.session.memory.ports.MemoryStore` in a file, or with None in memory, which forgets.

    Args:
        folder: the state directory.
        boot: what names this boot.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, folder: Path | None, boot: str = "") -> None:
        self._boot = boot
        self._base = Database(None if folder is None else folder / FILE_NAME, LAYOUT)

    @property
    def losses(self) -> tuple[str, ...]:
        """A sentence for each time that a new file had to be begun in the place of one that was there."""
        return self._base.losses

    def check(self) -> int:
        """Open the file where it is not open; a number that changes when it is another file than before."""
        return self._base.check()

    def recall(self) -> RecalledMemory:
        """All that was written; a record that is handed out has been counted."""
        return self._base.ask(self._recall)

    def _recall(self, base: sqlite3.Connection) -> RecalledMemory:
        with transaction(base):
            documents = _documents(base)
            if documents.get(RECORD, "null") != "null":
                documents[TRIES] = str(_number(documents.get(TRIES)) + 1)
                base.execute(_PUT, (TRIES, documents[TRIES]))
            for table, kept in (("heard", KEPT_HEARD), ("sessions", KEPT_SESSIONS)):
                base.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (kept,))  # noqa: S608 - no foreign word in it
        return _recalled(base, documents, self._boot)

    def write(self, batch: Batch) -> None:
        """All of it, or nothing."""
        self._base.ask(lambda base: self._write(base, batch))

    def _write(self, base: sqlite3.Connection, batch: Batch) -> None:
        with transaction(base):
            base.executemany(_PUT, batch.documents.items())
            base.executemany(
                f"INSERT INTO heard ({_HEARD_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - no foreign word in it
                map(_heard_row, batch.heard),
            )
            base.executemany(
                f"INSERT INTO sessions ({_SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - as above
                map(_ended_row, batch.ended),
            )

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()


def look_into(folder: Path) -> tuple[RecalledMemory, tuple[EndedSession, ...]]:
    """What the file holds, for somebody who only looks: nothing is counted, and no record is handed out.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    base = open_to_read(folder / FILE_NAME)
    try:
        documents = _documents(base)
        documents.pop(RECORD, None)
        return _recalled(base, documents, ""), tuple(_sessions(base))
    except (*READ_FAULTS, ValueError) as fault:
        raise StoreError(f"{folder / FILE_NAME} cannot be read: {fault}") from fault
    finally:
        base.close()


def _documents(base: sqlite3.Connection) -> dict[str, str]:
    found = base.execute("SELECT name, value FROM documents").fetchall()
    return {name: value if isinstance(value, str) else repr(value) for name, value in found}


def _recalled(base: sqlite3.Connection, documents: dict[str, str], boot: str) -> RecalledMemory:
    kept, faults = read_texts(documents)
    rows = base.execute(f"SELECT {_HEARD_COLUMNS} FROM heard ORDER BY id").fetchall()  # noqa: S608 - as above
    heard = tuple(filter(None, (_heard(*row) for row in rows)))
    if len(heard) < len(rows):
        faults = (*faults, f"{len(rows) - len(heard)} entries of what was heard cannot be read and are left out")
    return RecalledMemory(kept, heard, boot, faults)


def _heard(at: str, playlist: str, uri: bytes, title: bytes, how: str) -> HeardEntry | None:
    """One row of the log; None for one that nobody can read."""
    try:
        return HeardEntry(aware(at), str(playlist), os.fsdecode(uri), os.fsdecode(title), HeardHow(how))
    except (ValueError, TypeError):
        return None


def _sessions(base: sqlite3.Connection) -> Iterator[EndedSession]:
    """How sessions ended, as far as it can be read; a file that no daemon has opened since may lack the last column."""
    known = {name for _, name, *_ in base.execute("PRAGMA table_info(sessions)")}
    problems = "problems" if "problems" in known else "0"
    question = f"SELECT started, why, playlist, minutes, reason, {problems} FROM sessions ORDER BY id"  # noqa: S608 - no foreign word in it
    for started, why, playlist, minutes, reason, count in base.execute(question).fetchall():
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            ended = EndedSession(aware(started), str(why), str(playlist), float(minutes), str(reason), int(count))
            if 0.0 <= ended.minutes < _LONGEST_MIN:
                yield ended


def _ended_row(end: EndedSession) -> tuple[Any, ...]:
    return _iso(end.started), end.why, end.playlist, end.minutes, end.reason, end.problems


def _heard_row(heard: HeardEntry) -> tuple[Any, ...]:
    return _iso(heard.at), heard.playlist, os.fsencode(heard.uri), os.fsencode(heard.title), heard.how.value


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 9 else 0
