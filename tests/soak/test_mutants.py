"""Broken files by the dozen through the real decoder; ``python -m tests.soak.mutants 10000`` plays thousands."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.mutants import hunt
from tests.soak.mutation import make_originals, mutant

pytestmark = [pytest.mark.live, pytest.mark.slow]

MUTANTS = 48
MOST_MB = 200
"""What a worker took for ten thousand of them was 130; numpy, libVLC and this test's own tools take 85 of it."""


@pytest.mark.long
def test_broken_files_neither_crash_nor_hang_the_decoder_and_startle_nobody(tmp_path: Path) -> None:
    """Flipped bits, lost and strange stretches, headers that lie, numbers that are none: the contract holds."""
    tally = hunt(MUTANTS, tmp_path, first=30_000)
    print(f"\n{tally}")
    assert tally.played == MUTANTS
    assert not tally.crashes
    assert not tally.hangs
    assert not tally.bad
    assert tally.counts["started"] >= MUTANTS // 3
    assert tally.memory_mb < MOST_MB


def test_a_mutant_is_the_same_each_time(tmp_path: Path) -> None:
    """So that a seed that failed can be looked at again; another seed is another one."""
    originals = make_originals(tmp_path)
    assert mutant(7, originals) == mutant(7, originals)
    assert mutant(7, originals).data != mutant(7 + len(originals), originals).data
    assert all(mutant(seed, originals).data != originals[mutant(seed, originals).origin] for seed in range(20))
