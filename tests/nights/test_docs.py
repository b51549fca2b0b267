"""docs/nights.md and docs/recipes.md: each config is read without a note on its phases, each night ends as told."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from player.cli.check_notes import notes
from player.config import parse
from player.config.schema_night import PHASE
from player.core.clock import elapsed_s
from player.core.commands import Play
from player.core.settings.session import MAX_PHASES
from tests import effort
from tests.nights.night_rig import Nights
from tests.paths import ROOT

DOC, RECIPES = ((ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("nights.md", "recipes.md"))
CONFIGS = dict(
    re.findall(r"^## ([^\n]+)\n(?:(?!\n## |```).)*```yaml\n(.*?)```", DOC + RECIPES, re.MULTILINE | re.DOTALL)
)
TITLES = (
    "The commonest night", "A bed under the tracks", "Mornings", "How loud it is at the pillow",
    "Falling asleep to a reader", "Noise all night", "A child's room", "Two speakers for a couple",
    "A phone that notices sleep", "Silence when the bed is empty", "One button beside the bed",
)  # fmt: skip


def test_the_configs_are_there() -> None:
    """One for each kind of sleeper."""
    assert tuple(CONFIGS) == TITLES


@pytest.mark.parametrize("title", TITLES)
def test_each_config_is_valid_and_each_of_its_phases_comes(title: str) -> None:
    """No fault, and no note but for folders that this machine does not have, or has for an installed lull."""
    told = [
        one for one in notes(parse(CONFIGS[title])) if "does not exist" not in one and not one.startswith("state_dir:")
    ]
    assert [note for note in told if "fade" not in note] == []


@pytest.mark.parametrize(
    ("title", "begins", "hours"),
    effort.first(
        1,
        [
            ("Noise all night", "21:59", 8.5),
            ("A child's room", "19:29", 2.5),
            ("Two speakers for a couple", "22:29", 7.5),
        ],
    ),
)
def test_a_night_ends_within_a_second_of_what_the_page_says(title: str, begins: str, hours: float) -> None:
    """From the schedule, on the fake clock."""
    evening = datetime.fromisoformat(f"2026-01-15T{begins}:00+00:00")
    nights = Nights(parse(CONFIGS[title]).settings, evening)
    nights.run_for(10 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(evening, ended.now.wall) - 60.0 - hours * 3600.0) <= 1.0


def test_the_commonest_night_is_silent_at_half_past_six() -> None:
    """Started by hand at half past ten."""
    evening = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
    nights = Nights(parse(CONFIGS["The commonest night"]).settings, evening)
    nights.command(Play())
    nights.run_for(9 * 3600.0)
    (ended,) = nights.events("session_ended")
    assert abs(elapsed_s(evening, ended.now.wall) - 8 * 3600.0) <= 1.0
    assert ended.news.text.count("whispers, noise from 22:30") == 1


def test_the_table_of_keys_is_whole() -> None:
    """Every key of a phase, and how many there may be."""
    section = DOC.split("## What a phase may say")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    assert sorted(word for cell in cells for word in re.findall(r"`(\w+)`", cell)) == sorted(PHASE.words)
    assert f"up to {MAX_PHASES} phases" in section
