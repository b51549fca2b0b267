"""The documents for developers are true: named files exist, and CI and hooks run what `scripts/test` runs."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from tests.paths import ROOT

ROOMS = {path.name for path in (ROOT / "player").iterdir() if path.is_dir() and not path.name.startswith("__")}


def named_paths(document: str) -> set[str]:
    """What stands in backquotes and looks like a file or folder."""
    words = re.findall(r"`([\w./-]+)`", (ROOT / document).read_text(encoding="utf-8"))
    return {
        word for word in words if "/" in word and word.split("/")[0] in {*ROOMS, "tests", "docs", "scripts", "bench"}
    }


@pytest.mark.parametrize("document", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_every_file_that_is_named_exists(document: str) -> None:
    """From the top of the checkout, of the package, or of the sound stages."""
    tops = (ROOT, ROOT / "player", ROOT / "player" / "audio")
    assert [path for path in sorted(named_paths(document)) if not any((top / path).exists() for top in tops)] == []


def test_every_room_is_explained() -> None:
    """The list of docs/architecture.md has all folders of the package and no other."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    listed = re.findall(r"^    (\w+)/ ", text.split("Arrows point")[0], re.MULTILINE)
    assert sorted(listed) == sorted(ROOMS)


def test_ci_runs_the_script_that_everybody_runs() -> None:
    """The hosted workflow and .ci/run have no list of checks of their own."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8"))
    assert [step["run"] for step in workflow["jobs"]["test"]["steps"] if "run" in step][-1].endswith("scripts/test")
    assert Path(ROOT / ".ci" / "run").read_text(encoding="utf-8").rstrip().endswith('scripts/test"')


def test_the_hooks_run_the_same_checks_from_the_same_environment() -> None:
    """Nothing is fetched, and each command stands in scripts/test, but for the choice of tests."""
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    assert [repo["repo"] for repo in config["repos"]] == ["local"]
    script = (
        (ROOT / "scripts" / "test").read_text(encoding="utf-8").replace('"$venv/bin/', ".venv/bin/").replace('"', "")
    )
    for hook in config["repos"][0]["hooks"]:
        assert hook["language"] == "system"
        tool = hook["entry"].split(" -m pytest")[0]
        assert tool in script, hook["id"]


def texts() -> list[tuple[Path, str]]:
    """The constant texts of the package that have several words, docstrings left out; parts of f-strings too."""
    found = []
    for path in sorted((ROOT / "player").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found += [
            (path, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in alone
        ]
    return [(path, text) for path, text in found if " " in text.strip()]


def test_no_message_repeats_a_word_or_uses_one_that_was_replaced() -> None:
    """Such as "held down" and "ran dry": readers asked what they mean (CONTRIBUTING.md, plain English)."""
    bad = re.compile(r"\b(?!lull\b)([a-z]{2,}) \1\b|\bheld down\b|\b(?:ran|runs?) dry\b|\bfor ever\b|\bmend(?:s|ed)?\b")
    all_texts = texts()
    assert len(all_texts) > 1000
    assert [f"{path.name}: {text}" for path, text in all_texts if bad.search(text)] == []
