"""A SQLite file under the state directory: opened, brought up to date, set aside where it is damaged.

Any thread may ask; a lock lets one in at a time. The database is in WAL mode, so others can read while one writes, and
a power cut leaves what was there before. A damaged file is set aside under another name with a warning, a new one is
begun, and what can still be read of the old one is copied into it, because nobody is awake to repair it.

The file is checked before each query. SQLite continues to write into a removed file, and reports that
all is well; so a file that is no longer the one that was opened is opened again. One that cannot be opened is tried
again at the next query, so a disk that comes back is used again.

Damage is everything that SQLite reports of the content: corrupt pages, a schema that is not ours, text that is not
UTF-8. Text in values is decoded leniently, so one bad byte costs one value.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from player.core.errors import StoreError
from player.storage.unusable import why_unusable
from player.system.privileges import give_to_owner

log = logging.getLogger("lull")

BUSY_MS: Final = 5000
"""Maximum wait for another process that is writing."""
ROOM: Final = 16
"""A reserve is made if this many times its size is free."""
READ_FAULTS: Final = (sqlite3.Error, UnicodeError, OverflowError)
"""What a damaged file makes Python's sqlite3 raise: UnicodeError for a schema that is not UTF-8, OverflowError for a
number that SQLite cannot hold."""
_DAMAGED: Final = (
    "SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_FORMAT", "SQLITE_ERROR", "SQLITE_SCHEMA", "SQLITE_MISMATCH",
    "SQLITE_CONSTRAINT", "SQLITE_TOOBIG",
)  # fmt: skip
"""SQLITE_ERROR and the rest after it: our statements are right, so the tables are not the ones that we made."""
_NEWEST_SCHEMA: Final = 1000
"""A larger schema number, or a negative one, is damage and not a newer lull."""
T = TypeVar("T")


class DamagedDatabase(sqlite3.DatabaseError):
    """Content that SQLite can read but lull never wrote; raised within `Database.ask`, it sets the file aside."""

    sqlite_errorname = "SQLITE_CORRUPT"


@dataclass(frozen=True, slots=True)
class SchemaLayout:
    """The layout of a database.

    Attributes:
        steps: what makes each version of the schema from the one before it.
        synchronous: NORMAL: a power cut may cost the last seconds; FULL: nothing that was confirmed.
        loss: what is lost with a damaged file, as the end of a sentence.
        rescue: copies what can be read of a damaged database (first) into a new one (second).
        reserve: bytes of the database and of its journal that are kept free, so that a disk that becomes full does not
            keep small changes from being written.
    """

    steps: tuple[str, ...]
    synchronous: str
    loss: str
    rescue: Callable[[sqlite3.Connection, sqlite3.Connection], None] | None = None
    reserve: int = 0


class Database:
    """One database, or with None one in memory only.

    Args:
        path: the file.
        layout: its tables.
        is_patient: the file is opened at the first question, so that a disk that hangs does not keep the start.

    Attributes:
        losses: a sentence for each time that a new file replaced an existing one.
        generation: counts the files that were opened.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, path: Path | None, layout: SchemaLayout, *, is_patient: bool = False) -> None:
        self.losses: tuple[str, ...] = ()
        self.generation = 0
        self._path = path
        self._layout = layout
        self._lock = threading.Lock()
        self._is_closed = False
        self._base: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        if not is_patient:
            self.check()

    def __del__(self) -> None:
        self._let_go()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_closed = True
            self._let_go()

    def check(self) -> int:
        """Open the file if it is not open or was replaced; returns `generation`. Raises StoreError."""
        self.ask(lambda base: None)
        return self.generation

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Query the database; a damaged one is replaced by a new one and queried again. Raises StoreError."""
        with self._lock:
            if self._is_closed:
                raise StoreError("the store is closed")
            try:
                return question(self._connected())
            except READ_FAULTS as fault:
                self._let_go(unless_in_memory=True)
                if not _is_damage(fault):
                    raise self._error(fault) from fault
            self._begin_anew()
            try:
                return question(self._connected())
            except READ_FAULTS as fault:  # the new one lies on the same card
                self._let_go()
                raise self._error(fault) from fault

    def _error(self, fault: Exception) -> StoreError:
        return StoreError(
            f"the store cannot be used: {fault}" if self._path is None else why_unusable(self._path, fault)
        )

    def _connected(self) -> sqlite3.Connection:
        """The open database. Raises StoreError, or one of `READ_FAULTS`."""
        if self._path is None:
            self._base = self._base or self._open(":memory:")
            return self._base
        if self._base is None or _identity(self._path) != self._file:
            facts = _stat(self._path)
            loss = self._missing(self._path, facts)
            self._let_go()
            try:
                self._base = self._open(str(self._path))
            except BaseException:
                if facts is None:
                    _remove_empty(self._path)
                raise
            self._file = _identity(self._path)
            self.generation += 1
            if loss is not None:
                self._lose(loss)
        return self._base

    def _missing(self, path: Path, facts: os.stat_result | None) -> str | None:
        """Log what is lost where there is no file, or an empty one."""
        if facts is None and self.generation:
            return f"{path} was removed while lull was running; a new one was created"
        if facts is not None and facts.st_size == 0 and not os.path.exists(f"{path}-wal"):
            return f"{path} was empty; {self._layout.loss}"
        return None

    def _lose(self, text: str) -> None:
        self.losses = (*self.losses, text)

    def _let_go(self, *, unless_in_memory: bool = False) -> None:
        base = getattr(self, "_base", None)
        if base is not None and not (unless_in_memory and self._path is None):
            self._base = None
            with contextlib.suppress(sqlite3.Error):
                base.close()

    def _open(self, name: str) -> sqlite3.Connection:
        if self._path is not None:
            try:
                self._path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                _must_be_a_file(self._path)
                if os.geteuid() == 0 and self._path.is_symlink() and self._path.lstat().st_uid != 0:
                    raise StoreError(f"{self._path} is a link that somebody else made; root does not follow it")
            except OSError as fault:
                raise self._error(fault) from fault
            if not self._path.exists() and not os.path.lexists(f"{self._path}-wal"):
                _make(self._path, self._layout.steps)
        # no implicit transactions: each statement is separate and is on the disk when it is done
        base = sqlite3.connect(name, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        base.text_factory = _lenient
        try:
            _share(self._path)
            base.execute("PRAGMA journal_mode = WAL")
            base.execute(f"PRAGMA synchronous = {self._layout.synchronous}")
            _bring_up_to_date(base, name, self._layout.steps)
            _reserve(base, self._path, self._layout.reserve)
        except BaseException:
            base.close()
            raise
        return base

    def _begin_anew(self) -> None:
        """Rename the damaged file, with its journal, and copy what can be read of it into a new one."""
        assert self._path is not None, "memory is not damaged"
        aside = self._path.with_name(f"{self._path.name}.damaged")
        log.warning("%s is damaged; it is kept as %s, and %s", self._path, aside.name, self._layout.loss)
        try:
            _unlink(f"{aside}-wal", f"{aside}-shm", f"{self._path}-shm")
            os.replace(self._path, aside)
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{self._path}-wal", f"{aside}-wal")
        except FileNotFoundError:
            return  # another process was faster
        except OSError as fault:
            raise StoreError(f"{self._path} is damaged and cannot be set aside: {fault.strerror}") from fault
        self._lose(f"{self._path} was damaged; it is kept as {aside}, and {self._layout.loss}")
        self.generation = max(0, self.generation - 1)  # the new file continues the damaged one
        self._file = None
        if self._layout.rescue is not None:
            with contextlib.suppress(*READ_FAULTS, StoreError):
                self._rescue(aside, self._layout.rescue)

    def _rescue(self, aside: Path, rescue: Callable[[sqlite3.Connection, sqlite3.Connection], None]) -> None:
        new = self._connected()
        options = "mode=rw" if os.path.exists(f"{aside}-wal") else "mode=ro&immutable=1"
        with contextlib.closing(sqlite3.connect(f"file:{quote(str(aside))}?{options}", uri=True)) as old:
            old.text_factory = _lenient
            rescue(old, new)


@contextlib.contextmanager
def transaction(base: sqlite3.Connection) -> Iterator[None]:
    """A transaction: everything within is done together, or not at all."""
    base.execute("BEGIN IMMEDIATE")
    try:
        yield
        base.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            base.execute("ROLLBACK")
        raise


def _must_be_a_file(path: Path) -> None:
    """Raise StoreError for anything but a file, because SQLite would block at a pipe; OSError where it is unknown."""
    try:
        is_file = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        target = Path(os.path.realpath(path))
        if path.is_symlink() and not target.parent.is_dir():
            raise StoreError(f"{path} cannot be used: it is a link into {target.parent}, which is missing") from None
        return
    if not is_file:
        raise StoreError(f"{path} cannot be used: it is not a regular file")


def open_to_read(path: Path) -> sqlite3.Connection:
    """The database read-only, for users without the right to write it, or on a read-only disk.

    In WAL mode even a reader writes, into an index beside the file; where it cannot, only the file is read, without
    what has not yet been brought into it.

    Raises:
        StoreError: there is no file, or it cannot be read.
    """
    try:
        _must_be_a_file(path)
        path.stat()
    except FileNotFoundError:
        raise StoreError(f"{path} does not exist: nothing has been remembered yet") from None
    except OSError as fault:
        root = "; try it with sudo" if isinstance(fault, PermissionError) else ""
        raise StoreError(f"{path} cannot be read: {fault.strerror}{root}") from fault
    address = f"file:{quote(str(path))}?mode=ro"
    for options in ("", "&immutable=1"):
        base = sqlite3.connect(address + options, uri=True, timeout=BUSY_MS / 1000, check_same_thread=False)
        base.text_factory = _lenient
        try:
            base.execute("SELECT name FROM sqlite_master").fetchall()
        except READ_FAULTS as fault:
            base.close()
            reason: Exception = fault
        else:
            return base
    raise StoreError(f"{path} cannot be read: {reason}")


def _share(path: Path | None) -> None:
    """Give the file to the folder's owner, through the open file and never through a link to another file."""
    if path is not None and os.geteuid() == 0:
        with contextlib.suppress(OSError):
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                give_to_owner(file, path.parent)
            finally:
                os.close(file)


def _bring_up_to_date(base: sqlite3.Connection, name: str, steps: tuple[str, ...]) -> None:
    with transaction(base):
        (version,) = base.execute("PRAGMA user_version").fetchone()
        if not 0 <= version <= _NEWEST_SCHEMA:
            raise DamagedDatabase(f"schema number {version}")
        if version > len(steps):
            raise StoreError(f"{name} was written by a newer lull (schema {version}, this one knows {len(steps)})")
        for step in steps[version:]:
            base.execute(step)
        if version < len(steps):
            base.execute(f"PRAGMA user_version = {len(steps)}")


def _make(path: Path, steps: tuple[str, ...]) -> None:
    """Put a new database there in one step: whoever is killed meanwhile leaves none, and no empty file.

    An empty file counts as one that was lost. Nothing where the file system cannot do that: SQLite makes the file then.
    It also makes the one beside the journal of a file that was removed: it discards that journal where it begins with
    an empty file, and would take parts of the removed one over into any other.
    """
    with contextlib.suppress(OSError), contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as base:
        _bring_up_to_date(base, str(path), steps)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with open(os.open(path.parent, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o644), "wb") as file:
                file.write(base.serialize())
                file.flush()
                os.fsync(file.fileno())
                # with a folder, because Python follows the link of /proc only then
                os.link(f"/proc/self/fd/{file.fileno()}", path.name, src_dir_fd=folder, dst_dir_fd=folder)
            os.fsync(folder)
        finally:
            os.close(folder)


def _reserve(base: sqlite3.Connection, path: Path | None, size: int) -> None:
    """Enlarge the file and its journal by a number of bytes as a reserve; does nothing where little room is left.

    Later writes use the free pages of the file, and restart the journal before it grows.
    """
    if not size or path is None:
        return
    with contextlib.suppress(sqlite3.OperationalError, OSError):
        disk = os.statvfs(path.parent)
        if disk.f_bavail * disk.f_frsize < ROOM * size:
            return
        with transaction(base):  # the table is there if lull was killed before it was dropped
            base.execute("CREATE TABLE IF NOT EXISTS reserve (bytes BLOB)")
            base.execute("INSERT INTO reserve VALUES (zeroblob(?))", (size,))
        with transaction(base):
            base.execute("DROP TABLE reserve")
        base.execute("PRAGMA wal_checkpoint(RESTART)")
        (page,) = base.execute("PRAGMA page_size").fetchone()
        base.execute(f"PRAGMA wal_autocheckpoint = {max(1, size // page // 2)}")


def _is_damage(fault: Exception) -> bool:
    return isinstance(fault, UnicodeError) or str(getattr(fault, "sqlite_errorname", "")).startswith(_DAMAGED)


def _lenient(data: bytes) -> str:
    """Text of a column; a byte that is not UTF-8 becomes U+FFFD instead of an error for the whole answer."""
    return data.decode("utf-8", "replace")


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None


def _identity(path: Path) -> tuple[int, int] | None:
    """The identity of the file at the path now; None without one."""
    facts = _stat(path)
    return None if facts is None else (facts.st_dev, facts.st_ino)


def _remove_empty(path: Path) -> None:
    """Remove what a failed attempt to make a file left, which would later count as a lost file."""
    facts = _stat(path)
    if facts is not None and facts.st_size == 0:
        with contextlib.suppress(OSError):
            _unlink(str(path), f"{path}-wal", f"{path}-shm")


def _unlink(*paths: str) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
