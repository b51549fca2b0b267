"""SIGKILL at random moments: the memory is whole, who stopped hears nothing, and nobody is startled."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.kills import kill_often

pytestmark = [pytest.mark.live, pytest.mark.slow]

DEATHS = 4


@pytest.mark.long
def test_killed_at_random_moments_it_goes_on_or_rests_as_it_should(tmp_path: Path) -> None:
    """``python -m tests.soak.kills`` does so more often."""
    killed = kill_often(tmp_path, DEATHS, seed=3)
    print(f"\n{dict(killed.outcomes)}; {killed.figures}")
    assert killed.outcomes.total() == DEATHS
    assert killed.figures.startles == killed.figures.bursts == killed.figures.new_onsets == ()
    assert killed.figures.is_finite
