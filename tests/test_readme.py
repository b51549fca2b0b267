"""README.md and docs/*.md: links lead somewhere, commands and configs are accepted, and the README is short."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from player.cli import main as command_line
from player.config import parse
from player.core.errors import Refused
from tests.paths import ROOT

README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
MOST_LINES = 120
LULL = re.compile(r"(?:\.venv/bin/)?lull ((?:(?! {2,}| \(|[#|;&>]).)+)")
"""A command in an indented block: up to two spaces, a remark in brackets or a sign of the shell."""


def blocks(page: Path) -> list[str]:
    """Indented lines without their indentation, block by block."""
    found = re.findall(r"(?:^\n)((?: {4}.*\n)+(?:\n(?: {4}.*\n)+)*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [re.sub(r"^ {4}", "", block, flags=re.MULTILINE) for block in found]


def commands(page: Path) -> list[list[str]]:
    """Each `lull ...` that is typed in a block, as words."""
    lines = [line.removeprefix("$ ") for block in blocks(page) for line in block.splitlines()]
    typed = [line.removeprefix("sudo ").removeprefix("-u lull ") for line in lines]
    whole = [
        match[1] for line in typed if re.match(r"(\.venv/bin/)?lull [a-z-]", line) for match in LULL.finditer(line)
    ]
    return [shlex.split(line) for line in whole]


def anchors(page: Path) -> set[str]:
    """The names by which headings can be linked to: small letters, no punctuation, spaces as hyphens."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_file_and_a_heading_in_it(page: Path) -> None:
    """Links to other sites are left out."""
    lost = []
    for link in re.findall(r"\]\(([^()\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"https?:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            lost.append(link)
    assert lost == []


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=lambda page: page.name)
def test_every_command_that_is_shown_can_be_typed(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command line accepts the words; nothing is carried out."""
    for typed in commands(page):
        try:
            words = command_line._canonical(command_line._command_first(typed))
            command_line.build_parser(words[0]).parse_args(words)
        except (SystemExit, Refused) as refusal:
            pytest.fail(f"{page.name}: lull {shlex.join(typed)}: {refusal} {capsys.readouterr().err}")


def test_the_night_in_the_readme_is_a_config() -> None:
    """It has the two parts that the text below it tells: whispers for 45 minutes, rain until half past six."""
    (text,) = [block for block in blocks(README) if block.startswith("device:")]
    (entry,) = parse(text).settings.schedule
    assert [entry.playlist, *(phase.playlist for phase in entry.then or ())] == ["whispers", "rain"]


def test_the_readme_can_be_read_in_bed() -> None:
    """At most 120 lines."""
    assert len(README.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
