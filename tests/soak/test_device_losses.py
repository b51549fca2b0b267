"""A sound device that is lost again and again comes back each time, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.soak.device_losses import lose_often

pytestmark = [pytest.mark.live, pytest.mark.slow]

LOSSES = 3
MORE_KB = 8_000


@pytest.mark.long
def test_a_device_that_is_lost_again_and_again_comes_back_and_leaves_nothing(tmp_path: Path) -> None:
    """``python -m tests.soak.device_losses 50`` loses it more often."""
    lost = lose_often(tmp_path, LOSSES)
    assert lost.after.memory_kb - lost.before.memory_kb < MORE_KB, lost
    assert abs(lost.after.files - lost.before.files) <= 2, lost
    assert abs(lost.after.threads - lost.before.threads) <= 2, lost
    assert np.abs(lost.samples[-48_000:]).max() > 0.01, "it sounds again"
