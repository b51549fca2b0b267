"""A hundred damages of each database, in a process of their own; ``python -m tests.soak.databases 3000`` tries more."""

from __future__ import annotations

import pytest

from player.storage import measurements_db, memory_db
from tests.soak.databases import hunt

pytestmark = [pytest.mark.slow, pytest.mark.thorough]

DAMAGES = 100


def test_bans_hold_and_nothing_dies() -> None:
    """At most one ban in a hundred damages is lost, whatever was damaged in memory.db; the copy beside it is whole."""
    counts, wrong = hunt(memory_db.FILE_NAME, DAMAGES, first=10_000)
    print(f"\n{dict(+counts)}")
    assert not wrong
    assert counts["kept"] >= 0.99 * counts["tried"] > 0


def test_damaged_measurements_cost_no_night() -> None:
    """Nothing raises, and each gain is a number."""
    counts, wrong = hunt(measurements_db.FILE_NAME, DAMAGES, first=10_000)
    print(f"\n{dict(+counts)}")
    assert not wrong
    assert counts["tried"] > 0
