"""The store: one SQLite file under the state directory. The only file that opens it.

Any thread may call; a lock lets one in at a time. The database is in WAL mode, so a power cut costs at most the last
seconds and never what was there before, and the daemon can read while a scan writes. A file that is damaged all the
same is set aside under another name, with a warning, and a new one is begun: nobody is awake to repair it, and all that
is in it can be measured again. Paths are kept as bytes, because a file's name need not be text.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

from player.errors import StoreError
from player.measured import MEASURING, FileMark, Finding, Measured, Surprise

log = logging.getLogger("lull")

FILE_NAME: Final = "lull.db"
SCHEMA: Final = 1
BUSY_MS: Final = 5000
"""Another process writes for a moment, never for long."""
_STEPS: Final = (
    """
    CREATE TABLE measurements (
        path BLOB PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        measuring INTEGER NOT NULL,
        measured TEXT,
        fault TEXT
    ) WITHOUT ROWID
    """,
)
"""What makes each version of the schema from the one before it."""
_FIND: Final = "SELECT measured, fault FROM measurements WHERE path = ? AND size = ? AND mtime_ns = ? AND measuring = ?"
_KEEP: Final = "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)"
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
T = TypeVar("T")


class SqliteStore:
    """`player.ports.Store` in a file, or with None in memory, which forgets.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / FILE_NAME
        self._lock = threading.Lock()
        self._is_closed = False
        self._has_complained = False
        self._base = self._open_or_begin_anew()

    def find(self, mark: FileMark) -> Finding | None:
        """What is known of exactly this file."""
        query = (
            "SELECT measured, fault FROM measurements WHERE path = ? AND size = ? AND mtime_ns = ? AND measuring = ?"
        )
        try:
            row = self._ask(lambda base: base.execute(query, (*_key(mark), MEASURING)).fetchone())
            return None if row is None else Finding(None if row[0] is None else from_json(json.loads(row[0])), row[1])
        except (StoreError, ValueError, TypeError, KeyError) as fault:
            if not self._has_complained:
                self._has_complained = True
                log.warning("measurements cannot be read, so tracks count as loud: %s", fault)
            return None

    def keep(self, mark: FileMark, finding: Finding) -> None:
        """Remember a finding."""
        measured = None if finding.measured is None else json.dumps(as_json(finding.measured))
        values = (*_key(mark), MEASURING, measured, finding.fault)
        self._ask(lambda base: base.execute(_KEEP, values))

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._is_closed = True
            self._base.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the database; a damaged one is replaced by an empty one and asked again."""
        with self._lock:
            if self._is_closed:
                raise StoreError("the store is closed")
            try:
                return question(self._base)
            except sqlite3.DatabaseError as fault:
                if not _is_damage(fault):
                    raise StoreError(f"{self._path} cannot be used: {fault}") from fault
            self._base.close()
            self._set_aside()
            self._base = self._open_or_begin_anew()
            return question(self._base)

    def _open_or_begin_anew(self) -> sqlite3.Connection:
        try:
            return self._open()
        except sqlite3.DatabaseError as fault:
            if not _is_damage(fault):
                raise StoreError(f"{self._path} cannot be opened: {fault}") from fault
        self._set_aside()
        try:
            return self._open()
        except sqlite3.DatabaseError as fault:
            raise StoreError(f"{self._path} cannot be opened: {fault}") from fault

    def _open(self) -> sqlite3.Connection:
        name = ":memory:" if self._path is None else str(self._path)
        if self._path is not None:
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
            except OSError as fault:
                raise StoreError(f"{self._path.parent} cannot be made: {fault.strerror}") from fault
        # no transaction is opened by itself: each statement stands alone and is on the disk when it is done
        base = sqlite3.connect(name, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode = WAL")
            base.execute("PRAGMA synchronous = NORMAL")
            _bring_up_to_date(base, name)
        except BaseException:
            base.close()
            raise
        return base

    def _set_aside(self) -> None:
        """Rename the damaged file; what belongs to it goes with it or goes away."""
        assert self._path is not None, "memory is not damaged"
        aside = self._path.with_name(f"{FILE_NAME}.damaged")
        log.warning("%s is damaged; it is kept as %s, and tracks are measured anew", self._path, aside.name)
        try:
            os.replace(self._path, aside)
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{self._path}{suffix}")
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as fault:
            raise StoreError(f"{self._path} is damaged and cannot be set aside: {fault.strerror}") from fault


def _bring_up_to_date(base: sqlite3.Connection, name: str) -> None:
    base.execute("BEGIN IMMEDIATE")
    try:
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise StoreError(f"{name} was written by a newer lull (schema {version}, this one knows {SCHEMA})")
        for step in _STEPS[version:]:
            base.execute(step)
        if version < SCHEMA:
            base.execute(f"PRAGMA user_version = {SCHEMA}")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            base.execute("ROLLBACK")
        raise
    base.execute("COMMIT")


def _is_damage(fault: sqlite3.DatabaseError) -> bool:
    return str(getattr(fault, "sqlite_errorname", "")).startswith(_DAMAGED)


def _key(mark: FileMark) -> tuple[bytes, int, int]:
    return os.fsencode(mark.path), mark.size, mark.mtime_ns


def as_json(measured: Measured) -> dict[str, Any]:
    """The measurements as plain values; -inf stays a float."""
    return asdict(measured)


def from_json(fields: dict[str, Any]) -> Measured:
    """The measurements from what `as_json` made. Raises TypeError, KeyError or ValueError for anything else."""
    surprises = tuple(Surprise(**surprise) for surprise in fields["surprises"])
    return Measured(**{**fields, "surprises": surprises})
