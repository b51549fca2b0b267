"""An engine without sound: it takes orders and reports what the real one would, at the same times, in no time at all.

It knows the length of each track, moves one level along straight lines in dB, and keeps the clock of a virtual night.
tests/contracts/test_engine.py holds it to the same promises as the real one.
"""

from __future__ import annotations

from dataclasses import dataclass

from player.core.engine_orders import EngineOrder, Item, PlayItem, QueueItem, QuitEngine, RampTo, Retune, SetGuard, Then
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
        self._item: Item | None = None
        self._item_ends_s: float | None = None
        self._item_began_s = 0.0
        self._queued: Item | None = None
        self._is_dry = True
        self._held_left_s: float | None = None
        self._is_held = False

    # What the harness calls.

    def order(self, order: EngineOrder) -> None:
        """Take an order at the present instant."""
        self.orders.append(order)
        match order:
            case PlayItem(item):
                self._queued = None
                self._begin(item)
            case QueueItem(item):
                self._queued = item
            case RampTo(target_db, over_s, then):
                self._ramp(target_db, over_s, then)
            case Retune() | SetGuard() | QuitEngine():
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
        if has_moved and self._item is not None and not self._is_held and not self.is_lost:
            level = self.level_db()
            self._reports.append(Progressed(self._item.id, self._position_s(), level, level))
        reports, self._reports = self._reports, []
        return reports

    def next_s(self) -> float | None:
        """When something will happen by itself."""
        due = [] if self._then is None else [self._line.ends_s]
        if self._item_ends_s is not None and not self._is_held and not self.is_lost:
            due.append(self._item_ends_s)
        return min(due, default=None)

    def level_db(self) -> float:
        """The output's level."""
        if self._item is None or self.is_lost or self._is_held:
            return SILENCE_DB
        return self._line.level_db(self._now_s)

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
            self._item = self._item_ends_s = self._queued = self._held_left_s = None
        self._reports.append(report)

    # Inside.

    def _hush(self) -> None:
        self._line = Line(SILENCE_DB, SILENCE_DB, self._now_s, self._now_s)
        self._target_db = SILENCE_DB
        self._then = None

    def _position_s(self) -> float:
        assert self._item is not None
        return self._item.start_s + self._now_s - self._item_began_s

    def _begin(self, item: Item) -> None:
        self._is_dry = False
        if item.uri in self.broken:
            self._reports.append(ItemFailed(item.id, "cannot be opened"))
            if self._item is None:
                self._go_dry()
            return
        if self._item is not None:
            self._reports.append(ItemEnded(self._item.id, self._now_s - self._item_began_s))
        duration_s = self.durations.get(item.uri, self.duration_s)
        self._held_left_s = None
        self._item, self._item_began_s = item, self._now_s
        self._item_ends_s = None if duration_s is None else self._now_s + duration_s - item.start_s
        self.heard.append((self._now_s, item.uri))
        self._reports.append(ItemStarted(item.id, duration_s))
        if self._is_held or self.is_lost:
            self._freeze()

    def _ramp(self, target_db: float, over_s: float, then: Then) -> None:
        now_db = self._line.level_db(self._now_s)
        if target_db == SILENCE_DB:
            seconds = 0.0 if now_db == SILENCE_DB else over_s
        else:
            now_db = max(now_db, target_db - FADE_DEPTH_DB) if now_db == SILENCE_DB else now_db
            rise_s = max(0.0, target_db - now_db) / MAX_RISE_DB_PER_S
            seconds = 0.0 if now_db == target_db else max(over_s, rise_s)
            self._is_held = False
            self._thaw()
        end_db = now_db - FALL_DEPTH_DB if target_db == SILENCE_DB else target_db
        self._line = Line(now_db, end_db, self._now_s, self._now_s + seconds)
        self._target_db, self._then = target_db, then

    def _happen(self) -> None:
        if self._then is not None and self._line.ends_s <= self._now_s:
            then, self._then = self._then, None
            if self._target_db == SILENCE_DB:
                self._hush()
                self._arrive(then)
            self._reports.append(RampArrived(self._target_db, then))
        elif self._item_ends_s is not None and self._item_ends_s <= self._now_s:
            self._end_item()

    def _arrive(self, then: Then) -> None:
        if then is Then.HOLD:
            self._is_held = True
            self._freeze()
        elif then is Then.STOP:
            if self._item is not None:
                self._reports.append(ItemEnded(self._item.id, self._now_s - self._item_began_s))
            self._item = self._item_ends_s = self._queued = self._held_left_s = None
            self._is_held = False
            self._is_dry = True

    def _end_item(self) -> None:
        assert self._item is not None
        ended, self._item, self._item_ends_s = self._item, None, None
        self._reports.append(ItemEnded(ended.id, self._now_s - self._item_began_s))
        queued, self._queued = self._queued, None
        if queued is not None:
            self._begin(queued)
        else:
            self._go_dry()

    def _go_dry(self) -> None:
        if not self._is_dry:
            self._is_dry = True
            self._reports.append(QueueRanDry())

    def _freeze(self) -> None:
        if self._item_ends_s is not None and self._held_left_s is None:
            self._held_left_s = self._item_ends_s - self._now_s

    def _thaw(self) -> None:
        if self._held_left_s is not None and not self.is_lost and not self._is_held:
            self._item_ends_s = self._now_s + self._held_left_s
            self._held_left_s = None
