"""Bursts that are familiar startle nobody; a louder one does."""

from __future__ import annotations

import numpy as np

from player.analysis.contract.startles import StartleEvents
from player.audio.dsp.hearing import HOP_S, to_power


def found(ticks_lufs: dict[float, float], duration_s: float = 40.0) -> list[float]:
    """Times of the events in a bed at -50 LUFS with ticks of 20 ms; the room hides what is below -50."""
    powers = np.full(round(duration_s / HOP_S), to_power(-50.0))
    for at_s, lufs in ticks_lufs.items():
        first = round(at_s / HOP_S)
        powers[first : first + 4] = to_power(lufs)
    events = StartleEvents(-50.0)
    onsets = [onset for power in powers.tolist() for onset in events.push(power)] + events.finish()
    return [onset.at_s for onset in onsets]


def test_of_ticks_every_two_seconds_only_the_first_is_new() -> None:
    """It stands 18 dB over the bed; the others stand where it stood."""
    times = found(dict.fromkeys(np.arange(12.0, 38.0, 2.0).tolist(), -28.0))
    assert times
    assert all(11.9 < at_s < 12.2 for at_s in times)


def test_a_tick_that_is_6_db_louder_is_new_again() -> None:
    """Familiar is what was heard, and 3 dB."""
    ticks = {float(at_s): -28.0 for at_s in np.arange(12.0, 38.0, 2.0)}
    assert any(29.9 < at_s < 30.2 for at_s in found({**ticks, 30.0: -22.0}))
    assert not any(29.9 < at_s < 30.2 for at_s in found({**ticks, 30.0: -26.0}))
