"""A night as columns: short nights and long ones in the same memory, and nothing short is lost."""

from __future__ import annotations

import numpy as np
import pytest

from player.analysis.contract.figures import Levels
from player.analysis.contract.timeline import MOST_COLUMNS, Timeline
from player.audio.dsp.startle import Onset
from player.core.units import SILENCE_DB
from tests import effort


def pushed(blocks: int, loud_at: int) -> Timeline:
    """So many blocks of one level, one of which is 20 dB louder before the guard and lowered by 17."""
    series, calm = Timeline(), np.full(10, 1e-3)
    has = Levels(np.full(20, 1e-3), calm, calm, startles=(), is_over=False)
    had = Levels(has.hops, calm * 100, calm, startles=(Onset(0.0, 0.1, -20.0, 20.0, 100.0, 20.0, 20.0),), is_over=True)
    for block in range(blocks):
        is_loud = block == loud_at
        series.push(had if is_loud else has, has, np.full(20, 17.0 if is_loud else 0.0), -10.0)
    return series


@pytest.mark.parametrize("blocks", effort.first(4, [1, 100, MOST_COLUMNS, MOST_COLUMNS + 1, 60_001]))
def test_a_night_of_any_length_has_at_most_2048_columns(blocks: int) -> None:
    """They cover it, and one loud block of 100 ms stands in the column of its time."""
    columns = pushed(blocks, blocks // 2).columns()
    assert 1 <= len(columns.starts_s) <= MOST_COLUMNS
    wide_s = columns.starts_s[1] if len(columns.starts_s) > 1 else 0.1
    assert columns.starts_s[-1] < blocks * 0.1 <= columns.starts_s[-1] + wide_s + 1e-6
    loudest = int(np.argmax(columns.before_most))
    assert columns.starts_s[loudest] <= (blocks // 2) * 0.1 + 1e-6 < columns.starts_s[loudest] + wide_s
    assert columns.before_most[loudest] - columns.after_most[loudest] == pytest.approx(20.0)
    assert columns.lowered_db.tolist().count(17.0) == 1


def test_silence_has_a_volume_of_nothing() -> None:
    """-inf, not a made-up number."""
    series, nothing = Timeline(), np.full(10, 1e-20)
    levels = Levels(np.zeros(20), nothing, nothing, startles=(), is_over=False)
    series.push(levels, levels, np.zeros(20), SILENCE_DB)
    assert series.columns().volume_db.tolist() == [SILENCE_DB]
    assert series.columns().after_most[0] < -190.0
