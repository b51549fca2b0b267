"""The measurements: one SQLite file under the state directory. The only file that opens it.

Any thread may call. All that is in it can be measured again, so a power cut may cost the last seconds. Paths are kept
as bytes, because a file's name need not be text.

Values are checked when they are read: a number that is not one, or that no measurement can have,
would be a gain that silences a night or ends it. Such a row is ignored, so the track counts as loud.
"""

from __future__ import annotations

import base64
import functools
import json
import logging
import math
import os
import sqlite3
import threading
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from player.core.errors import StoreError
from player.core.measurement import MAX_CHAPTERS, MEASURING, Chapter, FileMark, Measured, MeasureResult, Surprise
from player.storage.sqlite import READ_FAULTS, DamagedDatabase, Database, SchemaLayout, open_to_read
from player.system.bounded import BoundedCall, CallHangs

log = logging.getLogger("lull")
T = TypeVar("T")

FILE_NAME: Final = "lull.db"
ANSWER_S: Final = 5.0
"""Maximum wait for the disk, before tracks are played as unmeasured ones."""
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
_RANGES: Final = {
    "_s": (0.0, 1e7), "_lufs": (-300.0, 100.0), "_lu": (0.0, 400.0), "_dbtp": (-400.0, 100.0), "_db": (-400.0, 400.0),
}  # fmt: skip
"""By the unit at the end of a field's name, what a measurement can be; a level may also be -inf."""
_LARGEST: Final = 10**9
_UNREADABLE: Final = (
    StoreError, ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError,
)  # fmt: skip
_FIND: Final = "SELECT measured, fault FROM measurements WHERE path = ? AND size = ? AND mtime_ns = ? AND measuring = ?"
_KEEP: Final = "INSERT OR REPLACE INTO measurements VALUES (?, ?, ?, ?, ?, ?)"


class MeasurementsDb:
    """`player.library.ports.Store` in a file, or with None in memory only.

    Args:
        folder: the state directory.
        is_patient: the file is opened at the first question, and tried again at each, instead of StoreError at once.

    Raises:
        StoreError: the folder cannot be written, or a newer lull wrote the file.
    """

    def __init__(self, folder: Path | None, *, is_patient: bool = False) -> None:
        self._has_complained = False
        self._lock = threading.Lock()
        self._opening: BoundedCall[int] | None = None
        self._base = Database(None if folder is None else folder / FILE_NAME, _LAYOUT, is_patient=is_patient)

    def answers(self) -> bool:
        """Whether it can be asked: False where its disk hangs, after `ANSWER_S` the first time, and then at once."""
        with self._lock:
            opening, wait_s = self._opening, 0.0
            if opening is None:
                opening, wait_s = BoundedCall(self._base.check, "lull-measurements"), ANSWER_S
            self._opening = None
            try:
                opening.answer(wait_s)
            except CallHangs:
                level = logging.WARNING if wait_s else logging.DEBUG
                log.log(level, "measurements do not answer, so tracks count as loud")
                self._opening = opening
                return False
            except StoreError:  # who asks is told
                pass
            return True

    def find(self, mark: FileMark) -> MeasureResult | None:
        """The result for exactly this file."""
        try:
            return _finding(self._base.ask(lambda base: base.execute(_FIND, (*_key(mark), MEASURING)).fetchone()))
        except _UNREADABLE as fault:
            if not self._has_complained:
                self._has_complained = True
                log.warning("measurements cannot be read, so tracks count as loud: %s", fault)
            return None

    def keep(self, mark: FileMark, finding: MeasureResult) -> None:
        """Save a result."""
        measured = None if finding.measured is None else json.dumps(as_json(finding.measured))
        self._base.ask(lambda base: _keep(base, mark, measured, finding.fault))

    def close(self) -> None:
        """Close the file."""
        self._base.close()


class StoreReader:
    """The measurements, read-only, for users who may lack the right to write.

    Raises:
        StoreError: there is no store, or it cannot be read.
    """

    def __init__(self, folder: Path) -> None:
        self._base = open_to_read(folder / FILE_NAME)

    def find(self, mark: FileMark) -> MeasureResult | None:
        """The result for exactly this file. Raises StoreError."""
        try:
            return _finding(self._base.execute(_FIND, (*_key(mark), MEASURING)).fetchone())
        except (*READ_FAULTS, *_UNREADABLE) as fault:
            raise StoreError(f"measurements cannot be read: {fault}") from fault

    def close(self) -> None:
        """Close the file."""
        self._base.close()


def _keep(base: sqlite3.Connection, mark: FileMark, measured: str | None, fault: str | None) -> None:
    base.execute(_KEEP, (*_key(mark), MEASURING, measured, fault))
    if base.execute(_FIND, (*_key(mark), MEASURING)).fetchone() != (measured, fault):
        raise DamagedDatabase("what was written could not be read back")


def _finding(row: tuple[object, object] | None) -> MeasureResult | None:
    """A row of the table; None for none. Raises one of `_UNREADABLE` for an invalid row."""
    if row is None:
        return None
    text, fault = row
    if not isinstance(text, str | None) or not isinstance(fault, str | None) or not (text or fault):
        raise ValueError("a row has neither a measurement nor a reason")
    return MeasureResult(None if text is None else from_json(json.loads(text)), fault)


def _key(mark: FileMark) -> tuple[bytes, int, int]:
    return os.fsencode(mark.path), mark.size, mark.mtime_ns


def as_json(measured: Measured) -> dict[str, Any]:
    """The measurements as plain values; -inf stays a float, a plan is base64."""
    return {**asdict(measured), "plan": base64.b64encode(measured.plan).decode("ascii")}


def from_json(plain: Mapping[str, Any]) -> Measured:
    """The measurements from what `as_json` made. Raises one of `_UNREADABLE` for anything else."""
    surprises = tuple(_checked(Surprise, Surprise(**surprise)) for surprise in plain["surprises"])
    plan = base64.b64decode(plain["plan"], validate=True)
    chapters = tuple(_checked(Chapter, Chapter(**chapter)) for chapter in plain.get("chapters", ())[:MAX_CHAPTERS])
    lowered_in = tuple(str(name) for name in plain.get("lowered_in", ()))
    parts = {"surprises": surprises, "plan": plan, "chapters": chapters, "lowered_in": lowered_in}
    return _checked(Measured, Measured(**{**plain, **parts}))


def _checked(kind: type[T], value: T) -> T:
    """The value, each of its numbers within what can be measured. Raises ValueError, TypeError."""
    for name, lowest, highest, can_be_silence, is_whole in _bounds(cast("Any", kind)):
        number = getattr(value, name)
        if can_be_silence and number == -math.inf:
            continue
        is_number = type(number) is int if is_whole else not isinstance(number, bool)
        if not is_number or not lowest <= number <= highest:
            raise ValueError(f"{name} is {number!r}")
    return value


@functools.cache
def _bounds(kind: type) -> tuple[tuple[str, float, float, bool, bool], ...]:
    """The numbers of a class: name, lowest, highest, whether it may be -inf, whether it is a whole number."""
    found = []
    for field in fields(cast("Any", kind)):
        unit = next((unit for unit in _RANGES if field.name.endswith(unit)), "")
        if field.type == "float":
            lowest, highest = _RANGES.get(unit, (-_LARGEST, _LARGEST))
            found.append((field.name, lowest, highest, unit in {"_lufs", "_dbtp"}, False))
        elif field.type == "int":
            found.append((field.name, 0, _LARGEST, False, True))
    return tuple(found)
