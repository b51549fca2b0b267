"""One class, one thread: each class of the wire that holds state says in its docstring which thread it belongs to."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.paths import ROOT

VALUES = {"Protocol", "StrEnum", "Enum", "AssertionError", "SSLSocket"}
"""Classes with these bases hold no state of their own that a thread could change."""


def stateful_classes() -> Iterator[tuple[str, ast.ClassDef]]:
    """The public classes that are neither values nor interfaces."""
    for path in sorted((ROOT / "player" / "mqtt").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and not VALUES & {
                ast.unparse(base).split(".")[-1] for base in node.bases
            }:
                is_dataclass = any("dataclass" in ast.unparse(one) for one in node.decorator_list)
                if not is_dataclass and not node.name.startswith("_"):
                    yield f"{path.name}: {node.name}", node


@pytest.mark.parametrize(("name", "node"), list(stateful_classes()), ids=[name for name, _ in stateful_classes()])
def test_a_class_names_its_thread(name: str, node: ast.ClassDef) -> None:
    """So that whoever calls it knows from where it may be called."""
    assert "thread" in (ast.get_docstring(node) or "").lower(), name
