"""The contract of `player.library.ports.Store`, run against SQLite and against its fake."""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from player.core.measurement import Chapter, FileMark, Measured, MeasureResult, Surprise
from player.library.ports import Store
from player.storage.measurements_db import MeasurementsDb
from tests.fakes.store import FakeStore

MARK = FileMark("/music/rain.flac", 1000, 1_700_000_000_123_456_789)
MEASURED = Measured(
    duration_s=60.5,
    integrated_lufs=-21.25,
    programme_lufs=-22.0,
    range_lu=3.5,
    max_momentary_lufs=-10.0,
    max_short_lufs=-15.0,
    calm_short_lufs=-20.0,
    true_peak_dbtp=-0.5,
    habitual_lufs=-19.0,
    surprises=(Surprise(12.5, 28.0, 9.5), Surprise(30.0, 11.0, 5.0)),
    faults=2,
    chapters=(Chapter(0.0, "Opening"), Chapter(30.25, "")),
)


class StoreContract:
    """What every store keeps."""

    def test_what_was_kept_is_found_bit_by_bit(self, store: Store) -> None:
        """All figures, surprises and faults of a track come back as they were."""
        store.keep(MARK, MeasureResult(MEASURED, "lacks 12s of its 5m"))
        assert store.find(MARK) == MeasureResult(MEASURED, "lacks 12s of its 5m")

    def test_silence_is_kept_too(self, store: Store) -> None:
        """Minus infinity survives."""
        quiet = replace(MEASURED, integrated_lufs=-math.inf, true_peak_dbtp=-math.inf, surprises=())
        store.keep(MARK, MeasureResult(quiet))
        assert store.find(MARK) == MeasureResult(quiet)

    def test_what_was_never_kept_is_unknown(self, store: Store) -> None:
        """None, not an error."""
        assert store.find(MARK) is None

    @pytest.mark.parametrize("change", [{"size": 1001}, {"mtime_ns": MARK.mtime_ns + 1}, {"path": "/music/Rain.flac"}])
    def test_a_file_that_changed_is_unknown(self, store: Store, change: dict[str, int | str]) -> None:
        """Another size, another time to the nanosecond or another path is another file."""
        store.keep(MARK, MeasureResult(MEASURED))
        assert store.find(replace(MARK, **change)) is None  # type: ignore[arg-type]

    def test_the_newest_finding_of_a_path_replaces_the_older(self, store: Store) -> None:
        """There is one for each path."""
        newer = replace(MARK, size=2000)
        store.keep(MARK, MeasureResult(MEASURED))
        store.keep(newer, MeasureResult(None, "is empty"))
        assert store.find(newer) == MeasureResult(None, "is empty")
        assert store.find(MARK) is None

    def test_a_failure_is_remembered_as_well(self, store: Store) -> None:
        """A file that cannot be played is not tried again at each start."""
        store.keep(MARK, MeasureResult(None, "has no sound in it"))
        assert store.find(MARK) == MeasureResult(None, "has no sound in it")

    def test_a_name_that_is_no_text_is_a_name(self, store: Store) -> None:
        """Bytes that are no UTF-8 come back as the same path."""
        odd = replace(MARK, path=os.fsdecode(b"/music/\xff\xfe rain.mp3"))
        store.keep(odd, MeasureResult(MEASURED))
        assert store.find(odd) == MeasureResult(MEASURED)

    def test_any_thread_may_ask(self, store: Store) -> None:
        """Kept in one thread, found in others."""
        store.keep(MARK, MeasureResult(MEASURED))
        found: list[MeasureResult | None] = []
        threads = [threading.Thread(target=lambda: found.append(store.find(MARK))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert found == [MeasureResult(MEASURED)] * 4

    def test_closing_twice_is_no_fault(self, store: Store) -> None:
        """Nor is it before anything was kept."""
        store.close()
        store.close()


class TestFakeStore(StoreContract):
    @pytest.fixture
    def store(self) -> FakeStore:
        return FakeStore()


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[MeasurementsDb]:
        opened = MeasurementsDb(tmp_path)
        yield opened
        opened.close()


class TestStoreInMemory(StoreContract):
    @pytest.fixture
    def store(self) -> Iterator[MeasurementsDb]:
        opened = MeasurementsDb(None)
        yield opened
        opened.close()
