"""How a long fade divides its time."""

from __future__ import annotations

import pytest

from player.core.limits import fallen_db


@pytest.mark.parametrize(
    ("part", "over_s", "expected_db"),
    [
        (0.5, 3.0, 33.0),
        (0.5, 30.0, 33.0),
        (0.5, 315.0, 15.75),
        (300 / 315, 315.0, 30.0),
        (307.5 / 315, 315.0, 48.0),
        (585 / 600, 600.0, 30.0),
        (0.0, 600.0, 0.0),
        (1.0, 600.0, 66.0),
        (1.0, 1.0, 66.0),
    ],
)
def test_how_far_a_fade_has_fallen(part: float, over_s: float, expected_db: float) -> None:
    """Up to 30 s straight to -66 dB; longer ones by 30 dB, and by the rest in their last 15 s."""
    assert fallen_db(part, over_s) == pytest.approx(expected_db)
