"""An engine without sound: it takes orders and reports what the real one would, at the same times, in no time at all.

It knows the length of each track, moves levels along straight lines in dB, and keeps the clock of a virtual night.
tests/contracts/test_engine.py holds it to the same promises as the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from player.core.engine_orders import (
    BEDS,
    TRACKS,
    EngineOrder,
    Item,
    LevelItem,
    PlayItem,
    QueueItem,
    QuitEngine,
    RampTo,
    Retune,
    SetGuard,
    Then,
)
from player.core.events import (
    ClauseBroken,
    EngineFaulted,
    EngineReport,
    ItemEnded,
    ItemFailed,
    ItemStarted,
    OutputFound,
    OutputLost,
    Progressed,
    QueueRanDry,
    RampArrived,
)
from player.core.limits import FADE_DEPTH_DB, FALL_DEPTH_DB, MAX_RISE_DB_PER_S
from player.core.units import SILENCE_DB


@dataclass
class Line:
    """A level on its way: from, to, when it began and when it arrives."""

    start_db: float
    end_db: float
    began_s: float
    ends_s: float

    def level_db(self, now_s: float) -> float:
        if now_s >= self.ends_s:
            return self.end_db
        share = (now_s - self.began_s) / (self.ends_s - self.began_s)
        return self.start_db + share * (self.end_db - self.start_db)


class FakeLayer:
    """What one layer plays, and its level."""

    def __init__(self, number: int, engine: FakeEngine, report: Callable[[EngineReport], None]) -> None:
        self.number = number
        self.item: Item | None = None
        self.began_s = 0.0
        self._engine = engine
        self._report = report
        self._ends_s: float | None = None
        self._queued: Item | None = None
        self._is_dry = True
        self._left_s: float | None = None
        full_db = 0.0 if number == TRACKS else SILENCE_DB
        self._line, self._target_db = Line(full_db, full_db, 0.0, 0.0), full_db
        self._then: Then | None = None

    def next_s(self) -> float | None:
        """When something will happen in it by itself."""
        due = [] if self._then is None else [self._line.ends_s]
        if self._ends_s is not None and self._engine.is_running:
            due.append(self._ends_s)
        return min(due, default=None)

    def level_db(self, now_s: float) -> float:
        """The level of what it plays, -inf where it plays nothing."""
        return SILENCE_DB if self.item is None else self._line.level_db(now_s)

    def position_s(self, now_s: float) -> float:
        assert self.item is not None
        return self.item.start_s + now_s - self.began_s

    def queue(self, item: Item | None) -> None:
        self._queued = item

    def begin(self, item: Item, now_s: float) -> None:
        """Play an item at once; what was queued is forgotten."""
        self._queued = None
        self._is_dry = False
        if item.uri in self._engine.broken:
            self._report(ItemFailed(item.id, "cannot be opened"))
            if self.item is None:
                self._go_dry()
            return
        if self.item is not None:
            self._report(ItemEnded(self.item.id, now_s - self.began_s))
        duration_s = self._engine.durations.get(item.uri, self._engine.duration_s)
        self._left_s = None
        self.item, self.began_s = item, now_s
        self._ends_s = None if duration_s is None else now_s + duration_s - item.start_s
        if self.number == TRACKS:
            self._engine.heard.append((now_s, item.uri))
        self._report(ItemStarted(item.id, duration_s))
        if not self._engine.is_running:
            self.freeze(now_s)

    def ramp(self, target_db: float, over_s: float, then: Then, now_s: float, *, at_once: bool) -> None:
        """Move its level; at once while the output is silent."""
        is_jump = at_once and target_db > SILENCE_DB
        now_db = target_db if is_jump else self._line.level_db(now_s)
        self._line = way(now_db, target_db, over_s, now_s)
        self._target_db, self._then = target_db, then

    def happen(self, now_s: float) -> None:
        """Do what is due."""
        if self._then is not None and self._line.ends_s <= now_s:
            then, self._then = self._then, None
            if self._target_db == SILENCE_DB:
                self._line = Line(SILENCE_DB, SILENCE_DB, now_s, now_s)
                if then is Then.STOP:
                    self.stop(now_s)
            self._report(RampArrived(self._target_db, then, self.number))
        elif self._ends_s is not None and self._ends_s <= now_s:
            self._end_item(now_s)

    def stop(self, now_s: float) -> None:
        """Drop what it plays."""
        if self.item is not None:
            self._report(ItemEnded(self.item.id, now_s - self.began_s))
        self.forget()

    def forget(self) -> None:
        """Drop what it plays, and say nothing of it."""
        self.item = self._ends_s = self._queued = self._left_s = None
        self._is_dry = True

    def reset(self, now_s: float) -> None:
        """Its level as it was at first."""
        full_db = 0.0 if self.number == TRACKS else SILENCE_DB
        self._line, self._target_db, self._then = Line(full_db, full_db, now_s, now_s), full_db, None

    def freeze(self, now_s: float) -> None:
        """Keep the place."""
        if self._ends_s is not None and self._left_s is None:
            self._left_s = self._ends_s - now_s

    def thaw(self, now_s: float) -> None:
        """Go on from there."""
        if self._left_s is not None and self._ends_s is not None and self._engine.is_running:
            stood_s = now_s + self._left_s - self._ends_s
            self.began_s += stood_s
            self._ends_s += stood_s
            self._left_s = None

    def _end_item(self, now_s: float) -> None:
        assert self.item is not None
        ended, self.item, self._ends_s = self.item, None, None
        self._report(ItemEnded(ended.id, now_s - self.began_s))
        queued, self._queued = self._queued, None
        if queued is not None:
            self.begin(queued, now_s)
        else:
            self._go_dry()

    def _go_dry(self) -> None:
        if not self._is_dry:
            self._is_dry = True
            self._report(QueueRanDry(self.number))


class FakeEngine:
    """Tracks are as long as ``durations`` says, otherwise ``duration_s``; those in ``broken`` cannot be opened."""

    def __init__(self, duration_s: float = 240.0) -> None:
        self.duration_s = duration_s
        self.durations: dict[str, float | None] = {}
        self.broken: set[str] = set()
        self.orders: list[EngineOrder] = []
        self.heard: list[tuple[float, str]] = []
        self.is_lost = False
        self._now_s = 0.0
        self._reports: list[EngineReport] = []
        self._line = Line(SILENCE_DB, SILENCE_DB, 0.0, 0.0)
        self._target_db = SILENCE_DB
        self._then: Then | None = None
        self._is_held = False
        self.layers = {number: FakeLayer(number, self, self._report) for number in (TRACKS, *BEDS)}

    def _report(self, report: EngineReport) -> None:
        self._reports.append(report)

    @property
    def is_running(self) -> bool:
        """Whether tracks go on."""
        return not (self._is_held or self.is_lost)

    # What the harness calls.

    def order(self, order: EngineOrder) -> None:
        """Take an order at the present instant."""
        self.orders.append(order)
        match order:
            case PlayItem(item, _, layer):
                self.layers[layer].begin(item, self._now_s)
            case QueueItem(item, layer):
                self.layers[layer].queue(item)
            case RampTo(target_db, over_s, then, int() as layer):
                is_silent = self._line.level_db(self._now_s) == SILENCE_DB
                self.layers[layer].ramp(target_db, over_s, then, self._now_s, at_once=is_silent)
            case RampTo(target_db, over_s, then):
                self._ramp(target_db, over_s, then)
            case LevelItem() | Retune() | SetGuard() | QuitEngine():
                pass

    def advance(self, now_s: float) -> list[EngineReport]:
        """Let time pass up to ``now_s`` and return what would have been reported."""
        has_moved = now_s > self._now_s
        while True:
            due_s = self.next_s()
            if due_s is None or due_s > now_s:
                break
            self._now_s = max(self._now_s, due_s)
            self._happen()
        self._now_s = now_s
        tracks = self.layers[TRACKS]
        if has_moved and self._is_sounding and self.is_running:
            level = self.level_db()
            item_id = None if tracks.item is None else tracks.item.id
            self._reports.append(Progressed(item_id, tracks.position_s(now_s) if tracks.item else 0.0, level, level))
        reports, self._reports[:] = list(self._reports), []
        return reports

    def next_s(self) -> float | None:
        """When something will happen by itself."""
        due = [] if self._then is None else [self._line.ends_s]
        due += [at_s for layer in self.layers.values() if (at_s := layer.next_s()) is not None]
        return min(due, default=None)

    @property
    def _is_sounding(self) -> bool:
        return any(layer.item is not None for layer in self.layers.values())

    def level_db(self) -> float:
        """The output's level; silence where no layer is to be heard."""
        is_heard = any(layer.level_db(self._now_s) > SILENCE_DB for layer in self.layers.values())
        return self._line.level_db(self._now_s) if is_heard and self.is_running else SILENCE_DB

    def layer_db(self, number: int) -> float:
        """The level of one layer, under the output's."""
        return self._line.level_db(self._now_s) + self.layers[number].level_db(self._now_s)

    @property
    def is_rising(self) -> bool:
        """Whether the level is on its way up."""
        return self._now_s < self._line.ends_s and self._line.start_db < self._line.end_db

    def lose_output(self, reason: str = "unplugged") -> None:
        """The device is gone."""
        self.is_lost = True
        self._hush()
        self._freeze()
        self._reports.append(OutputLost(reason))

    def find_output(self) -> None:
        """The device is back."""
        self.is_lost = False
        self._thaw()
        self._reports.append(OutputFound())

    def mute(self, report: ClauseBroken | EngineFaulted) -> None:
        """The output falls silent by itself; after a fault the tracks are gone, after a clause they are not."""
        self._hush()
        if isinstance(report, EngineFaulted):
            for layer in self.layers.values():
                layer.forget()
                layer.reset(self._now_s)
        self._reports.append(report)

    # Inside.

    def _hush(self) -> None:
        self._line = Line(SILENCE_DB, SILENCE_DB, self._now_s, self._now_s)
        self._target_db = SILENCE_DB
        self._then = None

    def _ramp(self, target_db: float, over_s: float, then: Then) -> None:
        if target_db > SILENCE_DB:
            self._is_held = False
            self._thaw()
        self._line = way(self._line.level_db(self._now_s), target_db, over_s, self._now_s)
        self._target_db, self._then = target_db, then

    def _happen(self) -> None:
        if self._then is not None and self._line.ends_s <= self._now_s:
            then, self._then = self._then, None
            if self._target_db == SILENCE_DB:
                self._hush()
                self._arrive(then)
            self._reports.append(RampArrived(self._target_db, then))
            return
        for layer in self.layers.values():
            at_s = layer.next_s()
            if at_s is not None and at_s <= self._now_s:
                layer.happen(self._now_s)
                return

    def _arrive(self, then: Then) -> None:
        if then is Then.HOLD:
            self._is_held = True
            self._freeze()
        elif then is Then.STOP:
            for layer in self.layers.values():
                layer.stop(self._now_s)
                layer.reset(self._now_s)
            self._is_held = False

    def _freeze(self) -> None:
        for layer in self.layers.values():
            layer.freeze(self._now_s)

    def _thaw(self) -> None:
        for layer in self.layers.values():
            layer.thaw(self._now_s)


def way(now_db: float, target_db: float, over_s: float, now_s: float) -> Line:
    """How a level moves from where it is; from silence it begins 60 dB below its target."""
    if target_db == SILENCE_DB:
        seconds = 0.0 if now_db == SILENCE_DB else over_s
        return Line(now_db, now_db - FALL_DEPTH_DB, now_s, now_s + seconds)
    now_db = max(now_db, target_db - FADE_DEPTH_DB) if now_db == SILENCE_DB else now_db
    rise_s = max(0.0, target_db - now_db) / MAX_RISE_DB_PER_S
    return Line(now_db, target_db, now_s, now_s + (0.0 if now_db == target_db else max(over_s, rise_s)))
