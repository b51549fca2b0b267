"""Both databases, damaged in many ways: a night is played, bans hold, and nothing is answered as done and then lost.

A part of what ``python -m tests.soak.databases 3000`` tries.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from player.storage import measurements_db, memory_db
from tests.effort import examples
from tests.soak.database_damage import DAMAGES
from tests.soak.databases import Bench

FEW = len(DAMAGES)
MANY = 8 * len(DAMAGES)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with contextlib.closing(Bench()) as made:
        yield made


def test_bans_outlive_any_damage_of_the_database(bench: Bench) -> None:
    """Each kind of damage, of a file that was closed and of one whose daemon was killed."""
    for seed in range(examples(FEW, MANY)):
        how, wrong, is_kept, _ = bench.try_one(memory_db.FILE_NAME, seed)
        assert not wrong, (seed, how, wrong)
        assert is_kept, (seed, how)


def test_without_the_copy_what_is_lost_is_said(bench: Bench) -> None:
    """Both files hit: bans may be lost, but a problem says so, and the rest goes on."""
    for seed in range(examples(FEW, MANY)):
        how, wrong, is_kept, is_said = bench.try_one(memory_db.FILE_NAME, seed, has_copy=False)
        assert not wrong, (seed, how, wrong)
        if how in {"header", "cut", "random page", "empty page"}:
            assert is_kept or is_said, (seed, how)


@pytest.mark.thorough
def test_no_measurement_from_a_damaged_database_leads_to_a_gain_that_is_none(bench: Bench) -> None:
    """Tracks of damaged rows count as loud; gains, levels and plans are numbers."""
    for seed in range(examples(FEW, MANY)):
        how, wrong, _, _ = bench.try_one(measurements_db.FILE_NAME, seed)
        assert not wrong, (seed, how, wrong)
