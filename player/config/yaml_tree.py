"""The config file as a small tree of tables, lists and texts with their lines; the only module that imports PyYAML.

Runs on the main thread. Only the event stream of PyYAML is used: nothing is resolved to a type, so every scalar
arrives as it was written. That avoids the traps of YAML 1.1: ``22:30`` is never the sexagesimal 81000,
``off`` never False, and the reader of a key knows what kind of value belongs there. The event parser keeps its own
stack instead of recursing, so a file of brackets reaches the depth limit here and not Python's.

Aliases and merge keys (``<<``) work. Their expansion counts against the limit of nodes, so that ten lines
cannot become a billion values.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import yaml

from player.core.text import is_harmless, quoted_text

MAX_NODES: Final = 20_000
MAX_DEPTH: Final = 16
SHOWN_CHARS: Final = 60
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_UNUSABLE = re.compile("[\x00\ud800-\udfff]")


class Position(NamedTuple):
    """The place where something begins; the line is counted from 1, the column orders what is on one line."""

    line: int
    column: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: its place, the key path (empty for the whole file), and a sentence."""

    place: Position
    path: str
    text: str


@dataclass(frozen=True, slots=True)
class Leaf:
    """A scalar as it was written; ``is_plain`` without quotes."""

    place: Position
    text: str
    is_plain: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing (or YAML's null) was written."""
        return self.is_plain and self.text in _NULLS


@dataclass(frozen=True, slots=True)
class Listing:
    """A YAML sequence."""

    place: Position
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key of a table and what it holds; ``place`` is the key's."""

    place: Position
    key: str
    value: Node


@dataclass(frozen=True, slots=True)
class Table:
    """A YAML mapping; each key occurs once, in file order, merged ones last."""

    place: Position
    rows: tuple[KeyRow, ...]


Node: TypeAlias = Leaf | Listing | Table


class _Unreadable(Exception):
    """Reading cannot continue after this fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.text)
        self.fault = fault


def read_tree(text: str) -> tuple[Node | None, tuple[Fault, ...]]:
    """The tree of a text, None when it is empty or not YAML, and its faults."""
    builder: _Builder | None = None
    try:
        builder = _Builder(text)
        return builder.document(), tuple(builder.faults)
    except _Unreadable as unreadable:
        fault = unreadable.fault
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = Fault(Position(line), "", f"contains a character that YAML forbids, {_code_point(error.character)}")
    except yaml.MarkedYAMLError as error:
        fault = _syntax(error)
    except (ValueError, OverflowError):
        # PyYAML hands escapes such as "\UFFFFFFFF" and endless version numbers to chr() and int() unchecked
        fault = Fault(Position(builder.line if builder else 1), "", "contains an invalid escape or number")
    return None, (*(builder.faults if builder else ()), fault)


def join(path: str, key: str) -> str:
    """The path of a key below a path, fit to be printed."""
    word = key if is_harmless(key) and 0 < len(key) <= SHOWN_CHARS else shown(key)
    return f"{path}.{word}" if path else word


def shown(text: str) -> str:
    """A text in quotes as a message shows it: escaped, and shortened when it is long."""
    return quoted_text(text if len(text) <= SHOWN_CHARS else text[:SHOWN_CHARS] + "...")


def _code_point(character: str | int) -> str:
    return f"U+{character if isinstance(character, int) else ord(character):04X}"


def _syntax(error: yaml.MarkedYAMLError) -> Fault:
    """PyYAML's message, or its usual cause."""
    problem, context = error.problem or "", error.context or ""
    mark, opened = error.problem_mark or error.context_mark, error.context_mark
    cause = ""
    if r"'\t'" in problem:
        cause = "a tab where YAML needs spaces"
    elif "mapping values are not allowed" in problem:
        cause = "a second ': ' in one line (put text in quotes), a line indented too far, or no ':' in the line above"
    elif "expected <block end>" in problem:
        cause = "this does not fit the lines above: a column that no entry above has, or text after a closed quote"
    elif opened and context == "while scanning a quoted scalar" and "end of stream" in problem:
        mark, cause = opened, "the quote that opens here is not closed"  # noticed only at the end of the file
    elif opened and context in ("while parsing a flow mapping", "while parsing a flow sequence"):
        bracket = "{" if "mapping" in context else "["
        cause = f"a comma is missing here, or the {bracket} of line {opened.line + 1} is not closed"
    said = f"is not valid YAML: {cause or ', '.join(part for part in (context, problem) if part)}"
    return Fault(Position(mark.line + 1, mark.column) if mark else Position(1), "", said)


class _Builder:
    """Turns the events of one text into a tree; used once."""

    def __init__(self, text: str) -> None:
        self.faults: list[Fault] = []
        self._loader = yaml.SafeLoader(text)
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._nodes = 0

    @property
    def line(self) -> int:
        """The line that the scanner has reached."""
        line: int = self._loader.line
        return line + 1

    def _next(self) -> yaml.Event:
        event: yaml.Event = self._loader.get_event()  # type: ignore[no-untyped-call]
        return event

    def document(self) -> Node | None:
        """The first document; a second one is a fault."""
        node: Node | None = None
        while not isinstance(event := self._next(), yaml.StreamEndEvent):
            if isinstance(event, yaml.NodeEvent):
                node = self._node(event, "", 0)
            elif isinstance(event, yaml.DocumentStartEvent) and node is not None:
                raise _Unreadable(Fault(_place(event), "", "a second document starts here; a config is one document"))
        return node

    def _node(self, event: yaml.Event, path: str, depth: int) -> Node:
        self._count(1, _place(event))
        if depth > MAX_DEPTH:
            raise _Unreadable(Fault(_place(event), "", f"is nested more than {MAX_DEPTH} levels deep"))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if event.tag is not None:
            self._fault(event, path, f"has the tag {shown(event.tag)}; write only the value")
        before = self._nodes
        node = self._content(event, path, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._nodes - before + 1)
        return node

    def _content(self, event: yaml.Event, path: str, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            if _UNUSABLE.search(event.value):
                raise _Unreadable(Fault(_place(event), path, "contains an escape that is not a valid character"))
            return Leaf(_place(event), event.value, event.implicit[0])
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Node] = []
            while not isinstance(inner := self._next(), yaml.SequenceEndEvent):
                items.append(self._node(inner, f"{path}[{len(items)}]", depth + 1))
            return Listing(_place(event), tuple(items))
        return self._table(event, path, depth)

    def _table(self, event: yaml.Event, path: str, depth: int) -> Table:
        rows: dict[str, KeyRow] = {}
        merged: list[Node] = []
        while not isinstance(inner := self._next(), yaml.MappingEndEvent):
            key = self._node(inner, path, depth + 1)
            text = key.text if isinstance(key, Leaf) else ""
            value = self._node(self._next(), join(path, text), depth + 1)
            if not isinstance(key, Leaf):
                self._fault(inner, path, "has a list or a table in place of a key; a key is one word")
            elif key.is_plain and text == "<<":
                merged.append(value)
            elif text in rows:
                self._fault(inner, join(path, text), f"appears twice; first in line {rows[text].place.line}")
            else:
                rows[text] = KeyRow(_place(inner), text, value)
        for table in self._to_merge(merged, path):
            for row in table.rows:
                rows.setdefault(row.key, row)
        return Table(_place(event), tuple(rows.values()))

    def _to_merge(self, values: list[Node], path: str) -> list[Table]:
        """Tables named by ``<<``, one or a list of them each."""
        flat = [node for value in values for node in (value.items if isinstance(value, Listing) else (value,))]
        tables = [node for node in flat if isinstance(node, Table)]
        if len(tables) < len(flat):
            self.faults.append(Fault(values[0].place, join(path, "<<"), "accepts only tables, such as <<: *name"))
        return tables

    def _alias(self, event: yaml.AliasEvent, path: str) -> Node:
        known = self._anchors.get(event.anchor or "")
        if known is None:
            raise _Unreadable(Fault(_place(event), path, f"there is no complete anchor &{event.anchor} before this"))
        node, size = known
        self._count(size, _place(event))
        return node

    def _count(self, nodes: int, place: Position) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise _Unreadable(
                Fault(place, "", f"has more than {MAX_NODES} values with aliases; too large for a config")
            )

    def _fault(self, event: yaml.Event, path: str, text: str) -> None:
        self.faults.append(Fault(_place(event), path, text))


def _place(event: yaml.Event) -> Position:
    mark = event.start_mark
    assert mark is not None, "events of a text carry marks"
    return Position(mark.line + 1, mark.column)
