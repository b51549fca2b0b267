"""A SQLite file under the state directory: opened, brought up to date, set aside where it is damaged.

Any thread may ask; a lock lets one in at a time. The database is in WAL mode, so others can read while one writes, and
a power cut leaves what was there before. A file that is damaged all the same is set aside under another name, with a
warning, and a new one is begun: nobody is awake to repair it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from player.core.errors import StoreError

log = logging.getLogger("lull")

BUSY_MS: Final = 5000
"""Another process writes for a moment, never for long."""
_DAMAGED: Final = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SchemaLayout:
    """What a database holds.

    Attributes:
        steps: what makes each version of the schema from the one before it.
        synchronous: NORMAL: a power cut may cost the last seconds; FULL: nothing that was said to be written.
        loss: what a damaged file costs, as the end of a sentence.
    """

    steps: tuple[str, ...]
    synchronous: str
    loss: str


class Database:
    """One database, or with None one in memory, which forgets.

    Args:
        path: the file.
        layout: what it holds.

    Attributes:
        set_aside: where the damaged file went that was found there; None where all was well.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, path: Path | None, layout: SchemaLayout) -> None:
        self.set_aside: Path | None = None
        self._path = path
        self._layout = layout
        self._lock = threading.Lock()
        self._is_closed = False
        self._base = self._open_or_begin_anew()

    def __del__(self) -> None:
        if hasattr(self, "_base"):
            self._base.close()

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._is_closed = True
            self._base.close()

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
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
            try:
                return question(self._base)
            except sqlite3.DatabaseError as fault:  # the new one lies on the same card
                raise StoreError(f"{self._path} cannot be used: {fault}") from fault

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
            _share(self._path)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute(f"PRAGMA synchronous = {self._layout.synchronous}")
            _bring_up_to_date(base, name, self._layout.steps)
        except BaseException:
            base.close()
            raise
        return base

    def _set_aside(self) -> None:
        """Rename the damaged file; what belongs to it goes with it or goes away."""
        assert self._path is not None, "memory is not damaged"
        aside = self._path.with_name(f"{self._path.name}.damaged")
        log.warning("%s is damaged; it is kept as %s, and %s", self._path, aside.name, self._layout.loss)
        try:
            os.replace(self._path, aside)
            self.set_aside = aside
            for suffix in ("-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(f"{self._path}{suffix}")
        except FileNotFoundError:
            pass  # another process was faster
        except OSError as fault:
            raise StoreError(f"{self._path} is damaged and cannot be set aside: {fault.strerror}") from fault


@contextlib.contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """All that is done within is done together, or not at all."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            base.execute("ROLLBACK")
        raise


def open_to_read(path: Path) -> sqlite3.Connection:
    """The database as it is, for somebody who may not write it, or on a disk that cannot be written.

    In WAL mode even a reader writes, into an index beside the file; where it cannot, the file alone is read, without
    what has not yet been brought into it.

    Raises:
        StoreError: there is none, or it cannot be read.
    """
    try:
        path.stat()
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist: nothing has been remembered yet") from None
    except OSError as fault:
        raise StoreError(f"{path} cannot be read: {fault.strerror}") from fault
    address = f"file:{quote(str(path))}?mode=ro"
    for options in ("", "&immutable=1"):
        base = sqlite3.connect(address + options, uri=True, timeout=BUSY_MS / 1000, check_same_thread=False)
        try:
            base.execute("SELECT name FROM sqlite_master").fetchall()
        except sqlite3.DatabaseError as fault:
            base.close()
            reason = fault
        else:
            return base
    raise StoreError(f"{path} cannot be read: {reason}")


def _share(path: Path | None) -> None:
    """What root makes belongs to whom the folder belongs to: the daemon must be able to write it as well."""
    if path is not None and os.geteuid() == 0 and path.exists():
        owner = path.parent.stat()
        with contextlib.suppress(OSError):
            os.chown(path, owner.st_uid, owner.st_gid)


def _bring_up_to_date(base: sqlite3.Connection, name: str, steps: tuple[str, ...]) -> None:
    with transaction(base):
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if version > len(steps):
            raise StoreError(f"{name} was written by a newer lull (schema {version}, this one knows {len(steps)})")
        for step in steps[version:]:
            base.execute(step)
        if version < len(steps):
            base.execute(f"PRAGMA user_version = {len(steps)}")


def _is_damage(fault: sqlite3.DatabaseError) -> bool:
    return str(getattr(fault, "sqlite_errorname", "")).startswith(_DAMAGED)
