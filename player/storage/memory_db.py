"""The memory's file: one SQLite database under the state directory, apart from that of the measurements.

They are separate because they differ: measurements are many, written by several processes, and can be made again; bans
and history are few, written by the daemon alone, and cannot. A damaged file of one must not cost the other. And what is
written here is on the disk when `write` returns (synchronous = FULL): a session that was stopped must not resume after
the plug is pulled. That is one flush for each of fewer than a hundred writes a night.

Documents are JSON texts by name, see `player.session.memory.records`. Names of files are kept as bytes: they need not
be text.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from player.core.errors import StoreError
from player.core.pillow import Calibration
from player.session.memory.json_codec import aware
from player.session.memory.records import (
    NAMES,
    RECORD,
    TRIES,
    Batch,
    Documents,
    EndedSession,
    HeardEntry,
    HeardHow,
    RecalledMemory,
    read_texts,
    texts,
    tries_after,
)
from player.storage.document_copy import COPIED, read_copy, set_aside, write_copy
from player.storage.document_copy import FILE_NAME as COPY_NAME
from player.storage.sqlite import READ_FAULTS, DamagedDatabase, Database, SchemaLayout, open_to_read, transaction
from player.system.bounded import BoundedCall, CallHangs

FILE_NAME: Final = "memory.db"
BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
CALIBRATION_S: Final = 3.0
TIME_OFFSETS: Final = Path("/proc/self/timens_offsets")
KEPT_HEARD: Final = 10_000
"""Maximum entries of the log: about a hundred nights of short tracks; older ones count as never heard."""
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
    "ALTER TABLE sessions ADD COLUMN dropouts INTEGER NOT NULL DEFAULT 0",
)
_DEFAULTS: Final = {name: text for name, text in texts(Documents()).items() if name in COPIED}
_PUT: Final = "INSERT OR REPLACE INTO documents VALUES (?, ?)"
_HEARD_COLUMNS: Final = "at, playlist, uri, title, how"
_SESSION_COLUMNS: Final = "started, why, playlist, minutes, reason, problems, dropouts"


def this_boot() -> str:
    """The id of the present boot; empty where it is unknown.

    In a time namespace of its own (a container may have one) the boot clock is another one: its offset is added.
    """
    try:
        boot = BOOT_ID.read_text(encoding="ascii").strip()
        offsets = TIME_OFFSETS.read_text(encoding="ascii").splitlines() if TIME_OFFSETS.exists() else []
    except OSError:
        return ""
    offset = next((words[1:] for words in map(str.split, offsets) if words[:1] == ["boottime"]), ["0", "0"])
    return boot if offset == ["0", "0"] else f"{boot} {'.'.join(offset)}"


def _rescue(old: sqlite3.Connection, new: sqlite3.Connection) -> None:
    """Copy each document and each entry of the log that can still be read; unreadable pages are lost."""
    for name in NAMES:
        with contextlib.suppress(*READ_FAULTS):
            for row in old.execute("SELECT name, value FROM documents WHERE name = ?", (name,)).fetchall():
                new.execute(_PUT, row)
    for table, wanted in (("heard", _HEARD_COLUMNS), ("sessions", _SESSION_COLUMNS)):
        with contextlib.suppress(*READ_FAULTS), transaction(new):
            columns = _columns_of(old, table, wanted)
            places = ", ".join("?" * len(columns.split(",")))
            rows = old.execute(f"SELECT {columns} FROM {table} ORDER BY id")  # noqa: S608 - no foreign word in it
            with contextlib.suppress(*READ_FAULTS):
                for row in rows:
                    new.execute(f"INSERT INTO {table} ({columns}) VALUES ({places})", row)  # noqa: S608 - as above


LAYOUT: Final = SchemaLayout(
    _STEPS, "FULL", f"the new one has what could be read of it, and what {COPY_NAME} has", _rescue, 64 << 10
)


class MemoryDb:
    """`player.session.memory.ports.MemoryStore` in a file, or with None in memory only.

    Args:
        folder: the state directory.
        boot: the id of this boot.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, folder: Path | None, boot: str = "") -> None:
        self._boot = boot
        self._folder = folder
        self._base = Database(None if folder is None else folder / FILE_NAME, LAYOUT)
        self._copied = self._read_copy()
        self.copy_fault: str | None = None

    @property
    def losses(self) -> tuple[str, ...]:
        """A sentence for each time that a new file had to be begun in the place of one that was there."""
        return self._base.losses

    def check(self) -> int:
        """Open the file where it is not open; a number that changes when it is another file than before."""
        return self._base.check()

    def recall(self) -> RecalledMemory:
        """Everything that was saved; a record of a session that is returned has been counted."""
        self._copied = self._read_copy()
        recalled = self._base.ask(self._recall)
        if self._folder is not None and not self._copied and (self.losses or recalled.documents == Documents()):
            lost = set_aside(self._folder)
            recalled = replace(recalled, faults=(*recalled.faults, *filter(None, [lost])))
        self._copy(texts(recalled.documents))
        return recalled

    def _recall(self, base: sqlite3.Connection) -> RecalledMemory:
        if base.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            raise DamagedDatabase("its pages are inconsistent")
        with transaction(base):
            documents = _documents(base)
            if documents.get(RECORD, "null") != "null":
                documents[TRIES] = str(tries_after(_number(documents.get(TRIES))))
                base.execute(_PUT, (TRIES, documents[TRIES]))
            kept, faults = read_texts(documents, self._copied)
            if faults or kept != read_texts(documents)[0]:
                base.executemany(_PUT, [(name, text) for name, text in texts(kept).items() if name in COPIED])
            for table, most in (("heard", KEPT_HEARD), ("sessions", KEPT_SESSIONS)):
                base.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (most,))  # noqa: S608 - no foreign word in it
            heard, unreadable = _heard_log(base)
            base.executemany("DELETE FROM heard WHERE id = ?", [(row_id,) for row_id in unreadable])
        return RecalledMemory(kept, heard, self._boot, (*faults, *_lost(unreadable)))

    def write(self, batch: Batch) -> None:
        """Write all of it or nothing; a copy of the documents is written before, if possible."""
        self._base.check()
        self._copy(batch.documents)
        self._base.ask(lambda base: self._write(base, batch))

    def _read_copy(self) -> dict[str, str]:
        return {} if self._folder is None else read_copy(self._folder)

    def _copy(self, documents: Mapping[str, str]) -> None:
        """Bring the copy up to date; if that fails, the database is written anyway."""
        before = {**_DEFAULTS, **self._copied}
        fresh = {**before, **{name: text for name, text in documents.items() if name in COPIED}}
        if self._folder is not None and (fresh != before or self.copy_fault is not None):
            self._copied, self.copy_fault = fresh, None
            try:
                write_copy(self._folder, fresh)
            except StoreError as fault:
                self.copy_fault = str(fault)

    def _write(self, base: sqlite3.Connection, batch: Batch) -> None:
        with transaction(base):
            base.executemany(_PUT, batch.documents.items())
            base.executemany(
                f"INSERT INTO heard ({_HEARD_COLUMNS}) VALUES (?, ?, ?, ?, ?)",  # noqa: S608 - no foreign word in it
                map(_heard_row, batch.heard),
            )
            base.executemany(
                f"INSERT INTO sessions ({_SESSION_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - as above
                map(_ended_row, batch.ended),
            )

    def close(self) -> None:
        """Close the file."""
        self._base.close()


def look_into(folder: Path) -> tuple[RecalledMemory, tuple[EndedSession, ...]]:
    """The content of the file, read-only: nothing is counted, and no record of a session is returned.

    Raises:
        StoreError: there is no file, or neither it nor the copy of the documents can be read.
    """
    copy = read_copy(folder)
    documents: dict[str, str] = {}
    heard: tuple[HeardEntry, ...] = ()
    ended: tuple[EndedSession, ...] = ()
    faults: tuple[str, ...] = ()
    try:
        with contextlib.closing(open_to_read(folder / FILE_NAME)) as base:
            documents = _documents(base)
            heard, unreadable = _heard_log(base)
            faults = _lost(unreadable)
            ended = tuple(_sessions(base))
    except (StoreError, *READ_FAULTS, ValueError) as fault:
        reason = str(fault) if isinstance(fault, StoreError) else f"{folder / FILE_NAME} cannot be read: {fault}"
        if not documents and not copy:
            raise StoreError(reason) from fault
        faults = (*faults, reason)
    documents.pop(RECORD, None)
    kept, more = read_texts(documents, copy)
    return RecalledMemory(kept, heard, "", (*more, *faults)), ended


def calibration_in(folder: Path) -> Calibration | None:
    """The calibration, if there is one that can be read within `CALIBRATION_S`."""
    try:
        looking = BoundedCall(lambda: look_into(folder)[0].documents.calibration, "lull-calibration")
        return looking.answer(CALIBRATION_S)
    except (StoreError, CallHangs):
        return None


def _documents(base: sqlite3.Connection) -> dict[str, str]:
    found = base.execute("SELECT name, value FROM documents").fetchall()
    return {name: value if isinstance(value, str) else repr(value) for name, value in found}


def _heard_log(base: sqlite3.Connection) -> tuple[tuple[HeardEntry, ...], tuple[int, ...]]:
    """The heard tracks, oldest first, and the ids of unreadable rows."""
    rows = base.execute(f"SELECT id, {_HEARD_COLUMNS} FROM heard ORDER BY id").fetchall()  # noqa: S608 - as above
    found = [(row_id, _heard(*row)) for row_id, *row in rows]
    heard = tuple(entry for _, entry in found if entry is not None)
    return heard, tuple(row_id for row_id, entry in found if entry is None)


def _lost(unreadable: tuple[int, ...]) -> tuple[str, ...]:
    text = f"{len(unreadable)} entries of what was heard cannot be read and are left out"
    return (text,) if unreadable else ()


def _heard(at: str, playlist: str, uri: bytes, title: bytes, how: str) -> HeardEntry | None:
    """One row of the log; None for an unreadable one."""
    try:
        return HeardEntry(aware(at), str(playlist), os.fsdecode(uri), os.fsdecode(title), HeardHow(how))
    except (ValueError, TypeError):
        return None


def _sessions(base: sqlite3.Connection) -> Iterator[EndedSession]:
    """The ended sessions that can be read; an older file may lack the last columns."""
    columns = _columns_of(base, "sessions", _SESSION_COLUMNS)
    question = f"SELECT {columns} FROM sessions ORDER BY id"  # noqa: S608 - no foreign word in it
    for started, why, playlist, minutes, reason, *counts in base.execute(question).fetchall():
        with contextlib.suppress(ValueError, TypeError, OverflowError):
            ended = EndedSession(
                aware(started), str(why), str(playlist), float(minutes), str(reason), *map(int, counts)
            )
            if 0.0 <= ended.minutes < _LONGEST_MIN:
                yield ended


def _columns_of(base: sqlite3.Connection, table: str, columns: str) -> str:
    """Those of the columns that the table has; an older lull wrote fewer."""
    known = {name for _, name, *_ in base.execute(f"PRAGMA table_info({table})")}
    return ", ".join(column for column in columns.split(", ") if column in known)


def _ended_row(end: EndedSession) -> tuple[Any, ...]:
    return _iso(end.started), end.why, end.playlist, end.minutes, end.reason, end.problems, end.dropouts


def _heard_row(heard: HeardEntry) -> tuple[Any, ...]:
    return _iso(heard.at), heard.playlist, os.fsencode(heard.uri), os.fsencode(heard.title), heard.how.value


def _iso(at: datetime) -> str:
    return at.isoformat(timespec="seconds")


def _number(text: str | None) -> int:
    is_whole = text is not None and text.isascii() and text.removeprefix("-").isdecimal() and len(text) < 9
    return int(text) if text is not None and is_whole else 0
