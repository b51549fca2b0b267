"""From a volume to dB(A) at the pillow and back."""

from __future__ import annotations

import pytest

from player.core.pillow import level_of, parse_level, volume_for


@pytest.mark.parametrize(
    ("text", "level"),
    [("35 dBA", 35.0), ("35dBA", 35.0), ("32.5 dB(A)", 32.5), (" 30 dba ", 30.0), ("35", None), ("-3 dB", None),
     ("35 dB", None), ("1e3 dBA", None), ("٣٥ dBA", None)],
)  # fmt: skip
def test_a_level_is_written_with_its_unit(text: str, level: float | None) -> None:
    """``dBA`` or ``dB(A)``; plain dB is something else."""
    assert parse_level(text) == level


@pytest.mark.parametrize("volume", range(1, 101))
def test_a_volume_and_its_level_are_one(volume: int) -> None:
    """There and back; a level just below that of a volume is the volume below, so that a cap is never exceeded."""
    level_dba = level_of(volume, 88.0, -23.0)
    assert volume_for(level_dba, 88.0, -23.0) == volume
    assert volume_for(level_dba - 0.01, 88.0, -23.0) == max(1, volume - 1)


def test_ten_decibels_are_ten_decibels() -> None:
    """Volume 100 plays pink noise at -29.5 dB(A) below full scale; each point is 50/99 dB."""
    assert level_of(100, 88.0, -23.0) == pytest.approx(58.5)
    assert level_of(1, 88.0, -23.0) == pytest.approx(8.5)
    assert volume_for(200.0, 88.0, -23.0) == 100
    assert volume_for(0.0, 88.0, -23.0) == 1
