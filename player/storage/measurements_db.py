"""The store: one SQLite file under the state directory. The only file that opens it.

Any thread may call. All that is in it can be measured again, so a power cut may cost the last seconds. Paths are kept
as bytes, because a file's name need not be text.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from player.core.errors import StoreError
from player.core.measurement import MEASURING, FileMark, Measured, MeasureResult, Surprise
from player.storage.sqlite import Database, SchemaLayout, open_to_read

log = logging.getLogger("lull")

FILE_NAME: Final = "lull.db"
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
_LAYOUT: Final = SchemaLayout(_STEPS, "NORMAL", "tracks are measured anew")
_FIND: Final = "SELECT measured, fault FROM measurements WHERE path = ? AND size = ? AND mtime_ns = ? AND measuring = ?"
_KEEP: Final = "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)"


class MeasurementsDb:
    """`player.library.ports.Store` in a file, or with None in memory, which forgets.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, folder: Path | None) -> None:
        self._has_complained = False
        self._base = Database(None if folder is None else folder / FILE_NAME, _LAYOUT)

    def find(self, mark: FileMark) -> MeasureResult | None:
        """What is known of exactly this file."""
        try:
            return _finding(self._base.ask(lambda base: base.execute(_FIND, (*_key(mark), MEASURING)).fetchone()))
        except (StoreError, ValueError, TypeError, KeyError) as fault:
            if not self._has_complained:
                self._has_complained = True
                log.warning("measurements cannot be read, so tracks count as loud: %s", fault)
            return None

    def keep(self, mark: FileMark, finding: MeasureResult) -> None:
        """Remember a finding."""
        measured = None if finding.measured is None else json.dumps(as_json(finding.measured))
        values = (*_key(mark), MEASURING, measured, finding.fault)
        self._base.ask(lambda base: base.execute(_KEEP, values))

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()


class StoreReader:
    """What was measured, for somebody who only looks, and who may not be allowed to write.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._base = open_to_read(folder / FILE_NAME)

    def find(self, mark: FileMark) -> MeasureResult | None:
        """What is known of exactly this file. Raises StoreError."""
        try:
            return _finding(self._base.execute(_FIND, (*_key(mark), MEASURING)).fetchone())
        except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as fault:
            raise StoreError(f"measurements cannot be read: {fault}") from fault

    def close(self) -> None:
        """Let go of the file."""
        self._base.close()


def _finding(row: tuple[str | None, str | None] | None) -> MeasureResult | None:
    """A row of the table; None for none."""
    return None if row is None else MeasureResult(None if row[0] is None else from_json(json.loads(row[0])), row[1])


def _key(mark: FileMark) -> tuple[bytes, int, int]:
    return os.fsencode(mark.path), mark.size, mark.mtime_ns


def as_json(measured: Measured) -> dict[str, Any]:
    """The measurements as plain values; -inf stays a float."""
    return asdict(measured)


def from_json(fields: dict[str, Any]) -> Measured:
    """The measurements from what `as_json` made. Raises TypeError, KeyError or ValueError for anything else."""
    surprises = tuple(Surprise(**surprise) for surprise in fields["surprises"])
    return Measured(**{**fields, "surprises": surprises})
