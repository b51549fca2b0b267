"""A bed sounds under the tracks at its own level, and whatever moves, nothing rises faster than 6 dB/s."""

from __future__ import annotations

import random

import numpy as np
import pytest

from player.core.engine_orders import BEDS, TRACKS, Crossfade, Item, QueueItem, RampTo, Then
from player.core.events import EngineFaulted, ItemEnded, ItemStarted, QueueRanDry, RampArrived
from player.core.limits import MAX_RISE_DB_PER_S
from player.core.units import SILENCE_DB
from tests import effort
from tests.engine_rig import LEVEL, Rig, constant, fastest_rise, gain_db, noise

RISE = MAX_RISE_DB_PER_S + 0.01
BED, OTHER = BEDS


def lay(rig: Rig, uri: str, level_db: float = -12.0, over_s: float = 20.0, layer: int = BED) -> Item:
    """Begin a bed."""
    item = rig.play(uri, layer=layer)
    rig.engine.order(RampTo(level_db, over_s, layer=layer))
    return item


def amplitude(samples: np.ndarray) -> float:
    return float(samples[-1, 0]) / LEVEL


def test_a_bed_begins_with_the_session_at_its_level_below_the_tracks() -> None:
    """Two constants add: 1 + 0.251 at -12 dB, as soon as the output is up; the output alone makes the rise."""
    rig = Rig({"a": constant(), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    assert amplitude(rig.heard()) == pytest.approx(1.0 + 10 ** (-12 / 20), rel=1e-4)
    assert fastest_rise(rig.heard(), floor_db=-58.0) <= RISE
    assert rig.fastest_own_rise() <= RISE


def test_a_bed_comes_and_goes_by_ramps_while_a_track_plays() -> None:
    """20 s up, 20 s down, in equal steps of decibels below -12; the track stays where it is."""
    rig = Rig({"a": constant(level=0.0), "bed": constant()})
    rig.start("a")
    lay(rig, "bed", over_s=20.0)
    rig.run(40.0)
    levels = gain_db(rig.heard())
    assert levels[-1] == pytest.approx(-12.0, abs=1e-3)
    assert fastest_rise(rig.heard()) <= RISE
    rig.engine.order(RampTo(SILENCE_DB, 20.0, Then.STOP, BED))
    rig.run(25.0)
    assert not rig.heard(1.0).any()
    assert [report.item_id for report in rig.reported(ItemEnded)] == [2]
    assert rig.reported(RampArrived)[-1] == RampArrived(SILENCE_DB, Then.STOP, BED)
    assert not rig.reported(QueueRanDry)


def test_a_bed_moves_to_another_level_by_a_ramp() -> None:
    """2 dB up at 2 dB a second."""
    rig = Rig({"a": constant(level=0.0), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    rig.engine.order(RampTo(-10.0, 1.0, layer=BED))
    rig.run(2.0)
    assert gain_db(rig.heard())[-1] == pytest.approx(-10.0, abs=1e-3)
    assert fastest_rise(rig.heard(2.0)) <= 2.1


def test_a_bed_shares_6_db_a_second_with_the_output() -> None:
    """It begins in the middle of a slow fade-in, and gets what that leaves."""
    rig = Rig({"a": constant(level=0.0), "bed": constant()})
    rig.play("a")
    rig.engine.order(RampTo(0.0, 60.0))
    rig.run(7.0)
    lay(rig, "bed", over_s=0.0)
    rig.run(60.0)
    assert gain_db(rig.heard())[-1] == pytest.approx(-12.0, abs=1e-3)
    assert fastest_rise(rig.heard(), floor_db=-90.0) <= RISE
    assert rig.fastest_own_rise() <= RISE


def test_the_tracks_may_leave_and_the_bed_goes_on() -> None:
    """Their layer falls and drops them; a new track then comes up under its level, and the bed never moves."""
    rig = Rig({"a": constant(), "b": constant(), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    rig.engine.order(RampTo(SILENCE_DB, 5.0, Then.STOP, TRACKS))
    rig.run(10.0)
    bed = 10 ** (-12 / 20)
    assert amplitude(rig.heard()) == pytest.approx(bed, rel=1e-4)
    assert rig.reported(RampArrived)[-1] == RampArrived(SILENCE_DB, Then.STOP, TRACKS)
    rig.play("b")
    rig.engine.order(RampTo(0.0, 10.0, layer=TRACKS))
    rig.run(15.0)
    assert amplitude(rig.heard()) == pytest.approx(1.0 + bed, rel=1e-4)
    assert rig.fastest_own_rise() <= RISE


def test_a_stop_ends_both_and_leaves_nothing_for_the_next_session() -> None:
    """After it the bed's layer is silent, and tracks play at full level."""
    rig = Rig({"a": constant(), "b": constant(), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    rig.engine.order(RampTo(SILENCE_DB, 4.0, Then.STOP))
    rig.run(6.0)
    assert {report.item_id for report in rig.reported(ItemEnded)} == {1, 2}
    assert rig.engine.is_idle
    rig.start("b")
    assert amplitude(rig.heard()) == pytest.approx(1.0, rel=1e-4)


def test_a_pause_keeps_the_bed_where_it_is() -> None:
    """Held, then both come up again together."""
    rig = Rig({"a": constant(), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    rig.engine.order(RampTo(SILENCE_DB, 1.0, Then.HOLD))
    rig.run(30.0)
    rig.engine.order(RampTo(0.0, 10.0))
    rig.run(12.0)
    assert amplitude(rig.heard()) == pytest.approx(1.0 + 10 ** (-12 / 20), rel=1e-4)
    assert sorted(report.item_id for report in rig.reported(ItemStarted)) == [1, 2]


@pytest.mark.thorough
def test_a_short_bed_is_looped_without_a_seam() -> None:
    """A file of 15 s that follows itself: each second is at its level, as the tracks' loops are."""
    rig = Rig({"a": constant(level=0.0), "bed": noise(3, 15.0)})
    lay(rig, "bed", level_db=0.0)
    rig.start("a")
    for _ in range(600):
        started = len(rig.reported(ItemStarted))
        rig.run(0.1)
        if len(rig.reported(ItemStarted)) > started or _ == 0:
            rig.engine.order(QueueItem(rig.item("bed"), BED))
    after = rig.heard(40.0).astype(np.float64)
    levels = [
        10 * np.log10(np.mean(np.square(after[at : at + 48_000]))) for at in range(0, len(after) - 47_999, 24_000)
    ]
    assert max(levels) - min(levels) < 0.6


def test_a_fault_in_the_audio_path_drops_beds_too() -> None:
    """Nothing is left over that could come back by itself."""
    rig = Rig({"a": constant(), "bed": constant()})
    lay(rig, "bed")
    rig.start("a")
    rig.engine._chain.process = None  # type: ignore[method-assign, assignment]
    rig.run(0.1)
    del rig.engine._chain.process
    assert rig.reported(EngineFaulted)
    rig.run(1.0)
    assert not rig.heard(1.0).any()
    assert rig.engine.is_idle


def test_the_sum_is_planned_where_all_of_it_is() -> None:
    """-20 and -26 LUFS reach -19 together: 10 lg (0.01 + 0.0025); of what nobody planned nothing is known."""
    rig = Rig({"a": constant(), "bed": constant(), "other": constant()})
    rig.play("a", reached_lufs=-20.0, habitual_lufs=-21.0)
    rig.play("bed", layer=BED, reached_lufs=-14.0, habitual_lufs=-15.0)
    rig.engine.order(RampTo(-12.0, 0.0, layer=BED))
    rig.engine.order(RampTo(0.0, 0.0))
    rig.run(12.0)
    layers = rig.engine._layers
    assert layers.reached_lufs(4800) == pytest.approx(-19.03, abs=0.01)
    assert layers.habitual_lufs == pytest.approx(-20.03, abs=0.01)
    lay(rig, "other", layer=OTHER)
    rig.run(1.0)
    assert layers.reached_lufs(4800) is None


@pytest.mark.parametrize("seed", effort.first(1, range(40)))
def test_whatever_is_ordered_of_layers_nothing_rises_faster(seed: int) -> None:
    """Random orders to output, tracks and beds: lull's own gain on each deck rises by 6 dB/s at most."""
    rng = random.Random(seed)
    uris = "abc"
    rig = Rig({uri: constant(rng.choice((30.0, 600.0))) for uri in uris})
    for _ in range(25):
        layer = rng.choice((TRACKS, *BEDS))
        match rng.randrange(5):
            case 0:
                rig.play(rng.choice(uris), rng.choice(list(Crossfade)), layer)
            case 1:
                rig.engine.order(RampTo(rng.choice((0.0, -10.0, -20.0)), rng.choice((0.0, 3.0, 30.0))))
            case 2:
                rig.engine.order(RampTo(SILENCE_DB, rng.choice((0.5, 4.0)), rng.choice(list(Then))))
            case 3:
                rig.engine.order(RampTo(rng.choice((-3.0, -12.0, -30.0)), rng.choice((0.0, 2.0, 20.0)), layer=layer))
            case _:
                rig.engine.order(
                    RampTo(SILENCE_DB, rng.choice((1.0, 8.0)), rng.choice((Then.NOTHING, Then.STOP)), layer)
                )
        rig.run(rng.choice((0.3, 2.0, 8.0)))
    assert not rig.reported(EngineFaulted)
    assert rig.fastest_own_rise() <= RISE
