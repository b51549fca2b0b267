"""A turn of the engine that does not end is a lost device, until it ends."""

from __future__ import annotations

from player.app.engine_watch import STUCK_S, EngineWatch
from player.core.events import OutputFound, OutputLost


def test_a_turn_that_does_not_end_is_told_once_and_so_is_its_end() -> None:
    """Lost after 2.8 s, found when the next turn has begun; nothing in between."""
    watch = EngineWatch()
    assert watch.look(100.0, 100.1) is None
    assert watch.wait_s(100.0, 101.0) <= STUCK_S - 0.9
    assert isinstance(watch.look(100.0, 103.0), OutputLost)
    assert watch.look(100.0, 130.0) is None
    assert isinstance(watch.look(130.5, 130.6), OutputFound)
    assert watch.look(130.6, 130.7) is None


def test_an_engine_that_rests_is_not_stuck() -> None:
    """Nothing has to be looked at then."""
    watch = EngineWatch()
    assert watch.look(None, 1e6) is None
    assert watch.wait_s(None, 1e6) == float("inf")
