"""The measured length of a track wins over what its container says: where it ends, what follows it, what is a fault."""

from __future__ import annotations

from dataclasses import replace

import pytest

from player.core.engine_orders import Crossfade, PlayItem, QueueItem, RampTo
from player.core.events import ItemEnded, ItemFailed, ItemStarted
from player.core.units import to_frames
from tests import effort
from tests.engine_rig import Rig, constant, gain_db, noise


def rig_with(claimed_s: float) -> Rig:
    """A track of 40 s whose container claims another length, measured, and another one behind it."""
    rig = Rig({"a": replace(noise(1, 40.0), duration_s=claimed_s), "b": noise(2, 60.0)})
    rig.engine.order(PlayItem(replace(rig.item("a"), length_s=40.0), Crossfade.BLEND))
    rig.engine.order(RampTo(0.0, 0.0))
    rig.engine.order(QueueItem(replace(rig.item("b"), length_s=60.0)))
    return rig


@pytest.mark.parametrize("claimed_s", effort.first(1, [10.0, 25.0, 53.0, 111.0]))
def test_the_next_track_blends_in_before_the_end_that_was_measured(claimed_s: float) -> None:
    """Whatever the container claims, the first track is heard to its end, and the second begins before it."""
    rig = rig_with(claimed_s)
    rig.run(28.0)
    assert [started.duration_s for started in rig.reported(ItemStarted)] == [40.0]
    rig.run(22.0)
    assert [started.duration_s for started in rig.reported(ItemStarted)] == [40.0, 60.0]
    (ended,) = rig.reported(ItemEnded)
    assert ended.played_s == pytest.approx(40.0, abs=0.5)
    assert not rig.reported(ItemFailed)


def test_a_track_that_lacks_what_its_container_claims_is_whole_where_it_was_measured_so() -> None:
    """The decoder says that 13 s are missing, and the measurement knows better; one that ends halfway is a fault."""
    for length_s, expected in ((40.0, ItemEnded), (53.0, ItemFailed), (None, ItemFailed)):
        script = replace(constant(53.0), breaks_off_at=to_frames(40.0))
        rig = Rig({"a": script})
        rig.engine.order(PlayItem(replace(rig.item("a"), length_s=length_s), Crossfade.BLEND))
        rig.engine.order(RampTo(0.0, 0.0))
        rig.run(45.0)
        assert len(rig.reported(expected)) == 1
        assert gain_db(rig.heard(1.0))[-1] < -60.0
