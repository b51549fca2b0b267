"""The plan of a track: rare peaks do not keep it below the target."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from player.audio.dsp.gain_planner import RARE_PEAK_DB, GainPlanner
from player.audio.dsp.leveller import Section
from player.audio.dsp.octaves import OctaveMeter
from player.audio.dsp.types import Block
from player.core.limits import CEILING_DBTP
from player.core.settings.safety import TARGET_LUFS
from tests.audio.dsp.listener import at_lufs
from tests.signals import pink

SOFT: Block = at_lufs(pink(64.0), TARGET_LUFS - 15.0)
PEAK_DBFS = CEILING_DBTP - 8.0
"""8 dB of gain are left for a track that needs 15."""


def planned(sound: Block, peaks_dbfs: dict[int, float]) -> Section:
    """The plan of a sound whose hops of 10 ms reach -30 dBFS, some of them more."""
    powers = OctaveMeter().powers(sound)
    peaks = np.full(len(powers), 10 ** (-30 / 20), np.float32)
    for hop, peak_dbfs in peaks_dbfs.items():
        peaks[hop] = 10 ** (peak_dbfs / 20)
    planner = GainPlanner()
    planner.add(powers, peaks)
    return planner.finish()


def test_rare_peaks_are_lowered_for_the_level_of_the_track() -> None:
    """By 3 dB, each with the hops beside it, because gains are interpolated; nothing else is lowered."""
    found = planned(SOFT, {1000: PEAK_DBFS, 3000: PEAK_DBFS - 1.0, 5000: PEAK_DBFS - 10.0})
    lowered = {int(hop): round(float(found.gain_db[hop]), 3) for hop in np.flatnonzero(found.gain_db)}
    assert lowered == dict.fromkeys((999, 1000, 1001), -3.0) | dict.fromkeys((2999, 3000, 3001), -2.0)
    assert found.peak_dbfs == pytest.approx(PEAK_DBFS - RARE_PEAK_DB)


def test_peaks_that_are_not_rare_pass() -> None:
    """Of ten in 64 s that are alike not one is lowered; of one higher than they are, what it has over them."""
    alike = {600 * number + 100: PEAK_DBFS for number in range(10)}
    assert not planned(SOFT, alike).gain_db.any()
    higher = planned(SOFT, alike | {3100: PEAK_DBFS + 1.5})
    assert higher.gain_db[3100] == pytest.approx(-1.5)
    assert np.count_nonzero(higher.gain_db) == 3


def test_peaks_that_cost_no_gain_pass() -> None:
    """A track that reaches the target with them, and one that needs only a decibel less."""
    assert not planned(SOFT, {1000: CEILING_DBTP - 15.5}).gain_db.any()
    assert planned(SOFT, {1000: CEILING_DBTP - 14.0}).gain_db.min() == pytest.approx(-1.0, abs=0.15)


@pytest.mark.thorough
def test_long_tracks_have_their_rare_peaks_lowered_in_every_section() -> None:
    """Half an hour; what is rare in the loudest ten minutes is what counts."""
    powers = np.tile(OctaveMeter().powers(SOFT), (28, 1))
    peaks = np.full(len(powers), 10 ** (-30 / 20), np.float32)
    peaks[[5000, 70_000, 170_000]] = 10 ** (PEAK_DBFS / 20)
    planner = GainPlanner()
    for at in range(0, len(powers), 7001):
        planner.add(powers[at : at + 7001], peaks[at : at + 7001])
    found = planner.finish()
    assert set((np.flatnonzero(found.gain_db) // 10).tolist()) == {499, 500, 6999, 7000, 16_999, 17_000}
    assert found.peak_dbfs == pytest.approx(PEAK_DBFS - RARE_PEAK_DB)


def test_a_track_of_hours_takes_little_memory() -> None:
    """8 bytes for each 10 ms: the gains of all octaves stayed in memory too, 30 MB an hour, and 12 h did not fit."""
    powers = np.tile(OctaveMeter().powers(SOFT), (2, 1))
    peaks, planner, kept = np.full(len(powers), 0.03, np.float32), GainPlanner(), []
    tracemalloc.start()
    for count in range(1, 33):
        planner.add(powers, peaks)
        if count in {8, 32}:
            kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert kept[1] - kept[0] < 2.0 * 8 * 24 * len(powers)
