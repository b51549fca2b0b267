"""What the session may rely on, held against the real engine and against the fake one of the nights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import pytest

from player.core.engine_orders import BEDS, EngineOrder, Item, PlayItem, QueueItem, RampTo, Then
from player.core.events import (
    EngineReport,
    ItemEnded,
    ItemFailed,
    ItemStarted,
    OutputFound,
    OutputLost,
    QueueRanDry,
    RampArrived,
)
from player.core.units import SILENCE_DB
from tests.engine_rig import Rig, constant
from tests.fakes.engine import FakeEngine

LENGTH_S = 45.0


class Bench(Protocol):
    """An engine of either kind under test."""

    reports: list[EngineReport]

    def order(self, order: EngineOrder) -> None: ...
    def run(self, duration_s: float) -> None: ...
    def lose(self) -> None: ...


class RealBench:
    """The real engine on fake parts."""

    def __init__(self) -> None:
        self._rig = Rig({"a": constant(LENGTH_S), "b": constant(LENGTH_S)})
        self.reports = self._rig.reports

    def order(self, order: EngineOrder) -> None:
        self._rig.engine.order(order)

    def run(self, duration_s: float) -> None:
        self._rig.run(duration_s)

    def lose(self) -> None:
        self._rig.sink.fails_on_write = {self._rig.sink.writes}
        self._rig.sink.fails_on_open = 3


class FakeBench:
    """The fake engine."""

    def __init__(self) -> None:
        self._engine = FakeEngine(LENGTH_S)
        self._engine.broken = {"broken"}
        self._now_s = 0.0
        self._is_losing = False
        self.reports: list[EngineReport] = []

    def order(self, order: EngineOrder) -> None:
        self._engine.order(order)

    def run(self, duration_s: float) -> None:
        if self._is_losing:
            self._engine.lose_output()
        self._now_s += duration_s
        self.reports += self._engine.advance(self._now_s)
        if self._is_losing:
            self._is_losing = False
            self._engine.find_output()
            self.reports += self._engine.advance(self._now_s)

    def lose(self) -> None:
        self._is_losing = True


@pytest.fixture(params=[RealBench, FakeBench], ids=["real", "fake"])
def bench(request: pytest.FixtureRequest) -> Bench:
    make: Callable[[], Bench] = request.param
    return make()


def told(bench: Bench, *kinds: type) -> list[EngineReport]:
    return [report for report in bench.reports if isinstance(report, kinds)]


def start(bench: Bench) -> None:
    bench.order(PlayItem(Item(1, "a", "a")))
    bench.order(RampTo(0.0, 0.0))
    bench.run(12.0)


class TestEngineContract:
    """The promises."""

    def test_an_item_is_reported_when_it_starts_with_its_length(self, bench: Bench) -> None:
        """ItemStarted once, then RampArrived at the level."""
        start(bench)
        assert told(bench, ItemStarted) == [ItemStarted(1, LENGTH_S)]
        assert RampArrived(0.0, Then.NOTHING) in bench.reports

    def test_a_queued_item_follows_and_the_end_of_the_first_is_told(self, bench: Bench) -> None:
        """By the end of the first the second has started; it never ran dry."""
        start(bench)
        bench.order(QueueItem(Item(2, "b", "b")))
        bench.run(LENGTH_S)
        assert told(bench, ItemStarted)[-1] == ItemStarted(2, LENGTH_S)
        assert [report.item_id for report in told(bench, ItemEnded) if isinstance(report, ItemEnded)] == [1]
        assert not told(bench, QueueRanDry)

    def test_without_a_successor_it_runs_dry_once(self, bench: Bench) -> None:
        """The end of the last item, and RanDry."""
        start(bench)
        bench.run(2 * LENGTH_S)
        assert len(told(bench, ItemEnded)) == 1
        assert len(told(bench, QueueRanDry)) == 1

    def test_what_cannot_be_opened_is_reported_as_failed(self, bench: Bench) -> None:
        """ItemFailed with a reason; nothing else sounds, so it runs dry."""
        bench.order(PlayItem(Item(1, "broken", "broken")))
        bench.run(1.0)
        assert told(bench, ItemFailed) == [ItemFailed(1, "cannot be opened")]
        assert len(told(bench, QueueRanDry)) == 1

    def test_a_ramp_to_silence_that_stops_ends_the_item(self, bench: Bench) -> None:
        """RampArrived with STOP comes when it is silent, and the item has ended; dry it has not run."""
        start(bench)
        bench.order(RampTo(SILENCE_DB, 2.0, Then.STOP))
        bench.run(1.5)
        assert RampArrived(SILENCE_DB, Then.STOP) not in bench.reports
        bench.run(1.5)
        assert RampArrived(SILENCE_DB, Then.STOP) in bench.reports
        assert len(told(bench, ItemEnded)) == 1
        assert not told(bench, QueueRanDry)

    def test_a_stop_while_silent_is_told_at_once(self, bench: Bench) -> None:
        """There is nothing to fade."""
        bench.order(RampTo(SILENCE_DB, 30.0, Then.STOP))
        bench.run(0.5)
        assert RampArrived(SILENCE_DB, Then.STOP) in bench.reports

    def test_a_held_item_does_not_end(self, bench: Bench) -> None:
        """Held for longer than it is, it is still there; a ramp up lets it go on to its end."""
        start(bench)
        bench.order(RampTo(SILENCE_DB, 1.0, Then.HOLD))
        bench.run(3 * LENGTH_S)
        assert not told(bench, ItemEnded)
        bench.order(RampTo(0.0, 0.0))
        bench.run(LENGTH_S + 15.0)
        assert len(told(bench, ItemEnded)) == 1

    def test_a_lost_output_is_told_and_found_again(self, bench: Bench) -> None:
        """OutputLost, later OutputFound, in this order, once each."""
        start(bench)
        bench.lose()
        bench.run(10.0)
        assert [type(report) for report in told(bench, OutputLost, OutputFound)] == [OutputLost, OutputFound]

    def test_a_lost_output_forgets_what_was_to_follow_a_ramp(self, bench: Bench) -> None:
        """In the middle of a fade to the end the device goes: no stop, the item is still there."""
        start(bench)
        bench.order(RampTo(SILENCE_DB, 30.0, Then.STOP))
        bench.run(5.0)
        bench.lose()
        bench.run(10.0)
        assert RampArrived(SILENCE_DB, Then.STOP) not in bench.reports
        assert not told(bench, ItemEnded)

    def test_a_fall_that_is_called_off_does_not_stop(self, bench: Bench) -> None:
        """A ramp up before silence replaces the stop."""
        start(bench)
        bench.order(RampTo(SILENCE_DB, 4.0, Then.STOP))
        bench.run(1.0)
        bench.order(RampTo(0.0, 1.0))
        bench.run(10.0)
        assert not [report for report in told(bench, RampArrived) if report == RampArrived(SILENCE_DB, Then.STOP)]
        assert not told(bench, ItemEnded)

    def test_a_bed_is_told_of_like_a_track_and_ends_with_its_layer(self, bench: Bench) -> None:
        """It starts under the track; its layer falls silent, which ends it, and the track goes on."""
        start(bench)
        bench.order(PlayItem(Item(2, "b", "b"), layer=BEDS[0]))
        bench.order(RampTo(-12.0, 20.0, layer=BEDS[0]))
        bench.run(25.0)
        assert told(bench, ItemStarted)[-1] == ItemStarted(2, LENGTH_S)
        assert RampArrived(-12.0, Then.NOTHING, BEDS[0]) in bench.reports
        bench.order(RampTo(SILENCE_DB, 2.0, Then.STOP, BEDS[0]))
        bench.run(3.0)
        assert RampArrived(SILENCE_DB, Then.STOP, BEDS[0]) in bench.reports
        assert [report.item_id for report in told(bench, ItemEnded) if isinstance(report, ItemEnded)] == [2]
        assert not told(bench, QueueRanDry)

    def test_a_bed_that_has_no_successor_runs_dry_by_itself(self, bench: Bench) -> None:
        """The report names its layer."""
        start(bench)
        bench.order(QueueItem(Item(3, "a", "a")))
        bench.order(PlayItem(Item(2, "b", "b"), layer=BEDS[1]))
        bench.order(RampTo(-12.0, 0.0, layer=BEDS[1]))
        bench.run(LENGTH_S + 20.0)
        assert told(bench, QueueRanDry) == [QueueRanDry(BEDS[1])]

    def test_a_stop_ends_all_layers(self, bench: Bench) -> None:
        """Both items end."""
        start(bench)
        bench.order(PlayItem(Item(2, "b", "b"), layer=BEDS[0]))
        bench.order(RampTo(-12.0, 0.0, layer=BEDS[0]))
        bench.run(12.0)
        bench.order(RampTo(SILENCE_DB, 2.0, Then.STOP))
        bench.run(4.0)
        ended = {report.item_id for report in told(bench, ItemEnded) if isinstance(report, ItemEnded)}
        assert ended == {1, 2}
