"""The memory store's contract, for the file and for its fake."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

import pytest

from player.core.days import Dates
from player.core.settings.session import TIMER_OFF, Entry, TimerMode, TimerSetting
from player.session.memory.memory import CrashRecord, RememberedTrack
from player.session.memory.ports import MemoryStore
from player.session.memory.records import (
    Batch,
    Choices,
    Documents,
    EndedSession,
    EntryChange,
    HeardEntry,
    HeardHow,
    MovedStart,
    SessionRecord,
    Switches,
    texts,
)
from player.storage.memory_db import MemoryDb
from tests.fakes.memory import FakeMemoryStore

AT = datetime(2026, 1, 15, 22, 30, tzinfo=UTC)
ODD = os.fsdecode(b"/music/\xff rain.mp3")
RECORD = SessionRecord(
    why="cli", playlist="rain", volume=30, timer=TimerSetting.clock(2700.0), mode=TimerMode.CLOCK, left_s=1800.5,
    fade_out_s=600.0, age_s=900.0, track=ODD, position_s=12.5, track_left_s=None, following="/music/b",
    wall=AT, boot_s=1234.5, is_trusted=True, boot="this",
)  # fmt: skip
KEPT = Documents(
    record=RECORD,
    choices=Choices("sea", 20, TIMER_OFF, 300.0),
    switches=Switches(
        is_enabled=False,
        off=frozenset({"late", "early"}),
        skipped=date(2026, 1, 15),
        changes=(("night", EntryChange((frozenset({1}), frozenset({0, 1})), ("sea", None), (20, 30))),),
        times=(("night", MovedStart(time(23, 15), (time(22, 30), ((6, time(22, 0)),)))),),
        once=Entry("tonight", time(23, 0), leave_out=(Dates(AT.date(), AT.date()),), only_on=AT.date()),
        made=(("night", time(22, 30), date(2026, 1, 14)),),
        missed=(("early", time(20, 0), date(2026, 1, 14)),),
    ),
    bans=(RememberedTrack(ODD, "rain", AT, "12-ab"), RememberedTrack("/music/b", "b", AT)),
    deaths=(CrashRecord("/music/c", 2, "9-ff"),),
    likes=(RememberedTrack("/music/e", "e", AT), RememberedTrack(ODD + "2", "rain", AT, "3-cd")),
    nights=frozenset({date(2026, 1, 14), date(2026, 1, 15)}),
)
HEARD = (HeardEntry(AT, "rain", ODD, ODD, HeardHow.OPENED), HeardEntry(AT, "rain", "/music/b", "b", HeardHow.SKIPPED))
ENDED = (EndedSession(AT, "cli", "rain", 45.0, "timer"),)


class MemoryContract:
    """What every memory store keeps to; ``again`` opens it anew, perhaps after a reboot."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[MemoryStore]:
        opened = self.open(tmp_path, None)
        yield opened
        opened.close()

    def open(self, folder: Path, before: Any, boot: str = "this") -> MemoryStore:
        raise NotImplementedError

    def again(self, store: MemoryStore, folder: Path, boot: str = "this") -> MemoryStore:
        store.close()
        return self.open(folder, store, boot)

    def test_everything_comes_back_as_it_was(self, store: MemoryStore, tmp_path: Path) -> None:
        """All documents, with names that are no text, and the log in its order."""
        store.write(Batch(texts(KEPT), HEARD, ENDED))
        recalled = self.again(store, tmp_path).recall()
        assert recalled.documents == replace(KEPT, tries=1)
        assert recalled.heard == HEARD
        assert not recalled.faults

    def test_nothing_is_known_of_nothing(self, store: MemoryStore) -> None:
        """A new store: the defaults, and no fault."""
        recalled = store.recall()
        assert (recalled.documents, recalled.heard, recalled.faults) == (Documents(), (), ())

    def test_a_document_replaces_the_one_before_and_leaves_the_others(self, store: MemoryStore, tmp_path: Path) -> None:
        """Written one at a time."""
        store.write(Batch(texts(KEPT)))
        changed = replace(KEPT, bans=())
        store.write(Batch(texts(changed, KEPT)))
        assert self.again(store, tmp_path).recall().documents == replace(changed, tries=1)

    def test_each_time_a_record_is_handed_out_it_is_counted(self, store: MemoryStore, tmp_path: Path) -> None:
        """Three restarts without a word in between: 1, 2, 3; without a record nothing is counted."""
        store.write(Batch(texts(KEPT)))
        for count in (1, 2, 3):
            store = self.again(store, tmp_path)
            assert store.recall().documents.tries == count
        store.write(Batch(texts(Documents(tries=0), replace(KEPT, tries=3))))
        store = self.again(store, tmp_path)
        assert (store.recall().documents.record, store.recall().documents.tries) == (None, 0)

    @pytest.mark.parametrize("left", [-1, -500])
    def test_after_a_clean_restart_the_first_hand_out_counts_as_none(
        self, store: MemoryStore, tmp_path: Path, left: int
    ) -> None:
        """A clean restart leaves -1, and less than that is taken as it, whatever the disk has."""
        store.write(Batch(texts(replace(KEPT, tries=left))))
        store = self.again(store, tmp_path)
        assert store.recall().documents.tries == 0

    def test_it_names_the_present_boot_and_keeps_that_of_the_record(self, store: MemoryStore, tmp_path: Path) -> None:
        """Whatever is written later, also in another boot, the record stays one of its own boot."""
        store.write(Batch(texts(KEPT)))
        store = self.again(store, tmp_path, boot="next")
        store.write(Batch(texts(replace(KEPT, bans=()), KEPT)))
        recalled = store.recall()
        assert recalled.documents.record is not None
        assert (recalled.boot, recalled.documents.record.boot) == ("next", "this")

    def test_one_unreadable_document_costs_no_other(self, store: MemoryStore, tmp_path: Path) -> None:
        """Written by another version, or by hand: it is named, and the bans hold."""
        for text in ("{broken", '{"volume": "loud"}', "[]", "7", "[" * 5000, '{"why": 1}'):
            store.write(Batch({**texts(KEPT), "record": text}))
            recalled = store.recall()
            assert recalled.documents.record is None
            assert recalled.documents.bans == KEPT.bans
            (fault,) = recalled.faults
            assert "'record'" in fault

    def test_closing_twice_is_no_fault(self, store: MemoryStore) -> None:
        """Nor is it before anything was written."""
        store.close()
        store.close()


class TestFakeMemory(MemoryContract):
    def open(self, folder: Path, before: Any, boot: str = "this") -> MemoryStore:
        store = before or FakeMemoryStore()
        store.boot = boot
        return store  # type: ignore[no-any-return]


class TestMemoryFile(MemoryContract):
    def open(self, folder: Path, before: Any, boot: str = "this") -> MemoryStore:
        return MemoryDb(folder, boot)
