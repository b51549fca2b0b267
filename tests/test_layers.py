"""Who may import whom: the house's one-way layers, read from the source itself."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "player"

LAYERS = [
    {"units", "errors", "bucket"},
    {"clock"},
    {"safety", "checks", "dates"},
    {"caps", "announced"},
    {"broker"},
    {"settings"},
    {"commands", "measured"},
    {"orders"},
    {"events"},
    {"dsp"},
    {"night"},
    {"wire"},
    {"triggers"},
    {"ports"},
    {"config"},
    {"doctor"},
    {"outcome", "start", "states", "watch", "items", "inbox"},
    {"choice", "desk"},
    {"levels", "asleep", "tapering", "taming", "tally", "setbacks", "coming", "ending", "programme", "unheard"},
    {"run"},
    {"rearming"},
    {"keeper"},
    {"recall", "planning", "reported", "reprise", "notebook", "shot"},
    {"obey"},
    {"session", "deck"},
    {"mixer", "outlet"},
    {"engine", "adapters", "rehearsal", "librarian", "listening", "measuring", "triggered", "homes"},
    {"parts"},
    {"post"},
    {"app"},
    {"cli"},
    {"__main__"},
]
"""Each line may import from the lines above it, and from itself."""

STRANGERS = [
    {
        "session",
        "keeper",
        "run",
        "asleep",
        "taming",
        "tally",
        "setbacks",
        "unheard",
        "levels",
        "programme",
        "obey",
        "recall",
        "shot",
        "coming",
        "choice",
        "rearming",
        "reported",
        "reprise",
        "notebook",
    },
    {"engine", "mixer", "deck", "outlet"},
    {"adapters"},
]
"""The session's family, the engine's family and the adapters know nothing of each other."""

DOORS = {
    "vlc": {"adapters/vlc_source.py"},
    "paho": {"adapters/mqtt.py"},
    "alsaaudio": {"adapters/alsa_sink.py", "adapters/alsa_mixer.py", "adapters/alsa_probe.py"},
    "systemd": {"adapters/systemd.py", "adapters/journal.py"},
    "yaml": {"config/tree.py"},
    "matplotlib": {"adapters/picture.py"},
}
"""One door for each foreign library."""

NUMPY_AT = {"dsp", "ports", "engine", "mixer", "deck", "adapters"}
STANDARD_ONLY = {
    "units", "errors", "bucket", "clock", "safety", "checks", "dates", "caps", "announced", "broker", "settings",
    "measured", "commands", "orders", "events", "night", "wire", "triggers", "triggered",
    "outcome", "start", "states", "watch", "programme", "run", "keeper", "obey", "session",
    "levels", "asleep", "taming", "tally", "setbacks", "unheard", "coming", "recall", "ending", "tapering", "planning",
    "shot",
    "measuring", "items", "choice", "rearming", "reported", "reprise", "notebook", "inbox", "desk", "homes",
    "doctor",
}  # fmt: skip
"""Modules that run on the standard library alone."""


def sources() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def part_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"player.{alias.name}" for alias in node.names} if module == "player" else {module}
    return found


def player_parts(path: Path) -> set[str]:
    names = (name.split(".") for name in imports_of(path))
    return {name[1] for name in names if name[0] == "player" and len(name) > 1 and name[1] != "__version__"}


def level_of(part: str) -> int:
    for level, layer in enumerate(LAYERS):
        if part in layer:
            return level
    raise AssertionError(f"player/{part} has no place in the layers")


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_only_from_the_layers_above_it(path: Path) -> None:
    """A file imports from its own layer's own part and from the layers above it, and from nowhere else."""
    own = part_of(path)
    if own == "__init__":
        assert not player_parts(path)
        return
    for part in player_parts(path) - {own}:
        assert level_of(part) < level_of(own) or part in LAYERS[level_of(own)] - {"engine", "adapters"}, (
            f"{path.relative_to(ROOT)} imports player.{part}"
        )


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_session_engine_and_adapters_are_strangers(path: Path) -> None:
    """The session's family, the engine's family and the adapters import nothing of each other."""
    own = part_of(path)
    for family in STRANGERS:
        if own in family:
            others = set().union(*(other for other in STRANGERS if other is not family))
            assert not player_parts(path) & others


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_each_foreign_library_has_one_door(path: Path) -> None:
    """libVLC, paho, ALSA, systemd and YAML are imported in one place each, numpy only where sound is."""
    relative = str(path.relative_to(ROOT))
    for name in imports_of(path):
        top = name.split(".")[0]
        if top in DOORS:
            assert relative in DOORS[top], f"{relative} imports {top}"
        elif top == "numpy":
            assert part_of(path) in NUMPY_AT, f"{relative} imports numpy"
        elif top != "player":
            assert top in sys.stdlib_module_names, f"{relative} imports {top}, which has no door"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_deciding_modules_run_on_the_standard_library(path: Path) -> None:
    """Vocabularies, night, wire and the session's family import nothing foreign."""
    if part_of(path) in STANDARD_ONLY:
        foreign = {name.split(".")[0] for name in imports_of(path)} - set(sys.stdlib_module_names) - {"player"}
        assert not foreign
        assert not player_parts(path) & (NUMPY_AT | {"config"})


def test_only_the_clock_module_reads_a_clock() -> None:
    """Time comes from player.clock; the command line may time its own progress."""
    readers = {"time.time", "time.monotonic", "time.clock_gettime", "datetime.now", "datetime.today", "time.sleep"}
    for path in sources():
        if part_of(path) in {"clock", "cli"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in readers, f"{path.relative_to(ROOT)}:{node.lineno} calls {called}"


def test_no_file_is_longer_than_it_should_be() -> None:
    """One idea a file: at most 320 lines."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    assert not {name: length for name, length in lengths.items() if length > 320}


def test_every_test_states_its_fact() -> None:
    """Each test function has a docstring, so that the list of tests reads as the specification."""
    silent = [
        f"{path.relative_to(ROOT.parent)}:{node.lineno} {node.name}"
        for path in sorted((ROOT.parent / "tests").rglob("test_*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert not silent
