"""Power cuts at each moment of an evening: what was answered as done is on the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.power_cuts import Done, can_mount_images, faults_at, judge, live_through

pytestmark = [pytest.mark.live, pytest.mark.slow]


@pytest.mark.skipif(not can_mount_images(), reason="no loop devices here: that takes root")
def test_a_power_cut_loses_nothing_that_was_answered_as_done(tmp_path: Path) -> None:
    """``python -m tests.soak.power_cuts 150`` is a longer evening."""
    evening = live_through(tmp_path, 10.0, seed=3)
    assert evening.copies
    assert evening.done
    assert judge(tmp_path, evening) == []


def test_the_judge_sees_what_is_missing(tmp_path: Path) -> None:
    """A disk without a memory after a ban; nothing is asked while it was under way."""
    ban = Done("never_again", {"track": "t1"}, 1.0, 2.0)
    assert list(faults_at(tmp_path, [ban], 3.0)) == ["there is no memory"]
    assert list(faults_at(tmp_path, [ban], 1.5)) == []
