"""Databases that are damaged on purpose, seeded: bytes, pages and headers on the disk, and values that nobody wrote.

A seed stands for one damage of one file. Half of them change bytes, as a dying card or a torn write does; the other
half goes through SQL: numbers that are none, wrong types, another schema.
"""

# ruff: noqa: S608 - the names in the statements come from the database itself

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

PAGE: Final = 4096
HOSTILE: Final[tuple[Any, ...]] = (
    float("inf"), -float("inf"), 1e308, -1e308, 2**63 - 1, -1, 0, "", "text", "null", "[]", "{}", "[" * 3000, None,
    b"", b"\xff\xfe\x00", "x" * 100_000, "2026-99-99T99:99", '{"plan": 1}', "\x00", "9999-12-31T23:59:59+00:00",
)  # fmt: skip
HOSTILE_JSON: Final = (
    "NaN", "Infinity", "-Infinity", "1e308", "-1e308", "null", '"text"', "[]", "{}", "true", "-1", '"\\u0000"',
    "9" * 400, '"eA=="',
)  # fmt: skip
_MARK: Final = "\u0001"
Damage = Callable[[Path, random.Random], None]


def _bytes(change: Callable[[bytearray, random.Random], None]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        data = bytearray(path.read_bytes())
        change(data, rng)
        path.write_bytes(data)

    return damage


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _flip_in_head(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(min(len(data), PAGE))] = rng.randrange(256)


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.choice((0, rng.randrange(len(data)), rng.randrange(len(data)) // PAGE * PAGE)) :]


def _page(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(max(1, len(data) // PAGE)) * PAGE


def _empty_page(data: bytearray, rng: random.Random) -> None:
    at = _page(data, rng)
    data[at : at + PAGE] = rng.choice((b"\0", b"\xff")) * len(data[at : at + PAGE])


def _random_page(data: bytearray, rng: random.Random) -> None:
    at = _page(data, rng)
    data[at : at + PAGE] = rng.randbytes(len(data[at : at + PAGE]))


def _torn_page(data: bytearray, rng: random.Random) -> None:
    """Only so many sectors of a page were written."""
    at = _page(data, rng) + 512 * rng.randrange(1, 8)
    end = -(-at // PAGE) * PAGE
    data[at:end] = b"\0" * len(data[at:end])


def _swapped_pages(data: bytearray, rng: random.Random) -> None:
    one, other = _page(data, rng), _page(data, rng)
    data[one : one + PAGE], data[other : other + PAGE] = data[other : other + PAGE], data[one : one + PAGE]


def _header(data: bytearray, rng: random.Random) -> None:
    data[:100] = rng.choice((b"\0" * 100, rng.randbytes(100), b"\xff" * 100))


def _longer(data: bytearray, rng: random.Random) -> None:
    data += rng.randbytes(rng.choice((1, 100, PAGE, 5 * PAGE)))


def _sql(change: Callable[[sqlite3.Connection, random.Random], None]) -> Damage:
    def damage(path: Path, rng: random.Random) -> None:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as base:
            base.text_factory = lambda data: data.decode("utf-8", "replace")
            with contextlib.suppress(sqlite3.Error):
                change(base, rng)
            base.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    return damage


def _place(base: sqlite3.Connection, rng: random.Random) -> tuple[str, str]:
    tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    table = rng.choice(tables)
    return table, rng.choice([row[1] for row in base.execute(f"PRAGMA table_info({table})")])


def _hostile_value(base: sqlite3.Connection, rng: random.Random) -> None:
    table, column = _place(base, rng)
    value = rng.choice(HOSTILE)
    where = "" if rng.random() < 0.3 else f" WHERE {column} = (SELECT {column} FROM {table} LIMIT 1)"
    cast = rng.choice(("?", "?", "CAST(? AS TEXT)", "CAST(? AS BLOB)"))
    base.execute(f"UPDATE OR REPLACE {table} SET {column} = {cast}{where}", (value,))


def _hostile_json(base: sqlite3.Connection, rng: random.Random) -> None:
    """One leaf of one JSON text is another one."""
    texts = [
        (table, column, key)
        for table, column, key in (("documents", "value", "name"), ("measurements", "measured", "path"))
        if base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()
    ]
    table, column, key = rng.choice(texts)
    rows = base.execute(f"SELECT {key}, {column} FROM {table} WHERE {column} <> 'null' ORDER BY {key}").fetchall()
    name, text = rng.choice(rows)
    value = _with_mark(json.loads(text), rng)
    hostile = json.dumps(value).replace(json.dumps(_MARK), rng.choice(HOSTILE_JSON))
    base.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (hostile, name))


def _with_mark(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.95:
        name = rng.choice(sorted(value))
        return {**value, name: _with_mark(value[name], rng)}
    if isinstance(value, list) and value and rng.random() < 0.9:
        index = rng.randrange(len(value))
        return [*value[:index], _with_mark(value[index], rng), *value[index + 1 :]]
    return _MARK


def _schema(base: sqlite3.Connection, rng: random.Random) -> None:
    table, column = _place(base, rng)
    base.execute(
        rng.choice((
            f"DROP TABLE {table}",
            f"ALTER TABLE {table} RENAME COLUMN {column} TO other",
            f"ALTER TABLE {table} RENAME TO other",
            f"ALTER TABLE {table} ADD COLUMN more TEXT",
            f"DELETE FROM {table}",
            f"PRAGMA user_version = {rng.choice((-5, 0, 1, 2, 2**31 - 1))}",
            f"CREATE TRIGGER odd BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'odd'); END",
        ))
    )  # fmt: skip


DAMAGES: Final[tuple[tuple[str, Damage], ...]] = (
    ("flip", _bytes(_flip)),
    ("hostile value", _sql(_hostile_value)),
    ("flip in the first page", _bytes(_flip_in_head)),
    ("hostile JSON", _sql(_hostile_json)),
    ("cut", _bytes(_cut)),
    ("hostile JSON again", _sql(_hostile_json)),
    ("empty page", _bytes(_empty_page)),
    ("hostile value again", _sql(_hostile_value)),
    ("random page", _bytes(_random_page)),
    ("torn page", _bytes(_torn_page)),
    ("schema", _sql(_schema)),
    ("swapped pages", _bytes(_swapped_pages)),
    ("header", _bytes(_header)),
    ("longer", _bytes(_longer)),
)


def damage(path: Path, seed: int) -> str:
    """Damage a database; returns how. Every third time the journal beside it is damaged instead, where there is one."""
    rng = random.Random(seed)
    how, change = DAMAGES[seed % len(DAMAGES)]
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and rng.random() < 0.33:
        _bytes(rng.choice((_flip, _cut, _random_page, _torn_page)))(wal, rng)
        return "journal"
    change(path, rng)
    return how
