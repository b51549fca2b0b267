"""The documentation as a site: built without a warning, and a browser that opens it asks no other host for anything."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.paths import ROOT

needs_mkdocs = pytest.mark.skipif(
    importlib.util.find_spec("material") is None,
    reason="mkdocs-material is not installed; it is in the extras `docs` and `dev`",
)
LOADED = {("script", "src"), ("img", "src"), ("link", "href"), ("iframe", "src"), ("source", "src"), ("form", "action")}
"""What a browser asks for, or sends to, without a click on a link."""


class Loads(HTMLParser):
    """The addresses in a page that a browser uses by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if (tag, name) in LOADED and value]


def in_nav(branch: Any) -> list[str]:
    """The pages of the site's table of contents."""
    if isinstance(branch, str):
        return [branch]
    return [page for part in (branch.values() if isinstance(branch, dict) else branch) for page in in_nav(part)]


def test_every_page_stands_in_the_table_of_contents() -> None:
    """Once; README.md is the first."""
    nav = in_nav(yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"])
    pages = {path.name for path in (ROOT / "docs").glob("*.md")}
    assert sorted(nav) == sorted(pages | {"index.md", "CONTRIBUTING.md", "CHANGELOG.md"})
    assert nav[0] == "index.md"


@needs_mkdocs
@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_asks_nobody_else(tmp_path: Path) -> None:
    """Links, anchors and pictures are checked by mkdocs, where a warning is an error; about two seconds."""
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-d", str(tmp_path)]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    pages = sorted(tmp_path.glob("*.html"))
    assert len(pages) >= 20
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert [address for address in loads.found if re.match(r"(?:https?:)?//", address)] == [], page.name
        assert "](" not in re.sub(r"(?s)<code.*?</code>", "", page.read_text(encoding="utf-8")), page.name
    assert "<code>lull tonight [HH:MM|off]</code>" in (tmp_path / "commands.html").read_text(encoding="utf-8")
    for style in tmp_path.glob("assets/stylesheets/*.css"):
        assert not re.search(r"url\(['\"]?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name
