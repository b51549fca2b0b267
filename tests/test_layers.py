"""Who may import whom: one table of rooms, read from the import statements, and the other rules of the house."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "player"

ROOMS = {
    "core": set(),
    "system": {"core"},
    "audio": {"core"},
    "session": {"core"},
    "analysis": {"core", "audio"},
    "storage": {"core", "system", "session"},
    "mqtt": {"core", "system"},
    "config": {"core", "mqtt"},
    "library": {"core", "system", "session", "audio", "analysis", "storage"},
    "app": {"core", "system", "audio", "session", "analysis", "storage", "mqtt", "config", "library"},
    "cli": {"core", "system", "audio", "session", "analysis", "storage", "mqtt", "config", "library", "app"},
    "__main__": {"cli"},
    "__init__": set(),
}
"""The rooms of player/ and what each may import besides itself. Session, audio and mqtt are strangers to each other."""

DOORS = {
    "vlc": {"audio/decoder/vlc_decoder.py"},
    "paho": {"mqtt/client.py"},
    "alsaaudio": {"audio/sinks/alsa_mixer.py", "cli/doctor/probes/alsa.py"},
    "systemd": {"system/systemd.py", "system/logging_setup.py"},
    "yaml": {"config/yaml_tree.py"},
    "matplotlib": {"cli/rehearse/picture.py"},
}
"""The modules through which each foreign library comes in."""

WITH_NUMPY = {"audio", "analysis", "library"}
"""The rooms that may import numpy, beside the door to matplotlib, which draws from arrays."""

LONGEST_FILE = 400


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name below ``player``; a package by the name of its folder."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def room_of(module: str) -> str:
    """The room that a module is in."""
    return module.split(".", maxsplit=1)[0]


@cache
def parsed(source: str) -> ast.Module:
    """The tree of a source, made once for all tests."""
    return ast.parse(source)


@cache
def nodes_of(source: str) -> tuple[ast.stmt, ...]:
    """The statements of a source at any depth that import or define something."""
    kinds = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef
    return tuple(node for node in ast.walk(parsed(source)) if isinstance(node, kinds))


def imports_of(source: str) -> Iterator[str]:
    """Dotted names of everything that a source imports, anywhere in it: ``from a import b`` names ``a.b``."""
    for node in nodes_of(source):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules_imported(source: str, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a source imports: of each name the longest beginning that is a module."""
    found = set()
    for name in imports_of(source):
        parts = name.removeprefix("player.").split(".")
        if name.startswith("player.") and parts != ["__version__"]:
            below = [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
            found.add(next((module for module in below if module in known), parts[0]))
    return found


def broken_rules(module: str, source: str, known: dict[str, Path]) -> list[str]:
    """What a module imports against the table; a room that is not in the table breaks it whatever it imports."""
    room = room_of(module)
    if room not in ROOMS:
        return [f"{module}: the room {room} is not in the table"]
    return [
        f"{module} imports {other}"
        for other in sorted(modules_imported(source, known))
        if room_of(other) != room and room_of(other) not in ROOMS[room]
    ]


def test_a_room_imports_only_what_the_table_allows() -> None:
    """Every import of the package is allowed by the table, and every module has its room there."""
    known = modules()
    broken = [rule for name, path in known.items() for rule in broken_rules(name, path.read_text("utf-8"), known)]
    assert not broken


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("audio.sinks.pacing", "from player.session.end_plan import EndPlan"),
        ("audio.sinks.pacing", "from player.session import end_plan"),
        ("session.session", "def late() -> None:\n    import player.mqtt.topics"),
        ("core.units", "from player.audio.dsp import gain"),
        ("new_room.thing", "import json"),
    ],
)
def test_the_table_catches(module: str, source: str) -> None:
    """An import against the table is caught in each of its forms, and so is a room that nobody has entered there."""
    assert broken_rules(module, source, modules())


def test_modules_form_no_circle() -> None:
    """No module imports itself by way of others, and neither does a room."""
    known = modules()
    graph = {name: modules_imported(path.read_text("utf-8"), known) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
        TopologicalSorter(ROOMS).prepare()
    except CycleError as error:
        pytest.fail(f"circle: {' -> '.join(error.args[1])}")


def test_each_foreign_library_has_one_door() -> None:
    """libVLC, paho, ALSA, systemd, YAML and matplotlib come in through one module each, numpy only where sound is."""
    for name, path in modules().items():
        for imported in imports_of(path.read_text("utf-8")):
            top = imported.split(".")[0]
            if top in DOORS:
                assert str(path.relative_to(ROOT)) in DOORS[top], f"{name} imports {top}"
            elif top == "numpy":
                assert room_of(name) in WITH_NUMPY or name == "cli.rehearse.picture", f"{name} imports numpy"
            elif top not in {"player", "_sha2", "_sha256"}:  # Python's own, from 3.12 on and before it
                assert top in sys.stdlib_module_names, f"{name} imports {top}, which has no door"


def test_only_the_clock_module_reads_a_clock() -> None:
    """Time comes from player.core.clock; the command line may time its own progress."""
    readers = {"time.time", "time.monotonic", "time.clock_gettime", "datetime.now", "datetime.today", "time.sleep"}
    for name, path in modules().items():
        if name == "core.clock" or room_of(name) == "cli":
            continue
        for node in ast.walk(parsed(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in readers, f"{name}:{node.lineno} calls {called}"


def test_no_class_name_is_used_twice() -> None:
    """A class name means one thing in the whole package; names with an underscore are private to their file."""
    seen: dict[str, str] = {}
    for name, path in modules().items():
        for node in nodes_of(path.read_text("utf-8")):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert node.name not in seen, f"{node.name} is in {seen[node.name]} and in {name}"
                seen[node.name] = name


def test_no_file_and_no_function_is_longer_than_it_should_be() -> None:
    """One idea a file, at most 400 lines; one step a function, at most 40 lines of statements."""
    too_long = []
    for name, path in modules().items():
        source = path.read_text("utf-8")
        if len(source.splitlines()) > LONGEST_FILE:
            too_long.append(name)
        for node in nodes_of(source):
            if isinstance(node, ast.FunctionDef):
                first = node.body[1:2] if ast.get_docstring(node) else node.body[:1]
                if first and (node.end_lineno or 0) - first[0].lineno >= 40:
                    too_long.append(f"{name}.{node.name}")
    assert not too_long


def test_every_test_states_its_fact(request: pytest.FixtureRequest) -> None:
    """Each test that this run collected has a docstring, so that the list of tests reads as the specification."""
    silent = [
        item.nodeid for item in request.session.items if isinstance(item, pytest.Function) and not item.function.__doc__
    ]
    assert not silent
